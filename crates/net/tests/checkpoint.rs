//! Saved runs: resuming is as if nothing had happened, and other files are refused.

use prelu_mem_core::Cpu;
use prelu_mem_net::layers::{HandOver, Method, PRelu};
use prelu_mem_net::nets::Activation;
use prelu_mem_net::train::{Settings, Training};
use prelu_mem_net::{Gradients, NetError};

fn settings() -> Settings {
    let method = Method::Stash(HandOver::Copy);
    // Large batches: an epoch of few steps. The rate falls between the second and the third.
    let settings = Settings::new(Activation::PRelu(PRelu::new(method)));
    Settings { batch: 250, epochs: 3, gradients: Gradients::Transient, ..settings }
}

fn start(settings: Settings) -> Result<Training<f32>, NetError> {
    Training::new(&Cpu::new(1)?, settings)
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() -> Result<(), NetError> {
    let mut whole = start(settings())?;
    whole.epoch(|_| ())?;
    let saved = whole.save()?;
    let expected = [whole.epoch(|_| ())?, whole.epoch(|_| ())?];

    let mut resumed = start(settings())?;
    resumed.resume(&saved)?;
    assert_eq!(resumed.epochs_done(), 1);
    assert!(resumed.save()? == saved);
    assert_eq!([resumed.epoch(|_| ())?, resumed.epoch(|_| ())?], expected);
    assert!(resumed.save()? == whole.save()?);
    Ok(())
}

#[test]
fn truncated_and_foreign_files_are_refused_and_change_nothing() -> Result<(), NetError> {
    let mut training = start(settings())?;
    training.epoch(|_| ())?;
    let saved = training.save()?;
    let mut refused = |file: &[u8], expected: &str| {
        let error = training.resume(file).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
        assert!(training.save().is_ok_and(|now| now == saved), "{error}: the run was changed");
    };
    for length in [0, 7, 8, 100, saved.len() / 2, saved.len() - 1] {
        refused(&saved[..length], "not a safetensors file");
    }
    refused(b"PK\x03\x04 something else entirely", "not a safetensors file");
    let nothing: [(&str, safetensors::tensor::TensorView<'_>); 0] = [];
    let foreign = safetensors::serialize(nothing, None).expect("an empty file");
    refused(&foreign, "its metadata has no 'prelu-mem training 1'");
    Ok(())
}

#[test]
fn a_run_of_other_settings_or_of_another_net_is_refused() -> Result<(), NetError> {
    let saved = start(settings())?.save()?;
    let relu = Activation::ReLu { slope: 0.0, in_place: true };
    for (other, expected) in [
        (Settings { seed: 2, ..settings() }, "its seed is '1', not '2'"),
        (Settings { batch: 32, ..settings() }, "its batch is '250', not '32'"),
        (Settings { epochs: 9, ..settings() }, "its epochs is '3', not '9'"),
        (Settings { activation: relu, ..settings() }, "its activation is 'prelu', not 'relu'"),
    ] {
        let mut other = start(other)?;
        let before = other.save()?;
        let error = other.resume(&saved).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
        assert!(other.save()? == before, "{error}");
    }
    // The method is free: every one saves and resumes alike.
    let out_of_place = Activation::PRelu(PRelu::new(Method::OutOfPlace));
    start(Settings { activation: out_of_place, ..settings() })?.resume(&saved)
}

#[test]
fn values_that_are_not_finite_are_refused_by_name() -> Result<(), NetError> {
    let mut training = start(settings())?;
    let saved = training.save()?;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut damaged = saved.clone();
        // The last value of the last tensor.
        let end = damaged.len() - 4;
        damaged[end..].copy_from_slice(&value.to_le_bytes());
        let expected = format!("its 'scores.weights' holds {value}");
        for refused in [training.resume(&damaged), training.fine_tune(&damaged)] {
            let error = refused.expect_err("refused").to_string();
            assert!(error.contains(&expected), "{error}");
        }
        assert!(training.save()? == saved, "the run was changed");
    }
    Ok(())
}

#[test]
fn a_damaged_header_never_panics() -> Result<(), NetError> {
    let saved = start(settings())?.save()?;
    let header = u64::from_le_bytes(saved[..8].try_into().expect("8 bytes")) as usize;
    let mut training = start(settings())?;
    let mut refused = 0;
    for at in 0..8 + header {
        for bit in [0x01, 0x80] {
            let mut damaged = saved.clone();
            damaged[at] ^= bit;
            refused += usize::from(training.resume(&damaged).is_err());
        }
    }
    // What is left over: spaces and letters that nothing depends on.
    assert!(refused > 2 * header * 9 / 10, "{refused} of {}", 2 * header);
    Ok(())
}

#[test]
fn a_relu_net_goes_on_with_prelu() -> Result<(), NetError> {
    let relu = Activation::ReLu { slope: 0.0, in_place: true };
    let mut trained = start(Settings { activation: relu, ..settings() })?;
    trained.epoch(|_| ())?;
    let file = trained.save()?;
    let mut tuned = start(settings())?;
    tuned.fine_tune(&file)?;
    assert_eq!(tuned.epochs_done(), 0);
    for param in tuned.net().params() {
        match trained.net().param(param.name()) {
            Some(from) => assert_eq!(param.values(), from.values(), "{}", param.name()),
            None => assert!(param.values().iter().all(|&slope| slope == 0.25)),
        }
        assert!(param.momentum().is_some_and(|momentum| momentum.iter().all(|&m| m == 0.0)));
    }
    // The other way round the file has slopes that the net has no place for.
    let error = trained.fine_tune(&tuned.save()?).expect_err("slopes").to_string();
    assert!(error.contains("this net has no 'act1.slopes'"), "{error}");
    assert!(trained.save()? == file);
    Ok(())
}
