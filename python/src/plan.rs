//! A plan as Python sees it.

use std::ffi::c_void;
use std::sync::Arc;

use prelu_mem_core::Dtype;
use prelu_mem_cuda::Cuda;
use pyo3::prelude::*;

use crate::cpu::{Threads, cpu};
use crate::errors::Failure;
use crate::loops::Backward;
use crate::made_with::{self, MadeWith};
use crate::request::{Planned, Request, Tensor, Where};
use crate::table;

/// What is saved of one tensor for one set of slopes, and the loops that do it.
#[pyclass(frozen, module = "prelu_mem._native")]
pub(crate) struct Plan {
    place: Where,
    planned: Arc<Planned>,
}

/// Plans a dense tensor: `strides` count elements, `slopes` is the address and number of values of
/// the tensor's dtype in the process's memory, `cuda` a device's index and a `cudaStream_t`.
///
/// The caller keeps the slopes alive during the call.
#[pyfunction]
#[pyo3(signature = (strategy, dtype, shape, strides, axis, shared, learned, slopes, cuda=None))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
#[expect(clippy::needless_pass_by_value, reason = "converted from Python's tuples")]
pub(crate) fn plan(
    strategy: &str,
    dtype: &str,
    shape: Vec<usize>,
    strides: Vec<isize>,
    axis: usize,
    shared: bool,
    learned: bool,
    slopes: (u64, usize),
    cuda: Option<(usize, usize)>,
) -> Result<Plan, PyErr> {
    let place = place(cuda);
    let tensor = Tensor { dtype, shape: &shape, strides: &strides, axis, shared };
    // SAFETY: the package passes a contiguous tensor of this dtype that it holds.
    let request = unsafe { Request::new(place, strategy, &tensor, learned, slopes) }?;
    Ok(Plan { place, planned: table::find(request)? })
}

/// The plan that a saved state was written with, for a tensor whose channel axis is 1 where it has more than one:
/// `made_with` is the address and number of values of what [`describe`] wrote. Nothing where this tensor is not gapless or
/// its axes lie in another order than the input's did.
#[pyfunction]
#[pyo3(signature = (strategy, dtype, shape, strides, learned, made_with, cuda=None))]
pub(crate) fn plan_again(
    strategy: &str,
    dtype: &str,
    mut shape: Vec<usize>,
    mut strides: Vec<isize>,
    learned: bool,
    made_with: (u64, usize),
    cuda: Option<(usize, usize)>,
) -> Result<Option<Plan>, PyErr> {
    let place = place(cuda);
    // SAFETY: the package passes a contiguous float64 tensor that it holds.
    let made_with = unsafe { MadeWith::read(made_with, parsed(dtype)?) }?;
    if !made_with.fits(&shape, &strides) {
        return Ok(None);
    }
    if shape.is_empty() {
        (shape, strides) = (vec![1], vec![1]);
    }
    // Without a channel axis there is one slope.
    let (axis, shared) = match shape.get(1) {
        Some(&channels) => (1, made_with.count == 1 && channels != 1),
        None => (0, true),
    };
    let tensor = Tensor { dtype, shape: &shape, strides: &strides, axis, shared };
    let request = Request::of_slopes(place, strategy, &tensor, learned, made_with.slopes)?;
    Ok(Some(Plan { place, planned: table::find(request)? }))
}

/// Writes what a plan was made of to `to`: the axes from slowest to fastest and the slopes, of `dtype`, by address and
/// number. There is room for 8 values and the slopes.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "converted from Python's tuples")]
pub(crate) fn describe(
    to: u64,
    order: Vec<usize>,
    dtype: &str,
    slopes: (u64, usize),
) -> Result<(), PyErr> {
    // SAFETY: the package passes tensors of these sizes that it holds.
    Ok(unsafe { made_with::write(to, &order, parsed(dtype)?, slopes) }?)
}

fn parsed(dtype: &str) -> Result<Dtype, Failure> {
    Ok(dtype.parse::<Dtype>()?)
}

