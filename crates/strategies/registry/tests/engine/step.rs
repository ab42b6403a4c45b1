//! One forward and backward pass of a named strategy.

use prelu_mem_core::{
    Backend, Cpu, Element, Error, Footprint, Geometry, GradSlot, SharedBuffer, Slopes, Strategy,
};
use prelu_mem_registry::{StrategyName, Visitor, with};

/// What goes in.
pub(crate) struct Step<'a, T: Element> {
    pub(crate) cpu: &'a Cpu,
    pub(crate) geometry: Geometry,
    pub(crate) slopes: &'a Slopes<T>,
    pub(crate) x: &'a [T],
    pub(crate) g: &'a [T],
}

/// What comes out.
pub(crate) struct Gradients<T> {
    pub(crate) dx: Vec<T>,
    pub(crate) da: Vec<f64>,
    pub(crate) footprint: Footprint,
}

impl<T: Element> Step<'_, T> {
    pub(crate) fn by(self, name: StrategyName) -> Result<Gradients<T>, Error> {
        with::<Cpu, T, _>(name, self)
    }
}

impl<T: Element> Visitor<Cpu, T> for Step<'_, T> {
    type Output = Result<Gradients<T>, Error>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        let Step { cpu, geometry, slopes, x, g } = self;
        let plan = strategy.plan(&geometry, slopes)?;
        let footprint = strategy.footprint(cpu, &plan);
        let mut slot = GradSlot::new(cpu.alloc(geometry.len())?);
        let shared = SharedBuffer::new(cpu.alloc(geometry.len())?);
        let (mut y, mut dx, mut da) = (x.to_vec(), g.to_vec(), vec![0.0; geometry.slopes()]);
        let saved = strategy.forward(cpu, &plan, &mut y, &mut slot)?;
        let ready = strategy.vacate(cpu, saved, &mut slot, Some(&shared))?;
        let output = footprint.needs_output.then_some(&y[..]);
        strategy.backward(cpu, slopes, ready, output, &mut dx, Some(&mut da))?;
        Ok(Gradients { dx, da, footprint })
    }
}
