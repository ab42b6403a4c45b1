//! Backward spends the saved state.

use prelu_mem_core::{Cpu, Error, Slopes, Strategy};

fn step<S: Strategy<Cpu, f32>>(
    cpu: &Cpu,
    slopes: &Slopes<f32>,
    ready: S::Ready,
    grad: &mut [f32],
    sums: &mut [f64],
) -> Result<(), Error> {
    S::default().backward(cpu, slopes, ready, None, grad, Some(sums))?;
    S::default().backward(cpu, slopes, ready, None, grad, Some(sums))?;
    Ok(())
}

fn main() {}
