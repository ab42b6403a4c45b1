//! The processor as a device of the commands.

mod limits;

use std::time::{Duration, Instant};

use prelu_mem_core::{Cpu, Element, Error, Word};

use super::{Device, Free, Limits, Place, Stopwatch};
use crate::failure::Failure;
use crate::machine;

impl Device for Cpu {
    type Stopwatch = Elapsed;
    type Limits = Cpu;

    const OWN_POOLS: bool = true;
    const LEAD_BYTES: u64 = 0;

    fn place(&self) -> Place {
        Place {
            device: "cpu".to_owned(),
            name: None,
            threads: Some(self.threads()),
            simd: Some(self.level().name()),
        }
    }

    fn with_own_memory(&self) -> Self {
        Cpu::with_own_memory(self)
    }

    fn release_freed(&self) -> Result<(), Error> {
        self.memory().release();
        machine::return_freed_memory();
        Ok(())
    }

    fn free_memory(&self) -> Result<Free, Failure> {
        machine::free_memory().map(Free::Together)
    }

    fn resident_memory(&self) -> Result<u64, Failure> {
        machine::resident_memory()
    }

    fn stopwatch(&self) -> Elapsed {
        Elapsed(Duration::ZERO)
    }

    fn limits(&self) -> Result<Cpu, Failure> {
        Ok(self.clone())
    }

    fn lead(&self, _: usize, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn repeat<U: Word>(&self, pattern: &[U], to: &mut [U]) -> Result<(), Error> {
        for piece in to.chunks_mut(pattern.len().max(1)) {
            piece.copy_from_slice(&pattern[..piece.len()]);
        }
        Ok(())
    }

    fn read<U: Word, R>(&self, from: &[U], work: impl FnOnce(&[U]) -> R) -> Result<R, Error> {
        Ok(work(from))
    }

    fn change<U: Word, R>(
        &self,
        values: &mut [U],
        work: impl FnOnce(&mut [U]) -> Result<R, Error>,
    ) -> Result<R, Error> {
        work(values)
    }
}

/// Time by the clock: work is done when the call returns.
pub(crate) struct Elapsed(Duration);

impl Stopwatch for Elapsed {
    fn run<R>(&mut self, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        let start = Instant::now();
        let result = work()?;
        self.0 += start.elapsed();
        Ok(result)
    }

    fn seconds(self) -> Result<f64, Error> {
        Ok(self.0.as_secs_f64())
    }
}

impl Limits<Cpu> for Cpu {
    fn copy<T: Element>(&self, from: &[T], to: &mut [T]) -> Result<(), Error> {
        limits::copy(self, from, to);
        Ok(())
    }

    fn scale<T: Element>(&self, a: &mut [T]) -> Result<(), Error> {
        limits::scale(self, a);
        Ok(())
    }

    fn triad<T: Element>(&self, g: &mut [T], y: &[T]) -> Result<(), Error> {
        limits::triad(self, g, y);
        Ok(())
    }
}
