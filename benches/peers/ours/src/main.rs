//! A worker that runs one strategy of this project. Arguments: strategy, threads. With `-active` behind the strategy's
//! name its threads stay awake between calls.

mod tensor;

use std::time::Duration;

use peer_protocol::{Failure, Gradients, Layers, Peer, Times, serve, timed};
use prelu_mem_core::cpu::WaitPolicy;
use prelu_mem_core::{Cpu, Element, Geometry, GradSlot, Layer, Sharing, Slopes, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};

use tensor::Tensor;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("the strategy is missing")?;
    let threads = arguments.next().ok_or("the number of threads is missing")?.parse()?;
    let (name, policy) = match name.strip_suffix("-active") {
        Some(name) => (name, WaitPolicy::Active),
        None => (name.as_str(), WaitPolicy::Passive),
    };
    let cpu = Cpu::new(threads)?.with_wait_policy(policy)?;
    let name: StrategyName = name.parse().map_err(|error| format!("{error}"))?;
    serve(|layers| with(name, Open { cpu: cpu.clone(), layers }))
}

struct Open {
    cpu: Cpu,
    layers: Layers,
}

impl Visitor<Cpu, f32> for Open {
    type Output = Result<Box<dyn Peer>, Failure>;

    fn visit<S: Strategy<Cpu, f32>>(self, strategy: S) -> Self::Output {
        let Open { cpu, layers } = self;
        let geometry = Geometry::from_shape(&layers.shape, 1, Sharing::PerChannel)?;
        let tensors = || (0..layers.repeat).map(|_| Tensor::zeroes(geometry.len())).collect();
        let (activations, gradients) = (tensors(), tensors());
        let layer = Layer::new(cpu, strategy, Slopes::learned(layers.slopes.clone()))?;
        Ok(Box::new(Opened { geometry, layer, activations, gradients, layers }))
    }
}

struct Opened<S: Strategy<Cpu, f32>> {
    geometry: Geometry,
    layer: Layer<S, Cpu, f32>,
    /// By layer: `x`, then `y`.
    activations: Vec<Tensor>,
    /// By layer: the upstream gradient, then the input gradient.
    gradients: Vec<Tensor>,
    layers: Layers,
}

impl<S: Strategy<Cpu, f32>> Peer for Opened<S> {
    fn sample(&mut self) -> Result<Times, Failure> {
        let Opened { geometry, layer, activations, gradients, layers } = self;
        let (mut forward, mut backward) = (Duration::ZERO, Duration::ZERO);
        let mut states = Vec::with_capacity(activations.len());
        let mut slot = GradSlot::none();
        // Wakes the threads.
        drop(layer.forward(geometry, &mut activations[0], &mut slot)?);
        for x in &mut *activations {
            x.copy_from_slice(&layers.x);
            states.push(timed(&mut forward, || layer.forward(geometry, x, &mut slot))?);
        }
        for ((y, grad), saved) in activations.iter().zip(&mut *gradients).zip(states).rev() {
            grad.copy_from_slice(&layers.upstream);
            layer.slope_gradient_mut().fill(0.0);
            timed(&mut backward, || -> Result<(), Failure> {
                let ready =
                    layer.vacate(saved, &mut slot, None).map_err(|refused| refused.error)?;
                Ok(layer.backward(ready, Some(y), grad).map_err(|refused| refused.error)?)
            })?;
        }
        Ok(Times { forward, backward })
    }

    fn gradients(&mut self) -> Result<Gradients, Failure> {
        Ok(Gradients {
            y: self.activations[0].to_vec(),
            dx: self.gradients[0].to_vec(),
            da: self.layer.slope_gradient().iter().map(|&sum| f32::from_f64(sum)).collect(),
        })
    }
}
