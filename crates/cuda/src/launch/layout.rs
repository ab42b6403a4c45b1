//! How the elements of one class are shared out among blocks: by the geometry and the elements' size alone, so that
//! sums are the same bits on every device.

use prelu_mem_core::Geometry;

use super::arguments::Shape;
use crate::error::CudaError;
use crate::stream::THREADS;

/// Columns of a thread.
const GROUP: u64 = 8;

/// Columns of a block.
const STRIP: u64 = GROUP * THREADS as u64;

/// Elements per partial sum at least, as on the CPU: the workspace is at most 1/8 byte per element
/// for sums of 8 bytes, wherever there are enough rows.
const ELEMENTS_PER_PARTIAL: u64 = 64;

/// Blocks that keep a large device busy once: a block has no more rows than it needs while there are fewer ..
const FEW_BLOCKS: u64 = 1 << 8;

/// .. and in backward takes on more of a tensor than pays only where there would be more blocks than this.
const MANY_BLOCKS: u64 = 1 << 13;

/// Bytes of a tensor over which a block's fixed work is small beside the memory's (measured: decision 20); in
/// backward that is much, its sums.
const FORWARD_PAYS: u64 = 16 << 10;
const BACKWARD_PAYS: u64 = 64 << 10;

/// Partials of a thread, one after the other, that backward's last block adds up sooner than a launch would ..
const LAST_BLOCK_TURNS: u64 = 64;

/// .. where a large device holds all of backward's blocks at once: where blocks wait for others to end, what
/// each does to find out whether it is the last costs more (measured: decision 20).
const AT_ONCE: u64 = 264;
const AT_ONCE_OF_TWO_BYTES: u64 = 396;

/// Rows whose loads are in flight together, at most.
const ROWS: u64 = 2;

/// The most strips to a row that folding may make.
const FOLDED_STRIPS: u64 = 16;

/// One class's matrix and its launches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The matrix, as backward shares it out; its channels' address is 0.
    pub(super) shape: Shape,
    /// Of `rows_per_block` rows.
    pub(super) chunks: u64,
    /// Whether members are narrower than a thread's columns.
    pub(super) narrow: bool,
    /// Blocks of backward.
    pub(super) blocks: u32,
    /// Rows of a block of forward.
    pub(super) forward_rows: u64,
    /// Blocks of forward.
    pub(super) forward_blocks: u32,
    /// Sums that backward leaves for the end.
    pub(super) partials: u64,
    /// Threads per member at the end, a power of two.
    pub(super) finish_lanes: u32,
    /// Blocks of a launch at the end; 0 where backward's last block does it.
    pub(super) finish_blocks: u32,
}

impl Layout {
    /// The matrix of `members` of the geometry's channels, of elements of `bytes` bytes; none where it is empty.
    ///
    /// # Errors
    /// [`CudaError::Grid`] for more elements than a launch can cover.
    pub(super) fn of(
        geometry: &Geometry,
        members: usize,
        bytes: usize,
    ) -> Result<Option<Self>, CudaError> {
        let count = geometry.outer() * members * geometry.inner();
        if count == 0 {
            return Ok(None);
        }
        let elements = count as u64;
        // A single run may be cut anywhere: into rows of one strip.
        let (outer, channels, inner) = if geometry.channels() == 1 {
            (elements.div_ceil(STRIP), 1, STRIP)
        } else {
            (geometry.outer() as u64, geometry.channels() as u64, geometry.inner() as u64)
        };
        let members = members as u64;
        let (period, period_stride) = (members * inner, channels * inner);
        let repeats = repeats(outer, period, period_stride);
        let columns = repeats * period;
        let (rows, strips) = (outer.div_ceil(repeats), columns.div_ceil(STRIP));
        let runs = (2 * (inner - 1) + columns.min(STRIP)) / inner;
        let slots = runs.min(members);
        let strip_bytes = STRIP * bytes as u64;
        let forward_rows = rows_per_block(rows, strips, 1, FORWARD_PAYS / strip_bytes);
        let least = (slots * ELEMENTS_PER_PARTIAL).div_ceil(STRIP);
        let least = least.max((rows * strips).div_ceil(MANY_BLOCKS));
        let rows_per_block = rows_per_block(rows, strips, least, BACKWARD_PAYS / strip_bytes);
        let chunks = rows.div_ceil(rows_per_block);
        let candidates =
            if period <= STRIP { strips } else { repeats * ((inner - 1).div_ceil(STRIP) + 1) };
        let grid = |blocks: u64| match i32::try_from(blocks) {
            Ok(blocks) => Ok(blocks.unsigned_abs()),
            Err(_) => Err(CudaError::Grid { count }),
        };
        let (finish_lanes, finish_blocks) =
            ending(members, chunks * candidates, strips * chunks, bytes);
        Ok(Some(Layout {
            shape: Shape {
                elements,
                columns,
                rows,
                rows_per_block,
                row_stride: repeats * period_stride,
                period,
                period_stride,
                inner,
                members,
                channels: 0,
                strips: grid(strips)?,
                slots: grid(slots)?,
            },
            chunks,
            narrow: inner < GROUP,
            blocks: grid(strips * chunks)?,
            forward_rows,
            forward_blocks: grid(strips * rows.div_ceil(forward_rows))?,
            partials: strips * chunks * slots,
            finish_lanes: grid(finish_lanes)?,
            finish_blocks: grid(finish_blocks)?,
        }))
    }
}

