//! What `bench` prints.

use serde_json::Value;

use crate::export::{Grid, Report};
use crate::units::{mebibytes, milliseconds};
use prelu_mem_report::record::bench::{BenchRecord, Row, Summary};

/// A record as people and programs read it.
pub(super) struct BenchReport<'a>(pub(super) &'a BenchRecord);

impl Report for BenchReport<'_> {
    fn json(&self) -> Value {
        serde_json::json!(self.0)
    }

    fn records(&self) -> Grid {
        let mut grid = Grid::new("", &RECORD);
        for row in &self.0.rows {
            grid.push(self.record(row));
        }
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        vec![self.memory_table(), self.speed_table()]
    }

    fn notes(&self) -> Vec<String> {
        let limit = |name: &str, value: Option<f64>| {
            value.map_or_else(
                || format!("{name} not measured"),
                |value| format!("{name} {value:.1} GB/s"),
            )
        };
        let mut notes = vec![
            format!(
                "Limits of this machine in this run: {}, {}, {}.",
                limit("copy", self.0.limits.copy_gbps),
                limit("scale in place", self.0.limits.in_place_scale_gbps),
                limit("triad in place", self.0.limits.in_place_triad_gbps),
            ),
            "GB/s: the least bytes a strategy has to move, over the median; of limit: against the scale for forward, the triad for backward.".into(),
            "Freed saved states are kept for the next forward, as in training: the first, in fresh memory, is a warm-up that is not counted.".into(),
            "reads y: backward reads the output, which is free where the next layer keeps it anyway and one more tensor where not.".into(),
        ];
        if power_of_two(&self.0.settings.slopes) {
            let slope = &self.0.settings.slopes;
            notes.push(format!("da relative error: a product by {slope}, a power of two, is not rounded; --slopes 0.3 shows what rounding costs."));
        }
        if self.0.rows.iter().any(|row| row.shared_buffer_bytes > 0) {
            let waits = match self.0.settings.gradients.as_str() {
                "resident" => "which are there anyway",
                _ => "which had to be made early for it: as much as a full copy",
            };
            notes.push(format!("diff-stash: the stash waits in the gradient buffers, {waits}; of full-copy counts the one shared buffer too; backward's time has the hand-over in it."));
        }
        notes
    }
}

/// Whether all slopes are one power of two, which hides the rounding of the output.
fn power_of_two(slopes: &str) -> bool {
    let value: Option<f64> = slopes.strip_prefix("constant:").unwrap_or(slopes).parse().ok();
    value.is_some_and(|value| value.is_normal() && value.abs().log2().fract() == 0.0)
}

