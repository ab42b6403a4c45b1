//! NumPy's `.npy` files, read with care: a damaged or hostile file gets a reason, never a panic and
//! never an allocation larger than the file.

mod error;
mod header;
mod read;
mod write;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod sample;

pub(crate) use read::{Npy, Number};
pub(crate) use write::write;
