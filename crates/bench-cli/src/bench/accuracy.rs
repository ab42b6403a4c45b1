//! How far slope gradients are from `f64`, slope by slope: the verification of `bench` over many slopes.

use prelu_mem_core::{Element, Geometry, Sharing, Slopes};
use prelu_mem_registry::StrategyName;

use super::progress::Progress;
use super::subject::prepare;
use super::target::Layer;
use super::{shared_buffer, verify};
use crate::device::Runs;
use crate::failure::Failure;
use crate::options::hand_over::HandOver;
use prelu_mem_report::record::check::Accuracy;

/// Sizes of slopes. Powers of two hide the rounding of `y`; 0.25, 1, 2 and 4 are there since people start from them, or to
/// show what lies beyond 1.
const SIZES: [f64; 18] = [
    1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0, 1.3, 2.0,
    4.0,
];
/// 16 channels of 4096 elements each, about half of which have terms in the slope gradient.
const SHAPE: [usize; 3] = [4, 16, 1024];
const SEED: u64 = 1;

/// A row for each strategy, in elements of type `T`.
pub(crate) fn measure<B: Runs<T>, T: Element>(
    backend: &B,
    progress: &Progress,
) -> Result<Vec<Accuracy>, Failure> {
    let negative = SIZES.iter().rev().map(|size| -size);
    let slopes: Vec<f64> = negative.chain(SIZES).collect();
    let mut rows: Vec<Accuracy> = StrategyName::ALL
        .iter()
        .map(|strategy| Accuracy {
            strategy: strategy.name().to_owned(),
            dtype: T::DTYPE.name().to_owned(),
            terms: SHAPE[0] * SHAPE[2],
            slopes: slopes.clone(),
            errors: Vec::new(),
        })
        .collect();
    for &slope in &slopes {
        let layers = [layer::<T>(slope)?];
        let subjects = StrategyName::ALL
            .iter()
            .map(|&name| prepare(name, HandOver::Direct, &layers))
            .collect::<Result<Vec<_>, _>>()?;
        let shared = shared_buffer(backend, &subjects)?;
        let verdicts = verify::all((backend, shared.as_ref()), &layers, &subjects, SEED, progress)?;
        for (row, verdict) in rows.iter_mut().zip(verdicts) {
            row.errors.push(verdict.slope_gradient_relative_error);
        }
    }
    Ok(rows)
}

fn layer<T: Element>(slope: f64) -> Result<Layer<T>, Failure> {
    let geometry = Geometry::from_shape(&SHAPE, 1, Sharing::PerChannel)?;
    let slopes = Slopes::learned(vec![T::from_f64(slope); SHAPE[1]]);
    Ok(Layer { shape: SHAPE.to_vec(), axis: 1, geometry, slopes })
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::Cpu;

    use super::*;

    #[test]
    fn a_copy_is_exact_and_a_mask_nearly() -> Result<(), Failure> {
        let rows = measure::<_, f32>(&Cpu::new(1)?, &Progress::start())?;
        let errors = |name: &str| {
            let row = rows.iter().find(|row| row.strategy == name).expect(name);
            assert_eq!(row.slopes.len(), row.errors.len());
            assert!(row.slopes.is_sorted(), "{name}");
            row.errors.iter().copied().fold(0.0, f64::max)
        };
        // The double precision of the sum is all that a copy loses; f32's rounding of y is more.
        assert!(errors("full-copy") < 1e-14, "{}", errors("full-copy"));
        let mask = errors("bitmask");
        assert!((1e-10..1e-6).contains(&mask), "{mask}");
        Ok(())
    }
}
