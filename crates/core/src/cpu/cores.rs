//! Helpers on other cores than their caller's. One that looks for work is never idle, and a scheduler that has woken it on its
//! caller's core takes milliseconds to move either.

use std::thread::{self, Thread};

pub(super) use system::Cores;

/// A helper, as a thread and as the system knows it.
pub(super) struct Helper {
    thread: Thread,
    seat: system::Seat,
}

impl Helper {
    /// The calling thread.
    pub(super) fn own() -> Self {
        Helper { thread: thread::current(), seat: system::own_seat() }
    }

    pub(super) fn wake(&self) {
        self.thread.unpark();
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::process;

    use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

    use super::Helper;

    /// The cores that helpers began with, where the system tells, and the one that they were kept off last.
    pub(in crate::cpu) struct Cores {
        process: u32,
        allowed: Option<CpuSet>,
        left: Option<usize>,
    }

    pub(super) type Seat = Pid;

    pub(super) fn own_seat() -> Seat {
        gettid()
    }

    impl Cores {
        /// Those that the calling thread may use, and threads that it starts.
        pub(in crate::cpu) fn allowed() -> Self {
            // It does not where they are more than a set holds: then helpers are where the scheduler puts them.
            Cores { process: process::id(), allowed: sched_getaffinity(None).ok(), left: None }
        }

        /// Leaves the core that the calling thread is on to it, where it is another than before.
        pub(in crate::cpu) fn leave_to_caller(&mut self, helpers: &[Helper]) {
            let Some(mut others) = self.allowed else { return };
            let core = sched_getcpu();
            // In a child that was forked there are no helpers: what their numbers name is of another process.
            if self.left == Some(core) || self.process != process::id() {
                return;
            }
            others.unset(core);
            for helper in helpers {
                // Refused where no other core may be used: a helper stays where it was, slower perhaps, and nothing else.
                let _ = sched_setaffinity(Some(helper.seat), &others);
            }
            self.left = Some(core);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Helper;

    /// The scheduler's own business.
    pub(in crate::cpu) struct Cores;

    pub(super) type Seat = ();

    pub(super) fn own_seat() -> Seat {}

    impl Cores {
        pub(in crate::cpu) fn allowed() -> Self {
            Cores
        }

        pub(in crate::cpu) fn leave_to_caller(&mut self, _: &[Helper]) {}
    }
}
