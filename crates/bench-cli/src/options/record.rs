//! `--record [DIR]` and `--machine NAME`: where a run's record goes.

use std::path::PathBuf;

use clap::Args;

/// Whether a record is written, and where.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RecordOptions {
    /// Write the run's record to DIR/MACHINE/, for `prelu-mem report` [DIR, if left out: docs/records]
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "docs/records")]
    pub(crate) record: Option<PathBuf>,

    /// The folder of this machine's records [default: processor, cores and GPU, such as amd-epyc-2-cores]
    #[arg(long, value_name = "NAME", value_parser = machine, requires = "record", allow_hyphen_values = true)]
    pub(crate) machine: Option<String>,
}

fn machine(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=80).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('-') {
        Ok(name.to_owned())
    } else {
        Err("give 1 to 80 of a to z, 0 to 9 and -, such as my-workstation".into())
    }
}

#[cfg(test)]
mod tests {
    use super::machine;

    #[test]
    fn machines_are_folders_everywhere() {
        assert_eq!(machine("my-box-2"), Ok("my-box-2".to_owned()));
        for name in ["", "..", "a/b", "My", "a b", "-x", "ä", &"x".repeat(81)] {
            assert!(machine(name).is_err(), "{name}");
        }
    }
}
