//! `--slopes SPEC`: a number, a filler, or one number per slope.

use prelu_mem_core::{Element, Error, Filler, Geometry, Sharing};

use crate::failure::Failure;

/// Where slopes come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SlopesSpec {
    text: String,
    source: Source,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    Filler(Filler),
    List(Vec<f64>),
}

/// Reads `0.25`, `constant:0.25`, `uniform:-0.5,0.5`, `gaussian:0,0.1`, `xavier`, `msra` or `0.1,-0.2,..`.
pub(crate) fn parse(text: &str) -> Result<SlopesSpec, String> {
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let source = match numbers {
        Ok(numbers) => match numbers[..] {
            [value] => Source::Filler(Filler::Constant(value)),
            _ => Source::List(numbers),
        },
        Err(_) => Source::Filler(text.parse().map_err(|error: Error| error.to_string())?),
    };
    Ok(SlopesSpec { text: text.to_owned(), source })
}

impl SlopesSpec {
    /// The slopes of one layer: as many as `geometry` has.
    pub(crate) fn values<T: Element>(
        &self,
        geometry: &Geometry,
        axis: usize,
        seed: u64,
    ) -> Result<Vec<T>, Failure> {
        let expected = geometry.slopes();
        match &self.source {
            Source::Filler(filler) => filler
                .fill(&[expected], seed)
                .map_err(|error| Failure::Usage(format!("--slopes {self}: {error}"))),
            Source::List(numbers) if numbers.len() == expected => {
                Ok(numbers.iter().map(|&number| T::from_f64(number)).collect())
            }
            Source::List(numbers) => {
                let place = match geometry.sharing() {
                    Sharing::PerChannel => format!("{expected} slopes for axis {axis}"),
                    Sharing::Shared => "1 shared slope".to_owned(),
                };
                Err(Failure::Usage(format!("--slopes: expected {place}, got {}", numbers.len())))
            }
        }
    }
}

impl std::fmt::Display for SlopesSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, channels: usize, sharing: Sharing) -> Result<Vec<f32>, Failure> {
        let geometry = Geometry::from_shape(&[2, channels, 3], 1, sharing).expect("valid");
        parse(text).map_err(Failure::Usage)?.values(&geometry, 1, 7)
    }

    #[test]
    fn every_form_gives_one_value_per_slope() {
        assert_eq!(values("0.3", 2, Sharing::PerChannel), Ok(vec![0.3, 0.3]));
        assert_eq!(values("-0.5", 1, Sharing::PerChannel), Ok(vec![-0.5]));
        assert_eq!(values("constant:0.25", 2, Sharing::Shared), Ok(vec![0.25]));
        assert_eq!(values("0.1, -0.2", 2, Sharing::PerChannel), Ok(vec![0.1, -0.2]));
        for filler in ["uniform:-0.5,0.5", "gaussian:0,0.1", "xavier", "msra"] {
            let found = values(filler, 64, Sharing::PerChannel).expect(filler);
            assert_eq!(found.len(), 64, "{filler}");
            assert!(found.iter().any(|slope| *slope != found[0]), "{filler} varies");
        }
    }

    #[test]
    fn a_list_has_the_length_of_the_axis() {
        let list = vec!["0.1"; 63].join(",");
        let error = values(&list, 64, Sharing::PerChannel).expect_err("63 of 64");
        assert!(error.to_string().contains("expected 64 slopes for axis 1, got 63"), "{error}");
        let error = values("1,2", 2, Sharing::Shared).expect_err("2 of 1");
        assert!(error.to_string().contains("expected 1 shared slope, got 2"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "x", "0.1,x", "constant:", "uniform:1", "gaussian:0,-1", "0.1,"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
