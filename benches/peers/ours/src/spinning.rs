//! Threads that stay awake between calls, as those of GNU's OpenMP do.

use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use peer_protocol::Failure;
use prelu_mem_core::cpu::Team;
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How often libgomp looks before it sleeps (`GOMP_SPINCOUNT`, where there are no more threads than cores).
const LOOKS: usize = 300_000;

/// A number of helpers, each bound to a core of its own, and the caller on another.
pub(crate) struct Spinning {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// One call at a time.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Shared {
    /// Goes up with every call.
    epoch: AtomicUsize,
    /// What to do; null: to leave.
    call: AtomicPtr<Call<'static>>,
    /// Helpers that have yet to return from this epoch's work.
    busy: AtomicUsize,
    panicked: AtomicBool,
}

struct Call<'a> {
    work: &'a (dyn Fn() + Sync),
}

impl Spinning {
    /// `threads - 1` helpers. The calling thread, which is to be the caller, is bound to a core as well.
    pub(crate) fn new(threads: usize) -> Result<Self, Failure> {
        let allowed = sched_getaffinity(None)?;
        let cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        let cores: Vec<usize> = cores.take(threads).collect();
        let Some((&own, others)) = cores.split_first().filter(|_| cores.len() == threads) else {
            let there = cores.len();
            return Err(
                format!("{threads} threads need a core each, and {there} may be used").into()
            );
        };
        bind(own)?;
        let mut team =
            Spinning { shared: Arc::default(), helpers: Vec::new(), turn: Mutex::default() };
        let (bound, outcomes) = channel();
        for &core in others {
            let (shared, bound) = (Arc::clone(&team.shared), bound.clone());
            let helper = thread::Builder::new().spawn(move || help(&shared, core, &bound))?;
            team.helpers.push(helper);
        }
        outcomes.iter().take(others.len()).collect::<Result<(), Errno>>()?;
        Ok(team)
    }

    fn call(&self, call: *mut Call<'static>) {
        self.shared.call.store(call, Ordering::Relaxed);
        self.shared.busy.store(self.helpers.len(), Ordering::Relaxed);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        // Costs a call into the kernel only where the helper sleeps.
        self.helpers.iter().for_each(|helper| helper.thread().unpark());
    }
}

impl Team for Spinning {
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        debug_assert_eq!(threads, self.helpers.len() + 1, "a team has the backend's threads");
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let call = Call { work };
        let rest = Rest(&self.shared);
        self.call(ptr::from_ref(&call).cast_mut().cast());
        work();
        drop(rest);
        if self.shared.panicked.swap(false, Ordering::Relaxed) {
            panic::resume_unwind(Box::new("a helper panicked"));
        }
    }
}

impl Drop for Spinning {
    fn drop(&mut self) {
        self.call(ptr::null_mut());
        for helper in self.helpers.drain(..) {
            // It catches what it runs, and has nothing to return.
            let _ = helper.join();
        }
    }
}

/// Waits until no helper uses the call any more, even where the caller's own part panics.
struct Rest<'a>(&'a Shared);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        while !looked(|| self.0.busy.load(Ordering::Acquire) == 0) {
            thread::yield_now();
        }
    }
}

fn help(shared: &Shared, core: usize, bound: &Sender<Result<(), Errno>>) {
    // Nobody waits for this after an error of another helper.
    let _ = bound.send(bind(core));
    for seen in 0.. {
        let called = || shared.epoch.load(Ordering::Acquire) != seen;
        if !looked(called) {
            while !called() {
                thread::park();
            }
        }
        // SAFETY: null, or a call that `Spinning::run` keeps until `busy` is 0, which takes this thread's part below.
        let Some(call) = (unsafe { shared.call.load(Ordering::Relaxed).as_ref() }) else { return };
        if panic::catch_unwind(AssertUnwindSafe(call.work)).is_err() {
            shared.panicked.store(true, Ordering::Relaxed);
        }
        shared.busy.fetch_sub(1, Ordering::Release);
    }
}

/// Looks as often as libgomp does; whether it came true.
fn looked(done: impl Fn() -> bool) -> bool {
    (0..LOOKS).any(|_| {
        std::hint::spin_loop();
        done()
    })
}

/// The calling thread stays on this core from now on.
fn bind(core: usize) -> Result<(), Errno> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_works_in_every_call_awake_or_asleep() -> Result<(), Failure> {
        let team = Spinning::new(2)?;
        let runs = AtomicUsize::new(0);
        let work = || {
            runs.fetch_add(1, Ordering::Relaxed);
        };
        for call in 1..=1000 {
            team.run(2, &work);
            assert_eq!(runs.load(Ordering::Relaxed), 2 * call);
        }
        thread::sleep(std::time::Duration::from_millis(100));
        team.run(2, &work);
        assert_eq!(runs.load(Ordering::Relaxed), 2002);
        Ok(())
    }

    #[test]
    fn a_panic_anywhere_reaches_the_caller_and_the_team_goes_on() -> Result<(), Failure> {
        let team = Spinning::new(2)?;
        let caller = thread::current().id();
        for on_caller in [true, false] {
            let work = || assert_ne!(thread::current().id() == caller, on_caller, "planted");
            let run = AssertUnwindSafe(|| team.run(2, &work));
            assert!(panic::catch_unwind(run).is_err());
        }
        Ok(())
    }

    #[test]
    fn more_threads_than_cores_are_refused() {
        let refused = Spinning::new(CpuSet::MAX_CPU + 1).err().map(|error| error.to_string());
        assert!(refused.is_some_and(|text| text.contains("need a core each")));
    }
}
