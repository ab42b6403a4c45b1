//! The layers: one file each, what it is, its forward and its backward together.

mod convolution;
mod eltwise_sum;
mod im2col;
mod inner_product;
mod max_pooling;
mod prelu;
mod relu;
mod scale;
mod softmax_loss;
mod split;

pub use convolution::Convolution;
pub use eltwise_sum::EltwiseSum;
pub use inner_product::InnerProduct;
pub use max_pooling::MaxPooling;
pub(crate) use prelu::in_place_needs;
pub use prelu::{HandOver, Method, PRelu};
pub use relu::ReLu;
pub use scale::Scale;
pub use softmax_loss::SoftmaxWithLoss;
pub use split::Split;

use crate::error::{NetError, Result};
use crate::layer::Place;

impl Place<'_> {
    /// The one bottom's shape.
    pub(crate) fn bottom(&self) -> Result<&[usize]> {
        match self.bottoms {
            [bottom] => Ok(bottom),
            _ => Err(self.refuse(format!("expected one bottom, got {}", self.bottoms.len()))),
        }
    }

    /// The one bottom's batch, channels, height and width.
    pub(crate) fn image(&self) -> Result<[usize; 4]> {
        let shape = self.bottom()?;
        <[usize; 4]>::try_from(shape).map_err(|_| {
            self.refuse(format!("expected a bottom of 4 axes (N, C, H, W), got shape {shape:?}"))
        })
    }

    /// Name of a parameter.
    pub(crate) fn param(&self, param: &str) -> String {
        format!("{}.{param}", self.name)
    }

    /// An error of this layer.
    pub(crate) fn refuse(&self, reason: String) -> NetError {
        NetError::Layer { layer: self.name.to_owned(), reason }
    }
}
