//! The operation on Burn's Flex backend, alone and under automatic differentiation.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};

use crate::error::Error;
use crate::pass::{self, Saved};
use crate::planned::Plans;
use crate::strategy::Strategy;

/// PReLU on backends' own tensors: what [`crate::PRelu`] calls, for those who write layers of their own.
#[backend_extension(Flex, Autodiff)]
pub trait PReluOps: Backend {
    /// PReLU of `input`, whose channels are axis 1, by one slope or one per channel. Overwrites the
    /// input where nobody else holds its memory. `plans` is the layer's own, or a new one.
    ///
    /// # Panics
    /// On what [`crate::PRelu::try_forward`] refuses.
    fn prelu_in_place(
        input: FloatTensor<Self>,
        slopes: FloatTensor<Self>,
        strategy: Strategy,
        plans: Plans,
    ) -> FloatTensor<Self>;
}

impl PReluOps for Flex {
    fn prelu_in_place(
        input: FlexTensor,
        slopes: FlexTensor,
        _: Strategy,
        plans: Plans,
    ) -> FlexTensor {
        untracked(input, &slopes, &plans)
    }
}

impl<C: CheckpointStrategy> PReluOps for Autodiff<Flex, C> {
    fn prelu_in_place(
        input: FloatTensor<Self>,
        slopes: FloatTensor<Self>,
        strategy: Strategy,
        plans: Plans,
    ) -> FloatTensor<Self> {
        let learned = slopes.is_tracked();
        // The primitive is moved out: a second handle would make every tensor look shared.
        let (input, input_node) = input.into_parts();
        let (slopes, slopes_node) = slopes.into_parts();
        // Not recomputed under any checkpoint strategy: the input is gone, and the state is small.
        let prepared = PReluBackward.prepare::<C>([input_node, slopes_node]).compute_bound();
        match prepared.stateful() {
            OpsKind::Tracked(prepared) => {
                let (output, saved) =
                    accepted(pass::forward(input, &slopes, learned, strategy, &plans));
                prepared.finish(State::new(saved, &output), output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(untracked(input, &slopes, &plans)),
        }
    }
}

/// Without a backward pass nothing has to be saved, and adaptive saves the least.
fn untracked(input: FlexTensor, slopes: &FlexTensor, plans: &Plans) -> FlexTensor {
    accepted(pass::forward(input, slopes, false, Strategy::Adaptive, plans)).0
}

// Burn's operations return tensors, not results.
fn accepted<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("prelu: {error}"))
}

/// The backward step.
#[derive(Debug)]
struct PReluBackward;

/// What waits for it. Burn asks for a state that can be cloned: clones share it.
#[derive(Clone)]
struct State {
    saved: Arc<Mutex<Option<Box<dyn Saved>>>>,
    /// Shares its memory with what the next layer keeps.
    output: Option<FlexTensor>,
}

impl State {
    fn new(saved: Box<dyn Saved>, output: &FlexTensor) -> Self {
        let output = saved.needs_output().then(|| output.clone());
        State { saved: Arc::new(Mutex::new(Some(saved))), output }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("output", &self.output).finish_non_exhaustive()
    }
}

impl Backward<Flex, 2> for PReluBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let State { saved, output } = ops.state;
        let saved = saved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let saved = saved.expect("a backward step runs once, and takes its state with it");
        let upstream = gradients.consume::<Flex>(&ops.node);
        let pass::Gradients { input, slopes } = accepted(saved.backward(output, upstream));
        let [input_node, slopes_node] = ops.parents;
        if let Some(node) = input_node {
            gradients.register::<Flex>(node.id, input);
        }
        if let Some(node) = slopes_node {
            gradients.register::<Flex>(node.id, slopes);
        }
    }
}
