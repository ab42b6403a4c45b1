//! The number types a net may compute in.

use ndarray::NdFloat;
use prelu_mem_core::Element;

/// [`f32`], or [`f64`] where gradients are to be checked numerically.
pub trait Number: Element<Wide = Self> + NdFloat {}

impl<T: Element<Wide = T> + NdFloat> Number for T {}
