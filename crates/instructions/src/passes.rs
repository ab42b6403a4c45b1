//! A step with its passes between two functions that callgrind knows.

use prelu_mem_core::{
    Backend, Cpu, Element, Error, Geometry, GradSlot, SharedBuffer, Slopes, Strategy,
};
use prelu_mem_diff_stash::DiffStash;

use crate::layouts::{Layout, Per, Signs};
use crate::stepped;

/// Runs a pass. `scripts/instructions` knows this function by its name; what it calls is counted.
#[inline(never)]
fn counted(pass: &mut dyn FnMut()) {
    pass();
    // Keeps the call from becoming a jump, after which this function would not be left.
    std::hint::black_box(());
}

/// The end of what is counted, known by its name too: callgrind writes a profile when it comes here.
#[inline(never)]
fn finished() {
    std::hint::black_box(());
}

/// The inputs of one layer.
pub(crate) struct Passes<'a, T: Element> {
    cpu: &'a Cpu,
    layout: &'a Layout,
    geometry: Geometry,
    slopes: Slopes<T>,
    /// In -1 .. 1, half of them negative in no order.
    x: Vec<T>,
}

impl<'a, T: Element> Passes<'a, T> {
    pub(crate) fn new(cpu: &'a Cpu, layout: &'a Layout, signs: Signs) -> Result<Self, Error> {
        let geometry = layout.geometry()?;
        let slopes = (0..geometry.slopes()).map(|channel| T::from_f64(signs.slope(channel)));
        let mut state = 1_u64;
        let x = (0..geometry.len()).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            T::from_f64((state >> 40) as f64 / f64::from(1 << 23) - 1.0)
        });
        let slopes = Slopes::learned(slopes.collect());
        Ok(Passes { cpu, layout, slopes, x: x.collect(), geometry })
    }

    /// Forward and backward. Where the saved state has to move in between, that is not counted.
    pub(crate) fn step<S: Strategy<Cpu, T>>(&self, strategy: S, name: &str) -> Result<(), Error> {
        let Passes { geometry, slopes, x, .. } = self;
        let cpu = self.cpu;
        let plan = strategy.plan(geometry, slopes)?;
        let (mut y, mut grad) = (x.clone(), x.clone());
        let mut sums = vec![0.0; geometry.slopes()];
        for count in [false, true] {
            y.copy_from_slice(x);
            let mut slot = GradSlot::new(cpu.alloc(x.len())?);
            let shared = SharedBuffer::new(cpu.alloc(x.len())?);
            let saved = self
                .pass(count, "forward", name, || strategy.forward(cpu, &plan, &mut y, &mut slot))?;
            let ready = strategy.vacate(cpu, saved, &mut slot, Some(&shared))?;
            grad.copy_from_slice(x);
            self.pass(count, "backward", name, || {
                strategy.backward(cpu, slopes, ready, Some(&y), &mut grad, Some(&mut sums))
            })?;
        }
        Ok(())
    }

    /// The third loop: backward over a stash that stays where it is. Forward is a full copy's.
    pub(crate) fn direct(&self) -> Result<(), Error> {
        let Passes { geometry, slopes, x, .. } = self;
        let cpu = self.cpu;
        let plan = Strategy::<Cpu, T>::plan(&DiffStash, geometry, slopes)?;
        let mut sums = vec![0.0; geometry.slopes()];
        for count in [false, true] {
            let mut slot = GradSlot::new(cpu.alloc(x.len())?);
            let saved = DiffStash.forward(cpu, &plan, &mut x.clone(), &mut slot)?;
            self.pass(count, "backward", "diff-stash-direct", || {
                saved.backward_direct(cpu, slopes, x, Some(&mut sums))
            })?;
        }
        Ok(())
    }

    /// Runs a pass, inside [`counted`] where it is to be counted.
    fn pass<R, E>(
        &self,
        count: bool,
        direction: &str,
        strategy: &str,
        pass: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        if !count {
            return pass();
        }
        let (layout, dtype) = (self.layout, T::DTYPE);
        let divisor = if layout.per == Per::Element { self.geometry.len() } else { 1 };
        println!("{direction}/{}/{dtype}/{strategy} {divisor}", layout.name);
        let (mut pass, mut result) = (Some(pass), None);
        let mut run = || result = pass.take().map(|pass| pass());
        stepped::between_signals(|| counted(&mut run));
        finished();
        match result {
            Some(result) => result,
            None => unreachable!("counted runs its pass"),
        }
    }
}
