//! PReLU in place: what is saved of the pre-activation, where it waits for backward, and the CPU
//! loops.
//!
//! PReLU is `y = x` where `x > 0` and `y = a x` elsewhere, with a slope `a` per channel or one
//! shared. Run in place, `y` overwrites `x`, and backward needs `x`. A [`Strategy`] says how it is
//! preserved: a [`Codec`] (what is saved) and a [`Home`] (where it waits). A [`Backend`] is memory
//! and two loops. [`Layer`] joins them.
//!
//! Modules import one way: [`element`] - [`vectors`] - [`geometry`] - [`codec`] - [`backend`] - [`loan`] -
//! [`home`] - [`strategy`] - [`layer`]; [`cpu`] imports [`codec`] and [`backend`].

pub mod accumulator;
pub mod advice;
pub mod array;
pub mod backend;
pub mod codec;
pub mod contract;
pub mod cpu;
pub mod element;
pub mod error;
pub mod filler;
pub mod footprint;
pub mod geometry;
mod half_pairs;
mod half_width;
pub mod home;
pub mod layer;
mod lines;
pub mod loan;
pub mod plan;
pub mod slopes;
pub mod strategy;
pub mod vectors;

pub use advice::Advice;
pub use backend::{Backend, DirectKernels, Inputs, Kernels};
pub use codec::{Basis, Channel, Codec, Identity, SignOfOutput, Word};
pub use cpu::Cpu;
pub use element::{Dtype, Element};
pub use error::{Error, Refused, Result};
pub use filler::{Filler, VarianceNorm};
pub use footprint::Footprint;
pub use geometry::{Geometry, Sharing};
pub use home::{Home, Lent, Owned};
pub use layer::Layer;
pub use loan::{GradSlot, SharedBuffer};
pub use plan::Plan;
pub use slopes::{Epoch, Slopes};
pub use strategy::{PlanInfo, Recipe, Strategy};
pub use vectors::Vectors;
