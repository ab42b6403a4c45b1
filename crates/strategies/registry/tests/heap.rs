//! What the backend counts is what the heap gives: no strategy allocates anything beside it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use prelu_mem_core::{
    Backend, Cpu, Element, Error, Geometry, GradSlot, SharedBuffer, Sharing, Slopes, Strategy,
};
use prelu_mem_registry::{StrategyName, Visitor, with};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is the system allocator's; the counts change nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// The shared count of a buffer, and what the test harness does meanwhile on its own thread.
const SLACK: usize = 1 << 10;

struct Passes<'a>(&'a Cpu, &'a [usize]);

impl<T: Element> Visitor<Cpu, T> for Passes<'_> {
    type Output = Result<(), Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let Passes(cpu, shape) = self;
        let geometry = Geometry::from_shape(shape, 1, Sharing::PerChannel)?;
        let kinds = [0.25, -0.7, 0.0].map(T::from_f64).into_iter().cycle();
        let slopes = Slopes::learned(kinds.take(geometry.slopes()).collect());
        let plan = strategy.plan(&geometry, &slopes)?;
        let footprint = strategy.footprint(cpu, &plan);
        let mut slot = GradSlot::new(cpu.alloc(geometry.len())?);
        let shared = SharedBuffer::new(cpu.alloc(geometry.len())?);
        let mut x = vec![T::from_f64(-1.5); geometry.len()];
        let (mut grad, mut sums) = (x.clone(), vec![0.0; geometry.slopes()]);

        // A kept buffer costs the heap nothing, and would hide an allocation as large.
        cpu.memory().release();
        let forward = measured(|| strategy.forward(cpu, &plan, &mut x, &mut slot));
        let most = footprint.saved_bytes() + SLACK;
        assert!(forward.1 <= most, "{}: forward took {} of {most}", S::NAME, forward.1);

        let ready = strategy.vacate(cpu, forward.0?, &mut slot, Some(&shared))?;
        let output = Some(&x[..]);
        cpu.memory().release();
        let pass = || strategy.backward(cpu, &slopes, ready, output, &mut grad, Some(&mut sums));
        let backward = measured(pass);
        let most = footprint.workspace_bytes + SLACK;
        assert!(backward.1 <= most, "{}: backward took {} of {most}", S::NAME, backward.1);
        Ok(backward.0?)
    }
}

/// The result, and how many bytes the heap grew by meanwhile.
fn measured<R>(pass: impl FnOnce() -> R) -> (R, usize) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let result = pass();
    (result, PEAK.load(Ordering::Relaxed) - before)
}

#[test]
fn nothing_is_allocated_beside_what_is_counted() -> Result<(), Error> {
    let cpu = Cpu::new(1)?;
    for shape in [&[3, 900, 49][..], &[200, 900], &[2, 4, 30_000]] {
        for &name in StrategyName::ALL {
            with::<Cpu, f32, _>(name, Passes(&cpu, shape))?;
            with::<Cpu, f64, _>(name, Passes(&cpu, shape))?;
        }
    }
    Ok(())
}
