//! One layer between a producer and a loss, by Burn's layer and by ours.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use prelu_mem_burn::{PRelu, PReluConfig, Strategy};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) shape: Vec<usize>,
    pub(crate) slopes: Vec<f32>,
    pub(crate) x: Vec<f32>,
    pub(crate) g: Vec<f32>,
}

impl Case {
    /// No pre-activation is zero.
    pub(crate) fn random(shape: Vec<usize>, slopes: Vec<f32>, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let elements = shape.iter().product();
        let mut values = |least: f32| -> Vec<f32> {
            let signed = |random: &mut ChaCha8Rng| {
                let size = random.random_range(least..2.0_f32);
                if random.random() { size } else { -size }
            };
            (0..elements).map(|_| signed(&mut random)).collect()
        };
        let x = values(1e-3);
        let g = values(0.0);
        Case { shape, slopes, x, g }
    }

    pub(crate) fn tensor<const D: usize>(&self, values: &[f32], device: &Device) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), self.shape.clone()), device)
    }

    pub(crate) fn stock(&self, device: &Device) -> burn::nn::PRelu {
        burn::nn::PRelu { alpha: Param::from_data(&self.slopes[..], device), alpha_value: 0.25 }
    }

    pub(crate) fn ours(&self, strategy: Strategy, device: &Device) -> PRelu {
        let made = PReluConfig::new().with_num_parameters(self.slopes.len());
        let mut layer = made.with_strategy(strategy).init(device);
        layer.alpha = Param::from_data(&self.slopes[..], device);
        layer
    }
}

pub(crate) struct Outcome {
    pub(crate) y: Vec<f32>,
    pub(crate) dx: Vec<f32>,
    pub(crate) da: Vec<f32>,
}

pub(crate) fn stock<const D: usize>(case: &Case, device: &Device) -> Outcome {
    let layer = case.stock(device);
    let x = case.tensor::<D>(&case.x, device).require_grad();
    let y = layer.forward(x.clone());
    outcome(case, x, y, layer.alpha.val())
}

/// `shared`: the layer is given a tensor that somebody else holds, too.
pub(crate) fn ours<const D: usize>(
    case: &Case,
    strategy: Strategy,
    shared: bool,
    device: &Device,
) -> Outcome {
    let layer = case.ours(strategy, device);
    let x = case.tensor::<D>(&case.x, device).require_grad();
    let y = if shared {
        layer.forward(x.clone())
    } else {
        // Twice the negative is what it was, in memory of its own.
        layer.forward(x.clone().neg().neg())
    };
    assert_eq!(numbers(x.clone()), case.x, "the input of somebody else is overwritten");
    outcome(case, x, y, layer.alpha.val())
}

fn outcome<const D: usize>(case: &Case, x: Tensor<D>, y: Tensor<D>, slopes: Tensor<1>) -> Outcome {
    let g = case.tensor::<D>(&case.g, &x.device());
    let gradients = (y.clone() * g).sum().backward();
    Outcome {
        y: numbers(y),
        dx: numbers(x.grad(&gradients).expect("the input is tracked")),
        da: numbers(slopes.grad(&gradients).expect("the slopes are tracked")),
    }
}

pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("a tensor of f32")
}
