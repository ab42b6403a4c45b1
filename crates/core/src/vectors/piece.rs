//! What backward reads and writes of a chunk.

use std::marker::PhantomData;

use super::{CHUNK, Vectors, load, store};
use crate::element::Element;

/// At most [`CHUNK`] elements: the upstream gradient, what the slope gradient is summed over, and where the
/// input gradient goes, which is in place of one of the two.
#[doc(hidden)]
pub struct Piece<'a, T> {
    upstream: *const T,
    /// Null where nothing is summed.
    basis: *const T,
    input_gradient: *mut T,
    len: usize,
    compared: bool,
    elements: PhantomData<&'a mut [T]>,
}

impl<'a, T: Element> Piece<'a, T> {
    /// The input gradient overwrites the upstream one. `basis` may be empty where nothing is summed and signs are not the
    /// basis's; `compared` as [`Piece::compared`] has it.
    ///
    /// # Panics
    /// For slices longer than a chunk or, where there is or has to be a basis, of different lengths.
    #[inline(always)]
    pub(crate) fn in_place(grad: &'a mut [T], basis: &'a [T], compared: bool) -> Self {
        let len = grad.len();
        assert!(len <= CHUNK && (basis.len() == len || (basis.is_empty() && !compared)));
        let grad = grad.as_mut_ptr();
        let basis = if basis.is_empty() { std::ptr::null() } else { basis.as_ptr() };
        Piece { upstream: grad, basis, input_gradient: grad, len, compared, elements: PhantomData }
    }

    /// The input gradient overwrites the basis, whose signs are the chunk's.
    ///
    /// # Panics
    /// For slices longer than a chunk or of different lengths.
    #[inline(always)]
    pub(crate) fn over_basis(upstream: &'a [T], basis: &'a mut [T]) -> Self {
        let len = basis.len();
        assert!(len <= CHUNK && upstream.len() == len);
        let basis = basis.as_mut_ptr();
        let upstream = upstream.as_ptr();
        let (input_gradient, elements) = (basis, PhantomData);
        Piece { upstream, basis, input_gradient, len, compared: true, elements }
    }

    /// Its elements.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether the chunk's signs are those of the basis. Known where it is compiled, so that what only bits need is left
    /// out.
    #[inline(always)]
    pub(super) fn compared(&self) -> bool {
        self.compared
    }

    /// The chunk's signs as bits: those of the basis where it has them, else `bits`.
    ///
    /// # Panics
    /// Where the basis has them and there is none.
    #[inline(always)]
    pub(crate) fn signs<V: Vectors>(&self, vectors: V, bits: u64) -> u64 {
        if !self.compared {
            return bits;
        }
        assert!(!self.basis.is_null());
        // SAFETY: made of a slice of this length that is borrowed for 'a; nothing is written before the call ends.
        vectors.signs(unsafe { std::slice::from_raw_parts(self.basis, self.len) })
    }

    /// The upstream gradient by value; behind a short one zeroes.
    #[inline(always)]
    pub(crate) fn upstream(&self) -> [T; CHUNK] {
        // SAFETY: made of a slice of this length that is borrowed for 'a; the copy ends before anything
        // is written.
        load(unsafe { std::slice::from_raw_parts(self.upstream, self.len) })
    }

    /// The basis by value; behind a short one zeroes.
    ///
    /// # Panics
    /// Where there is none.
    #[inline(always)]
    pub(crate) fn basis(&self) -> [T; CHUNK] {
        assert!(!self.basis.is_null());
        // SAFETY: as above.
        load(unsafe { std::slice::from_raw_parts(self.basis, self.len) })
    }

    /// The upstream gradient of the `N` elements from `at` on.
    ///
    /// # Panics
    /// Where there are fewer.
    #[inline(always)]
    pub(super) fn upstream_at<const N: usize>(&self, at: usize) -> [T; N] {
        assert!(at + N <= self.len);
        // SAFETY: they lie within the slice of this length that is borrowed for 'a.
        unsafe { self.upstream.add(at).cast::<[T; N]>().read() }
    }

    /// The basis of the `N` elements from `at` on.
    ///
    /// # Panics
    /// Where there are fewer, or no basis.
    #[inline(always)]
    pub(super) fn basis_at<const N: usize>(&self, at: usize) -> [T; N] {
        assert!(!self.basis.is_null() && at + N <= self.len);
        // SAFETY: as above.
        unsafe { self.basis.add(at).cast::<[T; N]>().read() }
    }

    /// Writes the input gradient of the `N` elements from `at` on, which may overwrite what else there is
    /// of them.
    ///
    /// # Panics
    /// Where there are fewer.
    #[inline(always)]
    pub(super) fn set_input_gradient_at<const N: usize>(&mut self, at: usize, dx: [T; N]) {
        assert!(at + N <= self.len);
        // SAFETY: as above, and borrowed mutably.
        unsafe { self.input_gradient.add(at).cast::<[T; N]>().write(dx) };
    }

    /// Upstream gradient and basis of a whole chunk.
    ///
    /// # Panics
    /// Where there is no basis.
    #[inline(always)]
    pub(super) fn factors_of_whole(&self) -> Option<(&[T; CHUNK], &[T; CHUNK])> {
        assert!(!self.basis.is_null());
        // SAFETY: as above; nothing is written while they are borrowed.
        (self.len == CHUNK).then(|| unsafe { (&*self.upstream.cast(), &*self.basis.cast()) })
    }

    /// The upstream gradient of a whole chunk, where the input gradient overwrites it.
    #[inline(always)]
    pub(super) fn whole_in_place(&mut self) -> Option<&mut [T; CHUNK]> {
        let in_place = std::ptr::eq(self.upstream, self.input_gradient) && self.len == CHUNK;
        // SAFETY: as above, and borrowed mutably.
        in_place.then(|| unsafe { &mut *self.input_gradient.cast() })
    }

    /// The same, and the basis.
    ///
    /// # Panics
    /// Where there is no basis.
    #[inline(always)]
    pub(super) fn whole_and_basis(&mut self) -> Option<(&mut [T; CHUNK], &[T; CHUNK])> {
        assert!(!self.basis.is_null());
        let basis = self.basis.cast();
        // SAFETY: as above; the basis is another slice where the upstream gradient is overwritten.
        self.whole_in_place().map(|gradient| (gradient, unsafe { &*basis }))
    }

    /// Writes the input gradient.
    #[inline(always)]
    pub(crate) fn set_input_gradient(&mut self, chunk: [T; CHUNK]) {
        // SAFETY: made of a slice of this length that is borrowed mutably for 'a.
        store(chunk, unsafe { std::slice::from_raw_parts_mut(self.input_gradient, self.len) });
    }

    /// Upstream gradient, basis and input gradient: `len` elements each, at most [`CHUNK`].
    ///
    /// # Panics
    /// Where there is no basis.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn pointers(&mut self) -> (*const T, *const T, *mut T) {
        assert!(!self.basis.is_null());
        (self.upstream, self.basis, self.input_gradient)
    }

    /// The basis; null where there is none.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn basis_if_any(&self) -> *const T {
        self.basis
    }

    /// Upstream gradient and input gradient.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn gradients(&mut self) -> (*const T, *mut T) {
        (self.upstream, self.input_gradient)
    }
}
