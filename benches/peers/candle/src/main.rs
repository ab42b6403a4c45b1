//! A worker that runs candle's PReLU. The number of threads is rayon's, from the environment.

use std::time::Duration;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use candle_nn::{Module, PReLU};
use peer_protocol::{Failure, Gradients, Layers, Peer, Times, serve, timed};

fn main() -> Result<(), Failure> {
    serve(|layers| Ok(Box::new(Opened::new(layers)?)))
}

struct Opened {
    slopes: Var,
    layer: PReLU,
    /// By layer.
    inputs: Vec<Var>,
    /// Of the first layer.
    last: Option<(Tensor, GradStore)>,
}

impl Opened {
    fn new(layers: Layers) -> Result<Self, Failure> {
        let slopes = Var::from_slice(&layers.slopes, layers.slopes.len(), &Device::Cpu)?;
        let input = || Var::from_slice(&layers.x, layers.shape.as_slice(), &Device::Cpu);
        let inputs = (0..layers.repeat).map(|_| input()).collect::<Result<_, _>>()?;
        let layer = PReLU::new(slopes.as_tensor().clone(), false);
        Ok(Opened { slopes, layer, inputs, last: None })
    }
}

impl Peer for Opened {
    fn sample(&mut self) -> Result<Times, Failure> {
        let (mut forward, mut backward) = (Duration::ZERO, Duration::ZERO);
        self.last = None;
        // Wakes the threads.
        drop(self.layer.forward(&self.inputs[0])?);
        let mut outputs = Vec::with_capacity(self.inputs.len());
        for x in &self.inputs {
            // Out of place: x is still there; the others have just written theirs.
            x.as_detached_tensor().sum_all()?;
            outputs.push(timed(&mut forward, || self.layer.forward(x))?);
        }
        while let Some(y) = outputs.pop() {
            // The upstream gradient is candle's own: ones.
            let gradients = timed(&mut backward, || y.backward())?;
            self.last = Some((y, gradients));
        }
        Ok(Times { forward, backward })
    }

    fn gradients(&mut self) -> Result<Gradients, Failure> {
        let (y, found) = self.last.as_ref().ok_or("no sample was taken")?;
        let flat =
            |tensor: &Tensor| -> Result<Vec<f32>, Failure> { Ok(tensor.flatten_all()?.to_vec1()?) };
        Ok(Gradients {
            y: flat(y)?,
            dx: flat(found.get(&self.inputs[0]).ok_or("no input gradient")?)?,
            da: flat(found.get(&self.slopes).ok_or("no slope gradient")?)?,
        })
    }
}
