//! A backend's own helpers.
//!
//! ```text
//! caller:  keep helpers off its core; open a call, wake who sleeps; work; close the call; wait until nobody is inside
//! helper:  look for an open call that it has not been in, then sleep until there is one; go inside; work; leave
//! ```
//!
//! A helper that comes late finds the call closed: a caller never waits for one that has not begun.

use std::any::Any;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread;

use super::cores::{Cores, Helper};
use super::{Cpu, Team, WaitPolicy};
use crate::error::{Error, Result};

/// How often a helper with [`WaitPolicy::Active`] looks before it sleeps, and a caller before it yields: as often as libgomp does where
/// no policy is set (`GOMP_SPINCOUNT`, and no more threads than cores), some milliseconds.
const LOOKS: usize = 300_000;

/// The state of a team is one number, so that nobody goes into a closed call: helpers inside in the lowest bits, then these
/// two, then the number of the call.
const INSIDE: usize = (1 << 12) - 1;
const OPEN: usize = INSIDE + 1;
const OVER: usize = 2 * OPEN;
const CALL: usize = 2 * OVER;

/// The caller and helpers of the backend's own.
pub(super) struct OwnTeam {
    shared: Arc<Shared>,
    helpers: Vec<Helper>,
    /// One call at a time has the cores.
    cores: Mutex<Cores>,
}

#[derive(Default)]
struct Shared {
    state: AtomicUsize,
    /// The open call's.
    work: AtomicPtr<Work<'static>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

type Work<'a> = &'a (dyn Fn() + Sync);

impl OwnTeam {
    /// A team of so many threads, the caller among them.
    ///
    /// # Errors
    /// [`Error::Threads`] for zero threads, for more than can be counted, for more active ones than the process may use
    /// cores, or where the system starts none.
    pub(super) fn new(threads: usize, policy: WaitPolicy) -> Result<Self> {
        let (most, why, looks) = match policy {
            WaitPolicy::Passive => (INSIDE, "", 0),
            WaitPolicy::Active => (
                Cpu::available_threads().min(INSIDE),
                ": those that stay awake need a core each",
                LOOKS,
            ),
        };
        if !(1..=most).contains(&threads) {
            let reason = format!("1 to {most} are accepted here{why}");
            return Err(Error::Threads { threads, reason });
        }
        OwnTeam::start(threads - 1, looks)
            .map_err(|error| Error::Threads { threads, reason: error.to_string() })
    }

    fn start(helpers: usize, looks: usize) -> io::Result<Self> {
        let (cores, shared) = (Mutex::new(Cores::allowed()), Arc::default());
        let mut team = OwnTeam { shared, helpers: Vec::new(), cores };
        for index in 0..helpers {
            let (shared, (sender, started)) = (Arc::clone(&team.shared), channel());
            thread::Builder::new().name(format!("prelu-mem {index}")).spawn(move || {
                // It is waited for.
                let _ = sender.send(Helper::own());
                help(&shared, looks);
            })?;
            team.helpers.push(started.recv().map_err(io::Error::other)?);
        }
        Ok(team)
    }

