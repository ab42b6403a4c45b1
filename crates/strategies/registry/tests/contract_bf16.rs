//! The contract suite for `bf16`.

#[macro_use]
mod common;

contract!(half::bf16);
