//! The two passes of a net.
//!
//! ```text
//! forward, for each layer:                    backward, for each layer from the last:
//!     allocate its tops                           vacate the PReLUs in place on its bottoms
//!     forward                                     allocate its bottoms' gradients
//!     free data that was read for the last time   backward
//!                                                 free data and gradients read for the last time
//! ```

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, GradSlot};

use crate::chain::BlobInfo;
use crate::error::{NetError, Result};
use crate::layer::{Backward, Forward, Reads};
use crate::lifetime::{Gradients, Lifetimes};
use crate::net::{Net, Stage};
use crate::number::Number;

impl<T: Number> Net<T> {
    /// The loss of a batch: `images` in C order, a label each. Backward may follow.
    ///
    /// # Errors
    /// Images or labels of another number than the net's; a label that is no class; no memory;
    /// what the engine refuses.
    pub fn forward(&mut self, images: &[T], labels: &[u32]) -> Result<f64> {
        let (expected, got) = (self.labels.len(), labels.len());
        if expected != got {
            return Err(NetError::Size { what: "labels".to_owned(), expected, got });
        }
        let mut loss = 0.0;
        self.load(images)?;
        self.labels.copy_from_slice(labels);
        for node in 0..self.layers.len() {
            self.forward_layer(node, true, &mut loss)?;
            let step = self.steps.forward(node);
            self.free(step);
        }
        self.stage = Stage::Forwarded;
        Ok(loss)
    }

    /// The scores of a batch, one row of classes per image; nothing is saved for backward.
    ///
    /// # Errors
    /// Images of another number than the net's; no memory.
    pub fn infer(&mut self, images: &[T]) -> Result<Vec<T>> {
        self.load(images)?;
        let mut scores = Vec::new();
        for node in 0..self.layers.len() {
            if self.chain.nodes[node].layer.is_loss() {
                let tensor = self.chain.blobs[self.chain.nodes[node].bottoms[0]].tensor;
                scores = self.tensors[tensor].as_ref().map_or(Vec::new(), |scores| scores.to_vec());
            }
            self.forward_layer(node, false, &mut 0.0)?;
            for blob in self.chain.blobs.iter().filter(|blob| blob.reader == Some(node)) {
                let later =
                    |other: &BlobInfo| other.tensor == blob.tensor && other.reader > Some(node);
                if !self.chain.blobs.iter().any(later) {
                    self.tensors[blob.tensor] = None;
                }
            }
        }
        Ok(scores)
    }

    /// Plans the lives of the data by the slopes of now, and copies the input.
    fn load(&mut self, images: &[T]) -> Result<()> {
        let (expected, got) = (self.chain.blobs[0].len, images.len());
        if expected != got {
            return Err(NetError::Size { what: "input".to_owned(), expected, got });
        }
        self.abandon()?;
        let described = self.needs.iter().map(|needs| needs.reads);
        let reads = self.layers.iter_mut().zip(described);
        let reads: Result<Vec<Reads>> = reads.map(|(layer, reads)| layer.reads(reads)).collect();
        self.lifetimes = Lifetimes::of(&self.chain, &reads?);
        let mut input = self.cpu.alloc(images.len())?;
        input.copy_from_slice(images);
        self.tensors[0] = Some(input);
        Ok(())
    }

    /// Frees the data whose last step this is.
    fn free(&mut self, step: usize) {
        for (tensor, life) in self.tensors.iter_mut().zip(&self.lifetimes.tensors) {
            if life.last <= step {
                *tensor = None;
            }
        }
    }

    fn forward_layer(&mut self, index: usize, training: bool, loss: &mut f64) -> Result<()> {
        let node = &self.chain.nodes[index];
        let tensor = |blob: &usize| self.chain.blobs[*blob].tensor;
        let mut tops: Vec<Buffer<T>> = Vec::new();
        if !node.layer.shares_data() {
            for top in &node.tops {
                let buffer = match self.tensors[tensor(top)].take() {
                    Some(input) => input,
                    None => self.cpu.alloc(self.chain.blobs[*top].len)?,
                };
                tops.push(buffer);
            }
        }
        let mut nowhere = GradSlot::none();
        let slot = match node.in_place {
            true => &mut self.diffs[node.bottoms[0]],
            false => &mut nowhere,
        };
        if training && self.needs[index].lent > 0 && slot.get_mut().is_err() {
            *slot = GradSlot::new(self.cpu.alloc(self.chain.blobs[node.bottoms[0]].len)?);
        }
        let bottoms = node.bottoms.iter().filter(|_| !node.in_place);
        let pass = Forward {
            bottoms: bottoms.map(|blob| data(&self.tensors[tensor(blob)])).collect(),
            tops: tops.iter_mut().map(|buffer| &mut **buffer).collect(),
            labels: &self.labels,
            slot,
            training,
            loss,
        };
        let done = self.layers[index].forward(&self.cpu, pass);
        if !node.layer.shares_data() {
            for (blob, buffer) in node.tops.iter().zip(tops) {
                self.tensors[tensor(blob)] = Some(buffer);
            }
        }
        done
    }

