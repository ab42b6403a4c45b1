//! The network, for either PReLU.

use burn::module::{Module, ModuleDisplay};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::digits::{CLASSES, SIDE};

/// What both layers can do.
pub(crate) trait Activation: Module + ModuleDisplay {
    fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D>;
    fn slopes(&self) -> Tensor<1>;
}

impl Activation for burn::nn::PRelu {
    fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward(x)
    }
    fn slopes(&self) -> Tensor<1> {
        self.alpha.val()
    }
}

impl Activation for prelu_mem_burn::PRelu {
    fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward(x)
    }
    fn slopes(&self) -> Tensor<1> {
        self.alpha.val()
    }
}

const CHANNELS: [usize; 2] = [16, 32];
const HIDDEN: usize = 64;

/// Two convolutions and two fully connected layers, a PReLU behind each but the last.
#[derive(Module, Debug)]
pub(crate) struct Net<P: Activation> {
    conv1: Conv2d,
    prelu1: P,
    conv2: Conv2d,
    prelu2: P,
    pool: MaxPool2d,
    linear1: Linear,
    prelu3: P,
    linear2: Linear,
}

impl<P: Activation> Net<P> {
    /// `prelu` makes a layer with as many slopes.
    pub(crate) fn new(prelu: impl Fn(usize) -> P, device: &Device) -> Self {
        let conv = |from, to| {
            let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
            Conv2dConfig::new([from, to], [3, 3]).with_padding(padding).init(device)
        };
        let [first, second] = CHANNELS;
        Net {
            conv1: conv(1, first),
            prelu1: prelu(first),
            conv2: conv(first, second),
            prelu2: prelu(second),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            linear1: LinearConfig::new(second * SIDE * SIDE / 4, HIDDEN).init(device),
            prelu3: prelu(HIDDEN),
            linear2: LinearConfig::new(HIDDEN, CLASSES).init(device),
        }
    }

    /// Images `[n, 1, 8, 8]` to scores `[n, 10]`.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = self.prelu1.apply(self.conv1.forward(images));
        let x = self.prelu2.apply(self.conv2.forward(x));
        let x = self.pool.forward(x).flatten::<2>(1, 3);
        let x = self.prelu3.apply(self.linear1.forward(x));
        self.linear2.forward(x)
    }

    pub(crate) fn first_slopes(&self) -> Tensor<1> {
        self.prelu1.slopes()
    }
}
