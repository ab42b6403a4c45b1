//! The tensors of a case.

use super::case::{self, Case, Values};
use crate::element::{Dtype, Element};
use crate::error::Result;
use crate::filler::Filler;

/// A case's pre-activation and upstream gradient.
pub(super) struct Tensors<T> {
    pub(super) x: Vec<T>,
    pub(super) g: Vec<T>,
}

impl<T: Element> Tensors<T> {
    pub(super) fn of(case: &Case<T>) -> Result<Self> {
        let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
        let mut x: Vec<T> = ordinary.fill(&case.shape, 1)?;
        let mut g: Vec<T> = ordinary.fill(&case.shape, 2)?;
        match case.values {
            Values::Ordinary => {}
            Values::Edges => {
                let edges = edges::<T>();
                for (index, x) in x.iter_mut().enumerate().skip(1).step_by(2) {
                    *x = edges[index / 2 % edges.len()];
                }
                for g in g.iter_mut().step_by(5) {
                    *g = T::default();
                }
            }
            Values::Specials => {
                let specials = specials::<T>();
                let faster: usize = case.shape[case.axis + 1..].iter().product();
                let slower: usize = case.shape[..case.axis].iter().product();
                let channels = case.shape[case.axis];
                let one_slope = case.slopes.iter().all(|slope| *slope == case.slopes[0]);
                let slopes = case::every_slope::<T>().len();
                // One element of every channel, each in another place along the slower axes. Each pair of specials meets
                // each slope; where there is one, neighbours are far apart, so that 64 channels have some of all.
                for channel in 0..channels {
                    let pair = if one_slope { 7 * channel } else { channel / slopes };
                    let at = (channel % slower * channels + channel) * faster;
                    x[at] = specials[pair % specials.len()];
                    g[at] = specials[pair / specials.len() % specials.len()];
                }
            }
        }
        Ok(Tensors { x, g })
    }
}

/// Finite pre-activations at the ends of the number type, both signs.
fn edges<T: Element>() -> Vec<T> {
    let (smallest, roundoff) = (T::SMALLEST, T::UNIT_ROUNDOFF);
    let normal = smallest / roundoff / 2.0;
    let sizes =
        [0.0, smallest, 3.0 * smallest, normal - smallest, normal, 1.0, 1.0 + 2.0 * roundoff];
    sizes.iter().flat_map(|&size| [T::from_f64(size), T::from_f64(-size)]).collect()
}

/// Values that spread: one of them decides its channel's slope gradient.
pub(super) fn specials<T: Element>() -> Vec<T> {
    let largest = (2.0 - 2.0 * T::UNIT_ROUNDOFF) * 2_f64.powi(largest_exponent::<T>());
    let sizes = [0.0, T::SMALLEST, 2.0, largest, f64::INFINITY];
    let mut specials: Vec<T> =
        sizes.iter().flat_map(|&size| [T::from_f64(size), T::from_f64(-size)]).collect();
    specials.push(T::from_f64(f64::NAN));
    specials
}

fn largest_exponent<T: Element>() -> i32 {
    match T::DTYPE {
        Dtype::F16 => 15,
        Dtype::Bf16 | Dtype::F32 => 127,
        Dtype::F64 => 1023,
    }
}
