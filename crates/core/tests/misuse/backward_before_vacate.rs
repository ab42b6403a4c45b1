//! The gradient buffer has to be vacated first.

use prelu_mem_core::{Cpu, Error, Slopes, Strategy};

fn step<S: Strategy<Cpu, f32>>(
    cpu: &Cpu,
    slopes: &Slopes<f32>,
    saved: S::Saved,
    grad: &mut [f32],
    sums: &mut [f64],
) -> Result<(), Error> {
    S::default().backward(cpu, slopes, saved, None, grad, Some(sums))?;
    Ok(())
}

fn main() {}
