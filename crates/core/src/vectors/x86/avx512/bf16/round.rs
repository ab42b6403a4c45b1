//! Products of two `bf16` rounded to `bf16`.

use std::arch::x86_64::*;

use super::super::half::WHOLE;
use super::{EVEN, GROUP};

/// Elements `i` and `i + 16` side by side.
const INTERLEAVED: __m512i = {
    let mut places = [0_u16; WHOLE];
    let mut pair = 0;
    while pair < GROUP {
        (places[2 * pair], places[2 * pair + 1]) = (pair as u16, (pair + GROUP) as u16);
        pair += 1;
    }
    // SAFETY: both are 64 bytes for which any value will do.
    unsafe { std::mem::transmute(places) }
};

/// The nearest `bf16`, ties to even, of products of even and of odd elements, side by side: see
/// [`crate::half_width::round_bf16_product`].
///
/// # Safety
/// The processor has AVX-512 BW.
#[inline(always)]
pub(super) unsafe fn round_in_lanes(even: __m512, odd: __m512) -> __m512i {
    // SAFETY: the caller's.
    unsafe {
        let (even, odd) = (_mm512_castps_si512(even), _mm512_castps_si512(odd));
        let is_even = EVEN as u32;
        // The halves of the products that stay, and those that decide how they are rounded.
        let upper = _mm512_mask_mov_epi16(odd, is_even, _mm512_srli_epi32::<16>(even));
        let lower = _mm512_mask_mov_epi16(even, !is_even, _mm512_slli_epi32::<16>(odd));
        let ties_to_even = _mm512_and_si512(upper, _mm512_set1_epi16(1));
        let up = _mm512_cmpgt_epu16_mask(
            _mm512_adds_epu16(lower, ties_to_even),
            _mm512_set1_epi16(i16::MIN),
        );
        _mm512_mask_sub_epi16(upper, up, upper, _mm512_set1_epi16(-1))
    }
}

/// [`round_in_lanes`] of products none of which is subnormal.
///
/// # Safety
/// The processor has AVX-512 BF16 and BW.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn round_by_instruction(even: __m512, odd: __m512) -> __m512i {
    let halves: __m512i;
    // SAFETY: the caller's; vector registers are all that is touched.
    unsafe {
        // By name: the intrinsic cannot be inlined into what is compiled for AVX-512 without BF16.
        std::arch::asm!(
            "vcvtne2ps2bf16 {halves}, {odd}, {even}",
            halves = lateout(zmm_reg) halves,
            odd = in(zmm_reg) odd,
            even = in(zmm_reg) even,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    _mm512_permutexvar_epi16(INTERLEAVED, halves)
}

#[cfg(test)]
mod tests {
    use bytemuck::cast;

    use super::*;

    /// Rounding depends on the upper half of an `f32` and on where the lower one lies between these.
    const LOWER: [u16; GROUP] = [
        0, 1, 2, 0x1234, 0x4000, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0x8002, 0x9abc, 0xc000, 0xfffd,
        0xfffe, 0xffff, 0x7f00,
    ];

    #[test]
    fn the_instruction_rounds_as_lanes_do_but_for_subnormals() {
        if !is_x86_feature_detected!("avx512bf16") {
            println!("skipped: this processor has no AVX-512 BF16");
            return;
        }
        for upper in 0..=u16::MAX {
            // NaNs among products have a lower half of zeroes.
            let nan = upper & 0x7f80 == 0x7f80;
            let bits = LOWER.map(|lower| {
                let lower = if nan { 0 } else { lower };
                u32::from(upper) << 16 | u32::from(lower)
            });
            if upper & 0x7f80 == 0 {
                continue;
            }
            let turned: [u32; GROUP] = std::array::from_fn(|lane| bits[(lane + 1) % GROUP]);
            let (even, odd) = (cast(bits), cast(turned));
            // SAFETY: the instructions were detected.
            let (expected, got): ([u16; WHOLE], [u16; WHOLE]) =
                unsafe { (cast(round_in_lanes(even, odd)), cast(round_by_instruction(even, odd))) };
            let quiet = |bits: u16| if bits & 0x7fff > 0x7f80 { 0x7fc0 } else { bits };
            assert_eq!(got.map(quiet), expected.map(quiet), "{upper:#x}");
        }
    }
}
