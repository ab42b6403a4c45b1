//! Kernels on a device: an image, loaded, and its functions.

use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys::{CUfunction, CUmodule};

use crate::context::Context;
use crate::error::{CudaError, call};

/// A loaded image of kernels. Unloaded on drop.
#[derive(Debug)]
pub(crate) struct Module {
    handle: CUmodule,
    /// Those found so far, by name: a plan looks up three.
    functions: Mutex<Vec<(&'static CStr, CUfunction)>>,
    context: Arc<Context>,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Module {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Module {}

impl Module {
    /// Loads PTX text; the driver compiles it for the device, or takes what it compiled before.
    pub(crate) fn load(context: &Arc<Context>, image: &str) -> Result<Self, CudaError> {
        let _bound = context.bind()?;
        let text = CString::new(image).map_err(|_| CudaError::Image)?;
        let mut handle = ptr::null_mut();
        // SAFETY: the text ends with a null byte and outlives the call, and so does `handle`.
        unsafe { call!(cuModuleLoadData(&mut handle, text.as_ptr().cast())) }?;
        Ok(Module { handle, functions: Mutex::default(), context: Arc::clone(context) })
    }

    /// The kernel of this name.
    pub(crate) fn function(self: &Arc<Self>, name: &'static CStr) -> Result<Function, CudaError> {
        // A panic elsewhere leaves the list whole.
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&(_, handle)) = functions.iter().find(|(found, _)| *found == name) {
            return Ok(Function { handle, _module: Arc::clone(self) });
        }
        let _bound = self.context.bind()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the module is loaded; the name ends with a null byte.
        unsafe { call!(cuModuleGetFunction(&mut handle, self.handle, name.as_ptr())) }?;
        functions.push((name, handle));
        Ok(Function { handle, _module: Arc::clone(self) })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        if let Ok(_bound) = self.context.bind() {
            // SAFETY: loaded once in `load`, unloaded once here; functions keep the module alive. A
            // failure leaves nothing to do.
            let _ = unsafe { call!(cuModuleUnload(self.handle)) };
        }
    }
}

/// A kernel, and the module that holds it.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) handle: CUfunction,
    _module: Arc<Module>,
}

// SAFETY: the driver's handles belong to the process and may be used from any thread.
unsafe impl Send for Function {}
// SAFETY: as above; the driver's functions lock by themselves.
unsafe impl Sync for Function {}
