//! What the commands ask of a backend besides its loops: all in which the processor and a GPU differ.

mod cpu;
mod cuda;

use std::fmt;

use prelu_mem_core::contract::Host;
use prelu_mem_core::{Backend, Cpu, DirectKernels, Element, Error, Word};
use prelu_mem_cuda::Cuda;
use prelu_mem_registry::EveryKernel;

use crate::failure::Failure;

/// A backend that commands run on.
pub(crate) trait Device: Host {
    /// How its work is timed.
    type Stopwatch: Stopwatch;
    /// What its memory allows.
    type Limits: Limits<Self>;

    /// Whether each of [`Device::with_own_memory`] keeps what was freed for itself alone.
    const OWN_POOLS: bool;

    /// The most bytes that [`Device::lead`] needs for itself.
    const LEAD_BYTES: u64;

    /// Which device it is.
    fn place(&self) -> Place;

    /// The same device with a count of bytes of its own.
    fn with_own_memory(&self) -> Self;

    /// Gives what was freed back to the system.
    fn release_freed(&self) -> Result<(), Error>;

    /// Bytes that could still be allocated.
    fn free_memory(&self) -> Result<Free, Failure>;

    /// Bytes in use now, by the system: of this process, or of the whole device where it has memory of its own.
    fn resident_memory(&self) -> Result<u64, Failure>;

    /// A stopwatch at zero.
    fn stopwatch(&self) -> Self::Stopwatch;

    /// The limits' loops, ready to run.
    fn limits(&self) -> Result<Self::Limits, Failure>;

    /// Keeps a device that works through a queue busy, so that it does not wait for the program in any of the next
    /// `pieces` pieces of work, the largest of them on `bytes`.
    fn lead(&self, pieces: usize, bytes: usize) -> Result<(), Error>;

    /// Overwrites `to` with `pattern`, as often as it takes.
    fn repeat<U: Word>(
        &self,
        pattern: Self::View<'_, U>,
        to: Self::ViewMut<'_, U>,
    ) -> Result<(), Error>;

    /// Shows the elements of a view to `work`: themselves, or a copy where the program cannot read them.
    fn read<U: Word, R>(
        &self,
        from: Self::View<'_, U>,
        work: impl FnOnce(&[U]) -> R,
    ) -> Result<R, Error>;

    /// Lets `work` change `values`: themselves, or a copy on the device that is copied back afterwards.
    fn change<U: Word, R>(
        &self,
        values: &mut [U],
        work: impl FnOnce(Self::ViewMut<'_, U>) -> Result<R, Error>,
    ) -> Result<R, Error>;
}

/// A device with every loop for elements of type `T`.
pub(crate) trait Runs<T: Element>: Device + EveryKernel<T> + DirectKernels<T> {}

impl<B: Device + EveryKernel<T> + DirectKernels<T>, T: Element> Runs<T> for B {}

/// Adds up the time that pieces of work take.
pub(crate) trait Stopwatch {
    /// Does a piece of work, and adds its time.
    fn run<R>(&mut self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error>;

    /// The sum, in seconds, when all the work is done.
    fn seconds(self) -> Result<f64, Error>;
}

/// The simplest loops there are: what memory allows.
pub(crate) trait Limits<B: Backend> {
    /// `to = from`; both of one length. 2 elements are moved per element.
    fn copy<T: Element>(&self, from: B::View<'_, T>, to: B::ViewMut<'_, T>) -> Result<(), Error>;

    /// `a *= s`: 2, as PReLU's forward in place.
    fn scale<T: Element>(&self, a: B::ViewMut<'_, T>) -> Result<(), Error>;

    /// `g = g * s + y * t`; both of one length: 3, as PReLU's backward over its output.
    fn triad<T: Element>(&self, g: B::ViewMut<'_, T>, y: B::View<'_, T>) -> Result<(), Error>;
}

/// Which device a run takes place on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// As in `--device`.
    pub(crate) device: String,
    /// A GPU's name.
    pub(crate) name: Option<String>,
    /// The threads of the processor's loops.
    pub(crate) threads: Option<usize>,
    /// The SIMD level of the processor's loops.
    pub(crate) simd: Option<&'static str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.threads, self.simd, &self.name) {
            (Some(1), Some(simd), _) => write!(f, "the processor, 1 thread, SIMD level {simd}"),
            (Some(threads), Some(simd), _) => {
                write!(f, "the processor, {threads} threads, SIMD level {simd}")
            }
            (_, _, Some(name)) => write!(f, "{}, {name}", self.device),
            _ => f.write_str(&self.device),
        }
    }
}

/// Free bytes, where a run needs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Free {
    /// Of the one memory that everything is in.
    Together(u64),
    /// Of the device, for tensors and saved states, and of the program, for what is verified there.
    Apart {
        /// The device's.
        device: u64,
        /// The program's.
        host: u64,
    },
}

/// A device that was opened.
pub(crate) enum Opened {
    /// The processor.
    Cpu(Cpu),
    /// A CUDA device.
    Cuda(Cuda),
}
