//! The slopes of a chunk.

use std::marker::PhantomData;

use crate::element::Wide;
use crate::vectors::CHUNK;

/// Where a chunk's slopes come from.
#[doc(hidden)]
pub trait ChunkSlopes<W: Wide> {
    /// The slope of element `lane`.
    fn lane(&self, lane: usize) -> W;

    /// The slopes of elements `first .. first + N`.
    // Not by a closure: from_fn is left out of line, and compiled without the level's instructions.
    #[inline(always)]
    fn group<const N: usize>(&self, first: usize) -> [W; N] {
        let mut group = [W::ZERO; N];
        for (lane, slope) in group.iter_mut().enumerate() {
            *slope = self.lane(first + lane);
        }
        group
    }

    /// The same slopes as runs, where that is what they are.
    #[inline(always)]
    fn by_run(&self) -> Option<ByRun<W>> {
        None
    }
}

/// One slope for the whole chunk.
#[derive(Clone, Copy)]
pub(crate) struct Single<W>(pub(crate) W);

impl<W: Wide> ChunkSlopes<W> for Single<W> {
    #[inline(always)]
    fn lane(&self, _: usize) -> W {
        self.0
    }

    #[inline(always)]
    fn group<const N: usize>(&self, _: usize) -> [W; N] {
        [self.0; N]
    }
}

/// A slope per element of the chunk.
#[derive(Clone, Copy)]
pub(crate) struct Table<'a, W>(pub(crate) &'a [W; CHUNK]);

impl<W: Wide> ChunkSlopes<W> for Table<'_, W> {
    #[inline(always)]
    fn lane(&self, lane: usize) -> W {
        self.0[lane]
    }

    #[inline(always)]
    fn group<const N: usize>(&self, first: usize) -> [W; N] {
        let mut group = [W::ZERO; N];
        group.copy_from_slice(&self.0[first..first + N]);
        group
    }
}

/// A slope for the elements before `ends[0]`, one for those from there to `ends[1]`, one for the rest. Ends may
/// lie behind the chunk, by [`CHUNK`] at most.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ByRun<W> {
    pub(crate) slopes: [W; 3],
    pub(crate) ends: [usize; 2],
}

impl<W: Wide> ByRun<W> {
    /// The same in the type that they are known to be of.
    #[inline(always)]
    pub(super) fn known_as<K: Wide>(&self) -> ByRun<K> {
        ByRun { slopes: self.slopes.map(bytemuck::cast), ends: self.ends }
    }
}

impl<W: Wide> ChunkSlopes<W> for ByRun<W> {
    // Compared in the width of a lane, so that it vectorises.
    #[inline(always)]
    fn lane(&self, lane: usize) -> W {
        let [first, second, third] = self.slopes;
        let later = if (lane as i32) < self.ends[1] as i32 { second } else { third };
        if (lane as i32) < self.ends[0] as i32 { first } else { later }
    }

    #[inline(always)]
    fn by_run(&self) -> Option<ByRun<W>> {
        Some(*self)
    }
}

/// Slopes in the type that they are known to be of.
pub(super) struct As<'s, S, W>(&'s S, PhantomData<W>);

impl<'s, S, W> As<'s, S, W> {
    /// The same slopes.
    #[inline(always)]
    pub(super) fn new(slopes: &'s S) -> Self {
        As(slopes, PhantomData)
    }
}

impl<S: ChunkSlopes<W>, W: Wide, K: Wide> ChunkSlopes<K> for As<'_, S, W> {
    #[inline(always)]
    fn lane(&self, lane: usize) -> K {
        bytemuck::cast(self.0.lane(lane))
    }

    #[inline(always)]
    fn group<const N: usize>(&self, first: usize) -> [K; N] {
        bytemuck::cast(self.0.group::<N>(first))
    }

    #[inline(always)]
    fn by_run(&self) -> Option<ByRun<K>> {
        Some(self.0.by_run()?.known_as())
    }
}
