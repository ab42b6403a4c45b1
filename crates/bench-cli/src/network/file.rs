//! A network of the user's, as a TOML file:
//!
//! ```toml
//! name = "my-net"            # optional: the file's name without .toml
//! batch = 8                  # optional: 1
//! shared-slope = false       # optional: one slope per channel
//!
//! [[layer]]                  # one or more, in forward order
//! repeat = 3                 # optional: 1
//! shape = [64, 56, 56]       # channels, then 0 to 6 spatial sizes; no batch
//! ```

use std::fs::File;
use std::io::Read;
use std::path::Path;

use prelu_mem_core::geometry::MAX_AXES;
use prelu_mem_core::{Geometry, Sharing};
use serde::Deserialize;
use toml::Spanned;

use super::{Layers, MAX_LAYERS, Network};
use crate::failure::Failure;

/// Far more than ten thousand layers need.
const MAX_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Description {
    name: Option<String>,
    batch: Option<Spanned<usize>>,
    #[serde(default)]
    shared_slope: bool,
    layer: Vec<LayerDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerDescription {
    repeat: Option<Spanned<usize>>,
    shape: Spanned<Vec<usize>>,
}

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> Result<Network, Failure> {
    let refused = |reason: &dyn std::fmt::Display| {
        Failure::Usage(format!("--network {}: {reason}", path.display()))
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| refused(&error))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(refused(&"larger than 1 MiB, which no description of a network is"));
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    parse(&text, stem.as_deref().unwrap_or("network")).map_err(|reason| refused(&reason))
}

/// The network that `text` describes; an error says the line.
fn parse(text: &str, default_name: &str) -> Result<Network, String> {
    let description: Description = toml::from_str(text).map_err(|error| error.to_string())?;
    let at = |start: usize, reason: &str| {
        format!("line {}: {reason}", 1 + text[..start].matches('\n').count())
    };

    let batch = match &description.batch {
        Some(batch) if *batch.get_ref() == 0 => {
            return Err(at(batch.span().start, "batch is 0; it must be 1 or more"));
        }
        Some(batch) => *batch.get_ref(),
        None => 1,
    };
    if description.layer.is_empty() {
        return Err("there are no layers; describe at least one as [[layer]]".into());
    }
    let mut layers = Vec::new();
    let mut count = 0_usize;
    for layer in description.layer {
        let repeat = match &layer.repeat {
            Some(repeat) if *repeat.get_ref() == 0 => {
                return Err(at(repeat.span().start, "repeat is 0; it must be 1 or more"));
            }
            Some(repeat) => *repeat.get_ref(),
            None => 1,
        };
        let line = layer.shape.span().start;
        count = count.saturating_add(repeat);
        if count > MAX_LAYERS {
            return Err(at(line, &format!("more than {MAX_LAYERS} layers")));
        }
        let shape = layer.shape.into_inner();
        check_shape(batch, &shape).map_err(|reason| at(line, &reason))?;
        layers.push(Layers { repeat, shape });
    }
    let sharing = if description.shared_slope { Sharing::Shared } else { Sharing::PerChannel };
    let name = description.name.unwrap_or_else(|| default_name.to_owned());
    Ok(Network { name, sharing, batch, layers })
}

fn check_shape(batch: usize, shape: &[usize]) -> Result<(), String> {
    if shape.is_empty() || shape.len() >= MAX_AXES {
        return Err(format!(
            "a shape has 1 to {} sizes (channels, then space), not {}",
            MAX_AXES - 1,
            shape.len()
        ));
    }
    if shape.contains(&0) {
        return Err(format!("shape {shape:?} has a size of 0; sizes must be 1 or more"));
    }
    let whole: Vec<usize> = std::iter::once(batch).chain(shape.iter().copied()).collect();
    Geometry::from_shape(&whole, 1, Sharing::PerChannel).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "name = \"mine\"\nbatch = 8\nshared-slope = true\n\n[[layer]]\nrepeat = 3\nshape = [64, 56, 56]\n\n[[layer]]\nshape = [10]\n";

    #[test]
    fn a_file_is_read_in_full() {
        let network = parse(GOOD, "unused").expect("valid");
        assert_eq!(network.name, "mine");
        assert_eq!((network.batch, network.sharing), (8, Sharing::Shared));
        assert_eq!(
            network.shapes(2),
            [vec![2, 64, 56, 56], vec![2, 64, 56, 56], vec![2, 64, 56, 56], vec![2, 10]]
        );
    }

    #[test]
    fn defaults_fill_what_is_left_out() {
        let network = parse("[[layer]]\nshape = [4, 5]", "stem").expect("valid");
        assert_eq!((network.name.as_str(), network.batch), ("stem", 1));
        assert_eq!(network.sharing, Sharing::PerChannel);
    }

    #[test]
    fn refusals_name_line_and_reason() {
        for (text, line, reason) in [
            ("[[layer]]\nshape = [4, 0]", "line 2", "size of 0"),
            ("[[layer]]\nshape = []", "line 2", "1 to 7 sizes"),
            ("[[layer]]\nshape = [1,1,1,1,1,1,1,1]", "line 2", "1 to 7 sizes"),
            ("[[layer]]\nshape = [4]\nrepeat = 0", "line 3", "repeat is 0"),
            ("batch = 0\n[[layer]]\nshape = [4]", "line 1", "batch is 0"),
            ("[[layer]]\nshape = [4]\nrepeat = 10001", "line 2", "more than 10000"),
            ("[[layer]]\nshape = [9223372036854775807, 9]", "line 2", "9223372036854775807"),
            ("[[layer]]\nshape = [-4]", "line 2", "-4"),
            ("[[layer]]\nshape = \"4\"", "line 2", "sequence"),
            ("[[layer]]\nshap = [4]", "line 2", "shap"),
            ("[[layer]]\nrepeat = 2", "line 1", "shape"),
            ("name = \"x\"", "line 1", "layer"),
            ("layer = []", "", "no layers"),
            ("[[layer]\nshape = [4]", "line 1", "]"),
            ("", "", "layer"),
        ] {
            let error = parse(text, "x").expect_err(text);
            assert!(error.contains(line) && error.contains(reason), "{text:?} -> {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _: Result<Network, String> = parse(&text, "x");
        }

        /// A valid file with a few bytes changed reaches deeper than noise does.
        #[test]
        fn a_damaged_file_is_read_or_refused(
            damage in prop::collection::vec((0..GOOD.len(), any::<u8>()), 1..6),
        ) {
            let mut bytes = GOOD.as_bytes().to_vec();
            for (position, byte) in damage {
                bytes[position] = byte;
            }
            if let Ok(network) = parse(&String::from_utf8_lossy(&bytes), "x") {
                prop_assert!(network.shapes(network.batch).iter().all(|shape| !shape.contains(&0)));
            }
        }

        #[test]
        fn any_sizes_are_read_or_refused(
            batch: u64, repeat: u64, shape in prop::collection::vec(any::<u64>(), 0..10),
        ) {
            let text = format!("batch = {batch}\n[[layer]]\nrepeat = {repeat}\nshape = {shape:?}\n");
            let _: Result<Network, String> = parse(&text, "x");
        }
    }
}
