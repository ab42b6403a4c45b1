//! One strategy's plan with the two loops on the caller's memory.
//!
//! ```text
//! saved state:  the codec's words | padding to ALIGNMENT | the kept channels' pre-activations
//! ```

use std::marker::PhantomData;

use prelu_mem_core::{
    Basis, Codec, Cpu, Element, Geometry, Home, Inputs, Kernels, Plan, Recipe, Slopes,
};
use prelu_mem_registry::{EveryKernel, RecipeVisitor, StrategyName, with_recipe};

use crate::errors::Failure;
use crate::place::Place;

/// Bytes between the beginnings of a saved state's parts: a multiple of any vector's alignment.
const ALIGNMENT: usize = 64;

/// Addresses that backward works on.
pub(crate) struct Backward {
    /// The upstream gradient, overwritten with the input gradient.
    pub(crate) grad: u64,
    /// The output, where it is needed.
    pub(crate) output: Option<u64>,
    /// The saved state and its bytes.
    pub(crate) saved: (u64, usize),
    /// One `f64` per slope, overwritten; missing for frozen slopes.
    pub(crate) sums: Option<u64>,
}

/// What Python may ask of a plan whose dtype and strategy it knows only by name.
pub(crate) trait Loops<B>: Send + Sync {
    /// Bytes of the saved state.
    fn saved_bytes(&self) -> usize;

    /// Bytes between the words and the kept channels: from the first to before the second.
    fn padding(&self) -> (usize, usize);

    /// Whether backward reads the output.
    fn needs_output(&self) -> bool;

    /// Elements of derived, encoded and kept channels.
    fn elements(&self) -> [usize; 3];

    /// Overwrites the input at `x` with the output and fills the saved state.
    ///
    /// # Safety
    /// At `x` there are the plan's elements, at `saved.0` as many bytes as `saved.1` says; nobody else
    /// uses either meanwhile.
    unsafe fn forward(&self, backend: &B, x: u64, saved: (u64, usize)) -> Result<(), Failure>;

    /// Overwrites the upstream gradient with the input gradient and the sums with the slope gradient.
    ///
    /// # Safety
    /// The tensors are of the plan's elements, the saved state is of its bytes and written by
    /// [`Loops::forward`] with this plan; nobody else uses `grad` and `sums` or writes the others.
    unsafe fn backward(&self, backend: &B, at: &Backward) -> Result<(), Failure>;
}

/// Plans the channels for backend `B`.
pub(crate) fn plan<B, T>(
    strategy: StrategyName,
    geometry: &Geometry,
    slopes: &Slopes<T>,
) -> Result<Box<dyn Loops<B>>, Failure>
where
    B: Place + EveryKernel<T>,
    T: Element,
{
    with_recipe::<B, T, _>(strategy, Planner { geometry, slopes })
}

struct Planner<'a, T> {
    geometry: &'a Geometry,
    slopes: &'a Slopes<T>,
}

impl<B: Place, T: Element> RecipeVisitor<B, T> for Planner<'_, T> {
    type Output = Result<Box<dyn Loops<B>>, Failure>;

    fn visit<R>(self, _: R) -> Self::Output
    where
        R: Recipe<T>,
        R::Home: Home<B, T, <R::Codec as Codec<T>>::Word>,
        B: Kernels<R::Codec, T>,
    {
        if !R::Home::OWNS {
            return Err(Failure::Resident { strategy: R::NAME });
        }
        let plan = Plan::<R::Codec, T>::classified(self.geometry, self.slopes, R::channel)?;
        Ok(Box::new(Planned { plan, backend: PhantomData::<fn(B)> }))
    }
}

/// Whether backward may read the output, whatever the slopes are.
pub(crate) fn reads_output(strategy: StrategyName, learned: bool) -> Result<bool, Failure> {
    with_recipe::<Cpu, f32, _>(strategy, Reader { learned })
}

struct Reader {
    learned: bool,
}

impl<B: Place, T: Element> RecipeVisitor<B, T> for Reader {
    type Output = Result<bool, Failure>;