/// Threads per member at the end, and blocks of a launch of its own, from the partials that a member may have and the
/// blocks of backward: no blocks where backward's last one does it.
fn ending(members: u64, partials: u64, blocks: u64, bytes: usize) -> (u64, u64) {
    let threads = u64::from(THREADS);
    let lanes = (partials / 4).next_power_of_two().clamp(1, threads);
    let alone = (threads / members.next_power_of_two()).clamp(1, lanes);
    let turns = members.div_ceil(threads / alone) * partials.div_ceil(alone);
    let at_once = if bytes == 2 { AT_ONCE_OF_TWO_BYTES } else { AT_ONCE };
    if turns <= LAST_BLOCK_TURNS && blocks <= at_once {
        return (alone, 0);
    }
    (lanes, members.div_ceil(threads / lanes))
}

/// Periods to a row: as many as fill its strips well. Both a row and its stride in the tensor are
/// whole groups then, so that what is aligned in one row is so in all, unless there is only one.
fn repeats(outer: u64, period: u64, period_stride: u64) -> u64 {
    if outer * period <= STRIP {
        return outer;
    }
    let whole = |length: u64| GROUP >> length.trailing_zeros().min(GROUP.trailing_zeros());
    let step = whole(period).max(whole(period_stride));
    // Strips per full row, in 1/1024: the part of them that holds elements.
    let filled = |repeats: u64| {
        let columns = repeats * period;
        columns * 1024 / (columns.div_ceil(STRIP) * STRIP)
    };
    let mut best = step.min(outer);
    let mut next = best + step;
    while next <= outer && next * period <= FOLDED_STRIPS * STRIP && filled(best) < 1008 {
        if filled(next) > filled(best) {
            best = next;
        }
        next += step;
    }
    best
}

