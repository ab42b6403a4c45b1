//! Training on the digits.

use prelu_mem_core::{Cpu, Element};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::digits::Digits;
use crate::error::{NetError, Result};
use crate::lifetime::Gradients;
use crate::net::Net;
use crate::nets::{Activation, DIAGONAL, digits};
use crate::number::Number;
use crate::param::Init;
use crate::plan::{MemoryPlan, plan};
use crate::sgd::Sgd;

/// Everything that a run depends on: the same settings give the same losses, bit for bit.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What stands behind every convolution.
    pub activation: Activation,
    /// How gradients live.
    pub gradients: Gradients,
    /// Images per step.
    pub batch: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// Learning rate, momentum and decay of the first epoch.
    pub sgd: Sgd,
    /// The learning rate is divided by 10 after two thirds of the epochs.
    pub lower_rate: bool,
    /// Seed of the parameters and of the order of the images.
    pub seed: u64,
}

impl Settings {
    /// The default run of an activation.
    pub fn new(activation: Activation) -> Self {
        Settings {
            activation,
            gradients: Gradients::Resident,
            batch: 32,
            epochs: 12,
            sgd: Sgd { rate: 0.02, momentum: 0.9, decay: 2e-3 },
            lower_rate: true,
            seed: 1,
        }
    }
}

/// What came of one epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// The loss of every step, before its update.
    pub losses: Vec<f64>,
    /// Share of the test set that was classified correctly after it.
    pub test_accuracy: f64,
}

impl Epoch {
    /// Mean of the losses.
    pub fn mean_loss(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64
    }
}

/// The slopes of one PReLU.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedSlopes {
    /// The layer's name.
    pub layer: String,
    /// Its slopes, by channel.
    pub slopes: Vec<f64>,
}

/// A run over the digits.
pub struct Training<T: Number> {
    pub(crate) settings: Settings,
    pub(crate) net: Net<T>,
    pub(crate) done: usize,
    train: Digits<T>,
    test: Digits<T>,
}

impl<T: Number> Training<T> {
    /// A net before its first epoch.
    ///
    /// # Errors
    /// A batch of no images or of more than the training set has; those of [`Net::new`].
    pub fn new(cpu: &Cpu, settings: Settings) -> Result<Self> {
        let (train, test) = Digits::load()?;
        if settings.batch == 0 || settings.batch > train.len() {
            let reason = format!("batch {}: 1 to {} are accepted", settings.batch, train.len());
            return Err(NetError::Layer { layer: "input".to_owned(), reason });
        }
        let chain = digits(settings.batch, settings.seed, &settings.activation)?;
        let net = Net::new(cpu, chain, settings.gradients)?;
        Ok(Training { settings, net, done: 0, train, test })
    }

    /// Steps of one epoch: whole batches; the images left over are others in every epoch.
    pub fn steps(&self) -> usize {
        self.train.len() / self.settings.batch
    }

    /// Epochs that are done.
    pub fn epochs_done(&self) -> usize {
        self.done
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The net.
    pub fn net(&self) -> &Net<T> {
        &self.net
    }

    /// The net, to set its parameters.
    pub fn net_mut(&mut self) -> &mut Net<T> {
        &mut self.net
    }

    /// Trains one epoch. `each` is called with the loss after every step.
    ///
    /// # Errors
    /// Those of [`Net::train_step`].
    pub fn epoch(&mut self, mut each: impl FnMut(f64)) -> Result<Epoch> {
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        // A stream per epoch, so that a resumed run goes on as the whole one would.
        let mut random = ChaCha8Rng::seed_from_u64(self.settings.seed);
        random.set_stream(self.done as u64 + 1);
        order.shuffle(&mut random);
        let late = 3 * self.done >= 2 * self.settings.epochs;
        let rate = self.settings.sgd.rate;
        let rate = if self.settings.lower_rate && late { rate / 10.0 } else { rate };
        let sgd = Sgd { rate, ..self.settings.sgd };
        let mut losses = Vec::new();
        for batch in order.chunks_exact(self.settings.batch) {
            let labels: Vec<u32> = batch.iter().map(|&index| self.train.labels()[index]).collect();
            let images: Vec<T> =
                batch.iter().flat_map(|&index| self.train.image(index)).copied().collect();
            let loss = self.net.train_step(&images, &labels, &sgd)?;
            losses.push(loss);
            each(loss);
        }
        self.done += 1;
        Ok(Epoch { epoch: self.done, losses, test_accuracy: self.test_accuracy()? })
    }

    /// Share of the test set that the net classifies correctly now.
    ///
    /// # Errors
    /// Those of [`Net::infer`].
    pub fn test_accuracy(&mut self) -> Result<f64> {
        let mut correct = 0;
        let all: Vec<usize> = (0..self.test.len()).collect();
        for batch in all.chunks(self.settings.batch) {
            // The last batch is filled up with its first image, which is then not counted.
            let filled = batch.iter().chain(std::iter::repeat(&batch[0]));
            let filled = filled.take(self.settings.batch);
            let images: Vec<T> =
                filled.flat_map(|&index| self.test.image(index)).copied().collect();
            let scores = self.net.infer(&images)?;
            let classes = scores.len() / self.settings.batch;
            for (&index, scores) in batch.iter().zip(scores.chunks_exact(classes)) {
                let mut best = 0;
                for (class, &score) in scores.iter().enumerate() {
                    if score > scores[best] {
                        best = class;
                    }
                }
                correct += usize::from(best == self.test.labels()[index] as usize);
            }
        }
        Ok(correct as f64 / self.test.len() as f64)
    }

    /// The slopes of every PReLU as they are now, those of a composition too.
    pub fn slopes(&self) -> Vec<LearnedSlopes> {
        let slopes = |param: &crate::param::Param<T>| {
            let (layer, sign) = match param.name().strip_suffix(".slopes") {
                Some(layer) => (layer, 1.0),
                None => (param.name().strip_suffix(DIAGONAL)?, -1.0),
            };
            let slopes = param.values().iter().map(|&slope| sign * Element::to_f64(slope));
            Some(LearnedSlopes { layer: layer.to_owned(), slopes: slopes.collect() })
        };
        self.net.params().filter_map(slopes).collect()
    }

    /// The memory of the next step, planned for the slopes as they are now.
    ///
    /// # Errors
    /// Those of [`plan`].
    pub fn plan(&self) -> Result<MemoryPlan> {
        let named = |layer: LearnedSlopes| (format!("{}.slopes", layer.layer), layer.slopes);
        let slopes = Init::Named(self.slopes().into_iter().map(named).collect());
        let mut activation = self.settings.activation.clone();
        if let Activation::PRelu(prelu) | Activation::Composition(prelu) = &mut activation {
            prelu.slopes = slopes;
        }
        let chain = digits::<T>(self.settings.batch, self.settings.seed, &activation)?;
        plan(&chain, self.net.cpu(), self.settings.gradients)
    }
}
