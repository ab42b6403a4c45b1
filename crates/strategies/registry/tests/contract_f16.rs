//! The contract suite for `f16`.

#[macro_use]
mod common;

contract!(half::f16);