/// Rows of a block, so that the blocks are of nearly one size: as many as leave a few blocks, but no more than `pays` and no
/// fewer than `least`, which goes before.
fn rows_per_block(rows: u64, strips: u64, least: u64, pays: u64) -> u64 {
    let units = rows * strips;
    let wanted = units.div_ceil(FEW_BLOCKS).min(pays).max(least);
    // Loads of an odd row at the end would be alone in flight.
    let rounded = |rows: u64| if rows < ROWS { rows } else { rows.next_multiple_of(ROWS) };
    let chunks = rows.div_ceil(rounded(wanted).min(rows));
    rounded(rows.div_ceil(chunks)).min(rows)
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::Sharing;

    use super::*;

    fn geometry(shape: &[usize]) -> Geometry {
        Geometry::from_shape(shape, 1, Sharing::PerChannel).expect("addressable")
    }

    fn layout_of(shape: &[usize], members: usize, bytes: usize) -> Layout {
        Layout::of(&geometry(shape), members, bytes).expect("within a grid").expect("not empty")
    }

    fn layout(shape: &[usize], members: usize) -> Layout {
        layout_of(shape, members, 4)
    }

    /// Shapes whose rows are long, short, many, few, and longer than 32 bits count.
    const SHAPES: [[usize; 3]; 16] = [
        [128, 64, 12_544],
        [128, 512, 49],
        [64, 1_000_000, 1],
        [10_000_000, 3, 1],
        [1, 64, 1_000_000],
        [3, 512, 3_199],
        [2, 3, 5],
        [1, 1, 1],
        [1_000_000_007, 1, 1],
        [1_000, 7, 300],
        [33, 257, 9],
        [2, 3, 3_000_000_001],
        [3_000_000_001, 3, 1],
        [1, 5_000_000_000, 1],
        [5, 213, 29],
        [100_000, 2_047, 1],
    ];

    #[test]
    fn the_matrix_covers_the_class_and_no_more() {
        for shape in SHAPES {
            for members in [1, 2, shape[1] / 2, shape[1]] {
                if members == 0 || members > shape[1] {
                    continue;
                }
                let Layout { shape: s, chunks, blocks, forward_rows, forward_blocks, .. } =
                    layout(&shape, members);
                let forward_chunks = u64::from(forward_blocks) / u64::from(s.strips);
                assert!(forward_chunks * forward_rows >= s.rows, "{shape:?}");
                assert!((forward_chunks - 1) * forward_rows < s.rows, "{shape:?}");
                assert_eq!(s.elements, (shape[0] * members * shape[2]) as u64, "{shape:?}");
                assert!(s.rows * s.columns >= s.elements, "{shape:?}");
                assert!((s.rows - 1) * s.columns < s.elements, "{shape:?}");
                assert_eq!(u64::from(s.strips), s.columns.div_ceil(STRIP), "{shape:?}");
                assert!(chunks * s.rows_per_block >= s.rows, "{shape:?}");
                assert!((chunks - 1) * s.rows_per_block < s.rows, "{shape:?}");
                assert_eq!(u64::from(blocks), chunks * u64::from(s.strips), "{shape:?}");
                assert!(s.rows_per_block <= u32::MAX.into(), "{shape:?}");
                if s.rows > 1 {
                    assert_eq!(s.columns % GROUP, 0, "{shape:?} {members}");
                    assert_eq!(s.row_stride % GROUP, 0, "{shape:?} {members}");
                }
                assert_eq!(s.columns % s.period, 0, "{shape:?}");
                assert_eq!(s.row_stride, s.columns / s.period * s.period_stride, "{shape:?}");
            }
        }
    }

    #[test]
    fn a_strip_has_a_slot_for_every_member_that_it_touches() {
        for shape in [[33, 257, 9], [7, 300, 7], [100, 5, 3], [9, 9, 1_000], [2, 3, 2_047]] {
            for members in [1, shape[1] / 2, shape[1]] {
                let Shape { columns, inner, members, slots, .. } = layout(&shape, members).shape;
                for strip in 0..columns.div_ceil(STRIP) {
                    let end = ((strip + 1) * STRIP).min(columns);
                    let mut touched: Vec<u64> =
                        (strip * STRIP..end).map(|column| column / inner % members).collect();
                    touched.sort_unstable();
                    touched.dedup();
                    assert!(touched.len() <= slots as usize, "{shape:?} strip {strip}");
                }
            }
        }
    }

    #[test]
    fn the_workspace_is_an_eighth_of_a_byte_per_element_where_there_are_rows() {
        for shape in [
            [128, 64, 12_544],
            [128, 512, 49],
            [64, 1_000_000, 1],
            [10_000_000, 3, 1],
            [1, 64, 1_000_000],
            [3, 512, 3_199],
            [1_000_000_007, 1, 1],
            [100_000, 2_047, 1],
        ] {
            for bytes in [2, 4, 8] {
                let Layout { shape: s, partials, .. } = layout_of(&shape, shape[1], bytes);
                // A last chunk of fewer rows has as many partials as a whole one.
                let bound = s.elements / ELEMENTS_PER_PARTIAL + u64::from(s.strips * s.slots);
                assert!(partials <= bound, "{shape:?}: {partials} partials, {bound} allowed");
            }
        }
    }

    #[test]
    fn big_tensors_keep_a_device_busy() {
        for shape in [
            [128, 64, 12_544],
            [128, 256, 196],
            [10_000_000, 3, 1],
            [1, 64, 1_000_000],
            [3, 512, 3_199],
            [1_000_000_007, 1, 1],
        ] {
            for bytes in [2, 4, 8] {
                let Layout { shape: s, blocks, forward_blocks, .. } =
                    layout_of(&shape, shape[1], bytes);
                let most = s.rows * u64::from(s.strips);
                let busy = FEW_BLOCKS.min(most) * 3 / 4;
                assert!(
                    u64::from(blocks.min(forward_blocks)) >= busy,
                    "{shape:?}: {blocks} blocks"
                );
                let lanes = u64::from(s.strips) * STRIP * s.rows;
                let used = s.elements;
                assert!(lanes * 9 <= used * 10, "{shape:?}: {lanes} lanes, {used} used");
            }
        }
    }

    #[test]
    fn the_last_block_ends_what_is_small_and_runs_at_once() {
        for (shape, bytes, alone) in [
            ([16, 256, 196], 2, true),
            ([16, 256, 196], 4, true),
            ([128, 128, 784], 2, true),
            ([128, 128, 784], 4, false),
            ([128, 64, 12_544], 2, false),
            ([2, 40_000, 1], 2, false),
            ([1, 1, 1], 8, true),
        ] {
            let Layout { finish_blocks, finish_lanes, .. } = layout_of(&shape, shape[1], bytes);
            assert_eq!(finish_blocks == 0, alone, "{shape:?} of {bytes} bytes");
            assert!(finish_lanes.is_power_of_two() && finish_lanes <= THREADS, "{shape:?}");
        }
    }

    #[test]
    fn a_tensor_that_no_launch_can_cover_is_refused() {
        let count = 1_usize << 55;
        let error = Layout::of(&geometry(&[1, 2, count]), 2, 4).expect_err("2^45 strips");
        assert_eq!(error, CudaError::Grid { count: 2 * count });
        assert!(Layout::of(&geometry(&[0, 3, 7]), 3, 4).expect("nothing to cover").is_none());
        assert!(Layout::of(&geometry(&[2, 3, 7]), 0, 4).expect("nothing to cover").is_none());
    }
}
