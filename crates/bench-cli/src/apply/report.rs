//! What `apply` tells: what was saved between the passes, and which files hold the results.

use std::path::PathBuf;

use prelu_mem_core::Dtype;
use serde_json::{Value, json};

use super::pass::Saved;
use crate::export::{Grid, Report};

/// One run of `apply`.
pub(super) struct Applied {
    /// The type of the arrays.
    pub(super) dtype: Dtype,
    /// The shape of the input.
    pub(super) shape: Vec<usize>,
    /// What waited between the passes.
    pub(super) saved: Saved,
    /// The files written.
    pub(super) written: Vec<PathBuf>,
}

impl Applied {
    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Saved bits per element; none where there are no elements.
    fn bits_per_element(&self) -> Option<f64> {
        let bits = self.saved.footprint.saved_bytes() as f64 * 8.0;
        (self.elements() > 0).then(|| bits / self.elements() as f64)
    }

    fn files(&self) -> Vec<String> {
        self.written.iter().map(|path| path.display().to_string()).collect()
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let [derived, encoded, kept] = self.saved.channels;
        vec![
            ("strategy", self.saved.strategy.to_string()),
            ("dtype", self.dtype.to_string()),
            ("elements", self.elements().to_string()),
            ("saved_bytes", self.saved.footprint.saved_bytes().to_string()),
            ("lent_bytes", self.saved.footprint.lent_bytes.to_string()),
            ("allocated_bytes", self.saved.allocated_bytes.to_string()),
            (
                "bits_per_element",
                self.bits_per_element().map_or(String::new(), |bits| bits.to_string()),
            ),
            ("derived_channels", derived.to_string()),
            ("encoded_channels", encoded.to_string()),
            ("kept_channels", kept.to_string()),
            ("needs_output", self.saved.footprint.needs_output.to_string()),
            ("files", self.files().join(" ")),
        ]
    }
}

impl Report for Applied {
    fn json(&self) -> Value {
        let [derived, encoded, kept] = self.saved.channels;
        json!({
            "schema": 1,
            "strategy": self.saved.strategy.to_string(),
            "dtype": self.dtype.name(),
            "shape": self.shape,
            "elements": self.elements(),
            "saved_bytes": self.saved.footprint.saved_bytes(),
            "lent_bytes": self.saved.footprint.lent_bytes,
            "allocated_bytes": self.saved.allocated_bytes,
            "bits_per_element": self.bits_per_element(),
            "channels": { "derived": derived, "encoded": encoded, "kept": kept },
            "needs_output": self.saved.footprint.needs_output,
            "files": self.files(),
        })
    }

    fn records(&self) -> Grid {
        let (names, cells): (Vec<_>, Vec<_>) = self.fields().into_iter().unzip();
        let mut grid = Grid::new("", &names);
        grid.push(cells);
        grid
    }

    fn tables(&self) -> Vec<Grid> {
        let [derived, encoded, kept] = self.saved.channels;
        let mut grid = Grid::new("", &["what", "value"]);
        let mut say = |what: &str, value: String| grid.push(vec![what.to_owned(), value]);
        say("strategy", self.saved.strategy.to_string());
        say("input", format!("{} {:?}", self.dtype, self.shape));
        say("saved between the passes", format!("{} bytes", self.saved.footprint.saved_bytes()));
        say("lent by the gradient buffer", format!("{} bytes", self.saved.footprint.lent_bytes));
        say("allocated, as counted", format!("{} bytes", self.saved.allocated_bytes));
        say(
            "saved per element",
            self.bits_per_element().map_or("no elements".into(), |bits| format!("{bits:.3} bits")),
        );
        say("channels derived, encoded, kept", format!("{derived}, {encoded}, {kept}"));
        say(
            "backward reads y",
            if self.saved.footprint.needs_output { "yes" } else { "no" }.into(),
        );
        for file in self.files() {
            say("written", file);
        }
        vec![grid]
    }
}
