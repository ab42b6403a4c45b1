//! What the device's memory allows: the simplest loops there are, for `bench` to compare with.
//!
//! ```text
//! scale:  a[i] = a[i] * s               2 elements moved per element, as PReLU's forward in place
//! triad:  g[i] = g[i] * s + y[i] * t    3, as PReLU's backward over its output
//! ```

use std::ffi::CStr;

use prelu_mem_core::{Element, Error, Result};

use crate::buffer::{View, ViewMut};
use crate::cuda::Cuda;
use crate::error::CudaError;

/// The kernels, for every device.
const IMAGE: &str = include_str!("../limits/limits.ptx");

/// Elements of a block: `OF_BLOCK` of the kernels.
const BLOCK: usize = 4 * 8 * crate::stream::THREADS as usize;

/// The arguments of `scale`, as in kernels/arguments.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
struct Scale {
    a: u64,
    count: u64,
}

/// The arguments of `triad`, as in kernels/arguments.cuh.
#[repr(C)]
#[derive(Clone, Copy)]
struct Triad {
    g: u64,
    y: u64,
    count: u64,
}

const _: () = assert!(size_of::<Scale>() == 16 && size_of::<Triad>() == 24);

impl Cuda {
    /// `a *= 0.999`; for 2-byte elements, whose arithmetic is not that of a GPU's integers, some
    /// multiple of their bits: only the bytes matter. Does not wait.
    ///
    /// # Errors
    /// [`Error::WrongDevice`]; [`Error::Device`], also for more elements than a launch can cover.
    pub fn scale<T: Element>(&self, a: ViewMut<'_, T>) -> Result<()> {
        self.here("a", a.device())?;
        let name = match size_of::<T>() {
            2 => c"scale_16",
            4 => c"scale_f32",
            _ => c"scale_f64",
        };
        let arguments = Scale { a: a.address(), count: a.len() as u64 };
        // SAFETY: `scale_*` takes `Scale`; the view is `count` elements of the name's size on this
        // device.
        Ok(unsafe { self.launch_limit(name, a.len(), &arguments) }?)
    }

    /// `g = g * 0.999 + y * 0.25`, both of one length; for 2-byte elements some sum of multiples of
    /// their bits. Does not wait.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::WrongDevice`]; [`Error::Device`].
    pub fn triad<T: Element>(&self, g: ViewMut<'_, T>, y: View<'_, T>) -> Result<()> {
        let (expected, got) = (g.len(), y.len());
        if expected != got {
            return Err(Error::Length { what: "y", expected, got });
        }
        self.here("g", g.device())?;
        self.here("y", y.device())?;
        let name = match size_of::<T>() {
            2 => c"triad_16",
            4 => c"triad_f32",
            _ => c"triad_f64",
        };
        let arguments = Triad { g: g.address(), y: y.address(), count: g.len() as u64 };
        // SAFETY: `triad_*` takes `Triad`; both views are `count` elements of the name's size on this
        // device.
        Ok(unsafe { self.launch_limit(name, g.len(), &arguments) }?)
    }

    /// # Safety
    /// `arguments` is what the kernel takes, with addresses of `count` elements on this device.
    unsafe fn launch_limit<A: Copy>(
        &self,
        name: &'static CStr,
        count: usize,
        arguments: &A,
    ) -> Result<(), CudaError> {
        if count == 0 {
            return Ok(());
        }
        let blocks = i32::try_from(count.div_ceil(BLOCK)).map_err(|_| CudaError::Grid { count })?;
        let function = self.module(IMAGE)?.function(name)?;
        // SAFETY: by the caller's word.
        unsafe { self.stream().launch(&function, [blocks.unsigned_abs(), 1], arguments) }
    }
}
