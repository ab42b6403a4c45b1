//! What the suite asks of a backend besides its loops.

use crate::backend::Backend;
use crate::codec::Word;
use crate::cpu::Cpu;
use crate::error::Result;

/// A backend whose memory the suite can fill, read and count.
pub trait Host: Backend {
    /// Copies `values` over `to`, which is as long.
    ///
    /// # Errors
    /// What the device reports.
    fn upload<U: Word>(&self, values: &[U], to: Self::ViewMut<'_, U>) -> Result<()>;

    /// The elements of `from`.
    ///
    /// # Errors
    /// What the device reports.
    fn download<U: Word>(&self, from: Self::View<'_, U>) -> Result<Vec<U>>;

    /// Bytes allocated and not yet freed.
    fn live_bytes(&self) -> usize;

    /// The most bytes live at once since [`Host::reset_peak`].
    fn peak_bytes(&self) -> usize;

    /// Starts a new peak at the bytes live now.
    fn reset_peak(&self);
}

impl Host for Cpu {
    fn upload<U: Word>(&self, values: &[U], to: &mut [U]) -> Result<()> {
        self.copy(values, to)
    }

    fn download<U: Word>(&self, from: &[U]) -> Result<Vec<U>> {
        Ok(from.to_vec())
    }

    fn live_bytes(&self) -> usize {
        self.memory().live_bytes()
    }

    fn peak_bytes(&self) -> usize {
        self.memory().peak_bytes()
    }

    fn reset_peak(&self) {
        self.memory().reset_peak();
    }
}
