//! What a device cannot do is refused with what a person has to know, and nothing stays allocated.
//! Devices that cannot do it are the shim's.

mod driver;

use std::collections::BTreeSet;

use driver::skipped;
use prelu_mem_core::contract::Host;
use prelu_mem_core::{
    Backend, Error, Geometry, GradSlot, Result, SharedBuffer, Sharing, Slopes, Strategy,
};
use prelu_mem_cuda::{ComputeCapability, Cuda, CudaError, probe};
use prelu_mem_registry::{StrategyName, Visitor, with};

/// Runs one of the ignored tests below on a shim with these settings.
fn on_a_shim(test: &str, settings: &[(&str, &str)]) {
    let program = std::env::current_exe().expect("this program has a path");
    let Some(mut command) = prelu_mem_cuda_shim::command(program) else {
        skipped(test, "the shim is for Unix, and for the machine that made it");
        return;
    };
    command.args(["--exact", test, "--include-ignored"]).envs(settings.iter().copied());
    let output = command.output().expect("the program starts again");
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}: {text}{said}");
    assert!(text.contains("1 passed"), "{test} was not run: {text}");
}

#[test]
fn old_hardware_is_refused() {
    on_a_shim("hardware_of_7_0", &[("PRELU_MEM_SHIM_CAPABILITY", "7.0")]);
}

#[test]
#[ignore = "takes a shim of capability 7.0, which `old_hardware_is_refused` starts"]
fn hardware_of_7_0() {
    let device = "CPU shim, not a GPU".to_owned();
    let capability = ComputeCapability { major: 7, minor: 0 };
    let error = Cuda::open(0).expect_err("too old");
    assert_eq!(error, CudaError::Capability { device, capability });
    let text = error.to_string();
    for part in ["CPU shim, not a GPU", "7.0", "7.5"] {
        assert!(text.contains(part), "'{part}' is missing: {text}");
    }
}

#[test]
fn a_driver_without_devices_is_told_from_none() {
    on_a_shim("no_devices", &[("PRELU_MEM_SHIM_DEVICES", "0")]);
}

#[test]
#[ignore = "takes a shim without devices, which `a_driver_without_devices_is_told_from_none` starts"]
fn no_devices() {
    assert_eq!(probe().map(|driver| driver.devices), Ok(Vec::new()));
    assert_eq!(Cuda::open(0).err(), Some(CudaError::NoSuchDevice { index: 0, count: 0 }));
}

#[test]
fn an_index_that_is_not_there_is_refused() {
    on_a_shim("two_devices", &[("PRELU_MEM_SHIM_DEVICES", "2")]);
}

#[test]
#[ignore = "takes a shim with two devices, which `an_index_that_is_not_there_is_refused` starts"]
fn two_devices() {
    for index in [2, 5, usize::MAX] {
        let error = Cuda::open(index).expect_err("no such device");
        assert_eq!(error, CudaError::NoSuchDevice { index, count: 2 });
        let text = error.to_string();
        assert!(text.contains(&index.to_string()) && text.contains('2'), "{text}");
    }
    assert!(Cuda::open(1).is_ok());
}

#[test]
fn memory_that_runs_out_anywhere_is_all_given_back() {
    on_a_shim("little_memory", &[("PRELU_MEM_SHIM_MEMORY", "524288")]);
}

/// One step of training: as far as the memory goes.
struct TrainingStep<'a>(&'a Cuda);

impl Visitor<Cuda, f32> for TrainingStep<'_> {
    type Output = Result<()>;

    fn visit<S: Strategy<Cuda, f32>>(self, strategy: S) -> Result<()> {
        let TrainingStep(cuda) = self;
        let geometry = Geometry::from_shape(&[4, 32, 128], 1, Sharing::PerChannel)?;
        let slopes = Slopes::learned((0..32).map(|channel| channel as f32 / 8.0 - 2.0).collect());
        let len = geometry.len();
        let plan = strategy.plan(&geometry, &slopes)?;
        let mut x = cuda.alloc::<f32>(len)?;
        let mut slot = GradSlot::new(cuda.alloc(len)?);
        let shared = SharedBuffer::new(cuda.alloc(len)?);
        cuda.upload(&vec![-1.0; len], Cuda::view_mut(&mut x, len))?;
        let saved = strategy.forward(cuda, &plan, Cuda::view_mut(&mut x, len), &mut slot)?;
        let ready = strategy.vacate(cuda, saved, &mut slot, Some(&shared))?;
        let mut sums = cuda.alloc::<f64>(32)?;
        let sums_view = Cuda::view_mut(&mut sums, 32);
        let output = Some(Cuda::view(&x, len));
        let grad = Cuda::view_mut(slot.get_mut()?, len);
        Ok(strategy.backward(cuda, &slopes, ready, output, grad, Some(sums_view))?)
    }
}

/// With more and more memory: each allocation of a step is once the one that fails.
#[test]
#[ignore = "takes a shim with little memory: see `memory_that_runs_out_anywhere_is_all_given_back`"]
fn little_memory() -> Result<()> {
    let cuda = Cuda::open(0)?;
    let (_, total) = cuda.free_and_total_memory()?;
    for &name in StrategyName::ALL {
        let mut refused = BTreeSet::new();
        let mut there = 0;
        loop {
            assert!(there < total, "{name}: {there} bytes are not enough");
            let others = cuda.with_own_memory();
            let taken = others.alloc::<u8>(total - there)?;
            let before = cuda.free_and_total_memory()?;
            match with::<Cuda, f32, _>(name, TrainingStep(&cuda)) {
                Ok(()) => break,
                Err(error) => {
                    let Error::OutOfMemory { bytes, free: Some(free) } = error else {
                        panic!("{name} with {there} bytes: {error}");
                    };
                    assert!(bytes > free && free <= there, "{name}: {bytes} of {free}");
                    let text = error.to_string();
                    for number in [bytes, free] {
                        assert!(text.contains(&number.to_string()), "{number}: {text}");
                    }
                    refused.insert((bytes, there - free));
                }
            }
            assert_eq!(cuda.live_bytes(), 0, "{name}");
            cuda.release()?;
            assert_eq!(cuda.free_and_total_memory()?, before, "{name}: something is left");
            drop(taken);
            cuda.release()?;
            there += 256;
        }
        cuda.release()?;
        // Three tensors, tables, the slope gradient and the workspace.
        assert!(refused.len() >= 6, "{name}: only these allocations failed: {refused:?}");
    }
    Ok(())
}