impl BenchReport<'_> {
    fn subject(&self) -> String {
        let settings = &self.0.settings;
        let what = match (&settings.network, &settings.shape, settings.batch) {
            (Some(network), _, Some(batch)) => format!("{network}, batch {batch}"),
            (_, Some(shape), _) => format!("shape {shape:?}, channels on axis {}", settings.axis),
            _ => "layers".to_owned(),
        };
        format!("{what}, {} on {}", settings.dtype, settings.device)
    }

    fn memory_table(&self) -> Grid {
        let title = format!("Memory: {}", self.subject());
        let mut grid = Grid::new(
            &title,
            &[
                "strategy",
                "saved MiB",
                "allocated MiB",
                "bits/element",
                "shared MiB",
                "of full-copy",
                "reads y",
                "workspace KiB",
            ],
        );
        let full =
            self.0.rows.iter().find(|row| row.strategy == "full-copy").map(|row| row.saved_bytes);
        for row in &self.0.rows {
            let all = row.saved_bytes + row.shared_buffer_bytes;
            let share = full.filter(|&full| full > 0).map(|full| all as f64 / full as f64);
            grid.push(vec![
                label(row),
                mebibytes(row.saved_bytes),
                mebibytes(row.allocated_bytes),
                format!("{:.2}", row.bits_per_element),
                mebibytes(row.shared_buffer_bytes),
                share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0)),
                yes(row.needs_output),
                format!("{:.1}", row.workspace_bytes as f64 / 1024.0),
            ]);
        }
        grid
    }

    fn speed_table(&self) -> Grid {
        let layers = self.0.rows.first().map_or(0, |row| row.layers);
        let title = match (self.0.settings.threads, &self.0.machine.gpu) {
            (None, Some(gpu)) => format!("Speed on {}, layers: {layers}", gpu.name),
            (None, None) => format!("Speed, layers: {layers}"),
            (Some(threads), _) => match &self.0.settings.wait_policy {
                Some(policy) => format!("Speed, threads: {threads}, {policy}, layers: {layers}"),
                None => format!("Speed, threads: {threads}, layers: {layers}"),
            },
        };
        let mut grid = Grid::new(
            &title,
            &[
                "strategy",
                "forward ms",
                "GB/s",
                "of limit",
                "backward ms",
                "GB/s",
                "of limit",
                "dx exact",
                "da relative error",
            ],
        );
        for row in &self.0.rows {
            grid.push(vec![
                label(row),
                spread(&row.forward_seconds),
                format!("{:.1}", row.forward_gbps),
                format!("{:.2}", row.forward_of_limit),
                spread(&row.backward_seconds),
                format!("{:.1}", row.backward_gbps),
                format!("{:.2}", row.backward_of_limit),
                yes(row.input_gradient_exact),
                format!("{:.1e}", row.slope_gradient_relative_error),
            ]);
        }
        grid
    }

    fn record(&self, row: &Row) -> Vec<String> {
        let settings = &self.0.settings;
        let shape = settings
            .shape
            .as_ref()
            .map(|shape| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"));
        vec![
            settings.network.clone().or(shape).unwrap_or_default(),
            settings.batch.map(|batch| batch.to_string()).unwrap_or_default(),
            settings.dtype.clone(),
            settings.device.clone(),
            settings.threads.map(|threads| threads.to_string()).unwrap_or_default(),
            settings.wait_policy.clone().unwrap_or_default(),
            settings.gradients.clone(),
            settings.slopes.clone(),
            row.strategy.clone(),
            row.hand_over.clone().unwrap_or_default(),
            row.layers.to_string(),
            row.elements.to_string(),
            row.saved_bytes.to_string(),
            row.allocated_bytes.to_string(),
            row.resident_bytes.to_string(),
            row.shared_buffer_bytes.to_string(),
            row.workspace_bytes.to_string(),
            row.needs_output.to_string(),
            row.bits_per_element.to_string(),
            row.forward_seconds.median.to_string(),
            row.forward_seconds.min.to_string(),
            row.forward_seconds.max.to_string(),
            row.backward_seconds.median.to_string(),
            row.backward_seconds.min.to_string(),
            row.backward_seconds.max.to_string(),
            row.forward_seconds.samples.to_string(),
            row.forward_gbps.to_string(),
            row.backward_gbps.to_string(),
            row.forward_of_limit.to_string(),
            row.backward_of_limit.to_string(),
            row.input_gradient_exact.to_string(),
            row.slope_gradient_relative_error.to_string(),
        ]
    }
}

const RECORD: [&str; 32] = [
    "subject",
    "batch",
    "dtype",
    "device",
    "threads",
    "wait_policy",
    "gradients",
    "slopes",
    "strategy",
    "hand_over",
    "layers",
    "elements",
    "saved_bytes",
    "allocated_bytes",
    "resident_bytes",
    "shared_buffer_bytes",
    "workspace_bytes",
    "needs_output",
    "bits_per_element",
    "forward_median_seconds",
    "forward_min_seconds",
    "forward_max_seconds",
    "backward_median_seconds",
    "backward_min_seconds",
    "backward_max_seconds",
    "samples",
    "forward_gbps",
    "backward_gbps",
    "forward_of_limit",
    "backward_of_limit",
    "input_gradient_exact",
    "slope_gradient_relative_error",
];

/// The strategy, with its hand-over where it has one.
fn label(row: &Row) -> String {
    match &row.hand_over {
        Some(hand_over) => format!("{}, {hand_over}", row.strategy),
        None => row.strategy.clone(),
    }
}

fn spread(seconds: &Summary) -> String {
    format!(
        "{} ({} to {})",
        milliseconds(seconds.median),
        milliseconds(seconds.min),
        milliseconds(seconds.max)
    )
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}
