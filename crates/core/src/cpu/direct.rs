//! Backward over a stash: the upstream gradient is read from elsewhere, and the input gradient
//! overwrites the pre-activation.
//!
//! ```text
//! for each block, in parallel:
//!     for each channel's run in it:
//!         partial[channel] += g * x where x is not positive     (learned slopes only)
//!         x = g * (1 if x > 0 else slope)
//! for each channel:  slope gradient += sum of its partials
//! ```
//!
//! Departures: those of [`super::walk`], which is [`super::backward`]'s too, so that both give the
//! same bits.

use super::Cpu;
use super::backward::Parts;
use super::frame::Frame;
use super::origin::Origin;
use super::partials::Partials;
use super::walk::{Chunk, Operands, Spot, Walk};
use crate::backend::DirectKernels;
use crate::codec::Identity;
use crate::element::Element;
use crate::error::Result;
use crate::plan::Plan;
use crate::vectors::{Piece, Vectors};

impl<T: Element> DirectKernels<T> for Cpu {
    fn backward_direct(
        &self,
        plan: &Plan<Identity, T>,
        upstream: &[T],
        stash: &mut [T],
        slope_gradient: Option<&mut [f64]>,
    ) -> Result<()> {
        let mut partials = Partials::new(plan, &self.memory)?;
        let parts = Parts::new(plan, stash, partials.rows());
        self.share(3 * size_of_val(upstream), parts, |part| {
            let upstream = &upstream[part.start..][..part.written.len()];
            block(self, plan, part.start, upstream, part.written, part.row);
        });
        if let Some(sums) = slope_gradient {
            partials.add_to(plan, sums);
        }
        Ok(())
    }
}

fn block<T: Element>(
    cpu: &Cpu,
    plan: &Plan<Identity, T>,
    start: usize,
    upstream: &[T],
    stash: &mut [T],
    row: &mut [T::Accumulator],
) {
    if stash.is_empty() {
        return;
    }
    let frame = Frame::of(plan);
    let origin = Origin::of(plan, start);
    let operands = OverStash { upstream, stash };
    cpu.level.run(Walk { frame, origin, operands, row }, frame.reach(false));
}

/// The input gradient overwrites the stash.
struct OverStash<'a, T> {
    upstream: &'a [T],
    stash: &'a mut [T],
}

impl<T: Element> Operands<T> for OverStash<'_, T> {
    type Chunk<'c>
        = OverStashChunk<'c, T>
    where
        Self: 'c;

    #[inline(always)]
    fn len(&self) -> usize {
        self.stash.len()
    }

    #[inline(always)]
    fn chunk<V: Vectors>(&mut self, vectors: V, spot: Spot, len: usize) -> OverStashChunk<'_, T> {
        let place = spot.done..spot.done + len;
        let (upstream, stash) = (&self.upstream[place.clone()], &mut self.stash[place]);
        vectors.look_ahead([upstream, &*stash]);
        OverStashChunk { upstream, stash }
    }
}

struct OverStashChunk<'a, T> {
    upstream: &'a [T],
    stash: &'a mut [T],
}

impl<T: Element> Chunk<T> for OverStashChunk<'_, T> {
    #[inline(always)]
    fn bits(&self) -> u64 {
        0
    }

    #[inline(always)]
    fn piece(&mut self) -> Piece<'_, T> {
        Piece::over_basis(self.upstream, self.stash)
    }
}
