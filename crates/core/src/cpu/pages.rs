//! Pages of their own for large buffers, which begin at a different place each.
//!
//! Two tensors are read at the same element at the same time. Where both lie a large power of two apart, their lines
//! displace each other in the first cache (docs/decisions/0013-speed-of-memory.md, "Sizes"). So each buffer begins a page
//! further than the one before, modulo [`AROUND`], whatever the system's own choice of pages is.

use std::sync::atomic::{AtomicUsize, Ordering};

use memmap2::MmapMut;

const PAGE: usize = 4096;
/// Bytes in which eight pages begin. So many are asked for besides a buffer's own; most of them are never touched.
const AROUND: usize = 8 * PAGE;

/// Goes up with every buffer of the process.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// Bytes that begin at a page, all zero when made.
#[derive(Debug)]
pub(super) struct Pages {
    map: MmapMut,
    start: usize,
    bytes: usize,
}

impl Pages {
    /// None where the system refuses.
    pub(super) fn zeroes(bytes: usize) -> Option<Self> {
        Pages::in_turn(bytes, TURN.fetch_add(1, Ordering::Relaxed))
    }

    fn in_turn(bytes: usize, turn: usize) -> Option<Self> {
        let map = MmapMut::map_anon(bytes.checked_add(AROUND)?).ok()?;
        // Refused where the kernel has no huge pages: the small ones do too.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let start = offset(map.as_ptr().addr(), turn);
        Some(Pages { map, start, bytes })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map[self.start..][..self.bytes]
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map[self.start..][..self.bytes]
    }
}

/// How far behind `address` the buffer of this turn begins.
fn offset(address: usize, turn: usize) -> usize {
    turn.wrapping_mul(PAGE).wrapping_sub(address) % AROUND
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: usize = 4 << 20;

    #[test]
    fn no_two_of_eight_in_a_row_begin_at_the_same_place() {
        let eight: Vec<Pages> =
            (0..8).map(|turn| Pages::in_turn(BYTES, turn).expect("4 MiB")).collect();
        let places = eight.iter().map(|pages| pages.bytes().as_ptr().addr() % AROUND);
        assert_eq!(places.collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7].map(|page| page * PAGE));
    }

    #[test]
    fn wherever_the_system_puts_them() {
        for address in [0, PAGE, 5 * PAGE, 1 << 28, (1 << 47) - 3 * PAGE] {
            for turn in [0, 1, 7, 8, 9, usize::MAX] {
                let start = offset(address, turn);
                assert!(start < AROUND);
                assert_eq!((address + start) % AROUND, turn % 8 * PAGE, "{address} {turn}");
            }
        }
    }

    #[test]
    fn every_byte_is_there_and_zero_at_every_place() {
        for turn in 0..9 {
            let mut pages = Pages::in_turn(BYTES + 3, turn).expect("4 MiB");
            assert_eq!(pages.bytes().len(), BYTES + 3);
            assert!(pages.bytes().iter().all(|&byte| byte == 0));
            pages.bytes_mut().fill(1);
            assert_eq!(
                pages.bytes().iter().map(|&byte| u64::from(byte)).sum::<u64>(),
                (BYTES + 3) as u64
            );
        }
    }

    #[test]
    fn what_cannot_be_had_is_none() {
        assert!(Pages::zeroes(usize::MAX - PAGE).is_none());
        assert!(Pages::zeroes(usize::MAX / 2).is_none());
    }
}
