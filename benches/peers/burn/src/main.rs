//! A worker that runs Burn's PReLU on the Flex backend. The number of threads is rayon's, from the
//! environment.

use std::time::Duration;

use burn_tensor::activation::prelu;
use burn_tensor::{Device, Gradients as Store, Tensor, TensorData};
use peer_protocol::{Failure, Gradients, Layers, Peer, Times, serve, timed};

fn main() -> Result<(), Failure> {
    serve(|layers| match layers.shape.len() {
        2 => Ok(Box::new(Opened::<2>::new(layers))),
        3 => Ok(Box::new(Opened::<3>::new(layers))),
        4 => Ok(Box::new(Opened::<4>::new(layers))),
        5 => Ok(Box::new(Opened::<5>::new(layers))),
        axes => Err(format!("{axes} axes, where 2 to 5 are accepted").into()),
    })
}

struct Opened<const D: usize> {
    slopes: Tensor<1>,
    /// By layer.
    inputs: Vec<Tensor<D>>,
    /// Of the first layer.
    last: Option<(Tensor<D>, Store)>,
}

impl<const D: usize> Opened<D> {
    fn new(layers: Layers) -> Self {
        let device = Device::flex().autodiff();
        let data =
            |values: &[f32], shape: &[usize]| TensorData::new(values.to_vec(), shape.to_vec());
        let slopes = data(&layers.slopes, &[layers.slopes.len()]);
        let slopes = Tensor::<1>::from_data(slopes, &device).require_grad();
        let input =
            || Tensor::<D>::from_data(data(&layers.x, &layers.shape), &device).require_grad();
        Opened { slopes, inputs: (0..layers.repeat).map(|_| input()).collect(), last: None }
    }
}

impl<const D: usize> Peer for Opened<D> {
    fn sample(&mut self) -> Result<Times, Failure> {
        let (mut forward, mut backward) = (Duration::ZERO, Duration::ZERO);
        self.last = None;
        // Wakes the threads.
        drop(prelu(self.inputs[0].clone(), self.slopes.clone()));
        let mut outputs = Vec::with_capacity(self.inputs.len());
        for x in &self.inputs {
            // Out of place: x is still there; the others have just written theirs.
            let _ = x.clone().detach().sum().into_data();
            outputs.push(timed(&mut forward, || prelu(x.clone(), self.slopes.clone())));
        }
        while let Some(y) = outputs.pop() {
            // The upstream gradient is Burn's own: ones.
            let store = timed(&mut backward, || y.backward());
            self.last = Some((y, store));
        }
        Ok(Times { forward, backward })
    }

    fn gradients(&mut self) -> Result<Gradients, Failure> {
        let (y, store) = self.last.as_ref().ok_or("no sample was taken")?;
        let dx = self.inputs[0].grad(store).ok_or("no input gradient")?;
        let da = self.slopes.grad(store).ok_or("no slope gradient")?;
        let failed = |error| format!("{error:?}");
        Ok(Gradients {
            y: y.clone().into_data().try_to_vec().map_err(failed)?,
            dx: dx.into_data().try_to_vec().map_err(failed)?,
            da: da.into_data().try_to_vec().map_err(failed)?,
        })
    }
}
