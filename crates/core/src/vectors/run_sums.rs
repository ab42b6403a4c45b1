//! Sums of `g * basis`, run by run, into the entries of a block's row.

use crate::accumulator::Accumulator;
use crate::element::{Element, Wide};
use crate::vectors::{Lanes, Vectors};

/// The sum of the run at hand, and the row that takes it at the run's end.
#[doc(hidden)]
#[derive(Debug)]
pub struct RunSums<'a, A> {
    pub(crate) lanes: Lanes,
    row: &'a mut [A],
    entry: usize,
    channels: usize,
}

impl<'a, A> RunSums<'a, A> {
    /// The first run's sum goes to the first entry, the next one's to the next, and after `channels` entries to the
    /// first again.
    #[inline(always)]
    pub(crate) fn new(row: &'a mut [A], channels: usize) -> Self {
        RunSums { lanes: Lanes::default(), row, entry: 0, channels }
    }

    /// The terms of a run that is too short for lanes: all go to the first.
    #[inline(always)]
    pub(crate) fn add_terms<W: Wide>(&mut self, terms: &[f64])
    where
        A: Accumulator<W>,
    {
        let (mut sum, mut lost) = (self.lanes.sums[0], self.lanes.lost[0]);
        for &term in terms {
            A::add(&mut sum, &mut lost, term);
        }
        (self.lanes.sums[0], self.lanes.lost[0]) = (sum, lost);
    }

    /// The end of a run, or of the block: its lanes, added up in halves, go to its entry.
    #[inline(always)]
    pub(crate) fn close<T: Element<Accumulator = A>, V: Vectors>(&mut self, vectors: V)
    where
        A: Accumulator<T::Wide>,
    {
        self.put(vectors.fold::<T>(&self.lanes));
    }

    /// The end of a run whose terms are all in the first lane.
    #[inline(always)]
    pub(crate) fn close_short<W: Wide>(&mut self)
    where
        A: Accumulator<W>,
    {
        self.put(A::from_parts(self.lanes.sums[0], self.lanes.lost[0]));
    }

    #[inline(always)]
    fn put<W: Wide>(&mut self, sum: A)
    where
        A: Accumulator<W>,
    {
        self.row[self.entry].merge(sum);
        self.lanes = Lanes::default();
        self.entry += 1;
        if self.entry == self.channels {
            self.entry = 0;
        }
    }
}
