//! What can go wrong, and what to do about it.

use std::fmt;

/// Every error of the engine. A call that returns one has changed none of its arguments, but for
/// [`Error::Device`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A shape with no axes, or with more than eight.
    Axes {
        /// The shape.
        shape: Vec<usize>,
    },
    /// A channel axis that the shape does not have.
    Axis {
        /// The axis asked for, from 0.
        axis: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// More elements than can be addressed.
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
    },
    /// A dtype name that is not one.
    UnknownDtype {
        /// The name.
        name: String,
    },
    /// A filler that cannot be read, or whose parameters make no distribution.
    Filler {
        /// The filler as given.
        filler: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Slopes of another number than the tensor has channels (1 where the slope is shared).
    SlopeCount {
        /// Channels of the tensor, or 1.
        expected: usize,
        /// Slopes given.
        got: usize,
    },
    /// A view of another length than the tensor's.
    Length {
        /// Which argument.
        what: &'static str,
        /// Elements wanted.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// The slopes were updated, or are other slopes, since the saved state was made.
    SlopesChanged,
    /// The strategy reads the output `y` in backward and was given none.
    OutputRequired {
        /// The strategy.
        strategy: &'static str,
    },
    /// Learned slopes, and nowhere to add their gradient.
    SlopeGradientRequired,
    /// The saved state is to wait in the layer's gradient buffer, and the slot holds none.
    NoGradientBuffer,
    /// The layer's gradient buffer is smaller than its activation.
    GradientBufferTooSmall {
        /// Elements needed.
        need: usize,
        /// Elements there.
        have: usize,
    },
    /// The stash has to move to the shared buffer, and none was given.
    NoSharedBuffer,
    /// The shared buffer is already leased to another layer.
    SharedBufferBusy,
    /// The shared buffer is smaller than the stash.
    SharedBufferTooSmall {
        /// Elements needed.
        need: usize,
        /// Elements there.
        have: usize,
    },
    /// The allocator refused.
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
        /// Bytes that were free, where the device tells.
        free: Option<usize>,
    },
    /// A tensor that lies on another device than the one it was given to.
    WrongDevice {
        /// Which argument.
        what: &'static str,
        /// Index of the device that works.
        expected: usize,
        /// Index of the device that holds the tensor.
        got: usize,
    },
    /// The device failed. What it was doing may be half done.
    Device {
        /// The call that failed, such as a function of the device's driver.
        call: String,
        /// What the device said of it.
        reason: String,
    },
    /// An array whose elements do not fill one gapless piece of memory in some order of its axes.
    NotDense {
        /// The array's shape.
        shape: Vec<usize>,
        /// Its strides, in elements.
        strides: Vec<isize>,
    },
    /// An array laid out otherwise than the one the saved state was made from.
    LayoutDiffers {
        /// Which argument.
        what: &'static str,
        /// Shape and axes from slowest to fastest, wanted.
        expected: (Vec<usize>, Vec<usize>),
        /// The same, given.
        got: (Vec<usize>, Vec<usize>),
    },
    /// A backend for zero threads, for more than it can have, or for which none could be started.
    Threads {
        /// Threads asked for.
        threads: usize,
        /// Why not.
        reason: String,
    },
    /// A SIMD level that is not known or that this processor lacks.
    Simd {
        /// The level asked for.
        level: String,
        /// What this processor can do.
        accepted: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Axes { shape } => {
                write!(f, "shape {shape:?} has {} axes; 1 to 8 are accepted", shape.len())
            }
            Error::Axis { axis, shape } => write!(
                f,
                "axis {axis} is out of range for shape {shape:?}: 0 to {} are accepted",
                shape.len() - 1
            ),
            Error::TooLarge { shape } => {
                write!(f, "shape {shape:?} has more elements than can be addressed")
            }
            Error::UnknownDtype { name } => {
                write!(f, "unknown dtype '{name}': f16, bf16, f32 and f64 are accepted")
            }
            Error::Filler { filler, reason } => write!(f, "filler '{filler}': {reason}"),
            Error::SlopeCount { expected, got } => write!(f, "expected {expected} slopes, got {got}"),
            Error::Length { what, expected, got } => {
                write!(f, "{what}: expected {expected} elements, got {got}")
            }
            Error::SlopesChanged => f.write_str(
                "the slopes are not those of the forward pass: run backward before they are updated",
            ),
            Error::OutputRequired { strategy } => write!(
                f,
                "strategy {strategy} reads the output y in backward: pass the tensor that forward wrote"
            ),
            Error::SlopeGradientRequired => f.write_str(
                "the slopes are learned: pass a buffer for their gradient, or freeze them",
            ),
            Error::NoGradientBuffer => f.write_str(
                "the layer has no gradient buffer to lend: allocate it before forward, or use a strategy that owns its saved state",
            ),
            Error::GradientBufferTooSmall { need, have } => write!(
                f,
                "the layer's gradient buffer holds {have} elements; the stash needs {need}"
            ),
            Error::NoSharedBuffer => {
                f.write_str("the stash moves through a shared buffer in backward: pass one")
            }
            Error::SharedBufferBusy => f.write_str(
                "the shared buffer is leased to another layer: run that layer's backward first (one buffer serves a chain, not every graph)",
            ),
            Error::SharedBufferTooSmall { need, have } => write!(
                f,
                "the shared buffer holds {have} elements; the largest layer that uses it needs {need}"
            ),
            Error::OutOfMemory { bytes, free: None } => {
                write!(f, "out of memory: {bytes} bytes were refused")
            }
            Error::OutOfMemory { bytes, free: Some(free) } => {
                write!(f, "out of memory: {bytes} bytes were refused, {free} are free")
            }
            Error::WrongDevice { what, expected, got } => write!(
                f,
                "{what}: the tensor is on device {got}, the backend on device {expected}: pass one that is there too"
            ),
            Error::Device { call, reason } => write!(f, "{call}: {reason}"),
            Error::NotDense { shape, strides } => write!(
                f,
                "array of shape {shape:?} with strides {strides:?} has gaps, overlaps or reversed axes: pass a contiguous array (axes in any order)"
            ),
            Error::LayoutDiffers { what, expected, got } => write!(
                f,
                "{what}: expected shape {:?} with axes {:?} from slowest to fastest, got {:?} with {:?}",
                expected.0, expected.1, got.0, got.1
            ),
            Error::Threads { threads, reason } => write!(f, "{threads} threads: {reason}"),
            Error::Simd { level, accepted } => {
                write!(f, "SIMD level '{level}' cannot be used: {accepted} are accepted here")
            }
        }
    }
}

impl std::error::Error for Error {}

/// The engine's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error that gives back the state it would not spend, so that nothing saved is lost.
#[derive(Debug)]
pub struct Refused<S> {
    /// Why.
    pub error: Error,
    /// The state, untouched: correct the call and try again.
    pub state: S,
}

impl<S> From<Refused<S>> for Error {
    fn from(refused: Refused<S>) -> Error {
        refused.error
    }
}
