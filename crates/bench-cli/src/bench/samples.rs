//! Repeated timings of the same work.

use prelu_mem_report::record::bench::Summary;

/// Seconds that one piece of work took, sample by sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds one sample, to six digits: more than repeats.
    pub(crate) fn push(&mut self, seconds: f64) {
        let digits = format!("{seconds:.5e}").parse();
        self.0.push(digits.unwrap_or(seconds));
    }

    /// Every sample, in the order taken.
    pub(crate) fn seconds(&self) -> &[f64] {
        &self.0
    }

    /// The summary, or none without samples.
    pub(crate) fn summary(&self) -> Option<Summary> {
        Summary::of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_six_digits() {
        let mut samples = Samples::default();
        samples.push(0.001_234_567_89);
        samples.push(2.0);
        assert_eq!(samples.seconds(), [0.001_234_57, 2.0]);
        assert_eq!(samples.summary().map(|summary| summary.max), Some(2.0));
    }
}
