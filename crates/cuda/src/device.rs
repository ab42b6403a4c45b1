//! An opened device: its context, its memory pool and the kernels loaded on it.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cudarc::driver::sys::{CUdevice_attribute, CUmemPool_attribute, CUmemoryPool};

use crate::context::{Bound, Context};
use crate::error::{CudaError, call};
use crate::module::Module;
use crate::probe::{self, DeviceInfo};

/// An opened device. Clones are the same one, and so is a device that is opened again while one
/// of them is alive.
#[derive(Clone)]
pub(crate) struct Device(Arc<Opened>);

struct Opened {
    info: DeviceInfo,
    pool: CUmemoryPool,
    /// By the address of their image.
    modules: Mutex<HashMap<usize, Arc<Module>>>,
    context: Arc<Context>,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Opened {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Opened {}

/// What is open, so that kernels are loaded once.
static OPEN: Mutex<Vec<(usize, Weak<Opened>)>> = Mutex::new(Vec::new());

impl Device {
    /// Opens the device of this index, counted from 0. One that is open is not asked for again: loading the
    /// driver's library and asking for its devices takes as long as a layer's pass.
    pub(crate) fn open(index: usize) -> Result<Self, CudaError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, device)| device.strong_count() > 0);
        let found =
            open.iter().find(|(at, _)| *at == index).and_then(|(_, device)| device.upgrade());
        if let Some(device) = found {
            return Ok(Device(device));
        }
        let driver = probe::probe()?;
        let count = driver.devices.len();
        let Some(info) = driver.devices.get(index).cloned() else {
            return Err(CudaError::NoSuchDevice { index, count });
        };
        driver.supports(&info)?;
        let device = Arc::new(Opened::new(info)?);
        open.push((index, Arc::downgrade(&device)));
        Ok(Device(device))
    }

    /// What the driver says of the device.
    pub(crate) fn info(&self) -> &DeviceInfo {
        &self.0.info
    }

    /// The device's index.
    pub(crate) fn index(&self) -> usize {
        self.0.info.index
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.0.context
    }

    /// Makes the device current to this thread while the guard lives.
    pub(crate) fn bind(&self) -> Result<Bound, CudaError> {
        self.0.context.bind()
    }

    /// Free and total bytes of the device's memory.
    pub(crate) fn free_and_total_memory(&self) -> Result<(usize, usize), CudaError> {
        let _bound = self.bind()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: both numbers outlive the call.
        unsafe { call!(cuMemGetInfo_v2(&mut free, &mut total)) }?;
        Ok((free, total))
    }

    /// Gives the pool's memory that nothing uses back to the device.
    pub(crate) fn trim(&self) -> Result<(), CudaError> {
        let _bound = self.bind()?;
        // SAFETY: the pool is the device's own and lives as long as the device.
        unsafe { call!(cuMemPoolTrimTo(self.0.pool, 0)) }
    }

    /// The kernels of `image`, loaded where they are not yet.
    pub(crate) fn module(&self, image: &'static str) -> Result<Arc<Module>, CudaError> {
        let mut modules = self.modules();
        let place = image.as_ptr().addr();
        if let Some(module) = modules.get(&place) {
            return Ok(Arc::clone(module));
        }
        let module = Arc::new(Module::load(self.context(), image)?);
        modules.insert(place, Arc::clone(&module));
        Ok(module)
    }

    // A panic elsewhere leaves the map whole: a module is inserted in one step.
    fn modules(&self) -> MutexGuard<'_, HashMap<usize, Arc<Module>>> {
        self.0.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Device").field(&self.0.info).finish()
    }
}

impl Opened {
    fn new(info: DeviceInfo) -> Result<Self, CudaError> {
        let handle = probe::handle(info.index)?;
        let pools = CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
        if probe::attribute(handle, pools)? == 0 {
            return Err(CudaError::NoMemoryPools { device: info.name });
        }
        let context = Context::retain(handle)?;
        let _bound = context.bind()?;
        let mut pool = ptr::null_mut();
        // SAFETY: `pool` outlives the call.
        unsafe { call!(cuDeviceGetDefaultMemPool(&mut pool, handle)) }?;
        // What is freed stays in the pool for the next allocation: by default the driver gives it
        // back at every synchronisation, and a training step would pay for it again.
        let mut all = u64::MAX;
        let threshold = CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        let value = ptr::from_mut(&mut all).cast::<c_void>();
        // SAFETY: the attribute's value is a 64-bit count of bytes, and outlives the call.
        unsafe { call!(cuMemPoolSetAttribute(pool, threshold, value)) }?;
        Ok(Opened { info, pool, modules: Mutex::default(), context })
    }
}
