//! PReLU in place, by a strategy.

use prelu_mem_core::{Cpu, Geometry, GradSlot, Layer, SharedBuffer, Strategy};

use super::{Start, activate, take_sums};
use crate::error::{NetError, Result};
use crate::layer::{Backward, Forward, NetLayer, Reads};
use crate::number::Number;
use crate::param::Param;

pub(super) struct InPlace<S: Strategy<Cpu, T>, T: Number> {
    geometry: Geometry,
    layer: Layer<S, Cpu, T>,
    param: Param<T>,
    saved: Option<S::Saved>,
    ready: Option<S::Ready>,
}

impl<S: Strategy<Cpu, T>, T: Number> InPlace<S, T> {
    pub(super) fn new(cpu: &Cpu, strategy: S, start: &Start<T>) -> Result<Self> {
        Ok(InPlace {
            geometry: start.geometry,
            layer: Layer::new(cpu.clone(), strategy, start.slopes())?,
            param: start.param(cpu)?,
            saved: None,
            ready: None,
        })
    }
}

impl<S: Strategy<Cpu, T>, T: Number> NetLayer<T> for InPlace<S, T> {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let x = &mut *pass.tops[0];
        if !pass.training {
            activate(&self.geometry, self.layer.slopes().values(), x);
            return Ok(());
        }
        self.saved = Some(self.layer.forward(&self.geometry, x, pass.slot)?);
        Ok(())
    }

    fn vacate(
        &mut self,
        _: &Cpu,
        slot: &mut GradSlot<Cpu, T>,
        shared: Option<&SharedBuffer<Cpu, T>>,
    ) -> Result<()> {
        let order = NetError::Order { called: "vacating a PReLU", needs: "its forward" };
        let saved = self.saved.take().ok_or(order)?;
        match self.layer.vacate(saved, slot, shared) {
            Ok(ready) => {
                self.ready = Some(ready);
                Ok(())
            }
            Err(refused) => {
                self.saved = Some(refused.state);
                Err(refused.error.into())
            }
        }
    }

    fn backward(&mut self, _: &Cpu, pass: Backward<'_, T>) -> Result<()> {
        let order = NetError::Order { called: "backward of a PReLU", needs: "vacating it" };
        let ready = self.ready.take().ok_or(order)?;
        let output = pass.tops.first().copied().filter(|output| !output.is_empty());
        let done = match pass.slot.get_mut() {
            Ok(grad) => self.layer.backward(ready, output, grad),
            Err(error) => Err(prelu_mem_core::Refused { error, state: ready }),
        };
        if let Err(refused) = done {
            self.ready = Some(refused.state);
            return Err(refused.error.into());
        }
        take_sums(self.layer.slope_gradient_mut(), &mut self.param);
        Ok(())
    }

    fn params(&self) -> &[Param<T>] {
        std::slice::from_ref(&self.param)
    }

    fn params_mut(&mut self) -> &mut [Param<T>] {
        std::slice::from_mut(&mut self.param)
    }

    fn updated(&mut self) -> Result<()> {
        let values = self.param.values();
        self.layer.update_slopes(|slopes| slopes.copy_from_slice(values));
        Ok(())
    }

    fn abandon(&mut self) {
        (self.saved, self.ready) = (None, None);
    }

    // The slopes decide which channels read the output, and they change in training.
    fn reads(&mut self, described: Reads) -> Result<Reads> {
        let output_for_mask = self.layer.footprint(&self.geometry)?.needs_output;
        Ok(Reads { output_for_mask, ..described })
    }
}
