//! The memory plan: what one training step will need, predicted from the description alone.
//!
//! ```text
//! always there:  parameters (values and momentum), slope sums, labels, the shared buffer,
//!                resident gradients
//! for each step: + the data and the transient gradients alive in it (see [`crate::lifetime`])
//!                + what layers have saved: from their forward to their backward
//!                + the step's own workspace
//! ```
//!
//! The peak is that of the largest step; a net allocates exactly these bytes.

use std::fmt;
use std::ops::{AddAssign, SubAssign};

use prelu_mem_core::Cpu;

use crate::chain::{BlobInfo, Chain};
use crate::error::Result;
use crate::layer::{Needs, Reads};
use crate::lifetime::{Gradients, Lifetimes, Steps, diff_life, needs};
use crate::number::Number;

/// A part of a training step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Copying the batch.
    Load,
    /// Forward of the layer of this name.
    Forward(String),
    /// Backward of the layer of this name.
    Backward(String),
    /// Updating the parameters.
    Update,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Load => f.write_str("load"),
            Step::Forward(layer) => write!(f, "forward {layer}"),
            Step::Backward(layer) => write!(f, "backward {layer}"),
            Step::Update => f.write_str("update"),
        }
    }
}

/// Bytes by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The batch, its labels, data between layers, and what layers other than PReLU save.
    pub activations: usize,
    /// Outputs that are there only because a PReLU's backward reads them.
    pub outputs_for_masks: usize,
    /// The words that PReLUs have saved.
    pub saved_words: usize,
    /// The channels that PReLUs have kept whole.
    pub kept_channels: usize,
    /// Gradients of blobs and parameters, slope sums; a stash waits in one of these.
    pub gradients: usize,
    /// The buffer that stashes move through.
    pub shared_buffer: usize,
    /// Within the step only.
    pub workspace: usize,
    /// Parameters: values and momentum.
    pub parameters: usize,
}

impl Parts {
    /// All parts together.
    pub fn total(&self) -> usize {
        self.named().iter().map(|(_, bytes)| bytes).sum()
    }

    /// Every part by the name that users read.
    pub fn named(&self) -> [(&'static str, usize); 8] {
        [
            ("activations", self.activations),
            ("outputs for masks", self.outputs_for_masks),
            ("saved words", self.saved_words),
            ("kept channels", self.kept_channels),
            ("gradients", self.gradients),
            ("shared buffer", self.shared_buffer),
            ("workspace", self.workspace),
            ("parameters", self.parameters),
        ]
    }
}

impl Parts {
    fn each(&mut self, other: Self, change: impl Fn(&mut usize, usize)) {
        change(&mut self.activations, other.activations);
        change(&mut self.outputs_for_masks, other.outputs_for_masks);
        change(&mut self.saved_words, other.saved_words);
        change(&mut self.kept_channels, other.kept_channels);
        change(&mut self.gradients, other.gradients);
        change(&mut self.shared_buffer, other.shared_buffer);
        change(&mut self.workspace, other.workspace);
        change(&mut self.parameters, other.parameters);
    }
}

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        self.each(other, |sum, bytes| *sum += bytes);
    }
}

impl SubAssign for Parts {
    fn sub_assign(&mut self, other: Self) {
        self.each(other, |sum, bytes| *sum -= bytes);
    }
}

/// The bytes of every step of one training step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    steps: Vec<(Step, Parts)>,
    peak: usize,
    resident: Parts,
}

impl MemoryPlan {
    /// Every step in order, with the bytes that are allocated in it.
    pub fn steps(&self) -> &[(Step, Parts)] {
        &self.steps
    }

    /// The first step with the most bytes, and its parts.
    pub fn peak(&self) -> &(Step, Parts) {
        &self.steps[self.peak]
    }

    /// The most bytes at once.
    pub fn peak_bytes(&self) -> usize {
        self.peak().1.total()
    }

    /// What is allocated with the net and stays between training steps.
    pub fn resident(&self) -> Parts {
        self.resident
    }
}

/// Plans one training step of `chain` on `cpu` without allocating from it. The slopes are those that
/// the chain starts from: where training makes channels kept, the need changes.
///
/// # Errors
/// A chain that is not complete; settings that cannot be.
pub fn plan<T: Number>(chain: &Chain<T>, cpu: &Cpu, gradients: Gradients) -> Result<MemoryPlan> {
    let outline = Outline {
        names: chain.nodes.iter().map(|node| node.name.clone()).collect(),
        blobs: &chain.blobs,
        input_gradient: chain.input_gradient,
        label_bytes: chain.batch() * size_of::<u32>(),
        element_bytes: size_of::<T>(),
    };
    Ok(walk(&outline, &needs(chain, cpu)?, gradients))
}

