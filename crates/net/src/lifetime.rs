//! How long each buffer lives within one training step. The net frees by it and the memory plan
//! counts by it.

use crate::chain::{BlobInfo, Chain};
use crate::error::{NetError, Result};
use crate::layer::{Needs, Reads};
use crate::number::Number;

/// Whether the gradients of blobs and parameters stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gradients {
    /// Allocated once, with the net: Caffe's way.
    Resident,
    /// Allocated when first written, freed when last read: PyTorch's way.
    Transient,
}

/// Numbers the steps of one training step of a chain: loading the batch, each layer forward, each
/// layer backward, the update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    layers: usize,
}

impl Steps {
    pub(crate) fn of<T: Number>(chain: &Chain<T>) -> Self {
        Steps { layers: chain.nodes.len() }
    }
    pub(crate) fn of_layers(layers: usize) -> Self {
        Steps { layers }
    }
    pub(crate) fn forward(self, layer: usize) -> usize {
        1 + layer
    }
    pub(crate) fn backward(self, layer: usize) -> usize {
        2 * self.layers - layer
    }
    pub(crate) fn update(self) -> usize {
        2 * self.layers + 1
    }
}

/// The first and the last step that a buffer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The last one if no PReLU read its output in backward.
    pub(crate) last_without_mask: usize,
}

/// The data's lives.
#[derive(Clone, Debug)]
pub(crate) struct Lifetimes {
    pub(crate) tensors: Vec<Life>,
}

impl Lifetimes {
    /// `reads`: what each layer's backward pass reads.
    pub(crate) fn of<T: Number>(chain: &Chain<T>, reads: &[Reads]) -> Self {
        Lifetimes::of_blobs(&chain.blobs, Steps::of(chain), reads)
    }

    pub(crate) fn of_blobs(blobs: &[BlobInfo], steps: Steps, reads: &[Reads]) -> Self {
        let count = blobs.iter().map(|blob| blob.tensor + 1).max().unwrap_or(0);
        let mut tensors = vec![Life { first: usize::MAX, last: 0, last_without_mask: 0 }; count];
        for blob in blobs {
            let life = &mut tensors[blob.tensor];
            let mut used = |step: usize, for_mask: bool| {
                life.first = life.first.min(step);
                life.last = life.last.max(step);
                if !for_mask {
                    life.last_without_mask = life.last_without_mask.max(step);
                }
            };
            match blob.writer {
                None => used(0, false),
                Some(writer) => used(steps.forward(writer), false),
            }
            for node in [blob.writer, blob.in_place].into_iter().flatten() {
                used(steps.forward(node), false);
                if reads[node].tops {
                    used(steps.backward(node), false);
                }
                if reads[node].output_for_mask {
                    used(steps.backward(node), true);
                }
            }
            if let Some(reader) = blob.reader {
                used(steps.forward(reader), false);
                if reads[reader].bottoms {
                    used(steps.backward(reader), false);
                }
            }
        }
        Lifetimes { tensors }
    }
}

/// In transient mode: the steps in which a blob's gradient buffer is there.
pub(crate) fn diff_life(blob: &BlobInfo, steps: Steps, needs: &[Needs]) -> Option<(usize, usize)> {
    let last = steps.backward(blob.writer?);
    let stash = blob.in_place.filter(|&node| needs[node].lent > 0);
    let first = match (stash, blob.reader) {
        (Some(node), _) => steps.forward(node),
        (None, Some(reader)) => steps.backward(reader),
        (None, None) => return None,
    };
    Some((first, last))
}

/// What every layer of a chain needs.
///
/// # Errors
/// A chain that is not complete, settings that cannot be, and a layer in place on data that the
/// layer before reads in backward.
pub(crate) fn needs<T: Number>(chain: &Chain<T>, cpu: &prelu_mem_core::Cpu) -> Result<Vec<Needs>> {
    chain.check()?;
    let all: Result<Vec<Needs>> =
        chain.nodes.iter().map(|node| node.layer.needs(cpu, node.place(chain.seed))).collect();
    let all = all?;
    for blob in &chain.blobs {
        if let (Some(writer), Some(in_place)) = (blob.writer, blob.in_place)
            && all[writer].reads.tops
        {
            let before = &chain.nodes[writer].name;
            return Err(NetError::InPlace {
                layer: chain.nodes[in_place].name.clone(),
                reason: format!("layer '{before}' reads the same data in its backward pass"),
            });
        }
    }
    Ok(all)
}
