//! Looks for the CUDA driver and lists its devices.

use std::fmt;

use cudarc::driver::{
    DriverError,
    result::{self, device},
    sys::{self, CUdevice_attribute, CUresult},
};

use crate::CudaError;

/// An installed and working CUDA driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// The newest CUDA version this driver supports.
    pub version: DriverVersion,
    /// Its devices, by index. Empty where the driver is installed without hardware.
    pub devices: Vec<DeviceInfo>,
}

/// A CUDA version, such as 12.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DriverVersion {
    /// The part before the dot.
    pub major: u32,
    /// The part after the dot.
    pub minor: u32,
}

/// What a device's hardware can do, such as 9.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputeCapability {
    /// The part before the dot: the architecture.
    pub major: u32,
    /// The part after the dot.
    pub minor: u32,
}

/// One CUDA device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its index, as in `--device cuda:1`.
    pub index: usize,
    /// The name its maker gave it.
    pub name: String,
    /// Its whole memory, in bytes.
    pub memory_bytes: u64,
    /// What its hardware can do.
    pub compute_capability: ComputeCapability,
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The file names under which the driver library is looked for, in order, each once.
pub fn library_names() -> Vec<String> {
    let mut names = Vec::new();
    for name in ["cuda", "nvcuda"].iter().flat_map(|name| cudarc::get_lib_name_candidates(name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Loads the CUDA driver library, if there is one, and asks it for its version and devices.
///
/// A driver without devices is a success with an empty list.
///
/// # Errors
///
/// [`CudaError::NoDriver`] where no driver library is installed, [`CudaError::NotADriver`] where
/// the library lacks a function, [`CudaError::Call`] where the driver refuses a call.
pub fn probe() -> Result<Driver, CudaError> {
    load()?;
    let version = version()?;
    match result::init() {
        Ok(()) => {}
        Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)) => {
            return Ok(Driver { version, devices: Vec::new() });
        }
        Err(error) => return Err(failed("cuInit", error)),
    }
    let count = device::get_count().map_err(|error| failed("cuDeviceGetCount", error))?;
    let devices = (0..count).map(describe).collect::<Result<_, _>>()?;
    Ok(Driver { version, devices })
}

/// The functions used here: cudarc panics on a library that lacks one of them.
const FUNCTIONS: [&str; 8] = [
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuGetErrorName",
    "cuInit",
];

/// Makes sure that the calls below cannot panic: the library loads and has every function.
fn load() -> Result<(), CudaError> {
    // SAFETY: loading runs the library's own start-up code; the names are those of NVIDIA's driver.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::NoDriver { looked_for: library_names() });
    }
    // SAFETY: as above; the check just made found the library.
    let library = unsafe { sys::culib() };
    for missing in FUNCTIONS {
        // SAFETY: the address is only tested for being there, never called as this type.
        let found = unsafe { library.get::<unsafe extern "C" fn()>(missing.as_bytes()) };
        if found.is_err() {
            return Err(CudaError::NotADriver { missing });
        }
    }
    Ok(())
}

fn version() -> Result<DriverVersion, CudaError> {
    let mut number = 0;
    // SAFETY: `number` outlives the call, which needs no initialised driver.
    unsafe { sys::cuDriverGetVersion(&mut number) }
        .result()
        .map_err(|error| failed("cuDriverGetVersion", error))?;
    Ok(decode_version(number.unsigned_abs()))
}

/// The driver packs 12.8 as 12080.
fn decode_version(number: u32) -> DriverVersion {
    DriverVersion { major: number / 1000, minor: number % 1000 / 10 }
}

fn describe(index: i32) -> Result<DeviceInfo, CudaError> {
    let device = device::get(index).map_err(|error| failed("cuDeviceGet", error))?;
    let name = device::get_name(device).map_err(|error| failed("cuDeviceGetName", error))?;
    // SAFETY: `device` comes from `device::get`.
    let memory = unsafe { device::total_mem(device) }
        .map_err(|error| failed("cuDeviceTotalMem_v2", error))?;
    let attribute = |which| {
        // SAFETY: `device` comes from `device::get`.
        unsafe { device::get_attribute(device, which) }
            .map(i32::unsigned_abs)
            .map_err(|error| failed("cuDeviceGetAttribute", error))
    };
    Ok(DeviceInfo {
        index: index.unsigned_abs() as usize,
        name,
        memory_bytes: memory as u64,
        compute_capability: ComputeCapability {
            major: attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            minor: attribute(CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        },
    })
}

fn failed(function: &'static str, error: DriverError) -> CudaError {
    let name = match error.error_name() {
        Ok(name) => name.to_string_lossy().into_owned(),
        Err(_) => "an unnamed error".to_owned(),
    };
    CudaError::Call { function, code: error.0 as u32, name }
}

#[cfg(test)]
mod tests {
    use super::{DriverVersion, decode_version, library_names};
    use crate::error::USUAL_NAME;

    #[test]
    fn a_version_is_unpacked() {
        let version = decode_version(12080);
        assert_eq!(version, DriverVersion { major: 12, minor: 8 });
        assert_eq!(version.to_string(), "12.8");
        assert_eq!(decode_version(13010).to_string(), "13.1");
    }

    #[test]
    fn the_usual_file_name_is_looked_for_once() {
        let names = library_names();
        let times = names.iter().filter(|name| *name == USUAL_NAME).count();
        assert_eq!(times, 1, "{names:?}");
    }
}
