//! Ready-made nets, with the activation of the caller's choice.

use prelu_mem_core::{Element, Filler, Sharing, VarianceNorm};

use crate::chain::{BlobId, Chain};
use crate::error::{NetError, Result};
use crate::layers::{
    Convolution, EltwiseSum, InnerProduct, MaxPooling, Method, PRelu, ReLu, Scale, SoftmaxWithLoss,
    Split,
};
use crate::number::Number;
use crate::param::Init;

/// What stands behind every layer with weights, but the last.
#[derive(Clone, Debug)]
pub enum Activation {
    /// ReLU (slope 0) or leaky ReLU.
    ReLu {
        /// The fixed slope.
        slope: f64,
        /// Whether it overwrites its bottom.
        in_place: bool,
    },
    /// PReLU.
    PRelu(PRelu),
    /// PReLU put together from five layers: see [`composition`].
    Composition(PRelu),
}

impl Activation {
    /// Adds the activation behind `blob`; returns what it writes.
    ///
    /// # Errors
    /// Those of [`Chain::add`] and [`Chain::in_place`].
    pub fn add<T: Number>(&self, chain: &mut Chain<T>, name: &str, blob: BlobId) -> Result<BlobId> {
        match self {
            Activation::ReLu { slope, in_place: true } => {
                chain.in_place(name, ReLu { slope: *slope }, blob)?;
                Ok(blob)
            }
            Activation::ReLu { slope, in_place: false } => {
                chain.then(name, ReLu { slope: *slope }, blob)
            }
            Activation::PRelu(prelu) if prelu.method == Method::OutOfPlace => {
                chain.then(name, prelu.clone(), blob)
            }
            Activation::PRelu(prelu) => {
                chain.in_place(name, prelu.clone(), blob)?;
                Ok(blob)
            }
            Activation::Composition(prelu) => composition(chain, name, prelu, blob),
        }
    }
}

/// How the name of the parameter that holds a composition's slopes, negated, ends.
pub(crate) const DIAGONAL: &str = "/diagonal.weights";

/// PReLU as `relu(x) + d * relu(-x)`: ReLU, a scale by -1, ReLU, a 1x1 convolution with a group per
/// channel whose weights `d` are the slopes negated, and a sum. The method of `prelu` is not used.
///
/// # Errors
/// Shared slopes, which a convolution with a group per channel does not have; a blob that is not an
/// image; those of [`Chain::add`].
pub fn composition<T: Number>(
    chain: &mut Chain<T>,
    name: &str,
    prelu: &PRelu,
    blob: BlobId,
) -> Result<BlobId> {
    let shape = chain.shape(blob)?.to_vec();
    let refuse = |reason: String| NetError::Layer { layer: name.to_owned(), reason };
    let &[_, channels, _, _] = &shape[..] else {
        return Err(refuse(format!("expected an image (N, C, H, W), got shape {shape:?}")));
    };
    if prelu.sharing == Sharing::Shared {
        return Err(refuse("the composition has a slope per channel; got a shared one".to_owned()));
    }
    let slopes: Vec<T> = prelu.slopes.values(&format!("{name}.slopes"), &[channels], chain.seed)?;
    let part = |part: &str| format!("{name}/{part}");
    let two = chain.add(&part("split"), Split { tops: 2 }, &[blob])?;
    let positive = chain.then(&part("positive"), ReLu { slope: 0.0 }, two[0])?;
    let negated = chain.then(&part("negate"), Scale { factor: -1.0 }, two[1])?;
    chain.in_place(&part("negative"), ReLu { slope: 0.0 }, negated)?;
    let diagonal = Convolution {
        groups: channels,
        bias: None,
        weight_multipliers: prelu.multipliers,
        ..Convolution::same(
            channels,
            1,
            Init::Values(slopes.iter().map(|slope| -Element::to_f64(*slope)).collect()),
        )
    };
    let scaled = chain.then(&part("diagonal"), diagonal, negated)?;
    Ok(chain.add(&part("sum"), EltwiseSum, &[positive, scaled])?[0])
}

/// A small net for images of 8 x 8 and 10 classes: three 3x3 convolutions and a
/// 2x2 one, two poolings, an inner product, and an activation behind each convolution.
///
/// # Errors
/// An activation that does not fit.
pub fn digits<T: Number>(batch: usize, seed: u64, activation: &Activation) -> Result<Chain<T>> {
    let msra = || Init::from(Filler::Msra(VarianceNorm::FanIn));
    let mut chain = Chain::new(&[batch, 1, 8, 8], seed);
    let blob = chain.then("conv1", Convolution::same(16, 3, msra()), chain.input())?;
    let blob = activation.add(&mut chain, "act1", blob)?;
    let blob = chain.then("conv2", Convolution::same(32, 3, msra()), blob)?;
    let blob = activation.add(&mut chain, "act2", blob)?;
    let blob = chain.then("pool2", MaxPooling { kernel: 2, stride: 2 }, blob)?;
    let blob = chain.then("conv3", Convolution::same(64, 3, msra()), blob)?;
    let blob = activation.add(&mut chain, "act3", blob)?;
    let blob = chain.then("pool3", MaxPooling { kernel: 2, stride: 2 }, blob)?;
    let blob =
        chain.then("conv4", Convolution { pad: 0, ..Convolution::same(64, 2, msra()) }, blob)?;
    let blob = activation.add(&mut chain, "act4", blob)?;
    let blob = chain.then("scores", InnerProduct::new(10, msra()), blob)?;
    chain.add("loss", SoftmaxWithLoss, &[blob])?;
    Ok(chain)
}
