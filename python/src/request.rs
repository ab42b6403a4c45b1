//! What is to be planned: everything that tells one plan from another.

use std::slice;

use half::{bf16, f16};
use prelu_mem_core::array::Layout;
use prelu_mem_core::{Cpu, Dtype, Element, Geometry, Sharing, Slopes};
use prelu_mem_cuda::Cuda;
use prelu_mem_registry::{EveryKernel, StrategyName};

use crate::cuda;
use crate::errors::Failure;
use crate::loops::{self, Loops};
use crate::place::Place;

/// Where the tensors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Where {
    /// In the process's memory.
    Cpu,
    /// On this device; work is put in this stream.
    Cuda { device: usize, stream: usize },
}

/// A plan's key. Slopes are compared by their bytes: whoever changed them, and by which way, is seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    place: Where,
    strategy: StrategyName,
    dtype: Dtype,
    geometry: Geometry,
    learned: bool,
    slopes: Box<[u8]>,
}

/// A plan's loops, for its backend; on a GPU with the backend, which works in the plan's stream.
pub(crate) enum Planned {
    Cpu(Box<dyn Loops<Cpu>>),
    Cuda(Box<dyn Loops<Cuda>>, Cuda),
}

/// A dense tensor's layout and its channel axis.
pub(crate) struct Tensor<'a> {
    pub(crate) dtype: &'a str,
    pub(crate) shape: &'a [usize],
    pub(crate) strides: &'a [isize],
    pub(crate) axis: usize,
    pub(crate) shared: bool,
}

impl Request {
    /// Reads the slopes, of the tensor's dtype, from the process's memory.
    ///
    /// # Safety
    /// At `slopes.0` there are `slopes.1` values of the dtype.
    pub(crate) unsafe fn new(
        place: Where,
        strategy: &str,
        tensor: &Tensor<'_>,
        learned: bool,
        slopes: (u64, usize),
    ) -> Result<Self, Failure> {
        let dtype: Dtype = tensor.dtype.parse()?;
        let (address, count) = slopes;
        let bytes: &[u8] = if count == 0 {
            &[]
        } else {
            // SAFETY: by the caller's word; bytes have no alignment.
            unsafe { slice::from_raw_parts(address as *const u8, count * dtype.bytes()) }
        };
        Request::of_slopes(place, strategy, tensor, learned, bytes.into())
    }

    /// The same with the slopes' bytes, in the tensor's dtype.
    pub(crate) fn of_slopes(
        place: Where,
        strategy: &str,
        tensor: &Tensor<'_>,
        learned: bool,
        slopes: Box<[u8]>,
    ) -> Result<Self, Failure> {
        let strategy = strategy.parse().map_err(Failure::Strategy)?;
        let dtype: Dtype = tensor.dtype.parse()?;
        let sharing = if tensor.shared { Sharing::Shared } else { Sharing::PerChannel };
        let layout = Layout::new(tensor.shape, tensor.strides)?;
        let geometry = layout.geometry(tensor.axis, sharing)?;
        Ok(Request { place, strategy, dtype, geometry, learned, slopes })
    }

    /// Whether it is of tensors of this dtype, in this place.
    pub(crate) fn is_of(&self, place: Where, dtype: &str) -> bool {
        self.place == place && self.dtype.name() == dtype
    }

    pub(crate) fn slope_count(&self) -> usize {
        self.slopes.len() / self.dtype.bytes()
    }

    /// The slopes, which every dtype has exactly in `f64`.
    pub(crate) fn slope_values(&self) -> Vec<f64> {
        fn widened<T: Element>(bytes: &[u8]) -> Vec<f64> {
            let values: Vec<T> = bytemuck::pod_collect_to_vec(bytes);
            values.into_iter().map(Element::to_f64).collect()
        }
        match self.dtype {
            Dtype::F16 => widened::<f16>(&self.slopes),
            Dtype::Bf16 => widened::<bf16>(&self.slopes),
            Dtype::F32 => widened::<f32>(&self.slopes),
            Dtype::F64 => widened::<f64>(&self.slopes),
        }
    }

    /// Classifies the channels.
    pub(crate) fn plan(&self) -> Result<Planned, Failure> {
        match self.place {
            Where::Cpu => self.for_backend::<Cpu>().map(Planned::Cpu),
            Where::Cuda { device, stream } => {
                Ok(Planned::Cuda(self.for_backend::<Cuda>()?, cuda::in_stream(device, stream)?))
            }
        }
    }

    fn for_backend<B>(&self) -> Result<Box<dyn Loops<B>>, Failure>
    where
        B: Place + EveryKernel<f16> + EveryKernel<bf16> + EveryKernel<f32> + EveryKernel<f64>,
    {
        match self.dtype {
            Dtype::F16 => self.of::<B, f16>(),
            Dtype::Bf16 => self.of::<B, bf16>(),
            Dtype::F32 => self.of::<B, f32>(),
            Dtype::F64 => self.of::<B, f64>(),
        }
    }

    fn of<B: Place + EveryKernel<T>, T: Element>(&self) -> Result<Box<dyn Loops<B>>, Failure> {
        let values: Vec<T> = bytemuck::pod_collect_to_vec(&self.slopes);
        let slopes = if self.learned { Slopes::learned(values) } else { Slopes::frozen(values) };
        loops::plan(self.strategy, &self.geometry, &slopes)
    }
}