    fn wake(&self) {
        // Costs a call into the kernel only where a helper sleeps.
        self.helpers.iter().for_each(Helper::wake);
    }
}

impl Team for OwnTeam {
    /// A caller that finds another one at it, or that is inside itself, works alone.
    fn run(&self, _: usize, work: &(dyn Fn() + Sync)) {
        let mut cores = match self.cores.try_lock() {
            Ok(cores) => cores,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return work(),
        };
        cores.leave_to_caller(&self.helpers);
        let call: *const Work<'_> = &work;
        self.shared.work.store(call.cast_mut().cast(), Ordering::Relaxed);
        let open = Open { shared: &self.shared, panicking: thread::panicking() };
        // Nobody is inside, and the number stands above the bits that change.
        self.shared.state.fetch_add(CALL + OPEN, Ordering::Release);
        self.wake();
        work();
        drop(open);
        let panicked = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(payload) = panicked {
            panic::resume_unwind(payload);
        }
    }
}

impl Drop for OwnTeam {
    fn drop(&mut self) {
        // Not joined: they are in no call and use nothing but what they share, and after a fork there are none.
        self.shared.state.fetch_or(OVER, Ordering::Release);
        self.wake();
    }
}

/// Closes the call and waits until nobody is inside, even where the caller's own part panics.
struct Open<'a> {
    shared: &'a Shared,
    panicking: bool,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Open { shared, panicking } = *self;
        let state = &shared.state;
        state.fetch_and(!OPEN, Ordering::Relaxed);
        while !looked(LOOKS, || state.load(Ordering::Acquire) & INSIDE == 0) {
            thread::yield_now();
        }
        shared.work.store(ptr::null_mut(), Ordering::Relaxed);
        if thread::panicking() && !panicking {
            // The caller's own panic is what its caller hears of.
            shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

fn help(shared: &Shared, looks: usize) {
    let (state, mut last) = (&shared.state, 0);
    loop {
        let now = || state.load(Ordering::Relaxed);
        if !looked(looks, || concerns(now(), last)) {
            while !concerns(now(), last) {
                thread::park();
            }
        }
        if now() & OVER != 0 {
            return;
        }
        let Some(call) = enter(state, last) else { continue };
        last = call;
        // SAFETY: `OwnTeam::run` keeps what this points to until nobody is inside, which this thread is.
        let work = unsafe { *shared.work.load(Ordering::Relaxed) };
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(work)) {
            let mut first = shared.panic.lock().unwrap_or_else(PoisonError::into_inner);
            if first.is_none() {
                *first = Some(payload);
            } else {
                // Not dropped: that may panic in turn, and the caller waits.
                mem::forget(payload);
            }
        }
        state.fetch_sub(1, Ordering::Release);
    }
}

/// Whether a helper has to look: there is an end, or a call.
fn concerns(state: usize, last: usize) -> bool {
    state & OVER != 0 || called(state, last)
}

/// Whether a call behind that with the number `last` is open.
fn called(state: usize, last: usize) -> bool {
    state & OPEN != 0 && state / CALL != last
}

/// Goes inside an open call behind that with the number `last`. Returns its number.
fn enter(state: &AtomicUsize, last: usize) -> Option<usize> {
    let inside = |now| called(now, last).then_some(now + 1);
    let before = state.fetch_update(Ordering::Acquire, Ordering::Relaxed, inside);
    before.ok().map(|before| before / CALL)
}

/// Looks so often; whether it came true.
fn looked(looks: usize, done: impl Fn() -> bool) -> bool {
    (0..looks).any(|_| {
        std::hint::spin_loop();
        done()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;

    /// Runs until `helpers` of the team are at it besides the caller.
    fn with_helpers(team: &OwnTeam, helpers: usize) {
        let all = Barrier::new(helpers + 1);
        team.run(0, &|| {
            all.wait();
        });
    }

    #[test]
    fn helpers_come_to_a_call_once_awake_or_asleep() -> io::Result<()> {
        for (helpers, looks) in [(0, LOOKS), (1, 0), (1, LOOKS), (3, 0), (3, 1000)] {
            let team = OwnTeam::start(helpers, looks)?;
            let runs = AtomicUsize::new(0);
            for call in 1..=2000 {
                let before = runs.load(Ordering::Relaxed);
                team.run(0, &|| {
                    runs.fetch_add(1, Ordering::Relaxed);
                });
                let came = runs.load(Ordering::Relaxed) - before;
                assert!((1..=helpers + 1).contains(&came), "call {call}: {came}");
            }
            with_helpers(&team, helpers);
            thread::sleep(Duration::from_millis(200));
            with_helpers(&team, helpers);
        }
        Ok(())
    }

    #[test]
    fn nobody_is_inside_when_a_call_returns() -> io::Result<()> {
        let team = OwnTeam::start(3, 0)?;
        for _ in 0..2000 {
            let over = AtomicBool::new(false);
            team.run(0, &|| {
                for _ in 0..100 {
                    assert!(!over.load(Ordering::Relaxed));
                    std::hint::spin_loop();
                }
            });
            over.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    #[test]
    fn only_an_open_call_is_entered_and_once() -> io::Result<()> {
        let team = OwnTeam::start(0, LOOKS)?;
        let state = &team.shared.state;
        assert_eq!(enter(state, 0), None);
        for call in 1..4 {
            team.run(0, &|| {
                assert_eq!(enter(state, call - 1), Some(call));
                assert_eq!(enter(state, call), None);
                state.fetch_sub(1, Ordering::Release);
            });
            // Late: the caller has not waited.
            assert_eq!(enter(state, call - 1), None);
        }
        // Nor is the end a call: nothing is to be done there.
        state.fetch_or(OVER, Ordering::Relaxed);
        assert_eq!(enter(state, 0), None);
        Ok(())
    }

    #[test]
    fn beside_another_callers_call_a_caller_works_alone() -> io::Result<()> {
        let team = OwnTeam::start(1, LOOKS)?;
        let (begun, done) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let first = thread::current().id();
                team.run(0, &|| {
                    if thread::current().id() == first {
                        begun.wait();
                        done.wait();
                    }
                });
            });
            begun.wait();
            let (runs, second) = (AtomicUsize::new(0), thread::current().id());
            team.run(0, &|| {
                assert_eq!(thread::current().id(), second);
                runs.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(runs.into_inner(), 1);
            done.wait();
        });
        Ok(())
    }

    #[test]
    fn a_call_within_a_call_is_the_callers_alone() -> io::Result<()> {
        let team = OwnTeam::start(1, LOOKS)?;
        let caller = thread::current().id();
        team.run(0, &|| {
            if thread::current().id() == caller {
                team.run(0, &|| assert_eq!(thread::current().id(), caller));
            }
        });
        Ok(())
    }

    #[test]
    fn a_panic_anywhere_reaches_the_caller_and_the_team_goes_on() -> io::Result<()> {
        let team = OwnTeam::start(1, LOOKS)?;
        let caller = thread::current().id();
        for (on_caller, on_helper) in [(true, false), (false, true), (true, true)] {
            let both = Barrier::new(2);
            let run = AssertUnwindSafe(|| {
                team.run(0, &|| {
                    both.wait();
                    let planted =
                        if thread::current().id() == caller { on_caller } else { on_helper };
                    assert!(!planted, "planted");
                });
            });
            let payload = panic::catch_unwind(run).expect_err("it panics");
            assert_eq!(payload.downcast_ref(), Some(&"planted"));
            with_helpers(&team, 1);
        }
        Ok(())
    }

    #[test]
    fn threads_that_cannot_be_are_refused() {
        let refusal = |threads, policy| {
            let error = OwnTeam::new(threads, policy).err().expect("refused");
            error.to_string()
        };
        assert_eq!(refusal(0, WaitPolicy::Passive), "0 threads: 1 to 4095 are accepted here");
        assert_eq!(refusal(4096, WaitPolicy::Passive), "4096 threads: 1 to 4095 are accepted here");
        let cores = Cpu::available_threads();
        let expected = format!(
            "{} threads: 1 to {cores} are accepted here: those that stay awake need a core each",
            cores + 1
        );
        assert_eq!(refusal(cores + 1, WaitPolicy::Active), expected);
        assert!(refusal(0, WaitPolicy::Active).starts_with("0 threads: 1 to "));
    }
}
