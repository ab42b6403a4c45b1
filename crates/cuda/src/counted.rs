//! The count of the bytes that a backend has allocated: live, and at their peak.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A count. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    live: AtomicUsize,
    peak: AtomicUsize,
}

impl Count {
    /// Counts `bytes` as live until the share is dropped.
    pub(crate) fn add(&self, bytes: usize) -> Share {
        let live = self.0.live.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.0.peak.fetch_max(live, Ordering::Relaxed);
        Share { bytes, count: self.clone() }
    }

    pub(crate) fn live(&self) -> usize {
        self.0.live.load(Ordering::Relaxed)
    }

    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn reset_peak(&self) {
        self.0.peak.store(self.live(), Ordering::Relaxed);
    }
}

/// Some of the bytes that are live.
#[derive(Debug)]
pub(crate) struct Share {
    bytes: usize,
    count: Count,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.count.0.live.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn the_peak_is_the_most_that_was_live_at_once() {
        let count = Count::default();
        let first = count.add(80);
        let second = count.clone().add(20);
        assert_eq!((count.live(), count.peak()), (100, 100));
        drop(first);
        assert_eq!((count.live(), count.peak()), (20, 100));
        count.reset_peak();
        assert_eq!(count.peak(), 20);
        drop(second);
        assert_eq!((count.live(), count.peak()), (0, 20));
    }
}
