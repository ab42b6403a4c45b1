//! The threads beside the caller's.

use std::fmt;
use std::sync::Arc;

use rayon::ThreadPool;

/// Threads that somebody else keeps, as a framework does for its own loops.
///
/// They are awake when ours would have to be woken, and do not stand in the way of a second set.
pub trait Team: Send + Sync {
    /// Runs `work` on the caller and, at the same time, on up to `threads - 1` others; returns when it has
    /// returned everywhere.
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync));
}

#[derive(Clone)]
pub(super) enum Helpers {
    /// The caller is the only thread.
    None,
    /// Threads of our own.
    Pool(Arc<ThreadPool>),
    /// Somebody else's.
    Lent(Arc<dyn Team>),
}

impl Helpers {
    /// Runs `work` on the caller and on `threads - 1` helpers.
    pub(super) fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        match self {
            Helpers::None => work(),
            Helpers::Pool(pool) => pool.in_place_scope(|scope| {
                for _ in 1..threads {
                    scope.spawn(|_| work());
                }
                work();
            }),
            Helpers::Lent(team) => team.run(threads, work),
        }
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Helpers::None => "None",
            Helpers::Pool(_) => "Pool",
            Helpers::Lent(_) => "Lent",
        })
    }
}
