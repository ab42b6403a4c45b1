//! A progress bar on standard error, where that is a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const STEPS: u64 = 1000;

/// How far the run has come.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// An empty bar, hidden where standard error is not a terminal.
    pub(crate) fn start() -> Self {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        // No colours, so that NO_COLOR has nothing to switch off.
        if let Ok(style) = ProgressStyle::with_template("{msg:40} [{bar:30}] {elapsed}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self(bar)
    }

    /// Shows what is being done and the share of it, 0 to 1, that is behind.
    pub(crate) fn show(&self, what: String, share: f64) {
        self.0.set_message(what);
        self.0.set_position((share * STEPS as f64) as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
