//! One strategy's line in the report.

use prelu_mem_core::{Element, Footprint};

use super::measure::{Counted, Timing};
use super::target::Layer;
use super::verify::Verdict;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use prelu_mem_report::record::bench::Row;

/// What a row is made of.
pub(super) struct Findings<'a> {
    pub(super) hand_over: Option<HandOver>,
    pub(super) gradients: Gradients,
    pub(super) footprints: &'a [Footprint],
    pub(super) counted: Counted,
    pub(super) timing: &'a Timing,
    pub(super) verdict: Verdict,
}

/// The row, or none where no sample was finished.
pub(super) fn row<T: Element>(
    strategy: &str,
    layers: &[Layer<T>],
    findings: &Findings<'_>,
    (scale_gbps, triad_gbps): (f64, f64),
) -> Option<Row> {
    let forward = findings.timing.forward.summary()?;
    let backward = findings.timing.backward.summary()?;
    let sum = |bytes: fn(&Footprint) -> usize| {
        findings.footprints.iter().map(|footprint| bytes(footprint) as u64).sum::<u64>()
    };
    let largest = |bytes: fn(&Footprint) -> usize| {
        findings.footprints.iter().map(|footprint| bytes(footprint) as u64).max().unwrap_or(0)
    };
    let elements: u64 = layers.iter().map(|layer| layer.geometry.len() as u64).sum();
    // A transient gradient buffer is made for the stash alone.
    let saved = match findings.gradients {
        Gradients::Resident => sum(Footprint::saved_bytes),
        Gradients::Transient => sum(|footprint| footprint.saved_bytes() + footprint.lent_bytes),
    };
    let (forward_bytes, backward_bytes) = least_bytes(layers, findings.footprints);
    let forward_gbps = gbps(forward_bytes, forward.median);
    let backward_gbps = gbps(backward_bytes, backward.median);
    Some(Row {
        strategy: strategy.to_owned(),
        hand_over: findings.hand_over.map(|way| way.name().to_owned()),
        layers: layers.len(),
        elements,
        saved_bytes: saved,
        allocated_bytes: findings.counted.allocated,
        resident_bytes: findings.counted.resident,
        shared_buffer_bytes: largest(|footprint| footprint.lent_bytes),
        workspace_bytes: largest(|footprint| footprint.workspace_bytes),
        needs_output: findings.footprints.iter().any(|footprint| footprint.needs_output),
        bits_per_element: saved as f64 * 8.0 / elements as f64,
        forward_seconds: forward,
        backward_seconds: backward,
        forward_gbps,
        backward_gbps,
        forward_of_limit: forward_gbps / scale_gbps,
        backward_of_limit: backward_gbps / triad_gbps,
        input_gradient_exact: findings.verdict.input_gradient_exact,
        slope_gradient_relative_error: findings.verdict.slope_gradient_relative_error,
        forward_samples: findings.timing.forward.seconds().to_vec(),
        backward_samples: findings.timing.backward.seconds().to_vec(),
    })
}

/// Billions of bytes per second.
pub(super) fn gbps(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 / seconds / 1e9
}

/// The bytes that no implementation of the strategy can avoid to move, forward and backward: `x` is read, `y` and the
/// saved state are written; the gradient is read and written, the saved state is read, and `y` where it is needed.
fn least_bytes<T: Element>(layers: &[Layer<T>], footprints: &[Footprint]) -> (u64, u64) {
    let (mut forward, mut backward) = (0, 0);
    for (layer, footprint) in layers.iter().zip(footprints) {
        let tensor = (layer.geometry.len() * size_of::<T>()) as u64;
        let saved = (footprint.saved_bytes() + footprint.lent_bytes) as u64;
        // A kept channel's output is not read: its pre-activations are.
        let output = if footprint.needs_output { tensor - footprint.kept_bytes as u64 } else { 0 };
        forward += 2 * tensor + saved;
        backward += 2 * tensor + saved + output;
    }
    (forward, backward)
}
