//! What the memory of this machine allows: the simplest loops there are, over the same tensors.
//!
//! copy:   `b[i] = a[i]`
//! scale:  `a[i] = a[i] * s`
//! triad:  `g[i] = g[i] * s + y[i] * t`

use prelu_mem_core::{Cpu, Element};

/// Small enough to share work evenly, large enough that handing it out costs nothing.
const BLOCK_BYTES: usize = 256 * 1024;

/// `to = from`; both of one length.
pub(super) fn copy<T: Element>(cpu: &Cpu, from: &[T], to: &mut [T]) {
    let block = BLOCK_BYTES / size_of::<T>();
    let blocks = to.chunks_mut(block).zip(from.chunks(block));
    cpu.share(2 * size_of_val(from), blocks, |(to, from)| to.copy_from_slice(from));
}

/// `a *= s`.
pub(super) fn scale<T: Element>(cpu: &Cpu, a: &mut [T]) {
    let bytes = 2 * size_of_val(a);
    cpu.share(bytes, a.chunks_mut(BLOCK_BYTES / size_of::<T>()), |a| match size_of::<T>() {
        2 => scale_u16(bytemuck::cast_slice_mut(a)),
        4 => scale_f32(bytemuck::cast_slice_mut(a)),
        _ => scale_f64(bytemuck::cast_slice_mut(a)),
    });
}

/// `g = g * s + y * t`; both of one length.
pub(super) fn triad<T: Element>(cpu: &Cpu, g: &mut [T], y: &[T]) {
    let block = BLOCK_BYTES / size_of::<T>();
    let blocks = g.chunks_mut(block).zip(y.chunks(block));
    cpu.share(3 * size_of_val(y), blocks, |(g, y)| match size_of::<T>() {
        2 => triad_u16(bytemuck::cast_slice_mut(g), bytemuck::cast_slice(y)),
        4 => triad_f32(bytemuck::cast_slice_mut(g), bytemuck::cast_slice(y)),
        _ => triad_f64(bytemuck::cast_slice_mut(g), bytemuck::cast_slice(y)),
    });
}

/// Compiles a loop for the widest registers there are, and picks at run time.
macro_rules! widest {
    ($name:ident($($argument:ident: $type:ty),*) $body:block) => {
        fn $name($($argument: $type),*) {
            #[inline(always)]
            fn portable($($argument: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw")]
                fn avx512($($argument: $type),*) {
                    portable($($argument),*);
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    portable($($argument),*);
                }
                if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
                    // SAFETY: the processor was just asked for both features.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor was just asked for the feature.
                    return unsafe { avx2($($argument),*) };
                }
            }
            portable($($argument),*);
        }
    };
}

widest!(scale_f32(a: &mut [f32]) {
    a.iter_mut().for_each(|a| *a *= 0.999);
});
widest!(scale_f64(a: &mut [f64]) {
    a.iter_mut().for_each(|a| *a *= 0.999);
});
// Integers: 2-byte floats have no arithmetic of their own on most processors, and only the bytes matter here.
widest!(scale_u16(a: &mut [u16]) {
    a.iter_mut().for_each(|a| *a = a.wrapping_mul(3));
});
widest!(triad_f32(g: &mut [f32], y: &[f32]) {
    g.iter_mut().zip(y).for_each(|(g, y)| *g = *g * 0.999 + y * 0.25);
});
widest!(triad_f64(g: &mut [f64], y: &[f64]) {
    g.iter_mut().zip(y).for_each(|(g, y)| *g = *g * 0.999 + y * 0.25);
});
widest!(triad_u16(g: &mut [u16], y: &[u16]) {
    g.iter_mut().zip(y).for_each(|(g, y)| *g = g.wrapping_mul(3).wrapping_add(y.wrapping_mul(5)));
});

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    /// Many blocks and a short one, and enough for two threads in every type.
    const LENGTH: usize = 3_000_007;

    fn two_threads() -> Cpu {
        Cpu::new(2).expect("two threads")
    }

    fn every_element_changes<T: Element>() {
        let cpu = two_threads();
        let y = vec![T::from_f64(2.0); LENGTH];
        let mut copied = vec![T::from_f64(0.0); LENGTH];
        copy(&cpu, &y, &mut copied);
        assert!(copied == y);
        scale(&cpu, &mut copied);
        assert!(copied.iter().all(|value| *value == copied[0] && *value != y[0]));
        let before = copied[0];
        triad(&cpu, &mut copied, &y);
        assert!(copied.iter().all(|value| *value == copied[0] && *value != before));
    }

    #[test]
    fn every_element_is_touched_for_every_type() {
        every_element_changes::<f32>();
        every_element_changes::<f64>();
        every_element_changes::<f16>();
        every_element_changes::<bf16>();
    }

    #[test]
    fn the_floats_are_the_formulas() {
        let cpu = two_threads();
        let (mut g, y) = (vec![2.0_f64; LENGTH], vec![4.0_f64; LENGTH]);
        triad(&cpu, &mut g, &y);
        assert_eq!((g[0], g[LENGTH - 1]), (2.0 * 0.999 + 1.0, 2.0 * 0.999 + 1.0));
        scale(&cpu, &mut g);
        assert_eq!(g[LENGTH / 2], (2.0 * 0.999 + 1.0) * 0.999);
    }
}
