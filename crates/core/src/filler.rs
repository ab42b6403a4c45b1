//! Initial values of parameters, with Caffe's fillers.

use std::fmt;
use std::str::FromStr;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Uniform};

use crate::element::Element;
use crate::error::{Error, Result};

/// What a variance-scaling filler divides by (Caffe's `variance_norm`).
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum VarianceNorm {
    /// Inputs of one output: the size over the first axis.
    #[default]
    FanIn,
    /// Outputs of one input: the size over the second axis.
    FanOut,
    /// The mean of both.
    Average,
}

/// A rule for initial values.
///
/// `Xavier` is uniform in `+-sqrt(3 / n)` (Glorot and Bengio, *Understanding the difficulty of
/// training deep feedforward neural networks*, AISTATS 2010) and `Msra` normal with standard
/// deviation `sqrt(2 / n)` (He et al., *Delving Deep into Rectifiers*, ICCV 2015); `n` by
/// [`VarianceNorm`], from the shape as Caffe's fillers take it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filler {
    /// One value everywhere.
    Constant(f64),
    /// Uniform in `low .. high`.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// Normal.
    Gaussian {
        /// Mean.
        mean: f64,
        /// Standard deviation, not negative.
        std: f64,
    },
    /// Uniform, scaled by the fan.
    Xavier(VarianceNorm),
    /// Normal, scaled by the fan.
    Msra(VarianceNorm),
}

/// The slope a PReLU starts from: 0.25 (He et al. 2015, and Caffe's default).
impl Default for Filler {
    fn default() -> Self {
        Filler::Constant(0.25)
    }
}

impl Filler {
    /// Values for a parameter of `shape`, in C order. The same seed gives the same values on every
    /// machine and in every version.
    ///
    /// # Errors
    /// Parameters that make no distribution: infinite or NaN ones, `low > high`, a negative `std`.
    pub fn fill<T: Element>(&self, shape: &[usize], seed: u64) -> Result<Vec<T>> {
        let count: usize = shape.iter().product();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let refuse =
            |reason: &str| Error::Filler { filler: self.to_string(), reason: reason.to_owned() };
        let draw = |values: &mut dyn Iterator<Item = f64>| values.map(T::from_f64).collect();
        match *self {
            Filler::Constant(value) => Ok(vec![T::from_f64(value); count]),
            Filler::Uniform { low, high } => {
                let uniform = Uniform::new_inclusive(low, high)
                    .map_err(|_| refuse("expected finite low <= high"))?;
                Ok(draw(&mut uniform.sample_iter(&mut random).take(count)))
            }
            Filler::Gaussian { mean, std } => {
                if !mean.is_finite() || !std.is_finite() || std < 0.0 {
                    return Err(refuse("expected a finite mean and a finite std >= 0"));
                }
                let normal = Normal::new(mean, std)
                    .map_err(|_| refuse("expected a finite mean and a finite std >= 0"))?;
                Ok(draw(&mut normal.sample_iter(&mut random).take(count)))
            }
            Filler::Xavier(norm) => {
                let bound = (3.0 / norm.fan(shape)).sqrt();
                Filler::Uniform { low: -bound, high: bound }.fill(shape, seed)
            }
            Filler::Msra(norm) => {
                let std = (2.0 / norm.fan(shape)).sqrt();
                Filler::Gaussian { mean: 0.0, std }.fill(shape, seed)
            }
        }
    }
}

impl VarianceNorm {
    fn fan(self, shape: &[usize]) -> f64 {
        let count = shape.iter().product::<usize>().max(1) as f64;
        let over = |axis: usize| count / shape.get(axis).copied().unwrap_or(1).max(1) as f64;
        match self {
            VarianceNorm::FanIn => over(0),
            VarianceNorm::FanOut => over(1),
            VarianceNorm::Average => (over(0) + over(1)) / 2.0,
        }
    }
}

impl fmt::Display for Filler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filler::Constant(value) => write!(f, "constant:{value}"),
            Filler::Uniform { low, high } => write!(f, "uniform:{low},{high}"),
            Filler::Gaussian { mean, std } => write!(f, "gaussian:{mean},{std}"),
            Filler::Xavier(norm) => write!(f, "xavier{norm}"),
            Filler::Msra(norm) => write!(f, "msra{norm}"),
        }
    }
}

impl fmt::Display for VarianceNorm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VarianceNorm::FanIn => "",
            VarianceNorm::FanOut => ":fan-out",
            VarianceNorm::Average => ":average",
        })
    }
}

