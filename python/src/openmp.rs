//! PyTorch's own threads, through the one function that GNU's OpenMP starts them by.

use std::any::Any;
use std::ffi::{c_uint, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use prelu_mem_core::cpu::Team;

type Body = unsafe extern "C" fn(*mut c_void);
/// `void GOMP_parallel(void (*)(void *), void *, unsigned num_threads, unsigned flags)`
/// ([libgomp](https://gcc.gnu.org/onlinedocs/libgomp/Implementing-PARALLEL-construct.html)), which LLVM's and Intel's
/// OpenMP have as well.
type Parallel = unsafe extern "C" fn(Body, *mut c_void, c_uint, c_uint);

/// The threads of an OpenMP library that is loaded.
pub(crate) struct OpenMp {
    parallel: Parallel,
}

impl OpenMp {
    /// # Safety
    /// `address` is `GOMP_parallel`'s, in a library that stays loaded; 0 is refused.
    pub(crate) unsafe fn at(address: usize) -> Option<Self> {
        if address == 0 {
            return None;
        }
        // SAFETY: by the caller's word; not null.
        let parallel =
            unsafe { std::mem::transmute::<*const c_void, Parallel>(address as *const c_void) };
        Some(OpenMp { parallel })
    }
}

/// What the threads do, and how it went.
struct Job<'a> {
    work: &'a (dyn Fn() + Sync),
    /// The first panic: none may leave a function that C has called.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

unsafe extern "C" fn body(job: *mut c_void) {
    // SAFETY: `run` passes its job, which lives until all threads have returned from here.
    let job = unsafe { &*job.cast::<Job<'_>>() };
    if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(job.work)) {
        job.panic.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
    }
}

impl Team for OpenMp {
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        let mut job = Job { work, panic: Mutex::new(None) };
        let threads = c_uint::try_from(threads).unwrap_or(c_uint::MAX);
        // SAFETY: GOMP_parallel by `at`'s promise; it returns when every thread has left `body`, which shares the
        // job by reference only.
        unsafe { (self.parallel)(body, (&raw mut job).cast(), threads, 0) };
        if let Some(panic) = job.panic.into_inner().unwrap_or_else(PoisonError::into_inner) {
            panic::resume_unwind(panic);
        }
    }
}
