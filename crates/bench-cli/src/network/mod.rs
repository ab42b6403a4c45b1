//! A network as the list of its PReLU layers: built in, or from a TOML file.

mod built_in;
mod file;

use std::path::Path;

use prelu_mem_core::Sharing;

use crate::failure::Failure;

pub(crate) use built_in::names;

/// The most PReLU layers a network may have, repeats included.
pub(crate) const MAX_LAYERS: usize = 10_000;

/// PReLU layers that follow each other with the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layers {
    /// How many.
    pub(crate) repeat: usize,
    /// Shape without the batch: channels, then the spatial sizes.
    pub(crate) shape: Vec<usize>,
}

/// The PReLU layers of one network, in forward order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Network {
    /// What reports call it.
    pub(crate) name: String,
    /// Whether a layer has one slope for all its channels.
    pub(crate) sharing: Sharing,
    /// The batch when `--batch` does not say.
    pub(crate) batch: usize,
    /// The layers.
    pub(crate) layers: Vec<Layers>,
}

impl Network {
    /// The built-in network of this name, or the one the `.toml` file describes.
    pub(crate) fn find(name: &str) -> Result<Self, Failure> {
        if let Some(network) = built_in::find(name) {
            return Ok(network);
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            return file::read(path);
        }
        Err(Failure::Usage(format!(
            "--network {name}: there is no such network; name one of {}, or a file that ends in .toml",
            names().join(", ")
        )))
    }

    /// The shape of every layer with the batch in front, in forward order.
    pub(crate) fn shapes(&self, batch: usize) -> Vec<Vec<usize>> {
        let mut shapes = Vec::new();
        for layers in &self.layers {
            let shape: Vec<usize> =
                std::iter::once(batch).chain(layers.shape.iter().copied()).collect();
            shapes.extend(std::iter::repeat_n(shape, layers.repeat));
        }
        shapes
    }
}
