//! A net at work: the chain's layers over counted buffers.

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, Cpu, GradSlot, SharedBuffer};

use crate::chain::Chain;
use crate::error::{NetError, Result};
use crate::layer::{Needs, NetLayer, Reads};
use crate::lifetime::{Gradients, Lifetimes, Steps, needs};
use crate::number::Number;
use crate::param::Param;
use crate::sgd::Sgd;

/// How far the current training step has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Forwarded,
    Gradients,
}

/// A net of one batch size. Every buffer is counted by the backend that it was made with.
pub struct Net<T: Number> {
    pub(crate) cpu: Cpu,
    pub(crate) chain: Chain<T>,
    pub(crate) layers: Vec<Box<dyn NetLayer<T>>>,
    pub(crate) needs: Vec<Needs>,
    pub(crate) gradients: Gradients,
    pub(crate) tensors: Vec<Option<Buffer<T>>>,
    pub(crate) diffs: Vec<GradSlot<Cpu, T>>,
    pub(crate) labels: Buffer<u32>,
    pub(crate) shared: Option<SharedBuffer<Cpu, T>>,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) steps: Steps,
    pub(crate) stage: Stage,
}

impl<T: Number> Net<T> {
    /// Builds the layers of `chain` and what is allocated once.
    ///
    /// # Errors
    /// A chain that is not complete, settings that cannot be, no memory.
    pub fn new(cpu: &Cpu, chain: Chain<T>, gradients: Gradients) -> Result<Self> {
        let needs = needs(&chain, cpu)?;
        let build = |node: &crate::chain::Node<T>| node.layer.build(cpu, node.place(chain.seed));
        let layers: Result<Vec<_>> = chain.nodes.iter().map(build).collect();
        let stash = needs.iter().map(|needs| needs.lent / size_of::<T>()).max().unwrap_or(0);
        let shared = if stash > 0 { Some(SharedBuffer::new(cpu.alloc(stash)?)) } else { None };
        let reads: Vec<Reads> = needs.iter().map(|needs| needs.reads).collect();
        let mut net = Net {
            layers: layers?,
            tensors: (0..chain.tensors()).map(|_| None).collect(),
            diffs: chain.blobs.iter().map(|_| GradSlot::none()).collect(),
            labels: cpu.alloc(chain.batch())?,
            shared,
            lifetimes: Lifetimes::of(&chain, &reads),
            steps: Steps::of(&chain),
            stage: Stage::Idle,
            cpu: cpu.clone(),
            needs,
            gradients,
            chain,
        };
        net.allocate_resident()?;
        Ok(net)
    }

    /// The gradients that stay: all of them, or the input's alone.
    fn allocate_resident(&mut self) -> Result<()> {
        let resident = self.gradients == Gradients::Resident;
        for (blob, slot) in self.diffs.iter_mut().enumerate() {
            let wanted = self.chain.has_gradient(blob) && (resident || blob == 0);
            if wanted && slot.get_mut().is_err() {
                *slot = GradSlot::new(self.cpu.alloc(self.chain.blobs[blob].len)?);
            }
        }
        if resident {
            for param in self.layers.iter_mut().flat_map(|layer| layer.params_mut()) {
                param.allocate_gradient(&self.cpu)?;
            }
        }
        Ok(())
    }

    /// One training step: forward, backward, update. Returns the loss before the update.
    ///
    /// # Errors
    /// Those of the three.
    pub fn train_step(&mut self, images: &[T], labels: &[u32], sgd: &Sgd) -> Result<f64> {
        let loss = self.forward(images, labels)?;
        self.backward()?;
        self.update(sgd)?;
        Ok(loss)
    }

    /// Updates every learned parameter by its gradient.
    ///
    /// # Errors
    /// No gradients since the last update.
    pub fn update(&mut self, sgd: &Sgd) -> Result<()> {
        if self.stage != Stage::Gradients {
            return Err(NetError::Order { called: "an update", needs: "backward" });
        }
        for layer in &mut self.layers {
            for param in layer.params_mut() {
                sgd.update(param);
                if self.gradients == Gradients::Transient {
                    param.free_gradient();
                }
            }
            layer.updated()?;
        }
        self.stage = Stage::Idle;
        Ok(())
    }

    /// Every parameter, in the order of the layers.
    pub fn params(&self) -> impl Iterator<Item = &Param<T>> {
        self.layers.iter().flat_map(|layer| layer.params())
    }

    /// The parameter of this name (the layer's, a dot, the parameter's).
    pub fn param(&self, name: &str) -> Option<&Param<T>> {
        self.params().find(|param| param.name() == name)
    }

    /// Overwrites a parameter's values, and its momentum where both have one.
    ///
    /// # Errors
    /// No parameter of this name; another number of values.
    pub fn set_param(&mut self, name: &str, values: &[T], momentum: Option<&[T]>) -> Result<()> {
        let size = |expected, got| NetError::Size { what: name.to_owned(), expected, got };
        for layer in &mut self.layers {
            if let Some(param) = layer.params_mut().iter_mut().find(|param| param.name() == name) {
                let expected = param.values().len();
                let lengths = [Some(values), momentum].into_iter().flatten().map(<[T]>::len);
                if let Some(got) = lengths.into_iter().find(|&got| got != expected) {
                    return Err(size(expected, got));
                }
                param.values_mut().copy_from_slice(values);
                if let (Some(to), Some(from)) = (param.momentum_mut(), momentum) {
                    to.copy_from_slice(from);
                }
                return layer.updated();
            }
        }
        Err(NetError::Layer { layer: name.to_owned(), reason: "no such parameter".to_owned() })
    }

    /// The chain.
    pub fn chain(&self) -> &Chain<T> {
        &self.chain
    }

    /// The backend, with its count of bytes.
    pub fn cpu(&self) -> &Cpu {
        &self.cpu
    }

    /// The gradient of the input, where [`Chain::want_input_gradient`] asked for it.
    pub fn input_gradient(&mut self) -> Option<&[T]> {
        self.diffs[0].get_mut().ok().map(|buffer| &**buffer)
    }

    /// Frees what is left of a step that was not finished.
    pub(crate) fn abandon(&mut self) -> Result<()> {
        self.tensors.iter_mut().for_each(|tensor| *tensor = None);
        self.layers.iter_mut().for_each(|layer| layer.abandon());
        if self.gradients == Gradients::Transient {
            self.diffs.iter_mut().skip(1).for_each(|slot| *slot = GradSlot::none());
            let params = self.layers.iter_mut().flat_map(|layer| layer.params_mut());
            params.for_each(Param::free_gradient);
        }
        self.stage = Stage::Idle;
        self.allocate_resident()
    }
}