/// What a plan has to know of a chain besides its layers' needs.
pub(crate) struct Outline<'a> {
    /// Each layer's name.
    pub(crate) names: Vec<String>,
    /// The first one is the input.
    pub(crate) blobs: &'a [BlobInfo],
    pub(crate) input_gradient: bool,
    pub(crate) label_bytes: usize,
    pub(crate) element_bytes: usize,
}

/// Adds up what is alive in every step of one training step.
pub(crate) fn walk(outline: &Outline<'_>, needs: &[Needs], gradients: Gradients) -> MemoryPlan {
    let order = Steps::of_layers(outline.names.len());
    let mut sums = Sums::new(order.update() + 1);
    let bytes = |elements: usize| elements * outline.element_bytes;

    let mut resident = Parts {
        activations: outline.label_bytes,
        shared_buffer: needs.iter().map(|needs| needs.lent).max().unwrap_or(0),
        ..Parts::default()
    };
    for needs in needs {
        resident.parameters += needs.values + needs.learned;
        resident.gradients += needs.slope_sums;
    }
    let with_gradient = outline.blobs.iter().skip(usize::from(!outline.input_gradient));
    for blob in with_gradient {
        let parts = Parts { gradients: bytes(blob.len), ..Parts::default() };
        match (gradients, diff_life(blob, order, needs)) {
            (Gradients::Transient, Some((first, last))) => sums.add(first, last, parts),
            _ => resident += parts,
        }
    }

    let reads: Vec<Reads> = needs.iter().map(|needs| needs.reads).collect();
    let lives = Lifetimes::of_blobs(outline.blobs, order, &reads).tensors;
    let mut lengths = vec![0; lives.len()];
    for blob in outline.blobs {
        lengths[blob.tensor] = blob.len;
    }
    for (length, life) in lengths.into_iter().zip(lives) {
        let plain = life.last_without_mask;
        sums.add(life.first, plain, Parts { activations: bytes(length), ..Parts::default() });
        if life.last > plain {
            let alone = Parts { outputs_for_masks: bytes(length), ..Parts::default() };
            sums.add(plain + 1, life.last, alone);
        }
    }

    for (layer, needs) in needs.iter().enumerate() {
        let (forward, backward) = (order.forward(layer), order.backward(layer));
        let saved = Parts {
            activations: needs.saved,
            saved_words: needs.words,
            kept_channels: needs.kept,
            ..Parts::default()
        };
        sums.add(forward, backward, saved);
        let workspace = |workspace| Parts { workspace, ..Parts::default() };
        sums.add(forward, forward, workspace(needs.forward_workspace));
        sums.add(backward, backward, workspace(needs.backward_workspace));
        let gradient = Parts { gradients: needs.learned, ..Parts::default() };
        match gradients {
            Gradients::Resident => resident += gradient,
            Gradients::Transient => sums.add(backward, order.update(), gradient),
        }
    }
    sums.add(0, order.update(), resident);

    let steps: Vec<(Step, Parts)> = names(&outline.names).zip(sums.by_step()).collect();
    let mut peak = 0;
    for (at, (_, parts)) in steps.iter().enumerate() {
        if parts.total() > steps[peak].1.total() {
            peak = at;
        }
    }
    MemoryPlan { steps, peak, resident }
}

/// What begins and what ends with each step.
struct Sums {
    begin: Vec<Parts>,
    end: Vec<Parts>,
}

impl Sums {
    fn new(steps: usize) -> Self {
        Sums { begin: vec![Parts::default(); steps], end: vec![Parts::default(); steps] }
    }

    /// From step `first` to step `last`, both included.
    fn add(&mut self, first: usize, last: usize, parts: Parts) {
        self.begin[first] += parts;
        self.end[last] += parts;
    }

    fn by_step(self) -> impl Iterator<Item = Parts> {
        let mut alive = Parts::default();
        self.begin.into_iter().zip(self.end).map(move |(begin, end)| {
            alive += begin;
            let now = alive;
            alive -= end;
            now
        })
    }
}

fn names(layers: &[String]) -> impl Iterator<Item = Step> {
    let backward = layers.iter().rev().cloned().map(Step::Backward);
    let middle = layers.iter().cloned().map(Step::Forward).chain(backward);
    [Step::Load].into_iter().chain(middle).chain([Step::Update])
}
