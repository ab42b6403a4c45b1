//! The backward loop: every strategy in every layout, beside the in-place triad.

mod limits;
mod rounds;
mod setting;

use std::time::{Duration, Instant};

use criterion::{criterion_group, criterion_main};
use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, SharedBuffer, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};
use rounds::{Loop, Rounds, everywhere};
use setting::Setting;

struct Backward;

impl Loop for Backward {
    const NAME: &'static str = "backward";
    const STREAMS: usize = 3;

    fn time<T: Element>(rounds: &mut Rounds<'_, '_, T>) {
        rounds.bench("limit", limits::triad);
        for &name in StrategyName::ALL {
            with(name, Pass(rounds));
        }
    }
}

struct Pass<'a, 'b, 'g, T: Element>(&'a mut Rounds<'b, 'g, T>);

impl<T: Element> Visitor<Cpu, T> for Pass<'_, '_, '_, T> {
    type Output = ();

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) {
        self.0.bench(S::NAME, |setting| once(strategy, setting));
    }
}

/// Time of one backward pass after a forward pass.
fn once<T: Element, S: Strategy<Cpu, T>>(
    strategy: S,
    setting: &mut Setting<T>,
) -> Result<Duration, Error> {
    let Setting { cpu, geometry, slopes, x, y, grad } = setting;
    let plan = strategy.plan(geometry, slopes)?;
    let mut slot = GradSlot::new(cpu.alloc(x.len())?);
    let shared = SharedBuffer::new(cpu.alloc(x.len())?);
    y.copy_from_slice(x);
    let saved = strategy.forward(cpu, &plan, y, &mut slot)?;
    let ready = strategy.vacate(cpu, saved, &mut slot, Some(&shared))?;
    grad.copy_from_slice(x);
    let mut sums = vec![0.0; geometry.slopes()];
    let start = Instant::now();
    strategy.backward(cpu, slopes, ready, Some(y), grad, Some(&mut sums))?;
    Ok(start.elapsed())
}

criterion_group!(benches, everywhere::<Backward>);
criterion_main!(benches);
