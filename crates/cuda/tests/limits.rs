//! The loops that `bench` compares with: every element is reached once, at any length and alignment.

mod driver;

use std::fmt::Debug;

use driver::cuda_or_skip;
use half::{bf16, f16};
use prelu_mem_core::contract::Host;
use prelu_mem_core::{Backend, Element, Error, Result};
use prelu_mem_cuda::Cuda;

/// Around a group of 8 and around a block of 8192.
const LENGTHS: [usize; 9] = [0, 1, 7, 8, 9, 8191, 8192, 8193, 30_011];

fn uploaded<T: Element>(cuda: &Cuda, values: &[T]) -> Result<<Cuda as Backend>::Buffer<T>> {
    let mut buffer = cuda.reserve(values.len())?;
    cuda.upload(values, Cuda::view_mut(&mut buffer, values.len()))?;
    Ok(buffer)
}

/// Both loops over all but the first `skipped` elements, beside the same on the host.
fn check<T: Element + Debug>(
    cuda: &Cuda,
    values: impl Fn(usize) -> T,
    scaled: impl Fn(T) -> T,
    added: impl Fn(T, T) -> T,
) -> Result<()> {
    for len in LENGTHS {
        for skipped in [0, 1, 3] {
            let whole = len + skipped;
            let mut g: Vec<T> = (0..whole).map(&values).collect();
            let y: Vec<T> = (0..whole).map(|at| values(at + 11)).collect();
            let mut there = uploaded(cuda, &g)?;
            let other = uploaded(cuda, &y)?;
            cuda.scale(Cuda::view_mut(&mut there, whole).skip(skipped))?;
            g[skipped..].iter_mut().for_each(|g| *g = scaled(*g));
            assert!(cuda.download(Cuda::view(&there, whole))? == g, "scale {len} {skipped}");
            let view = Cuda::view(&other, whole).skip(skipped);
            cuda.triad(Cuda::view_mut(&mut there, whole).skip(skipped), view)?;
            g[skipped..].iter_mut().zip(&y[skipped..]).for_each(|(g, y)| *g = added(*g, *y));
            assert!(cuda.download(Cuda::view(&there, whole))? == g, "triad {len} {skipped}");
        }
    }
    Ok(())
}

#[test]
fn the_floats_are_the_formulas() -> Result<()> {
    let Some(cuda) = cuda_or_skip("the_floats_are_the_formulas") else {
        return Ok(());
    };
    let single = |at: usize| (at % 1000) as f32 - 321.5;
    check(&cuda, single, |a| a * 0.999, |g, y| g * 0.999 + y * 0.25)?;
    let double = |at: usize| (at % 1000) as f64 - 321.5;
    check(&cuda, double, |a| a * 0.999, |g, y| g * 0.999 + y * 0.25)
}

#[test]
fn two_byte_elements_are_moved_as_integers() -> Result<()> {
    let Some(cuda) = cuda_or_skip("two_byte_elements_are_moved_as_integers") else {
        return Ok(());
    };
    // Their products stay below the bits of infinity, so that equality of values is that of bits.
    let scaled = |a: u16| a.wrapping_mul(3);
    let added = |g: u16, y: u16| g.wrapping_mul(3).wrapping_add(y.wrapping_mul(5));
    let bits = |at: usize| (at % 1000) as u16;
    check(
        &cuda,
        |at| f16::from_bits(bits(at)),
        |a| f16::from_bits(scaled(a.to_bits())),
        |g, y| f16::from_bits(added(g.to_bits(), y.to_bits())),
    )?;
    check(
        &cuda,
        |at| bf16::from_bits(bits(at)),
        |a| bf16::from_bits(scaled(a.to_bits())),
        |g, y| bf16::from_bits(added(g.to_bits(), y.to_bits())),
    )
}

#[test]
fn other_lengths_are_refused() -> Result<()> {
    let Some(cuda) = cuda_or_skip("other_lengths_are_refused") else {
        return Ok(());
    };
    let (mut g, y) = (cuda.alloc::<f32>(4)?, cuda.alloc::<f32>(3)?);
    let refused = cuda.triad(Cuda::view_mut(&mut g, 4), Cuda::view(&y, 3));
    assert_eq!(refused, Err(Error::Length { what: "y", expected: 4, got: 3 }));
    Ok(())
}

#[test]
fn on_the_shim() {
    driver::on_the_shim(&[]);
}
