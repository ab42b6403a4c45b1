//! Repeated timings of the same work.

use serde::Serialize;

/// Seconds that one piece of work took, sample by sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

/// What a report says of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The middle sample, or the mean of the two in the middle: seconds.
    pub(crate) median: f64,
    /// The fastest: seconds.
    pub(crate) min: f64,
    /// The slowest: seconds.
    pub(crate) max: f64,
    /// How many.
    pub(crate) samples: usize,
}

impl Samples {
    /// Adds one sample.
    pub(crate) fn push(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    /// The summary, or none without samples.
    pub(crate) fn summary(&self) -> Option<Summary> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Some(Summary { median, min, max, samples: sorted.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let summary = |values: &[f64]| Samples(values.to_vec()).summary();
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[2.0]), Some(Summary { median: 2.0, min: 2.0, max: 2.0, samples: 1 }));
        assert_eq!(
            summary(&[9.0, 1.0, 2.0]),
            Some(Summary { median: 2.0, min: 1.0, max: 9.0, samples: 3 })
        );
        assert_eq!(
            summary(&[4.0, 1.0, 2.0, 9.0]),
            Some(Summary { median: 3.0, min: 1.0, max: 9.0, samples: 4 })
        );
    }
}
