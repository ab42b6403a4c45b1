//! One layer's forward and backward pass, timed apart from everything around it.

use std::iter::Sum;
use std::ops::{Add, Mul};
use std::time::{Duration, Instant};

use burn::backend::flex::FlexTensor;
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use prelu_mem_burn::{PReluConfig, Strategy};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::probe::Probe;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    Burn,
    Ours(Strategy),
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Burn => "Burn's own",
            Peer::Ours(strategy) => strategy.name(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) forward: Duration,
    pub(crate) backward: Duration,
}

impl Times {
    pub(crate) fn step(&self) -> Duration {
        self.forward + self.backward
    }
}

impl Add for Times {
    type Output = Times;
    fn add(self, other: Times) -> Times {
        let (forward, backward) = (self.forward + other.forward, self.backward + other.backward);
        Times { forward, backward }
    }
}

impl Mul<u32> for Times {
    type Output = Times;
    fn mul(self, count: u32) -> Times {
        Times { forward: self.forward * count, backward: self.backward * count }
    }
}

impl Sum for Times {
    fn sum<I: Iterator<Item = Times>>(times: I) -> Times {
        times.fold(Times::default(), Add::add)
    }
}

/// A layer's tensors: signs are random, slopes between 0.05 and 0.45.
pub(crate) struct Step {
    shape: [usize; 4],
    x: Vec<f32>,
    g: Vec<f32>,
    slopes: Vec<f32>,
}

impl Step {
    pub(crate) fn new(batch: usize, [channels, height, width]: [usize; 3]) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut values = |count: usize, least: f32, most: f32| -> Vec<f32> {
            (0..count).map(|_| random.random_range(least..most)).collect()
        };
        let shape = [batch, channels, height, width];
        let elements = shape.iter().product();
        let (x, g) = (values(elements, -1.0, 1.0), values(elements, -1.0, 1.0));
        Step { shape, x, g, slopes: values(channels, 0.05, 0.45) }
    }

    pub(crate) fn elements(&self) -> usize {
        self.x.len()
    }

    /// The pre-activation is nobody else's, and written just before, as by a convolution; so is the
    /// upstream gradient, which is given and not Burn's ones.
    pub(crate) fn run(&self, peer: Peer) -> Times {
        let device = Device::flex().autodiff();
        let slopes = Param::from_data(&self.slopes[..], &device);
        let data = |values: &[f32]| TensorData::new(values.to_vec(), self.shape);
        let before = Probe::default();
        let x = before.attach(Tensor::<4>::from_data(data(&self.x), &device).require_grad());

        let (y, forward) = match peer {
            Peer::Burn => {
                let layer = burn::nn::PRelu { alpha: slopes.clone(), alpha_value: 0.25 };
                timed(|| layer.forward(x))
            }
            Peer::Ours(strategy) => {
                let config = PReluConfig::new().with_num_parameters(self.slopes.len());
                let mut layer = config.with_strategy(strategy).init(&device);
                layer.alpha = slopes.clone();
                timed(|| layer.forward(x))
            }
        };

        let behind = Probe::with_gradient(FlexTensor::from_data(data(&self.g)));
        let gradients = behind.attach(y).backward();
        let slope_gradient = slopes.val().grad(&gradients).expect("the slopes are tracked");
        assert!(slope_gradient.into_data().iter::<f32>().all(f32::is_finite));
        let start = behind.passed().expect("the backward pass began");
        let end = before.passed().expect("the backward pass came through");
        Times { forward, backward: end - start }
    }
}

fn timed<R>(run: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = run();
    (result, start.elapsed())
}
