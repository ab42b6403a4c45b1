//! From options to a run's settings. An option that would have no effect is refused.

use std::path::PathBuf;

use prelu_mem_core::Sharing;
use prelu_mem_net::layers::{self, Method, PRelu};
use prelu_mem_net::nets::Activation;
use prelu_mem_net::train::Settings;
use prelu_mem_net::{self as net, Init, Multipliers, Sgd};
use prelu_mem_registry::StrategyName;

use super::options::{ActivationName, TrainOptions};
use crate::failure::Failure;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use prelu_mem_report::record::training as record;

const LEAKY_SLOPE: f64 = 0.1;
const STASH: &str = StrategyName::DiffStash.name();

/// The settings that the options ask for.
pub(super) fn settings(options: &TrainOptions) -> Result<Settings, Failure> {
    refuse_without_effect(options)?;
    if let Some(stop) = options.stop_after.filter(|&stop| stop > options.epochs) {
        return Err(Failure::Usage(format!(
            "--stop-after {stop}: the run has {} epochs (--epochs); give 1 to {0}",
            options.epochs
        )));
    }
    Ok(Settings {
        gradients: match options.gradients {
            Gradients::Resident => net::Gradients::Resident,
            Gradients::Transient => net::Gradients::Transient,
        },
        batch: options.batch,
        epochs: options.epochs,
        sgd: Sgd {
            rate: options.learning_rate,
            momentum: options.momentum,
            decay: options.weight_decay,
        },
        seed: options.seed,
        ..Settings::new(activation(options))
    })
}

fn refuse_without_effect(options: &TrainOptions) -> Result<(), Failure> {
    use ActivationName::{Composition, LeakyRelu, Prelu, PreluOutOfPlace};
    let learned: &[ActivationName] = &[Prelu, PreluOutOfPlace, Composition];
    let given = [
        ("--strategy", options.strategy.is_some(), &[Prelu][..]),
        ("--hand-over", options.hand_over.is_some(), &[Prelu]),
        ("--slope-init", options.slope_init.is_some(), learned),
        ("--slope-lr-mult", options.slope_lr_mult.is_some(), learned),
        ("--slope-decay-mult", options.slope_decay_mult.is_some(), learned),
        ("--shared-slope", options.shared_slope, &[Prelu, PreluOutOfPlace]),
        ("--leaky-slope", options.leaky_slope.is_some(), &[LeakyRelu]),
    ];
    for (option, given, fitting) in given {
        if given && !fitting.contains(&options.activation) {
            let fitting: Vec<&str> = fitting.iter().map(|name| name.name()).collect();
            return Err(Failure::Usage(format!(
                "{option} has no effect with --activation {}; it is for {}",
                options.activation.name(),
                fitting.join(", ")
            )));
        }
    }
    if options.slope_init.is_some() && options.resume.is_some() {
        return Err(Failure::Usage(
            "--slope-init has no effect with --resume: the run goes on with its own slopes".into(),
        ));
    }
    match options.strategy {
        Some(name) if name != StrategyName::DiffStash && options.hand_over.is_some() => {
            Err(Failure::Usage(format!(
                "--hand-over has no effect with --strategy {name}; it is for {}",
                StrategyName::DiffStash
            )))
        }
        _ => Ok(()),
    }
}

fn activation(options: &TrainOptions) -> Activation {
    match options.activation {
        ActivationName::Relu => Activation::ReLu { slope: 0.0, in_place: true },
        ActivationName::LeakyRelu => {
            let slope = options.leaky_slope.unwrap_or(LEAKY_SLOPE);
            Activation::ReLu { slope, in_place: true }
        }
        ActivationName::Prelu => {
            let strategy = options.strategy.unwrap_or(StrategyName::DiffStash);
            let hand_over = match options.hand_over {
                Some(HandOver::Copy) => layers::HandOver::Copy,
                Some(HandOver::Direct) | None => layers::HandOver::Direct,
            };
            Activation::PRelu(prelu(options, Method::in_place(strategy, hand_over)))
        }
        ActivationName::PreluOutOfPlace => Activation::PRelu(prelu(options, Method::OutOfPlace)),
        ActivationName::Composition => Activation::Composition(prelu(options, Method::OutOfPlace)),
    }
}

fn prelu(options: &TrainOptions, method: Method) -> PRelu {
    let usual = PRelu::new(method);
    PRelu {
        slopes: Init::Fill(options.slope_init.unwrap_or_default()),
        sharing: if options.shared_slope { Sharing::Shared } else { Sharing::PerChannel },
        multipliers: Multipliers {
            lr_mult: options.slope_lr_mult.unwrap_or(usual.multipliers.lr_mult),
            decay_mult: options.slope_decay_mult.unwrap_or(usual.multipliers.decay_mult),
        },
        ..usual
    }
}

/// How the run is called in tables and pictures.
pub(super) fn title(options: &TrainOptions) -> String {
    let (strategy, hand_over) = names(&activation(options));
    let parts = [Some(options.activation.name()), strategy, hand_over];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    format!("{}, {} gradients", parts.join(", "), options.gradients.name())
}

fn names(activation: &Activation) -> (Option<&'static str>, Option<&'static str>) {
    let Activation::PRelu(prelu) = activation else { return (None, None) };
    match prelu.method {
        Method::InPlace(name) => (Some(name.name()), None),
        Method::Stash(layers::HandOver::Copy) => (Some(STASH), Some(HandOver::Copy.name())),
        Method::Stash(layers::HandOver::Direct) => (Some(STASH), Some(HandOver::Direct.name())),
        Method::OutOfPlace => (None, None),
    }
}

/// What was asked for, defaults filled in, as records show it.
pub(super) fn record(options: &TrainOptions, threads: usize) -> record::Settings {
    let activation = activation(options);
    let (strategy, hand_over) = names(&activation);
    let (fixed_slope, prelu) = match &activation {
        Activation::ReLu { slope, .. } => (Some(*slope), None),
        Activation::PRelu(prelu) | Activation::Composition(prelu) => (None, Some(prelu)),
    };
    let file = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    // A resumed run's slopes started before it.
    let started = prelu.filter(|_| options.resume.is_none());
    record::Settings {
        activation: options.activation.name().to_owned(),
        strategy: strategy.map(str::to_owned),
        hand_over: hand_over.map(str::to_owned),
        slope_init: started.map(|_| options.slope_init.unwrap_or_default().to_string()),
        slope_lr_mult: prelu.map(|prelu| prelu.multipliers.lr_mult),
        slope_decay_mult: prelu.map(|prelu| prelu.multipliers.decay_mult),
        shared_slope: prelu.map(|prelu| prelu.sharing == Sharing::Shared),
        fixed_slope,
        gradients: options.gradients.name().to_owned(),
        epochs: options.epochs,
        batch: options.batch,
        learning_rate: options.learning_rate,
        momentum: options.momentum,
        weight_decay: options.weight_decay,
        dtype: options.dtype.name().to_owned(),
        seed: options.seed,
        threads,
        resume: file(&options.resume),
        fine_tune: file(&options.fine_tune),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
