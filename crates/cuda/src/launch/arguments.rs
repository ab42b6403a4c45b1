//! What the kernels take, as in kernels/arguments.cuh. Addresses are the device's.

/// The channels of one class as a matrix.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) elements: u64,
    pub(super) columns: u64,
    pub(super) rows: u64,
    pub(super) rows_per_block: u64,
    pub(super) row_stride: u64,
    pub(super) period: u64,
    pub(super) period_stride: u64,
    pub(super) inner: u64,
    pub(super) members: u64,
    /// Address of the channel of each member; 0 where every channel is one.
    pub(super) channels: u64,
    pub(super) strips: u32,
    pub(super) slots: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Forward {
    pub(super) shape: Shape,
    pub(super) slopes: u64,
    pub(super) x: u64,
    pub(super) words: u64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) partials: u64,
    pub(super) divisors: u64,
    pub(super) slope_gradient: u64,
    pub(super) chunks: u64,
    pub(super) lanes: u32,
    pub(super) spare: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Backward {
    pub(super) shape: Shape,
    pub(super) slopes: u64,
    pub(super) words: u64,
    pub(super) output: u64,
    pub(super) upstream: u64,
    pub(super) gradient: u64,
    pub(super) arrived: u64,
    pub(super) ending: Ending,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Finish {
    pub(super) shape: Shape,
    pub(super) ending: Ending,
}

// The same numbers as in kernels/arguments.cuh: a field more on one side does not compile.
const _: () = assert!(size_of::<Shape>() == 88);
const _: () = assert!(size_of::<Forward>() == 112);
const _: () = assert!(size_of::<Backward>() == 176);
const _: () = assert!(size_of::<Finish>() == 128);
