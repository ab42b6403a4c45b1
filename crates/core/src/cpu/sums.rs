//! Sums of `g * basis` over a segment, into the entries of a block's row.

use super::slope_source::next;
use crate::accumulator::Accumulator;
use crate::codec::CHUNK;
use crate::element::{Element, Wide};
use crate::vectors::{LANES, Lanes, Vectors, bit};

/// A chunk's factors, and the bits of those elements that are to be summed.
pub(super) struct Products<W> {
    pub(super) g: [W; CHUNK],
    pub(super) basis: [W; CHUNK],
    pub(super) which: u64,
}

impl<W: Wide> Products<W> {
    /// The products, and 0 for elements that are not to be summed.
    #[inline(always)]
    pub(super) fn terms<A: Accumulator<W>>(&self) -> [f64; CHUNK] {
        std::array::from_fn(|lane| {
            let product = A::product(self.g[lane], self.basis[lane]);
            if bit(self.which, lane) { product } else { 0.0 }
        })
    }
}

/// A sum per channel, in a row that repeats the first channels behind the last.
pub(super) struct Columns<'a, A> {
    row: &'a mut [A],
    first: usize,
    channels: usize,
}

impl<'a, A: Default> Columns<'a, A> {
    /// From the element of channel `first` on.
    #[inline(always)]
    pub(super) fn new(row: &'a mut [A], first: usize, channels: usize) -> Self {
        Columns { row, first, channels }
    }

    /// The first `len` elements of a chunk. Chunks come in order.
    #[inline(always)]
    pub(super) fn add<T: Element<Accumulator = A>, V: Vectors>(
        &mut self,
        vectors: V,
        products: &Products<T::Wide>,
        len: usize,
    ) {
        let Products { g, basis, which } = products;
        let (row, _) = self.row[self.first..self.first + CHUNK].as_chunks_mut();
        vectors.add_to_row::<T>(&mut row[0], g, basis, *which);
        self.first = next(self.first, len, self.channels);
    }
}

/// The sum of the run at hand, and the row that takes it at the run's end.
pub(super) struct RunSums<'a, A> {
    lanes: Lanes,
    row: &'a mut [A],
    entry: usize,
    channels: usize,
    /// Whether one lane is all that is used.
    short: bool,
}

impl<'a, A> RunSums<'a, A> {
    /// The first run's sum goes to `entry`, the next one's to the next entry, and after `channels`
    /// entries to the first.
    #[inline(always)]
    pub(super) fn new(row: &'a mut [A], entry: usize, channels: usize, short: bool) -> Self {
        RunSums { lanes: Lanes::default(), row, entry, channels, short }
    }

    /// A chunk of the run.
    #[inline(always)]
    pub(super) fn add<T: Element<Accumulator = A>, V: Vectors>(
        &mut self,
        vectors: V,
        products: &Products<T::Wide>,
    ) {
        let Products { g, basis, which } = products;
        vectors.add_to_lanes::<T>(&mut self.lanes, g, basis, *which);
    }

    /// The terms `which` of a chunk.
    #[inline(always)]
    pub(super) fn add_piece<T: Element<Accumulator = A>, V: Vectors>(
        &mut self,
        vectors: V,
        terms: &[f64; CHUNK],
        which: u64,
    ) {
        vectors.add_terms_to_lanes::<T>(&mut self.lanes, terms, which);
    }

    /// The terms of a run that is too short for lanes.
    #[inline(always)]
    pub(super) fn add_terms<W: Wide>(&mut self, terms: &[f64])
    where
        A: Accumulator<W>,
    {
        let (mut sum, mut lost) = (self.lanes.sums[0], self.lanes.lost[0]);
        for &term in terms {
            A::add(&mut sum, &mut lost, term);
        }
        (self.lanes.sums[0], self.lanes.lost[0]) = (sum, lost);
    }

    /// The end of the run, or of the segment: its sum goes to its entry.
    #[inline(always)]
    pub(super) fn close<W: Wide>(&mut self)
    where
        A: Accumulator<W>,
    {
        let sum = if self.short {
            A::from_parts(self.lanes.sums[0], self.lanes.lost[0])
        } else {
            self.fold()
        };
        self.row[self.entry].merge(sum);
        self.lanes = Lanes::default();
        self.entry += 1;
        if self.entry == self.channels {
            self.entry = 0;
        }
    }

    /// The lanes added up in halves.
    #[inline(always)]
    fn fold<W: Wide>(&self) -> A
    where
        A: Accumulator<W>,
    {
        let lane = |lane: usize| A::from_parts(self.lanes.sums[lane], self.lanes.lost[lane]);
        let mut lanes: [A; LANES] = std::array::from_fn(lane);
        for half in [4, 2, 1] {
            for lane in 0..half {
                let other = lanes[lane + half];
                lanes[lane].merge(other);
            }
        }
        lanes[0]
    }
}
