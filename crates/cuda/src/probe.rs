//! Looks for the CUDA driver and lists its devices.

use std::fmt;

use cudarc::driver::sys::{self, CUdevice, CUdevice_attribute, CUresult};

use crate::error::{CudaError, call};

/// The least compute capability that the kernels are made for.
pub const MIN_CAPABILITY: ComputeCapability = ComputeCapability { major: 7, minor: 5 };

/// The least CUDA version that the driver has to support: the kernels are PTX of ISA 8.2.
pub const MIN_DRIVER: DriverVersion = DriverVersion { major: 12, minor: 2 };

/// What carries the kernels to the device, in a sentence for people.
pub const KERNELS: &str = "embedded as PTX (ISA 8.2) for compute capability 7.5 and newer; \
     no CUDA runtime or toolkit is needed";

/// An installed and working CUDA driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Driver {
    /// The newest CUDA version this driver supports.
    pub version: DriverVersion,
    /// Its devices, by index. Empty where the driver is installed without hardware.
    pub devices: Vec<DeviceInfo>,
}

impl Driver {
    /// Whether this driver and the device together can run the kernels.
    ///
    /// # Errors
    ///
    /// [`CudaError::OldDriver`] and [`CudaError::Capability`] say what is too old.
    pub fn supports(&self, device: &DeviceInfo) -> Result<(), CudaError> {
        if self.version < MIN_DRIVER {
            return Err(CudaError::OldDriver { version: self.version });
        }
        if device.compute_capability < MIN_CAPABILITY {
            let (device, capability) = (device.name.clone(), device.compute_capability);
            return Err(CudaError::Capability { device, capability });
        }
        Ok(())
    }
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
    // SAFETY: the flags have to be 0. Calling again is allowed and does nothing.
    match unsafe { call!(cuInit(0)) } {
        Err(error) if error.is(CUresult::CUDA_ERROR_NO_DEVICE) => {
            return Ok(Driver { version, devices: Vec::new() });
        }
        other => other?,
    }
    let mut count = 0;
    // SAFETY: `count` outlives the call.
    unsafe { call!(cuDeviceGetCount(&mut count)) }?;
    let count = usize::try_from(count).unwrap_or(0);
    let devices = (0..count).map(describe).collect::<Result<_, _>>()?;
    Ok(Driver { version, devices })
}

/// Every driver function that this crate calls: cudarc panics on a library that lacks one of them.
/// All of them are in the drivers that [`MIN_DRIVER`] asks for.
const FUNCTIONS: &[&str] = &[
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetDefaultMemPool",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventElapsedTime",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAllocAsync",
    "cuMemFreeAsync",
    "cuMemGetInfo_v2",
    "cuMemPoolSetAttribute",
    "cuMemPoolTrimTo",
    "cuMemcpyDtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuPointerGetAttribute",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamGetCtx",
    "cuStreamSynchronize",
];

/// Makes sure that no call can panic: the library loads and has every function.
fn load() -> Result<(), CudaError> {
    // SAFETY: loading runs the library's own start-up code; the names are those of NVIDIA's driver.
    if !unsafe { sys::is_culib_present() } {
        return Err(CudaError::NoDriver { looked_for: library_names() });
    }
    // SAFETY: as above; the check just made found the library.
    let library = unsafe { sys::culib() };
    for &missing in FUNCTIONS {
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
    unsafe { call!(cuDriverGetVersion(&mut number)) }?;
    Ok(decode_version(number.unsigned_abs()))
}

/// The driver packs 12.8 as 12080.
fn decode_version(number: u32) -> DriverVersion {
    DriverVersion { major: number / 1000, minor: number % 1000 / 10 }
}

/// The driver's handle for the device of this index.
pub(crate) fn handle(index: usize) -> Result<CUdevice, CudaError> {
    let mut device = 0;
    // No index that the driver gave is larger; it refuses this one.
    let index = i32::try_from(index).unwrap_or(i32::MAX);
    // SAFETY: `device` outlives the call.
    unsafe { call!(cuDeviceGet(&mut device, index)) }?;
    Ok(device)
}

/// A number that the driver knows of the device.
pub(crate) fn attribute(device: CUdevice, which: CUdevice_attribute) -> Result<u32, CudaError> {
    let mut value = 0;
    // SAFETY: `value` outlives the call; a device that is none is refused.
    unsafe { call!(cuDeviceGetAttribute(&mut value, which, device)) }?;
    Ok(value.unsigned_abs())
}

fn describe(index: usize) -> Result<DeviceInfo, CudaError> {
    let device = handle(index)?;
    let mut name = [0_u8; 128];
    let mut memory = 0;
    // SAFETY: both outlive the calls; one byte is left for the null at the name's end.
    unsafe {
        call!(cuDeviceGetName(name.as_mut_ptr().cast(), 127, device))?;
        call!(cuDeviceTotalMem_v2(&mut memory, device))?;
    }
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    Ok(DeviceInfo {
        index,
        name: String::from_utf8_lossy(&name[..end]).into_owned(),
        memory_bytes: memory as u64,
        compute_capability: ComputeCapability {
            major: attribute(
                device,
                CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            )?,
            minor: attribute(
                device,
                CUdevice_attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
            )?,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{DriverVersion, FUNCTIONS, decode_version, library_names};
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

    /// Words that are a driver function's name, in the text and outside of quotes.
    fn called(text: &str, names: &mut BTreeSet<String>) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
            for word in line.split(|c| !is_part(c)) {
                let rest = word.strip_prefix("cu").unwrap_or_default();
                if rest.starts_with(|c: char| c.is_ascii_uppercase()) && !word.contains('"') {
                    names.insert(word.to_owned());
                }
            }
        }
    }

    fn read_folder(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                read_folder(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                called(&std::fs::read_to_string(&path).expect("a source is text"), names);
            }
        }
    }

    #[test]
    fn every_function_that_is_called_is_looked_for() {
        let mut names = BTreeSet::new();
        read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        let listed = FUNCTIONS.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(names, listed);
    }
}
