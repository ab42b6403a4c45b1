//! The identity, as an operation of Burn that notes when its backward step runs: one before and one behind a
//! layer enclose the layer's own backward steps.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::Tensor;

/// What a probe notes and does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    passed: Option<Instant>,
    /// Takes the place of the gradient that arrives.
    gradient: Option<FlexTensor>,
}

impl Probe {
    /// A probe that sends another gradient on than it is given.
    pub(crate) fn with_gradient(gradient: FlexTensor) -> Self {
        Probe(Arc::new(Mutex::new(Inside { passed: None, gradient: Some(gradient) })))
    }

    /// The same tensor, with this probe behind it.
    pub(crate) fn attach<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        Tensor::from_dispatch(<Dispatch as ProbeOps>::probe(x.into_dispatch(), self.clone()))
    }

    /// When the backward pass came through.
    pub(crate) fn passed(&self) -> Option<Instant> {
        self.inside(|inside| inside.passed)
    }

    fn inside<R>(&self, look: impl FnOnce(&mut Inside) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[backend_extension(Flex, Autodiff)]
trait ProbeOps: Backend {
    fn probe(x: FloatTensor<Self>, probe: Probe) -> FloatTensor<Self>;
}

impl ProbeOps for Flex {
    fn probe(x: FlexTensor, _: Probe) -> FlexTensor {
        x
    }
}

impl<C: CheckpointStrategy> ProbeOps for Autodiff<Flex, C> {
    fn probe(x: FloatTensor<Self>, probe: Probe) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match ProbeBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(probe, x),
            OpsKind::UnTracked(prepared) => prepared.finish(x),
        }
    }
}

#[derive(Debug)]
struct ProbeBackward;

impl Backward<Flex, 1> for ProbeBackward {
    type State = Probe;

    fn backward(self, ops: Ops<Probe, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let arrived = Instant::now();
        let gradient = gradients.consume::<Flex>(&ops.node);
        let other = ops.state.inside(|inside| inside.gradient.take());
        let sent_on = other.is_some();
        if let [Some(node)] = ops.parents {
            gradients.register::<Flex>(node.id, other.unwrap_or(gradient));
        }
        // Before the layer: its work ends on arrival. Behind it: its work begins now.
        let passed = if sent_on { Instant::now() } else { arrived };
        ops.state.inside(|inside| inside.passed = Some(passed));
    }
}
