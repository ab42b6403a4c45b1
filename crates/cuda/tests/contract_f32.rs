//! The contract suite for `f32`.

mod driver;

#[macro_use]
mod contract;

contract! {
    f32:
    full_copy FullCopy,
    int8_mask Int8Mask,
    bitmask Bitmask,
    diff_stash DiffStash,
    output_sign OutputSign,
    adaptive Adaptive,
}
