//! The threads beside the caller's.

/// Threads that work together with the caller: a backend's own, or those of a framework.
///
/// A framework's are awake when [passive](WaitPolicy::Passive) ones would have to be woken, and do not stand in the way of a
/// second set.
pub trait Team: Send + Sync {
    /// Runs `work` on the caller and, at the same time, on up to `threads - 1` others; returns when it has
    /// returned everywhere.
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync));
}

/// What a backend's own helpers do between two passes, in OpenMP's words (`OMP_WAIT_POLICY`). They run on the cores that the thread which
/// makes the backend may use, on Linux on any but that of the caller at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WaitPolicy {
    /// They sleep. Waking them takes some 10 microseconds, and the cores are free for others.
    #[default]
    Passive,
    /// They look for work for some milliseconds before they sleep, as OpenMP's do where nothing is asked for: a pass begins at once, and every helper keeps a core busy
    /// as long as passes follow one another. For networks of many small layers, where nothing else needs the cores.
    Active,
}

impl WaitPolicy {
    /// The name users write: `passive` or `active`.
    pub const fn name(self) -> &'static str {
        match self {
            WaitPolicy::Passive => "passive",
            WaitPolicy::Active => "active",
        }
    }

    /// Bytes to move from which on threads share the work: where, measured, two threads begin to be faster than
    /// one (`docs/decisions/0014-threads.md`).
    pub(super) const fn shared_from(self) -> usize {
        match self {
            WaitPolicy::Passive => 5 << 20,
            WaitPolicy::Active => 512 << 10,
        }
    }
}
