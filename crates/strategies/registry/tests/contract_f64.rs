//! The contract suite for `f64`.

#[macro_use]
mod common;

contract!(f64);
