//! Channels as the fastest axis, in two-byte types: sums of four rows in `f32`, as [`crate::vectors`] has them.
//!
//! ```text
//! for each four rows of a period:
//!     for each row, for each chunk of it:  add its products to the fours of its columns, propagate
//!     add the fours to the sums
//! ```

use super::slope_source::Cyclic;
use super::walk::{Chunk, Operands, Spot};
use crate::codec::CHUNK;
use crate::element::Element;
use crate::vectors::{Table, Vectors};

/// Rows that are added up in `f32`.
const ROWS: usize = 4;

/// Columns of the longest period whose fours are kept, in 8 KiB. The sums of others take their
/// terms one by one.
const COLUMNS: usize = 2048;

/// In whole cache lines: a vector that lies in two is read and written as two.
#[repr(align(64))]
struct Fours([[f32; CHUNK]; COLUMNS / CHUNK]);

/// As many fours of whole rows as the operands have, where a period is not too long and whole chunks; returns where the
/// next row begins.
#[inline(always)]
pub(super) fn fours_of_rows<O: Operands<T>, T: Element, V: Vectors>(
    vectors: V,
    operands: &mut O,
    mut slopes: Cyclic<'_, T::Wide>,
    sums: &mut [f64],
) -> Spot {
    let (period, mut spot) = (slopes.period(), Spot::at(0));
    let end = operands.len() / (ROWS * period) * (ROWS * period);
    let (sums, _) = sums.as_chunks_mut();
    if period == CHUNK && end > 0 {
        // Of one chunk, both stay in registers.
        let (mut own, mut fours) = (sums[0], [0.0; CHUNK]);
        while spot.done < end {
            for _ in 0..ROWS {
                let here = slopes.chunk();
                add_row(vectors, operands, spot, &here, (&mut fours, &mut own));
                spot.advance(CHUNK, CHUNK);
            }
            vectors.add_fours::<T>(&mut fours, &mut own);
        }
        sums[0] = own;
    } else if period <= COLUMNS && period.is_multiple_of(CHUNK) && end > 0 {
        // Row by row, as they lie in memory: four chunks down the columns at a time, this takes half as long again.
        let mut fours = Fours([[0.0; CHUNK]; COLUMNS / CHUNK]);
        let fours = &mut fours.0[..period / CHUNK];
        while spot.done < end {
            for row in 1..=ROWS {
                for (fours, sums) in fours.iter_mut().zip(&mut *sums) {
                    add_row(vectors, operands, spot, &slopes.chunk(), (fours, sums));
                    if row == ROWS {
                        vectors.add_fours::<T>(fours, sums);
                    }
                    slopes.advance(CHUNK);
                    spot.advance(CHUNK, period);
                }
            }
        }
    }
    spot
}

/// One chunk of a row.
#[inline(always)]
fn add_row<O: Operands<T>, T: Element, V: Vectors>(
    vectors: V,
    operands: &mut O,
    spot: Spot,
    slopes: &Table<'_, T::Wide>,
    (fours, sums): (&mut [f32; CHUNK], &mut [f64; CHUNK]),
) {
    let mut chunk = operands.chunk(vectors, spot, CHUNK);
    let bits = chunk.bits();
    vectors.backward_fours(&mut chunk.piece(), bits, slopes, fours, sums);
}
