//! The contract suite for `f32`.

#[macro_use]
mod common;

contract!(f32);
