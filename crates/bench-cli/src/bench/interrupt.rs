//! Ctrl-C: the first one asks for a stop after the current sample, the second one ends the process.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

static STOP: AtomicBool = AtomicBool::new(false);

/// Whether a stop was asked for.
pub(crate) fn stop_asked() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// From here on Ctrl-C asks for a stop.
pub(crate) fn listen() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Failure::Run(format!("cannot listen for Ctrl-C: {error}")))
}
