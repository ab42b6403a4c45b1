//! Holds what is reported against what this machine shows by other means, with or without CUDA.

mod driver;

use driver::{driver_or_skip, skipped};
use prelu_mem_cuda::{Cuda, CudaError, MIN_CAPABILITY, library_names, probe};

#[test]
fn probing_twice_tells_the_same() {
    assert_eq!(probe(), probe());
}

#[test]
fn absence_names_what_was_looked_for() {
    match probe() {
        Ok(driver) => assert!(driver.version.major > 0),
        Err(CudaError::NoDriver { looked_for }) => {
            assert_eq!(looked_for, library_names());
            assert!(Cuda::open(0).is_err_and(|error| matches!(error, CudaError::NoDriver { .. })));
        }
        Err(error) => assert!(error.to_string().contains('`'), "{error}"),
    }
}

#[test]
fn a_driver_shows_no_more_devices_than_the_kernel() {
    let test = "a_driver_shows_no_more_devices_than_the_kernel";
    let Some(driver) = driver_or_skip(test) else {
        return;
    };
    let Ok(shown) = std::fs::read_dir("/proc/driver/nvidia/gpus") else {
        skipped(test, "the kernel does not list its devices here");
        return;
    };
    assert!(driver.devices.len() <= shown.count());
}

#[test]
fn each_device_is_described() {
    let Some(driver) = driver_or_skip("each_device_is_described") else {
        return;
    };
    for (index, device) in driver.devices.iter().enumerate() {
        assert_eq!(device.index, index);
        assert!(!device.name.is_empty());
        assert!(device.memory_bytes >= 1 << 28, "{device:?}");
        assert!(device.compute_capability.major >= 3, "{device:?}");
    }
}

#[test]
fn a_device_opens_or_says_why_not() {
    let Some(driver) = driver_or_skip("a_device_opens_or_says_why_not") else {
        return;
    };
    for device in driver.devices {
        match Cuda::open(device.index) {
            Ok(cuda) => assert_eq!(*cuda.device_info(), device),
            Err(CudaError::Capability { device: name, capability }) => {
                assert_eq!((name, capability), (device.name, device.compute_capability));
                assert!(capability < MIN_CAPABILITY, "{capability}");
            }
            Err(error) => panic!("{device:?}: {error}"),
        }
    }
}

#[test]
fn an_index_out_of_range_is_refused() {
    let Some(driver) = driver_or_skip("an_index_out_of_range_is_refused") else {
        return;
    };
    let count = driver.devices.len();
    assert_eq!(Cuda::open(count).err(), Some(CudaError::NoSuchDevice { index: count, count }));
}
