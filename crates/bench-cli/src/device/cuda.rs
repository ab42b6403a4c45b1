//! A CUDA device as a device of the commands. It works through a queue, which the program fills ahead of it.

use prelu_mem_core::contract::Host;
use prelu_mem_core::{Backend, Element, Error, Word};
use prelu_mem_cuda::{Cuda, View, ViewMut};

use super::{Device, Free, Limits, Place, Stopwatch};
use crate::failure::Failure;
use crate::machine;

/// What one copy of [`Device::lead`] moves at most: longer on any device than to put it into the queue.
const LEAD: usize = 32 << 20;

/// Copies for one piece of work: together longer than the calls of the piece take.
const LEADS: usize = 5;

impl Device for Cuda {
    type Stopwatch = Marks;
    type Limits = Self;

    // All count on their own, and what is freed goes back to the device's one pool.
    const OWN_POOLS: bool = false;
    const LEAD_BYTES: u64 = 2 * LEAD as u64;

    fn place(&self) -> Place {
        let info = self.device_info();
        Place {
            device: format!("cuda:{}", info.index),
            name: Some(info.name.clone()),
            threads: None,
            simd: None,
        }
    }

    fn with_own_memory(&self) -> Self {
        Cuda::with_own_memory(self)
    }

    fn release_freed(&self) -> Result<(), Error> {
        Ok(self.release()?)
    }

    fn free_memory(&self) -> Result<Free, Failure> {
        self.release_freed()?;
        let (free, _) = self.free_and_total_memory().map_err(Error::from)?;
        Ok(Free::Apart { device: free as u64, host: machine::free_memory()? })
    }

    fn resident_memory(&self) -> Result<u64, Failure> {
        let (free, total) = self.free_and_total_memory().map_err(Error::from)?;
        Ok((total - free) as u64)
    }

    fn stopwatch(&self) -> Marks {
        Marks(Cuda::stopwatch(self))
    }

    fn limits(&self) -> Result<Self, Failure> {
        Ok(self.clone())
    }

    fn lead(&self, pieces: usize, bytes: usize) -> Result<(), Error> {
        let len = bytes.min(LEAD) / size_of::<f32>();
        let (from, mut to) = (self.alloc::<f32>(len)?, self.reserve::<f32>(len)?);
        // As many as fit the queue beside the work itself.
        for _ in 0..(LEADS * pieces).min(500) {
            Backend::copy(self, Cuda::view(&from, len), Cuda::view_mut(&mut to, len))?;
        }
        Ok(())
    }

    fn repeat<U: Word>(&self, pattern: View<'_, U>, to: ViewMut<'_, U>) -> Result<(), Error> {
        Cuda::repeat(self, pattern, to)
    }

    fn read<U: Word, R>(
        &self,
        from: View<'_, U>,
        work: impl FnOnce(&[U]) -> R,
    ) -> Result<R, Error> {
        Ok(work(&self.download(from)?))
    }

    fn change<U: Word, R>(
        &self,
        values: &mut [U],
        work: impl FnOnce(ViewMut<'_, U>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let len = values.len();
        let mut copy = self.reserve(len)?;
        self.upload(values, Cuda::view_mut(&mut copy, len))?;
        let result = work(Cuda::view_mut(&mut copy, len))?;
        values.copy_from_slice(&self.download(Cuda::view(&copy, len))?);
        Ok(result)
    }
}

/// Time by the device's own marks in its queue.
pub(crate) struct Marks(prelu_mem_cuda::Stopwatch);

impl Stopwatch for Marks {
    fn run<R>(&mut self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        self.0.run(work)
    }

    fn seconds(self) -> Result<f64, Error> {
        Ok(self.0.elapsed()?.as_secs_f64())
    }
}

impl Limits<Cuda> for Cuda {
    fn copy<T: Element>(&self, from: View<'_, T>, to: ViewMut<'_, T>) -> Result<(), Error> {
        Backend::copy(self, from, to)
    }

    fn scale<T: Element>(&self, a: ViewMut<'_, T>) -> Result<(), Error> {
        Cuda::scale(self, a)
    }

    fn triad<T: Element>(&self, g: ViewMut<'_, T>, y: View<'_, T>) -> Result<(), Error> {
        Cuda::triad(self, g, y)
    }
}
