//! A plan as Python sees it.

use std::sync::{Arc, Weak};

use prelu_mem_core::Dtype;
use pyo3::prelude::*;

use crate::cpu::{Threads, cpu};
use crate::errors::Failure;
use crate::loops::Backward;
use crate::made_with::{self, AXES, MadeWith};
use crate::request::{Planned, Request, Tensor, Where};
use crate::table;

/// What is saved of one tensor for one set of slopes, and the loops that do it. Whoever keeps it keeps the slopes; the loops
/// with their tables are the table's, which makes them again where it has let go of them.
#[pyclass(frozen, module = "prelu_mem._native")]
pub(crate) struct Plan {
    request: Request,
    shape: Vec<usize>,
    /// The tensor's axes from slowest to fastest.
    order: Vec<usize>,
    planned: Weak<Planned>,
}

/// Plans a dense tensor: `strides` count elements, `slopes` is the address and number of values of
/// the tensor's dtype in the process's memory, `cuda` a device's index and a `cudaStream_t`.
///
/// The caller keeps the slopes alive during the call.
#[pyfunction]
#[pyo3(signature = (strategy, dtype, shape, strides, axis, shared, learned, slopes, cuda=None))]
#[expect(clippy::too_many_arguments, reason = "keywords in Python")]
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
    if shape.len() > AXES {
        return Err(Failure::Axes { got: shape.len() }.into());
    }
    let order = made_with::memory_order(&shape, &strides);
    let (with_axis, strides) = with_an_axis(&shape, &strides);
    let tensor = Tensor { dtype, shape: with_axis, strides, axis, shared };
    // SAFETY: the package passes a contiguous tensor of this dtype that it holds.
    let request = unsafe { Request::new(place, strategy, &tensor, learned, slopes) }?;
    Ok(Plan::new(request, shape, order)?)
}

/// The plan that a saved state was written with, for a tensor whose channel axis is 1 where it has more than one:
/// `made_with` is the address and number of values of what [`Plan::describe`] wrote. Nothing where this tensor is not gapless or
/// its axes lie in another order than the input's did.
#[pyfunction]
#[pyo3(signature = (strategy, dtype, shape, strides, learned, made_with, cuda=None))]
pub(crate) fn plan_again(
    strategy: &str,
    dtype: &str,
    shape: Vec<usize>,
    strides: Vec<isize>,
    learned: bool,
    made_with: (u64, usize),
    cuda: Option<(usize, usize)>,
) -> Result<Option<Plan>, PyErr> {
    let place = place(cuda);
    // SAFETY: the package passes a contiguous float64 tensor that it holds.
    let made_with = unsafe { MadeWith::read(made_with, parsed(dtype)?) }?;
    if !made_with::fits(&made_with.order, &shape, &strides) {
        return Ok(None);
    }
    // Without a channel axis there is one slope.
    let (axis, shared) = match shape.get(1) {
        Some(&channels) => (1, made_with.count == 1 && channels != 1),
        None => (0, true),
    };
    let (with_axis, strides) = with_an_axis(&shape, &strides);
    let tensor = Tensor { dtype, shape: with_axis, strides, axis, shared };
    let request = Request::of_slopes(place, strategy, &tensor, learned, made_with.slopes)?;
    Ok(Some(Plan::new(request, shape, made_with.order)?))
}

/// A tensor without axes is one element of one channel.
fn with_an_axis<'a>(shape: &'a [usize], strides: &'a [isize]) -> (&'a [usize], &'a [isize]) {
    if shape.is_empty() { (&[1], &[1]) } else { (shape, strides) }
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

impl Plan {
    fn new(request: Request, shape: Vec<usize>, order: Vec<usize>) -> Result<Self, Failure> {
        let planned = Arc::downgrade(&table::find(&request)?);
        Ok(Plan { request, shape, order, planned })
    }

    fn planned(&self) -> Result<Arc<Planned>, Failure> {
        self.planned.upgrade().map_or_else(|| table::find(&self.request), Ok)
    }
}

#[pymethods]
impl Plan {
    /// Bytes of the saved state.
    #[getter]
    fn saved_bytes(&self) -> Result<usize, PyErr> {
        Ok(match &*self.planned()? {
            Planned::Cpu(loops) => loops.saved_bytes(),
            Planned::Cuda(loops, _) => loops.saved_bytes(),
        })
    }

    /// Bytes of the saved state that nothing is written to: from the first to before the second.
    #[getter]
    fn padding(&self) -> Result<(usize, usize), PyErr> {
        Ok(match &*self.planned()? {
            Planned::Cpu(loops) => loops.padding(),
            Planned::Cuda(loops, _) => loops.padding(),
        })
    }

    /// Whether backward reads the output.
    #[getter]
    fn needs_output(&self) -> Result<bool, PyErr> {
        Ok(match &*self.planned()? {
            Planned::Cpu(loops) => loops.needs_output(),
            Planned::Cuda(loops, _) => loops.needs_output(),
        })
    }

    /// Elements of derived, encoded and kept channels.
    #[getter]
    fn elements(&self) -> Result<(usize, usize, usize), PyErr> {
        let [derived, encoded, kept] = match &*self.planned()? {
            Planned::Cpu(loops) => loops.elements(),
            Planned::Cuda(loops, _) => loops.elements(),
        };
        Ok((derived, encoded, kept))
    }

    /// How many slopes it was made for.
    #[getter]
    fn slopes(&self) -> usize {
        self.request.slope_count()
    }

    /// Whether a tensor of this dtype, shape and strides, in elements, is laid out as the one that was planned for, and on a
    /// GPU is used in the stream of the plan.
    #[pyo3(signature = (dtype, shape, strides, cuda=None))]
    #[expect(clippy::needless_pass_by_value, reason = "converted from Python's tuples")]
    fn fits(
        &self,
        dtype: &str,
        shape: Vec<usize>,
        strides: Vec<isize>,
        cuda: Option<(usize, usize)>,
    ) -> bool {
        self.request.is_of(place(cuda), dtype)
            && shape == self.shape
            && made_with::fits(&self.order, &shape, &strides)
    }

    /// Writes what the plan was made of to `to`: the axes from slowest to fastest and the slopes. There is room for 8
    /// values and the slopes.
    fn describe(&self, to: u64) {
        // SAFETY: the package passes a float64 tensor of this size that it holds.
        unsafe { made_with::write(to, &self.order, &self.request.slope_values()) }
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
            match &*self.planned()? {
                // SAFETY: the package passes tensors of the plan's dtype and layout that it holds.
                Planned::Cpu(loops) => unsafe { loops.forward(&cpu(threads)?, x, saved) },
                // SAFETY: as above, on the plan's device.
                Planned::Cuda(loops, cuda) => unsafe { loops.forward(cuda, x, saved) },
            }
            .map_err(PyErr::from)
        })
    }

    /// Overwrites the upstream gradient at `grad` with the input gradient, and the `f64` values at `sums`
    /// with the slope gradient. `output` is what forward wrote, where it is needed.
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
            match &*self.planned()? {
                // SAFETY: the package passes tensors of the plan's dtype and layout that it holds.
                Planned::Cpu(loops) => unsafe { loops.backward(&cpu(threads)?, &at) },
                // SAFETY: as above, on the plan's device.
                Planned::Cuda(loops, cuda) => unsafe { loops.backward(cuda, &at) },
            }
            .map_err(PyErr::from)
        })
    }
}
