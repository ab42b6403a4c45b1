//! Time on the device, without waiting for it in between.

use std::time::Duration;

use crate::error::CudaError;
use crate::event::Event;
use crate::stream::Stream;

/// Adds up the time that the device spends on pieces of work. Unlike [`crate::Cuda::time`] it waits
/// for nothing before [`Stopwatch::elapsed`], so that the host can put the next piece in the stream
/// while the device is at this one; a device that has to wait for the host is timed waiting.
#[derive(Debug)]
pub struct Stopwatch {
    stream: Stream,
    pieces: Vec<(Event, Event)>,
}

impl Stopwatch {
    pub(crate) fn new(stream: &Stream) -> Self {
        Stopwatch { stream: stream.clone(), pieces: Vec::new() }
    }

    /// Puts `work` in the stream between two marks.
    ///
    /// # Errors
    /// Those of `work`, which is then not timed; what the driver reports.
    pub fn run<R, E: From<CudaError>>(
        &mut self,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        let start = self.mark()?;
        let result = work()?;
        let end = self.mark()?;
        self.pieces.push((start, end));
        Ok(result)
    }

    /// Waits for the last piece, and returns the time of all.
    ///
    /// # Errors
    /// What the driver reports; among that is any failure of the work.
    pub fn elapsed(self) -> Result<Duration, CudaError> {
        if let Some((_, end)) = self.pieces.last() {
            end.synchronize()?;
        }
        self.pieces.iter().map(|(start, end)| end.elapsed_since(start)).sum()
    }

    fn mark(&self) -> Result<Event, CudaError> {
        let event = Event::timed(self.stream.device().context())?;
        // SAFETY: the stream lives as long as this value, and belongs to the device's context.
        unsafe { event.record(self.stream.handle()) }?;
        Ok(event)
    }
}
