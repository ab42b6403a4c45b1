//! PReLU from one blob to another. The bottom is the copy of the pre-activation, and backward is
//! the engine's over it.

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, Cpu, Error, Geometry, Identity, Inputs, Kernels, Plan, Slopes};

use super::{Start, activate, take_sums};
use crate::error::Result;
use crate::layer::{Backward, Forward, Needs, NetLayer, Reads};
use crate::number::Number;
use crate::param::Param;

pub(super) struct OutOfPlace<T: Number> {
    geometry: Geometry,
    plan: Plan<Identity, T>,
    sums: Buffer<f64>,
    param: Param<T>,
}

/// Frozen slopes too are planned as learned ones: no channel is then derived from an output, and
/// every pre-activation is read from the bottom.
fn plan<T: Number>(geometry: &Geometry, values: &[T]) -> Result<Plan<Identity, T>, Error> {
    Plan::new(geometry, &Slopes::learned(values.to_vec()))
}

pub(super) fn needs<T: Number>(cpu: &Cpu, start: &Start<T>) -> Result<Needs> {
    let plan = plan(&start.geometry, &start.values)?;
    Ok(Needs {
        backward_workspace: cpu.workspace_bytes(&plan),
        reads: Reads { bottoms: true, ..Reads::default() },
        ..start.needs()
    })
}

impl<T: Number> OutOfPlace<T> {
    pub(super) fn new(cpu: &Cpu, start: &Start<T>) -> Result<Self> {
        Ok(OutOfPlace {
            geometry: start.geometry,
            plan: plan(&start.geometry, &start.values)?,
            sums: cpu.alloc(start.values.len())?,
            param: start.param(cpu)?,
        })
    }
}

impl<T: Number> NetLayer<T> for OutOfPlace<T> {
    fn forward(&mut self, _: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let top = &mut *pass.tops[0];
        top.copy_from_slice(pass.bottoms[0]);
        activate(&self.geometry, self.param.values(), top);
        Ok(())
    }

    fn backward(&mut self, cpu: &Cpu, mut pass: Backward<'_, T>) -> Result<()> {
        let grad = pass.bottom_diffs[0].as_deref_mut().ok_or(Error::NoGradientBuffer)?;
        grad.copy_from_slice(pass.top_diffs[0]);
        let kept: &[T] = &[];
        let inputs = Inputs { words: pass.bottoms[0], kept, output: None };
        Kernels::backward(cpu, &self.plan, inputs, grad, Some(&mut *self.sums))?;
        take_sums(&mut self.sums, &mut self.param);
        Ok(())
    }

    fn params(&self) -> &[Param<T>] {
        std::slice::from_ref(&self.param)
    }

    fn params_mut(&mut self) -> &mut [Param<T>] {
        std::slice::from_mut(&mut self.param)
    }

    fn updated(&mut self) -> Result<()> {
        self.plan = plan(&self.geometry, self.param.values())?;
        Ok(())
    }
}