/// Reads a number, `constant:V`, `uniform:LOW,HIGH`, `gaussian:MEAN,STD`, `xavier` or `msra`, the
/// last two with `:fan-in` (the default), `:fan-out` or `:average`.
impl FromStr for Filler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: String| Error::Filler { filler: text.to_owned(), reason };
        if let Ok(value) = text.parse() {
            return Ok(Filler::Constant(value));
        }
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let numbers = |names: &str| -> Result<Vec<f64>> {
            let wanted = names.split(',').count();
            let values: Vec<f64> =
                rest.split(',').map_while(|part| part.trim().parse().ok()).collect();
            if values.len() != wanted || rest.split(',').count() != wanted {
                return Err(refuse(format!("expected {name}:{names} with numbers")));
            }
            Ok(values)
        };
        let norm = || match rest {
            "" | "fan-in" => Ok(VarianceNorm::FanIn),
            "fan-out" => Ok(VarianceNorm::FanOut),
            "average" => Ok(VarianceNorm::Average),
            _ => Err(refuse(format!(
                "'{rest}' is no variance norm: fan-in, fan-out and average are accepted"
            ))),
        };
        let filler = match name {
            "constant" => Filler::Constant(numbers("VALUE")?[0]),
            "uniform" => {
                let ends = numbers("LOW,HIGH")?;
                Filler::Uniform { low: ends[0], high: ends[1] }
            }
            "gaussian" => {
                let moments = numbers("MEAN,STD")?;
                Filler::Gaussian { mean: moments[0], std: moments[1] }
            }
            "xavier" => Filler::Xavier(norm()?),
            "msra" => Filler::Msra(norm()?),
            _ => {
                return Err(refuse(
                    "expected a number, constant:VALUE, uniform:LOW,HIGH, gaussian:MEAN,STD, xavier or msra".to_owned(),
                ));
            }
        };
        // Parameters that make no distribution are refused where they are read.
        match filler.fill::<f64>(&[], 0) {
            Ok(_) => Ok(filler),
            Err(Error::Filler { reason, .. }) => Err(refuse(reason)),
            Err(other) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_read_what_they_print() {
        for text in [
            "constant:0.25",
            "uniform:-1,1",
            "gaussian:0,0.1",
            "xavier",
            "xavier:fan-out",
            "msra",
            "msra:average",
        ] {
            assert_eq!(text.parse::<Filler>().expect(text).to_string(), text);
        }
        assert_eq!("0.25".parse(), Ok(Filler::default()));
    }

    #[test]
    fn bad_fillers_are_named() {
        for text in [
            "",
            "ones",
            "constant:",
            "constant:x",
            "uniform:1",
            "uniform:2,1",
            "uniform:0,inf",
            "gaussian:0,-1",
            "gaussian:nan,1",
            "gaussian:0,1,2",
            "msra:fan",
            "uniform:1,2,",
        ] {
            let error = text.parse::<Filler>().expect_err(text).to_string();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn draws_follow_their_distribution_and_their_seed() {
        let shape = [200, 50, 3, 3];
        let spread = |filler: Filler| {
            let values: Vec<f32> = filler.fill(&shape, 7).expect("valid");
            assert_eq!(values, filler.fill::<f32>(&shape, 7).expect("valid"));
            assert_ne!(values, filler.fill::<f32>(&shape, 8).expect("valid"));
            let n = values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
            let square = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
            (mean, (square - mean * mean).sqrt())
        };
        // 90,000 draws: the mean and the spread settle within five standard errors, 1.7 %.
        let near = |got: f64, expected: f64, scale: f64| (got - expected).abs() < 0.017 * scale;
        for (filler, mean, std) in [
            (Filler::Uniform { low: 1.0, high: 3.0 }, 2.0, (1.0_f64 / 3.0).sqrt()),
            (Filler::Gaussian { mean: -1.0, std: 0.5 }, -1.0, 0.5),
            (Filler::Xavier(VarianceNorm::FanIn), 0.0, (1.0_f64 / 450.0).sqrt()),
            (Filler::Msra(VarianceNorm::FanOut), 0.0, (2.0_f64 / 1800.0).sqrt()),
        ] {
            let (got_mean, got_std) = spread(filler);
            assert!(near(got_mean, mean, std), "{filler}: mean {got_mean}");
            assert!(near(got_std, std, std), "{filler}: std {got_std}");
        }
    }
}
