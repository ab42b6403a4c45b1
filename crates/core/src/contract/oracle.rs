//! PReLU as it is defined, element by element in `f64`. Shares nothing with the engine.

/// What a forward and a backward pass must give.
#[derive(Debug, Default)]
pub struct Expected {
    /// The output `y`, rounded to the element type.
    pub output: Vec<f64>,
    /// The input gradient `dx`, rounded to the element type.
    pub input_gradient: Vec<f64>,
    /// The slope gradient `da`, one per slope.
    pub slopes: Vec<Slope>,
}

/// The terms `g x` of one slope: those with `x` not positive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slope {
    /// Their sum, the slope gradient.
    pub gradient: f64,
    /// The sum of `|g x|`.
    pub magnitude: f64,
    /// The sum of `|g|`.
    pub upstream: f64,
    /// How many there are.
    pub terms: usize,
    lost: f64,
}

/// Runs it for the tensors `x` and `g` of `shape`, in C order. Channels lie along `axis`; a single
/// slope is shared. `round` rounds an exact product to the element type.
pub fn run(
    (shape, axis): (&[usize], usize),
    slopes: &[f64],
    (x, g): (&[f64], &[f64]),
    round: fn(f64) -> f64,
) -> Expected {
    let slope_terms = vec![Slope::default(); slopes.len()];
    let mut expected = Expected { slopes: slope_terms, ..Expected::default() };
    let faster: usize = shape[axis + 1..].iter().product();
    for (index, (&x, &g)) in x.iter().zip(g).enumerate() {
        let channel = if slopes.len() == 1 { 0 } else { index / faster % shape[axis] };
        let positive = x > 0.0;
        let y = if positive { x } else { round(slopes[channel] * x) };
        expected.output.push(y);
        expected.input_gradient.push(if positive { g } else { round(slopes[channel] * g) });
        if !positive {
            let slope = &mut expected.slopes[channel];
            // The rounding errors of product and sum are kept apart: Ogita, Rump and Oishi's Dot2.
            let (before, product) = (slope.gradient, g * x);
            slope.gradient += product;
            let added = slope.gradient - before;
            slope.lost += (before - (slope.gradient - added)) + (product - added);
            slope.lost += g.mul_add(x, -product);
            slope.magnitude += product.abs();
            slope.upstream += g.abs();
            slope.terms += 1;
        }
    }
    for slope in expected.slopes.iter_mut().filter(|slope| slope.gradient.is_finite()) {
        slope.gradient += slope.lost;
    }
    expected
}
