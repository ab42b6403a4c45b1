//! The levels of x86-64.

mod ahead;
mod avx2;
mod avx512;
mod signs;

pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;
