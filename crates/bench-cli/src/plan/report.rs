//! What `plan` prints.

use prelu_mem_net::plan::{MemoryPlan, Parts};
use prelu_mem_registry::StrategyName;
use serde_json::{Value, json};

use super::PlanOptions;
use crate::bench::target::{Subject, Target};
use crate::export::{Grid, Report};
use crate::options::gradients::Gradients;
use crate::units::mebibytes;

/// One run.
pub(super) struct PlanReport {
    pub(super) schema: u32,
    pub(super) settings: Settings,
    pub(super) rows: Vec<Row>,
}

/// What was asked for, defaults filled in.
pub(super) struct Settings {
    network: String,
    batch: usize,
    dtype: &'static str,
    slopes: String,
    seed: u64,
    budget: Option<u64>,
}

impl Settings {
    pub(super) fn new(options: &PlanOptions, target: &Target, batch: usize) -> Self {
        let network = match &target.subject {
            Subject::Network(network, _) => network.name.clone(),
            Subject::Shape(shape) => format!("{shape:?}"),
        };
        Self {
            network,
            batch,
            dtype: options.dtype.name(),
            slopes: options.slopes.to_string(),
            seed: options.seed,
            budget: options.budget,
        }
    }
}

/// One strategy in one mode of gradients.
pub(super) struct Row {
    strategy: &'static str,
    gradients: &'static str,
    peak_bytes: usize,
    step: String,
    parts: Parts,
    /// 0 where no batch fits the budget; none without a budget.
    largest_batch: Option<usize>,
    /// The peak at a batch of 1.
    smallest_bytes: usize,
}

impl Row {
    pub(super) fn new(
        strategy: StrategyName,
        gradients: Gradients,
        plan: &MemoryPlan,
        largest_batch: Option<usize>,
        smallest_bytes: usize,
    ) -> Self {
        let (step, parts) = plan.peak();
        Self {
            strategy: strategy.name(),
            gradients: gradients.name(),
            peak_bytes: plan.peak_bytes(),
            step: step.to_string(),
            parts: *parts,
            largest_batch,
            smallest_bytes,
        }
    }
}

impl Report for PlanReport {
    fn json(&self) -> Value {
        let settings = &self.settings;
        let row = |row: &Row| {
            let parts: serde_json::Map<String, Value> =
                row.parts.named().iter().map(|(name, bytes)| (key(name), json!(bytes))).collect();
            json!({
                "strategy": row.strategy,
                "gradients": row.gradients,
                "peak_bytes": row.peak_bytes,
                "peak_step": row.step,
                "parts": parts,
                "largest_batch": row.largest_batch,
            })
        };
        json!({
            "schema": self.schema,
            "settings": {
                "network": settings.network,
                "batch": settings.batch,
                "dtype": settings.dtype,
                "slopes": settings.slopes,
                "seed": settings.seed,
                "budget_bytes": settings.budget,
                "version": env!("CARGO_PKG_VERSION"),
            },
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    fn records(&self) -> Grid {
        let mut columns = [
            "network",
            "batch",
            "dtype",
            "slopes",
            "strategy",
            "gradients",
            "peak_bytes",
            "peak_step",
        ]
        .map(str::to_owned)
        .to_vec();
        columns.extend(Parts::default().named().map(|(name, _)| format!("{}_bytes", key(name))));
        columns.extend(["budget_bytes", "largest_batch"].map(str::to_owned));
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut grid = Grid::new("", &names);
        let settings = &self.settings;
        for row in &self.rows {
            let mut cells = vec![
                settings.network.clone(),
                settings.batch.to_string(),
                settings.dtype.to_owned(),
                settings.slopes.clone(),
                row.strategy.to_owned(),
                row.gradients.to_owned(),
                row.peak_bytes.to_string(),
                row.step.clone(),
            ];
            cells.extend(row.parts.named().map(|(_, bytes)| bytes.to_string()));
            cells.push(settings.budget.map(|bytes| bytes.to_string()).unwrap_or_default());
            cells.push(row.largest_batch.map(|batch| batch.to_string()).unwrap_or_default());
            grid.push(cells);
        }
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        vec![self.peaks(), self.parts()]
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![
            "Counted: every PReLU's tensor, kept by the layer behind it as its input; gradients; what PReLUs save; the shared buffer; PReLU's workspace; slopes as parameters.".to_owned(),
            "Not counted: weights and workspace of the layers between, the network's input.".to_owned(),
        ];
        if self.rows.iter().any(|row| row.gradients == "transient") {
            notes.push("diff-stash with transient gradients needs its gradient buffers from forward on: as much as a full copy, and the shared buffer besides.".to_owned());
        }
        if let Some(budget) = self.settings.budget {
            for row in self.rows.iter().filter(|row| row.largest_batch == Some(0)) {
                notes.push(format!(
                    "{}, {} gradients: {budget} bytes are too few for a batch of 1, which needs {}.",
                    row.strategy, row.gradients, row.smallest_bytes
                ));
            }
        }
        notes
    }
}

impl PlanReport {
    fn peaks(&self) -> Grid {
        let settings = &self.settings;
        let title = format!(
            "Peak memory of a training step: {}, batch {}, {}, slopes {}",
            settings.network, settings.batch, settings.dtype, settings.slopes
        );
        let mut columns = vec!["strategy", "gradients", "peak MiB", "of full-copy", "peak at"];
        if settings.budget.is_some() {
            columns.push("largest batch");
        }
        let mut grid = Grid::new(&title, &columns);
        for row in &self.rows {
            let full = self
                .rows
                .iter()
                .find(|full| full.strategy == "full-copy" && full.gradients == row.gradients)
                .map_or(row.peak_bytes, |full| full.peak_bytes);
            let mut cells = vec![
                row.strategy.to_owned(),
                row.gradients.to_owned(),
                mebibytes(row.peak_bytes as u64),
                format!("{:.1} %", row.peak_bytes as f64 / full as f64 * 100.0),
                row.step.clone(),
            ];
            cells.extend(row.largest_batch.map(|batch| match batch {
                0 => "none".to_owned(),
                batch => batch.to_string(),
            }));
            grid.push(cells);
        }
        grid
    }

    fn parts(&self) -> Grid {
        let mut columns = vec!["strategy", "mode"];
        let names = Parts::default().named().map(|(name, _)| name);
        columns.extend(names);
        let mut grid = Grid::new("What the peak is made of, in MiB", &columns);
        for row in &self.rows {
            let mut cells = vec![row.strategy.to_owned(), row.gradients.to_owned()];
            cells.extend(row.parts.named().map(|(_, bytes)| mebibytes(bytes as u64)));
            grid.push(cells);
        }
        grid
    }
}

/// A part's name as a key.
fn key(name: &str) -> String {
    name.replace(' ', "_")
}