    fn visit<R>(self, _: R) -> Self::Output
    where
        R: Recipe<T>,
        R::Home: Home<B, T, <R::Codec as Codec<T>>::Word>,
        B: Kernels<R::Codec, T>,
    {
        if !R::Home::OWNS {
            return Err(Failure::Resident { strategy: R::NAME });
        }
        // Frozen slopes that are not negative derive the sign from the output.
        Ok(!self.learned || R::Codec::BASIS == Basis::Output)
    }
}

struct Planned<B, C, T: Element> {
    plan: Plan<C, T>,
    backend: PhantomData<fn(B)>,
}

impl<B, C: Codec<T>, T: Element> Planned<B, C, T> {
    /// Where the kept channels begin in the saved state.
    fn kept_at(&self) -> usize {
        (self.plan.words() * size_of::<C::Word>()).next_multiple_of(ALIGNMENT)
    }

    fn check(&self, got: usize) -> Result<(), Failure> {
        let expected = self.bytes();
        if expected == got { Ok(()) } else { Err(Failure::SavedBytes { expected, got }) }
    }

    fn bytes(&self) -> usize {
        match self.plan.kept_elements() {
            0 => self.plan.words() * size_of::<C::Word>(),
            kept => self.kept_at() + kept * size_of::<T>(),
        }
    }
}

impl<B, C, T> Loops<B> for Planned<B, C, T>
where
    T: Element,
    C: Codec<T>,
    B: Place + Kernels<C, T>,
{
    fn saved_bytes(&self) -> usize {
        self.bytes()
    }

    fn padding(&self) -> (usize, usize) {
        let words = self.plan.words() * size_of::<C::Word>();
        (words, self.kept_at().min(self.bytes()).max(words))
    }

    fn needs_output(&self) -> bool {
        self.plan.needs_output()
    }

    fn elements(&self) -> [usize; 3] {
        let (encoded, kept) = (self.plan.encoded_elements(), self.plan.kept_elements());
        [self.plan.geometry().len() - encoded - kept, encoded, kept]
    }

    unsafe fn forward(&self, backend: &B, x: u64, saved: (u64, usize)) -> Result<(), Failure> {
        self.check(saved.1)?;
        let plan = &self.plan;
        let kept_at = saved.0 + self.kept_at() as u64;
        // SAFETY: the plan's lengths, which the caller vouches for; words and kept elements are two
        // parts of the saved state, whose size was checked.
        let (x, words, kept) = unsafe {
            (
                backend.elements_mut::<T>("input", x, plan.geometry().len())?,
                backend.elements_mut::<C::Word>("saved state", saved.0, plan.words())?,
                backend.elements_mut::<T>("saved state", kept_at, plan.kept_elements())?,
            )
        };
        Ok(backend.forward(plan, x, words, kept)?)
    }

    unsafe fn backward(&self, backend: &B, at: &Backward) -> Result<(), Failure> {
        self.check(at.saved.1)?;
        let plan = &self.plan;
        let elements = plan.geometry().len();
        let kept_at = at.saved.0 + self.kept_at() as u64;
        // SAFETY: as in forward.
        let (inputs, grad, sums) = unsafe {
            let output = match at.output {
                Some(output) => Some(backend.elements::<T>("output", output, elements)?),
                None => None,
            };
            let sums = match at.sums {
                Some(sums) => {
                    let slopes = plan.slopes().len();
                    let mut sums = backend.elements_mut::<f64>("slope gradient", sums, slopes)?;
                    backend.clear(B::reborrow(&mut sums))?;
                    Some(sums)
                }
                None => None,
            };
            let inputs = Inputs {
                words: backend.elements::<C::Word>("saved state", at.saved.0, plan.words())?,
                kept: backend.elements::<T>("saved state", kept_at, plan.kept_elements())?,
                output,
            };
            (inputs, backend.elements_mut::<T>("upstream gradient", at.grad, elements)?, sums)
        };
        Ok(backend.backward(plan, inputs, grad, sums)?)
    }
}
