//! The contract suite for `f16`.

#[macro_use]
mod common;

contract! {
    half::f16:
    full_copy FullCopy,
    int8_mask Int8Mask,
    bitmask Bitmask,
    diff_stash DiffStash,
    output_sign OutputSign,
    adaptive Adaptive,
}
