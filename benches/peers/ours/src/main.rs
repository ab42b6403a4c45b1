//! A worker that runs one strategy of this project. Arguments: strategy, threads. With `-spinning` behind the strategy's
//! name its threads stay awake between calls.

mod spinning;
mod tensor;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use peer_protocol::{Failure, Gradients, Layers, Peer, Times, serve, timed};
use prelu_mem_core::{Cpu, Element, Geometry, GradSlot, Layer, Sharing, Slopes, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};

use spinning::Spinning;
use tensor::Tensor;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("the strategy is missing")?;
    let threads: NonZeroUsize =
        arguments.next().ok_or("the number of threads is missing")?.parse()?;
    let (name, cpu) = match name.strip_suffix("-spinning") {
        Some(name) => (name, awake(threads)?),
        None => (name.as_str(), Cpu::new(threads.get())?),
    };
    let name: StrategyName = name.parse().map_err(|error| format!("{error}"))?;
    serve(|layers| with(name, Open { cpu: cpu.clone(), layers }))
}

/// Passes of all sizes are shared: measured, that is best for threads that are awake.
fn awake(threads: NonZeroUsize) -> Result<Cpu, Failure> {
    let team = Arc::new(Spinning::new(threads.get())?);
    Ok(Cpu::new(1)?.on_team(threads, team))
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
