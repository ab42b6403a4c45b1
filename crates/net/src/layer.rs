//! A layer: what it is (its description) and the layer at work.

use std::fmt::Debug;

use prelu_mem_core::{Cpu, GradSlot, SharedBuffer};

use crate::error::Result;
use crate::number::Number;
use crate::param::Param;

/// The data that a layer's backward pass reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Its bottoms.
    pub bottoms: bool,
    /// Its tops.
    pub tops: bool,
    /// Its top, the output of a PReLU, for a strategy that has not saved everything.
    pub output_for_mask: bool,
}

/// Bytes that a layer needs besides the blobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Parameter values.
    pub values: usize,
    /// Those of them that are learned: each has a gradient and a momentum as large.
    pub learned: usize,
    /// The engine's sums of the slope gradient, alive as long as the net.
    pub slope_sums: usize,
    /// Saved from forward to backward by a layer that is no PReLU.
    pub saved: usize,
    /// A PReLU's words.
    pub words: usize,
    /// A PReLU's kept channels.
    pub kept: usize,
    /// A PReLU's stash in its gradient buffer.
    pub lent: usize,
    /// Within forward.
    pub forward_workspace: usize,
    /// Within backward.
    pub backward_workspace: usize,
    /// What backward reads.
    pub reads: Reads,
}

/// The shapes a layer is built for, with its name.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The layer's name.
    pub name: &'a str,
    /// Shape of each bottom; the first axis is the batch, the second one the channels.
    pub bottoms: &'a [Vec<usize>],
    /// The net's seed.
    pub seed: u64,
}

/// Describes a layer: enough to plan a net without building it.
pub trait Describe<T: Number>: Debug + Send + Sync {
    /// Shapes of the tops.
    ///
    /// # Errors
    /// Bottoms that the layer cannot work on.
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>>;

    /// Bytes needed besides the blobs.
    ///
    /// # Errors
    /// Settings that cannot be.
    fn needs(&self, cpu: &Cpu, place: Place<'_>) -> Result<Needs>;

    /// The layer.
    ///
    /// # Errors
    /// Settings that cannot be; no memory.
    fn build(&self, cpu: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>>;

    /// Whether it may write its top over its bottom.
    fn may_work_in_place(&self) -> bool {
        false
    }

    /// Whether its tops are its bottom's data under other names, each with its own gradient.
    fn shares_data(&self) -> bool {
        false
    }

    /// Whether its backward pass needs a buffer for the input gradient, even if nobody reads it.
    fn needs_bottom_gradient(&self) -> bool {
        false
    }

    /// Whether it is where gradients begin.
    fn is_loss(&self) -> bool {
        false
    }
}

/// Forward's arguments. In place there are no `bottoms`: the top holds the input.
#[derive(Debug)]
pub struct Forward<'a, T: Number> {
    /// Data read.
    pub bottoms: Vec<&'a [T]>,
    /// Data written.
    pub tops: Vec<&'a mut [T]>,
    /// One label per image.
    pub labels: &'a [u32],
    /// The gradient buffer of the blob that the layer works on in place.
    pub slot: &'a mut GradSlot<Cpu, T>,
    /// Whether backward will follow; else nothing has to be saved.
    pub training: bool,
    /// Where a loss layer writes the loss.
    pub loss: &'a mut f64,
}

/// Backward's arguments. In place there are no `top_diffs` and `bottom_diffs`: `slot` holds the
/// one buffer for both, unless the layer has stashed in it.
#[derive(Debug)]
pub struct Backward<'a, T: Number> {
    /// Data of the bottoms; empty where the layer does not read it.
    pub bottoms: Vec<&'a [T]>,
    /// Data of the tops; empty where the layer does not read it.
    pub tops: Vec<&'a [T]>,
    /// Upstream gradients.
    pub top_diffs: Vec<&'a [T]>,
    /// Input gradients, to overwrite; none where nobody reads it.
    pub bottom_diffs: Vec<Option<&'a mut [T]>>,
    /// One label per image.
    pub labels: &'a [u32],
    /// The gradient buffer of the blob that the layer works on in place.
    pub slot: &'a mut GradSlot<Cpu, T>,
}

/// A layer at work.
pub trait NetLayer<T: Number> {
    /// Computes the tops, and in training saves what backward needs.
    ///
    /// # Errors
    /// No memory; what the engine refuses.
    fn forward(&mut self, cpu: &Cpu, pass: Forward<'_, T>) -> Result<()>;

    /// Overwrites the input gradients and the parameters' gradients.
    ///
    /// # Errors
    /// No memory; what the engine refuses; no forward pass before.
    fn backward(&mut self, cpu: &Cpu, pass: Backward<'_, T>) -> Result<()>;

    /// The parameters.
    fn params(&self) -> &[Param<T>] {
        &[]
    }

    /// The parameters, to update.
    fn params_mut(&mut self) -> &mut [Param<T>] {
        &mut []
    }

    /// Called after the parameters' values changed.
    ///
    /// # Errors
    /// What the engine refuses.
    fn updated(&mut self) -> Result<()> {
        Ok(())
    }

    /// Drops what is saved of a forward pass that no backward pass followed.
    fn abandon(&mut self) {}

    /// What backward of the next pass will read, where it differs from what the description said.
    ///
    /// # Errors
    /// What the engine refuses.
    fn reads(&mut self, described: Reads) -> Result<Reads> {
        Ok(described)
    }

    /// Called on a PReLU before the layer that follows it writes its input gradient.
    ///
    /// # Errors
    /// The shared buffer is missing, busy or too small; nothing saved is lost.
    fn vacate(
        &mut self,
        _cpu: &Cpu,
        _slot: &mut GradSlot<Cpu, T>,
        _shared: Option<&SharedBuffer<Cpu, T>>,
    ) -> Result<()> {
        Ok(())
    }

    /// After [`NetLayer::vacate`]: where the following layer is to write its input gradient
    /// instead of this layer's gradient buffer.
    fn upstream(&mut self) -> Option<&mut [T]> {
        None
    }
}
