//! What backward is handed: pointers, and signs as bits or in the basis.

use crate::element::Element;
use crate::vectors::Piece;

/// What of a chunk is read and written.
pub(super) type Pointers<T> = (*const T, *const T, *mut T);

/// Where signs are to be had.
#[derive(Clone, Copy)]
pub(super) enum Signs {
    Bits(u64),
    OfBasis,
}

impl Signs {
    /// Those of a piece; bits are not looked at where it has them in its basis.
    #[inline(always)]
    pub(super) fn of<T: Element>(piece: &Piece<'_, T>, bits: u64) -> Signs {
        if piece.compared() { Signs::OfBasis } else { Signs::Bits(bits) }
    }

    /// Those from `at` on.
    #[inline(always)]
    pub(super) fn from(self, at: usize) -> Signs {
        match self {
            Signs::Bits(bits) => Signs::Bits(bits >> at),
            Signs::OfBasis => Signs::OfBasis,
        }
    }
}
