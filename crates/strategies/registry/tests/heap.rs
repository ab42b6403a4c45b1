//! What the backend counts is what the heap gives: no strategy allocates anything beside it, and from the second
//! step on nothing at all.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use half::f16;
use prelu_mem_core::{
    Backend, Cpu, Element, Error, Geometry, GradSlot, SharedBuffer, Sharing, Slopes, Strategy,
};
use prelu_mem_registry::{StrategyName, Visitor, with};

// Of the thread that asks: tests run beside each other.
thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is the system allocator's; the counts change nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get() + layout.size() as isize);
        PEAK.set(PEAK.get().max(LIVE.get()));
        REQUESTS.set(REQUESTS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// The shared count of a buffer.
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
    let before = LIVE.get();
    PEAK.set(before);
    let result = pass();
    (result, (PEAK.get() - before).cast_unsigned())
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

struct Steps<'a>(&'a Cpu, &'a [usize]);

impl<T: Element> Visitor<Cpu, T> for Steps<'_> {
    type Output = Result<(), Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let Steps(cpu, shape) = self;
        let geometry = Geometry::from_shape(shape, 1, Sharing::PerChannel)?;
        for kinds in [&[0.25, -0.7, 0.0][..], &[0.25], &[-0.7]] {
            let slopes = kinds.iter().map(|&slope| T::from_f64(slope)).cycle();
            let slopes = Slopes::learned(slopes.take(geometry.slopes()).collect());
            let plan = strategy.plan(&geometry, &slopes)?;
            let mut slot = GradSlot::new(cpu.alloc(geometry.len())?);
            let shared = SharedBuffer::new(cpu.alloc(geometry.len())?);
            let mut x = vec![T::from_f64(-1.5); geometry.len()];
            let (mut grad, mut sums) = (x.clone(), vec![0.0; geometry.slopes()]);

            for step in 1..4 {
                let before = REQUESTS.get();
                let saved = strategy.forward(cpu, &plan, &mut x, &mut slot)?;
                let ready = strategy.vacate(cpu, saved, &mut slot, Some(&shared))?;
                let output = Some(&x[..]);
                strategy.backward(cpu, &slopes, ready, output, &mut grad, Some(&mut sums))?;
                let asked = REQUESTS.get() - before;
                assert!(step == 1 || asked == 0, "{}, step {step}: {asked} times", S::NAME);
            }
        }
        Ok(())
    }
}

#[test]
fn a_second_step_asks_the_heap_for_nothing() -> Result<(), Error> {
    for cpu in [Cpu::new(1)?, Cpu::new(2)?.sharing_from(0)] {
        for shape in [&[3, 900, 49][..], &[200, 900], &[2, 4, 30_000]] {
            for &name in StrategyName::ALL {
                with::<Cpu, f32, _>(name, Steps(&cpu, shape))?;
                with::<Cpu, f16, _>(name, Steps(&cpu, shape))?;
            }
        }
    }
    Ok(())
}
