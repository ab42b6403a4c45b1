//! The loops: what kernels/forward.cuh, backward.cuh and finish.cuh do, launched class by class.
//!
//! ```text
//! for each class of channels (encoded, kept, derived) that is not empty:
//!     forward:   one launch
//!     backward:  one launch; and where the slopes are learned and its last block does not add up the partial sums,
//!                one that does
//! ```
//!
//! A kept channel runs the kernels of the codec [`Identity`] with the kept elements as words, a
//! derived one those of `SignOfOutput` without any: so kernels know of no classes. Nothing here
//! waits for the device.

mod arguments;
mod layout;
mod tables;

use prelu_mem_core::{
    Backend, Channel, DirectKernels, Dtype, Element, Identity, Inputs, Kernels, Plan, Result,
};

use self::arguments::{Backward, Ending, Finish, Forward, Shape};
use self::layout::Layout;
use self::tables::{Tables, layouts};
use crate::backend::same_length;
use crate::buffer::{View, ViewMut};
use crate::codec::DeviceCodec;
use crate::cuda::Cuda;

/// Numbers that make one sum: two for `f64`, whose sums keep what roundings lose.
fn parts<T: Element>() -> usize {
    if T::DTYPE == Dtype::F64 { 2 } else { 1 }
}

/// Device addresses that backward works on; 0 for what is not there.
struct Addresses {
    words: u64,
    kept: u64,
    output: u64,
    upstream: u64,
    gradient: u64,
    slope_gradient: Option<u64>,
}

impl Cuda {
    fn run_backward<C: DeviceCodec<T>, T: Element>(
        &self,
        plan: &Plan<C, T>,
        addresses: &Addresses,
    ) -> Result<()> {
        let tables = Tables::of(self, plan)?;
        // Frozen slopes are owed none: the sums would read an output that need not be there.
        let slope_gradient = addresses.slope_gradient.filter(|_| plan.is_learned());
        let sums = if slope_gradient.is_some() { tables.partials() as usize } else { 0 };
        let partials = self.reserve::<f64>(sums * parts::<T>())?;
        for class in &tables.classes {
            let words = match class.channel {
                Channel::Encoded => addresses.words,
                Channel::Kept => addresses.kept,
                Channel::Derived => 0,
            };
            let Layout { shape, blocks, chunks, finish_lanes, finish_blocks, .. } = class.layout;
            let ending = Ending {
                partials: partials.address(),
                divisors: class.divisors,
                slope_gradient: slope_gradient.unwrap_or(0),
                chunks,
                lanes: finish_lanes,
                spare: 0,
            };
            let arguments = Backward {
                shape,
                slopes: class.slopes,
                words,
                output: addresses.output,
                upstream: addresses.upstream,
                gradient: addresses.gradient,
                arrived: if slope_gradient.is_some() && finish_blocks == 0 {
                    class.arrived
                } else {
                    0
                },
                ending,
            };
            // SAFETY: both kernels of backward take `Backward`. The tensors are of the plan's lengths, the words and
            // kept elements too, which the caller has checked; the partials are the most that a
            // class needs; the slope gradient has a value per slope, which the caller has checked; the
            // tables live as long as the plan and are this stream's, whose launches follow each other.
            // All of it is freed in stream order.
            unsafe { self.stream().launch(&class.backward, [blocks, 1], &arguments) }?;
            if slope_gradient.is_some() && finish_blocks > 0 {
                let arguments = Finish { shape, ending };
                // SAFETY: `finish` takes `Finish`; the rest as above.
                unsafe { self.stream().launch(&class.finish, [finish_blocks, 1], &arguments) }?;
            }
        }
        Ok(())
    }
}

impl<C: DeviceCodec<T>, T: Element> Kernels<C, T> for Cuda {
    fn forward(
        &self,
        plan: &Plan<C, T>,
        x: ViewMut<'_, T>,
        words: ViewMut<'_, C::Word>,
        kept: ViewMut<'_, T>,
    ) -> Result<()> {
        self.accept("input", plan.geometry().len(), x.as_view())?;
        self.accept("saved words", plan.words(), words.as_view())?;
        self.accept("kept channels", plan.kept_elements(), kept.as_view())?;
        for class in &Tables::of(self, plan)?.classes {
            let words = match class.channel {
                Channel::Encoded => words.address(),
                Channel::Kept => kept.address(),
                Channel::Derived => 0,
            };
            let rows_per_block = class.layout.forward_rows;
            let shape = Shape { rows_per_block, ..class.layout.shape };
            let arguments = Forward { shape, slopes: class.slopes, x: x.address(), words };
            let grid = [class.layout.forward_blocks, 1];
            // SAFETY: `forward` takes `Forward`. The tensor, the words and the kept elements are of the
            // plan's lengths, as checked above; the tables live as long as the plan,
            // and are freed in stream order.
            unsafe { self.stream().launch(&class.forward, grid, &arguments) }?;
        }
        Ok(())
    }

    fn backward(
        &self,
        plan: &Plan<C, T>,
        inputs: Inputs<'_, '_, Self, C::Word, T>,
        grad: ViewMut<'_, T>,
        slope_gradient: Option<ViewMut<'_, f64>>,
    ) -> Result<()> {
        let Inputs { words, kept, output } = inputs;
        let elements = plan.geometry().len();
        self.accept("saved words", plan.words(), words)?;
        self.accept("kept channels", plan.kept_elements(), kept)?;
        match output {
            Some(output) => self.accept("output", elements, output)?,
            None if plan.needs_output() => same_length("output", elements, 0)?,
            None => {}
        }
        self.accept("upstream gradient", elements, grad.as_view())?;
        if let Some(sums) = &slope_gradient {
            self.accept("slope gradient", plan.slopes().len(), sums.as_view())?;
        }
        let addresses = Addresses {
            words: words.address(),
            kept: kept.address(),
            output: output.map_or(0, |output| output.address()),
            upstream: grad.address(),
            gradient: grad.address(),
            slope_gradient: slope_gradient.map(|sums| sums.address()),
        };
        self.run_backward(plan, &addresses)
    }

    fn workspace_bytes(&self, plan: &Plan<C, T>) -> usize {
        if !plan.is_learned() {
            return 0;
        }
        // A plan that no launch can cover is refused by the loops.
        let layouts = layouts(plan).unwrap_or_default();
        let partials = layouts.iter().map(|(_, layout)| layout.partials).max().unwrap_or(0);
        partials as usize * parts::<T>() * size_of::<f64>()
    }
}

impl<T: Element> DirectKernels<T> for Cuda {
    fn backward_direct(
        &self,
        plan: &Plan<Identity, T>,
        upstream: View<'_, T>,
        stash: ViewMut<'_, T>,
        slope_gradient: Option<ViewMut<'_, f64>>,
    ) -> Result<()> {
        let elements = plan.geometry().len();
        self.accept("upstream gradient", elements, upstream)?;
        self.accept("stash", elements, stash.as_view())?;
        same_length("encoded elements", elements, plan.words())?;
        if let Some(sums) = &slope_gradient {
            self.accept("slope gradient", plan.slopes().len(), sums.as_view())?;
        }
        let addresses = Addresses {
            words: stash.address(),
            kept: 0,
            output: 0,
            upstream: upstream.address(),
            gradient: stash.address(),
            slope_gradient: slope_gradient.map(|sums| sums.address()),
        };
        self.run_backward(plan, &addresses)
    }
}
