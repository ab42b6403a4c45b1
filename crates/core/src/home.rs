//! A home: where a codec's words wait for backward.

use crate::backend::Backend;
use crate::codec::Word;
use crate::element::Element;
use crate::error::{Error, Refused, Result};
use crate::loan::{GradSlot, Lease, SharedBuffer};

/// Where the words of one layer wait.
pub trait Home<B: Backend, T: Element, W: Word>: 'static {
    /// The words from forward until the upstream gradient is about to be written.
    type Parked;
    /// The words from then until backward.
    type Ready;
    /// Whether the words are memory of the saved state's own.
    const OWNS: bool;

    /// Room for `words` words.
    ///
    /// # Errors
    /// No memory, or no gradient buffer that is large enough; the slot is as before.
    fn acquire(backend: &B, words: usize, slot: &mut GradSlot<B, T>) -> Result<Self::Parked>;

    /// The `words` words, to write.
    fn words_mut(parked: &mut Self::Parked, words: usize) -> B::ViewMut<'_, W>;

    /// Frees the gradient buffer for the upstream gradient.
    ///
    /// # Errors
    /// The shared buffer is missing, busy or too small; the words come back in the error.
    fn vacate(
        backend: &B,
        parked: Self::Parked,
        words: usize,
        slot: &mut GradSlot<B, T>,
        shared: Option<&SharedBuffer<B, T>>,
    ) -> Result<Self::Ready, Refused<Self::Parked>>;

    /// The `words` words.
    fn words(ready: &Self::Ready, words: usize) -> B::View<'_, W>;
}

/// The saved state owns its words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owned;

impl<B: Backend, T: Element, W: Word> Home<B, T, W> for Owned {
    type Parked = B::Buffer<W>;
    type Ready = B::Buffer<W>;
    const OWNS: bool = true;

    fn acquire(backend: &B, words: usize, _: &mut GradSlot<B, T>) -> Result<B::Buffer<W>> {
        backend.reserve(words)
    }

    fn words_mut(parked: &mut B::Buffer<W>, words: usize) -> B::ViewMut<'_, W> {
        B::view_mut(parked, words)
    }

    fn vacate(
        _: &B,
        parked: B::Buffer<W>,
        _: usize,
        _: &mut GradSlot<B, T>,
        _: Option<&SharedBuffer<B, T>>,
    ) -> Result<B::Buffer<W>, Refused<B::Buffer<W>>> {
        Ok(parked)
    }

    fn words(ready: &B::Buffer<W>, words: usize) -> B::View<'_, W> {
        B::view(ready, words)
    }
}

/// The words wait in the layer's own gradient buffer, idle until backward reaches the layer. Only a
/// codec whose word is the element fits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lent;

/// Words in their home, or `nothing`: an empty buffer for a layer that saves no words, which
/// then borrows nothing either.
#[derive(Debug)]
pub enum Loan<L, N> {
    /// The words.
    Out(L),
    /// No words.
    Nothing(N),
}

impl<B: Backend, T: Element> Home<B, T, T> for Lent {
    type Parked = Loan<B::Buffer<T>, B::Buffer<T>>;
    type Ready = Loan<Lease<B, T>, B::Buffer<T>>;
    const OWNS: bool = false;

    fn acquire(backend: &B, words: usize, slot: &mut GradSlot<B, T>) -> Result<Self::Parked> {
        match words {
            0 => backend.alloc(0).map(Loan::Nothing),
            _ => slot.lend(words).map(Loan::Out),
        }
    }

    fn words_mut(parked: &mut Self::Parked, words: usize) -> B::ViewMut<'_, T> {
        match parked {
            Loan::Out(buffer) | Loan::Nothing(buffer) => B::view_mut(buffer, words),
        }
    }

    fn vacate(
        backend: &B,
        parked: Self::Parked,
        words: usize,
        slot: &mut GradSlot<B, T>,
        shared: Option<&SharedBuffer<B, T>>,
    ) -> Result<Self::Ready, Refused<Self::Parked>> {
        let stash = match parked {
            Loan::Nothing(empty) => return Ok(Loan::Nothing(empty)),
            Loan::Out(stash) => stash,
        };
        let moved = shared.ok_or(Error::NoSharedBuffer).and_then(|shared| {
            let mut lease = shared.lease(words)?;
            backend.copy(B::view(&stash, words), B::view_mut(lease.buffer_mut(), words))?;
            Ok(lease)
        });
        match moved {
            Ok(lease) => {
                slot.give_back(stash);
                Ok(Loan::Out(lease))
            }
            Err(error) => Err(Refused { error, state: Loan::Out(stash) }),
        }
    }

    fn words(ready: &Self::Ready, words: usize) -> B::View<'_, T> {
        match ready {
            Loan::Out(lease) => B::view(lease.buffer(), words),
            Loan::Nothing(empty) => B::view(empty, words),
        }
    }
}