fn place(cuda: Option<(usize, usize)>) -> Where {
    match cuda {
        None => Where::Cpu,
        Some((device, stream)) => Where::Cuda { device, stream },
    }
}

/// Work in a framework's stream.
fn cuda(place: Where) -> Result<Cuda, Failure> {
    let (device, stream) = match place {
        Where::Cuda { device, stream } => (device, stream),
        Where::Cpu => (0, 0),
    };
    // SAFETY: frameworks never destroy their streams.
    Ok(unsafe { Cuda::on_stream(device, stream as *mut c_void) }?)
}

#[pymethods]
impl Plan {
    /// Bytes of the saved state.
    #[getter]
    fn saved_bytes(&self) -> usize {
        match &*self.planned {
            Planned::Cpu(loops) => loops.saved_bytes(),
            Planned::Cuda(loops) => loops.saved_bytes(),
        }
    }

    /// Bytes of the saved state that nothing is written to: from the first to before the second.
    #[getter]
    fn padding(&self) -> (usize, usize) {
        match &*self.planned {
            Planned::Cpu(loops) => loops.padding(),
            Planned::Cuda(loops) => loops.padding(),
        }
    }

    /// Whether backward reads the output.
    #[getter]
    fn needs_output(&self) -> bool {
        match &*self.planned {
            Planned::Cpu(loops) => loops.needs_output(),
            Planned::Cuda(loops) => loops.needs_output(),
        }
    }

    /// Elements of derived, encoded and kept channels.
    #[getter]
    fn elements(&self) -> (usize, usize, usize) {
        let [derived, encoded, kept] = match &*self.planned {
            Planned::Cpu(loops) => loops.elements(),
            Planned::Cuda(loops) => loops.elements(),
        };
        (derived, encoded, kept)
    }

    /// Overwrites the tensor at `x` with the output and fills the saved state: an address and bytes. `lent` asks
    /// for the framework's threads, where there are such (see `lend_threads`).
    ///
    /// The caller vouches for both addresses and keeps the memory alive.
    #[pyo3(signature = (x, saved, threads, lent=false))]
    fn forward(
        &self,
        python: Python<'_>,
        x: u64,
        saved: (u64, usize),
        threads: usize,
        lent: bool,
    ) -> Result<(), PyErr> {
        let threads = Threads { count: threads, lent };
        python.detach(|| {
            match &*self.planned {
                // SAFETY: the package passes tensors of the plan's dtype and layout that it holds.
                Planned::Cpu(loops) => unsafe { loops.forward(&cpu(threads)?, x, saved) },
                // SAFETY: as above, on the plan's device.
                Planned::Cuda(loops) => unsafe { loops.forward(&cuda(self.place)?, x, saved) },
            }
            .map_err(PyErr::from)
        })
    }

    /// Overwrites the upstream gradient at `grad` with the input gradient, and adds the slope gradient to
    /// the `f64` values at `sums`. `output` is what forward wrote, where it is needed.
    ///
    /// The caller vouches for all addresses and keeps the memory alive.
    #[pyo3(signature = (grad, output, saved, sums, threads, lent=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    fn backward(
        &self,
        python: Python<'_>,
        grad: u64,
        output: Option<u64>,
        saved: (u64, usize),
        sums: Option<u64>,
        threads: usize,
        lent: bool,
    ) -> Result<(), PyErr> {
        let at = Backward { grad, output, saved, sums };
        let threads = Threads { count: threads, lent };
        python.detach(|| {
            match &*self.planned {
                // SAFETY: the package passes tensors of the plan's dtype and layout that it holds.
                Planned::Cpu(loops) => unsafe { loops.backward(&cpu(threads)?, &at) },
                // SAFETY: as above, on the plan's device.
                Planned::Cuda(loops) => unsafe { loops.backward(&cuda(self.place)?, &at) },
            }
            .map_err(PyErr::from)
        })
    }
}
