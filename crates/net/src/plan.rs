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
use std::ops::AddAssign;

use prelu_mem_core::Cpu;

use crate::chain::Chain;
use crate::error::Result;
use crate::layer::Reads;
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

impl AddAssign for Parts {
    fn add_assign(&mut self, other: Self) {
        self.activations += other.activations;
        self.outputs_for_masks += other.outputs_for_masks;
        self.saved_words += other.saved_words;
        self.kept_channels += other.kept_channels;
        self.gradients += other.gradients;
        self.shared_buffer += other.shared_buffer;
        self.workspace += other.workspace;
        self.parameters += other.parameters;
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
    let needs = needs(chain, cpu)?;
    let order = Steps::of(chain);
    let mut steps = names(chain);
    let mut add = |range: std::ops::RangeInclusive<usize>, parts: Parts| {
        steps[range].iter_mut().for_each(|(_, sum)| *sum += parts);
    };
    let all = 0..=order.update();
    let bytes = |elements: usize| elements * size_of::<T>();

    let mut resident = Parts {
        activations: chain.batch() * size_of::<u32>(),
        shared_buffer: needs.iter().map(|needs| needs.lent).max().unwrap_or(0),
        ..Parts::default()
    };
    for needs in &needs {
        resident.parameters += needs.values + needs.learned;
        resident.gradients += needs.slope_sums;
    }
    for (blob, info) in chain.blobs.iter().enumerate().filter(|(at, _)| chain.has_gradient(*at)) {
        let parts = Parts { gradients: bytes(info.len), ..Parts::default() };
        match (gradients, diff_life(chain, &needs, blob)) {
            (Gradients::Transient, Some((first, last))) => add(first..=last, parts),
            _ => resident += parts,
        }
    }

    let reads: Vec<Reads> = needs.iter().map(|needs| needs.reads).collect();
    for (tensor, life) in Lifetimes::of(chain, &reads).tensors.into_iter().enumerate() {
        let size = bytes(chain.tensor_len(tensor));
        let plain = life.last_without_mask;
        add(life.first..=plain, Parts { activations: size, ..Parts::default() });
        if life.last > plain {
            add(plain + 1..=life.last, Parts { outputs_for_masks: size, ..Parts::default() });
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
        add(forward..=backward, saved);
        let workspace = |workspace| Parts { workspace, ..Parts::default() };
        add(forward..=forward, workspace(needs.forward_workspace));
        add(backward..=backward, workspace(needs.backward_workspace));
        let gradient = Parts { gradients: needs.learned, ..Parts::default() };
        match gradients {
            Gradients::Resident => resident += gradient,
            Gradients::Transient => add(backward..=order.update(), gradient),
        }
    }
    add(all, resident);

    let mut peak = 0;
    for (at, (_, parts)) in steps.iter().enumerate() {
        if parts.total() > steps[peak].1.total() {
            peak = at;
        }
    }
    Ok(MemoryPlan { steps, peak, resident })
}

fn names<T: Number>(chain: &Chain<T>) -> Vec<(Step, Parts)> {
    let layers = || chain.nodes.iter().map(|node| node.name.clone());
    let middle = layers().map(Step::Forward).chain(layers().rev().map(Step::Backward));
    let all = [Step::Load].into_iter().chain(middle).chain([Step::Update]);
    all.map(|step| (step, Parts::default())).collect()
}
