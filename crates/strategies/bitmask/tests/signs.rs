//! The saved bits, looked at through `bitvec`, are the signs of the encoded channels in order.

use prelu_mem_bitmask::{Bitmask, bits};
use prelu_mem_core::{Cpu, Error, Filler, Geometry, GradSlot, Sharing, Slopes, Strategy};

fn check(shape: &[usize], slopes: &[f32], threads: usize) -> Result<(), Error> {
    let geometry = Geometry::from_shape(shape, 1, Sharing::PerChannel)?;
    let (cpu, learned) = (Cpu::new(threads)?.sharing_from(0), Slopes::learned(slopes.to_vec()));
    let plan = Strategy::<Cpu, f32>::plan(&Bitmask, &geometry, &learned)?;
    let x: Vec<f32> = Filler::Uniform { low: -1.0, high: 1.0 }.fill(shape, 3)?;
    let mut slot = GradSlot::none();
    let saved = Bitmask.forward(&cpu, &plan, &mut x.clone(), &mut slot)?;

    let inner: usize = shape[2..].iter().product();
    let encoded = |element: usize| slopes[element / inner % slopes.len()] != 0.0;
    let signs: Vec<bool> = (0..x.len()).filter(|&i| encoded(i)).map(|i| x[i] > 0.0).collect();
    let seen: Vec<bool> = bits(saved.words(), signs.len()).iter().by_vals().collect();
    assert!(seen == signs, "{shape:?} {slopes:?} {threads} threads");
    Ok(())
}

#[test]
fn bits_are_the_signs_of_the_encoded_channels() -> Result<(), Error> {
    for threads in [1, 3] {
        for slopes in [[0.25, -0.7, 0.3], [0.25, 0.0, -0.7], [0.0, 0.0, 1.0]] {
            check(&[3, 3, 7, 7], &slopes, threads)?;
            check(&[50, 3], &slopes, threads)?;
            check(&[2, 3, 30_011], &slopes, threads)?;
            check(&[70_001, 3], &slopes, threads)?;
        }
    }
    Ok(())
}

/// A pass that moves more than the caches are taken to hold writes its words by stretches.
#[test]
fn of_large_tensors_too() -> Result<(), Error> {
    for shape in [[2, 3, 700_011].as_slice(), &[1_400_022, 3], &[28_572, 3, 49]] {
        check(shape, &[0.25, -0.7, 0.3], 1)?;
    }
    Ok(())
}
