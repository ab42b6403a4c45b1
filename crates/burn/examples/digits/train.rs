//! The training loop, and what it holds in memory.

use std::error::Error;

use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, SgdConfig, momentum::MomentumConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::digits::{BATCH, Digits, PIXELS, SIDE};
use crate::heap;
use crate::net::{Activation, Net};

const LEARNING_RATE: f64 = 0.05;

/// One pass over the digits.
pub(crate) struct Epoch {
    /// Mean of the batches' losses.
    pub(crate) loss: f64,
    /// Share of the test digits that are recognised.
    pub(crate) accuracy: f64,
}

pub(crate) struct Trained {
    pub(crate) epochs: Vec<Epoch>,
    /// Bytes that a full batch's forward pass left on the heap, the largest of all steps.
    pub(crate) after_forward: usize,
    /// The most bytes that a step added to what was there before it.
    pub(crate) most: usize,
    pub(crate) slopes: Vec<f32>,
}

/// Trains, with the same order of digits for the same seed; `step` is told each step's epoch.
pub(crate) fn train<P: Activation>(
    mut net: Net<P>,
    epochs: usize,
    seed: u64,
    device: &Device,
    step: &mut dyn FnMut(usize),
) -> Result<Trained, Box<dyn Error>> {
    let (digits, test) = Digits::load()?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..digits.images.len()).collect();
    let mut optimizer =
        SgdConfig::new().with_momentum(Some(MomentumConfig::new().with_momentum(0.9))).init();
    let loss_of = CrossEntropyLossConfig::new().init(device);
    let mut trained = Trained { epochs: Vec::new(), after_forward: 0, most: 0, slopes: Vec::new() };
    for epoch in 1..=epochs {
        order.shuffle(&mut random);
        let mut losses = 0.0;
        for batch in order.chunks(BATCH) {
            let (images, labels) = tensors(&digits, batch, device);
            let before = heap::start();
            let loss = loss_of.forward(net.forward(images), labels);
            trained.after_forward = trained.after_forward.max(heap::live().saturating_sub(before));
            losses += f64::from(loss.clone().into_scalar::<f32>());
            let gradients = GradientsParams::from_grads(loss.backward(), &net);
            trained.most = trained.most.max(heap::most() - before);
            net = optimizer.step(LEARNING_RATE, net, gradients);
            step(epoch);
        }
        let loss = losses / digits.batches() as f64;
        trained.epochs.push(Epoch { loss, accuracy: accuracy(&net, &test, device) });
    }
    trained.slopes = net.first_slopes().into_data().try_into_vec()?;
    Ok(trained)
}

fn accuracy<P: Activation>(net: &Net<P>, test: &Digits, device: &Device) -> f64 {
    let all: Vec<usize> = (0..test.images.len()).collect();
    let (images, labels) = tensors(test, &all, &device.clone().without_autodiff());
    let scores = burn::module::Module::valid(net).forward(images);
    let right = scores.argmax(1).reshape([all.len()]).equal(labels).int().sum();
    f64::from(right.into_scalar::<i32>()) / all.len() as f64
}

fn tensors(digits: &Digits, batch: &[usize], device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let mut pixels = Vec::with_capacity(batch.len() * PIXELS);
    for &index in batch {
        pixels.extend(digits.images[index]);
    }
    let labels: Vec<i32> = batch.iter().map(|&index| digits.labels[index]).collect();
    let images = TensorData::new(pixels, [batch.len(), 1, SIDE, SIDE]);
    (Tensor::from_data(images, device), Tensor::from_data(&labels[..], device))
}