    /// The gradients of the last forward pass.
    ///
    /// # Errors
    /// No forward pass before; no memory; what the engine refuses. The step is then lost: the next
    /// forward pass begins anew.
    pub fn backward(&mut self) -> Result<()> {
        if self.stage != Stage::Forwarded {
            return Err(NetError::Order { called: "backward", needs: "forward" });
        }
        self.stage = Stage::Idle;
        for node in (0..self.layers.len()).rev() {
            self.backward_layer(node)?;
            let step = self.steps.backward(node);
            self.free(step);
        }
        self.stage = Stage::Gradients;
        Ok(())
    }

    fn backward_layer(&mut self, index: usize) -> Result<()> {
        let node = &self.chain.nodes[index];
        let (before, rest) = self.layers.split_at_mut(index);
        let layer = &mut rest[0];
        for param in layer.params_mut() {
            param.allocate_gradient(&self.cpu)?;
        }
        let reads = |blobs: &[usize]| -> Vec<&[T]> {
            blobs.iter().map(|&blob| data(&self.tensors[self.chain.blobs[blob].tensor])).collect()
        };
        let (bottoms, tops) = (reads(&node.bottoms), reads(&node.tops));
        if node.in_place {
            let slot = &mut self.diffs[node.bottoms[0]];
            let (top_diffs, bottom_diffs, labels) = (Vec::new(), Vec::new(), &*self.labels);
            let pass = Backward { bottoms, tops, top_diffs, bottom_diffs, labels, slot };
            return layer.backward(&self.cpu, pass);
        }

        // A gradient is about to be written where a PReLU may have stashed its pre-activation.
        let blobs = &self.chain.blobs;
        let followed: Vec<Option<usize>> =
            node.bottoms.iter().map(|&blob| blobs[blob].in_place).collect();
        for (&blob, &prelu) in node.bottoms.iter().zip(&followed) {
            if let Some(prelu) = prelu {
                before[prelu].vacate(&self.cpu, &mut self.diffs[blob], self.shared.as_ref())?;
            }
        }
        let mut upstreams: Vec<Option<&mut [T]>> = before
            .iter_mut()
            .enumerate()
            .map(|(at, layer)| if followed.contains(&Some(at)) { layer.upstream() } else { None })
            .collect();
        let mut own: Vec<Option<Buffer<T>>> = Vec::new();
        for (&blob, &prelu) in node.bottoms.iter().zip(&followed) {
            let elsewhere = prelu.is_some_and(|prelu| upstreams[prelu].is_some());
            own.push(match self.diffs[blob].take() {
                Some(buffer) => Some(buffer),
                None if elsewhere || !self.chain.has_gradient(blob) => None,
                None => Some(self.cpu.alloc(blobs[blob].len)?),
            });
        }
        let above: Vec<Option<Buffer<T>>> =
            node.tops.iter().map(|&blob| self.diffs[blob].take()).collect();
        let mut nowhere = GradSlot::none();
        let bottom_diffs = own.iter_mut().zip(&followed).map(|(own, prelu)| match own {
            Some(buffer) => Some(&mut **buffer),
            None => prelu.and_then(|prelu| upstreams[prelu].take()),
        });
        let pass = Backward {
            bottoms,
            tops,
            top_diffs: above.iter().map(data).collect(),
            bottom_diffs: bottom_diffs.collect(),
            labels: &self.labels,
            slot: &mut nowhere,
        };
        let done = layer.backward(&self.cpu, pass);
        for (&blob, buffer) in node.bottoms.iter().zip(own) {
            if let Some(buffer) = buffer {
                self.diffs[blob] = GradSlot::new(buffer);
            }
        }
        if self.gradients == Gradients::Resident {
            for (&blob, buffer) in node.tops.iter().zip(above) {
                self.diffs[blob] = buffer.map_or_else(GradSlot::none, GradSlot::new);
            }
        }
        done
    }
}

/// A buffer's elements; none where it is not there.
fn data<T: Number>(buffer: &Option<Buffer<T>>) -> &[T] {
    buffer.as_ref().map_or(&[], |buffer| buffer)
}
