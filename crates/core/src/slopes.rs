//! The slopes of a layer and the epoch that tells one set of values from the next.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::element::Element;

/// Identifies one set of slope values within the process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Epoch(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// The negative slopes of a layer: one per channel, or one shared.
///
/// Any value is allowed, also zero, negative, infinite and NaN ones. Learned slopes are owed a
/// gradient; frozen ones (Caffe: `param_propagate_down: false`) are not, and nothing is kept for it.
#[derive(Debug)]
pub struct Slopes<T> {
    values: Vec<T>,
    learned: bool,
    epoch: Epoch,
}

impl<T: Element> Slopes<T> {
    /// Slopes that backward computes a gradient for.
    pub fn learned(values: Vec<T>) -> Self {
        Slopes { values, learned: true, epoch: Epoch::next() }
    }

    /// Slopes that stay as they are: no gradient is computed for them.
    pub fn frozen(values: Vec<T>) -> Self {
        Slopes { values, learned: false, epoch: Epoch::next() }
    }

    /// The values, by channel.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Whether backward owes them a gradient.
    pub fn is_learned(&self) -> bool {
        self.learned
    }

    /// Which values these are: another one after every [`Slopes::update`].
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Changes the values in place. Saved states of the values before are refused from here on.
    pub fn update(&mut self, change: impl FnOnce(&mut [T])) {
        self.epoch = Epoch::next();
        change(&mut self.values);
    }
}

// A copy may drift from its original, so that it is not the same epoch.
impl<T: Element> Clone for Slopes<T> {
    fn clone(&self) -> Self {
        Slopes { values: self.values.clone(), learned: self.learned, epoch: Epoch::next() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_update_and_every_copy_is_a_new_epoch() {
        let mut slopes = Slopes::learned(vec![0.25_f32; 3]);
        let before = slopes.epoch();
        slopes.update(|values| values[1] = -0.5);
        assert_ne!(slopes.epoch(), before);
        assert_eq!(slopes.values(), [0.25, -0.5, 0.25]);
        assert_ne!(slopes.clone().epoch(), slopes.epoch());
    }
}
