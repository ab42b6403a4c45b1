//! The contract suite for `f64`.

mod driver;

#[macro_use]
mod contract;

contract! {
    f64:
    full_copy FullCopy,
    int8_mask Int8Mask,
    bitmask Bitmask,
    diff_stash DiffStash,
    output_sign OutputSign,
    adaptive Adaptive,
}
