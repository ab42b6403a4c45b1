//! A backend: memory and two loops.

use crate::codec::{Codec, Identity, Word};
use crate::element::Element;
use crate::error::Result;
use crate::plan::Plan;

/// Memory of one device.
pub trait Backend: Clone + Send + Sync + 'static {
    /// Owned memory; freed when dropped.
    type Buffer<U: Word>: Send;
    /// Read access to a contiguous run of elements.
    type View<'a, U: Word>: Copy;
    /// Read and write access to a contiguous run of elements.
    type ViewMut<'a, U: Word>;

    /// `len` zeroes.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] where the device refuses.
    fn alloc<U: Word>(&self, len: usize) -> Result<Self::Buffer<U>>;

    /// Room for `len` elements of any value: what was there before is not cleared.
    ///
    /// # Errors
    /// [`crate::Error::OutOfMemory`] where the device refuses.
    fn reserve<U: Word>(&self, len: usize) -> Result<Self::Buffer<U>>;

    /// Elements of a buffer.
    fn len<U: Word>(buffer: &Self::Buffer<U>) -> usize;

    /// The first `len` elements of a buffer; `len` is at most its own.
    fn view<U: Word>(buffer: &Self::Buffer<U>, len: usize) -> Self::View<'_, U>;

    /// The first `len` elements of a buffer, to write; `len` is at most its own.
    fn view_mut<U: Word>(buffer: &mut Self::Buffer<U>, len: usize) -> Self::ViewMut<'_, U>;

    /// Elements of a view.
    fn view_len<U: Word>(view: Self::View<'_, U>) -> usize;

    /// A shorter-lived view of the same elements.
    fn reborrow<'a, U: Word>(view: &'a mut Self::ViewMut<'_, U>) -> Self::ViewMut<'a, U>;

    /// Read access to the same elements.
    fn as_view<'a, U: Word>(view: &'a Self::ViewMut<'_, U>) -> Self::View<'a, U>;

    /// Copies one view over another of the same length.
    ///
    /// # Errors
    /// What the device reports.
    fn copy<U: Word>(&self, from: Self::View<'_, U>, to: Self::ViewMut<'_, U>) -> Result<()>;
}

/// What backward reads besides the gradient: the saved state, alive for `'s`, and the output.
pub struct Inputs<'s, 'o, B: Backend, W: Word, T: Element> {
    /// The codec's words: [`Plan::words`] of them.
    pub words: B::View<'s, W>,
    /// The kept channels' pre-activations: [`Plan::kept_elements`] of them.
    pub kept: B::View<'s, T>,
    /// The output `y`, there at least where [`Plan::needs_output`].
    pub output: Option<B::View<'o, T>>,
}

/// The two loops of a backend for one codec and one element type. Arguments are of the plan's
/// lengths: the callers in this crate have checked them.
pub trait Kernels<C: Codec<T>, T: Element>: Backend {
    /// Saves what the plan says of `x` and overwrites `x` with `y`.
    ///
    /// # Errors
    /// What the device reports.
    fn forward(
        &self,
        plan: &Plan<C, T>,
        x: Self::ViewMut<'_, T>,
        words: Self::ViewMut<'_, C::Word>,
        kept: Self::ViewMut<'_, T>,
    ) -> Result<()>;

    /// Overwrites the upstream gradient `grad` with the input gradient, and adds the slope
    /// gradient to `slope_gradient` (one per slope), which is there where the slopes are learned.
    ///
    /// # Errors
    /// What the device reports; no memory for the workspace.
    fn backward(
        &self,
        plan: &Plan<C, T>,
        inputs: Inputs<'_, '_, Self, C::Word, T>,
        grad: Self::ViewMut<'_, T>,
        slope_gradient: Option<Self::ViewMut<'_, f64>>,
    ) -> Result<()>;

    /// Bytes that backward allocates and frees again within the call.
    fn workspace_bytes(&self, plan: &Plan<C, T>) -> usize;
}

/// A third loop, for a stash that stays where it is: the upstream gradient comes from elsewhere, and
/// the input gradient overwrites the stash. Arguments are of the plan's length, and the plan
/// encodes every channel.
pub trait DirectKernels<T: Element>: Kernels<Identity, T> {
    /// Overwrites the pre-activations in `stash` with the input gradient for the upstream gradient
    /// `upstream`, and adds the slope gradient to `slope_gradient`, as [`Kernels::backward`] does and
    /// bit for bit what it does. The workspace is the same too.
    ///
    /// # Errors
    /// What the device reports; no memory for the workspace.
    fn backward_direct(
        &self,
        plan: &Plan<Identity, T>,
        upstream: Self::View<'_, T>,
        stash: Self::ViewMut<'_, T>,
        slope_gradient: Option<Self::ViewMut<'_, f64>>,
    ) -> Result<()>;
}
