//! What a strategy's crate tells people who choose one. The comparison documents quote it beside what was measured.

/// Plain sentences; words between backticks are code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What has to be there for it, besides its saved state.
    pub needs: &'static str,
    /// When it is the one to take.
    pub right_when: &'static str,
    /// When it is not.
    pub wrong_when: &'static str,
}
