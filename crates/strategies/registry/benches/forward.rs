//! The forward loop: every strategy in every layout, beside the in-place scaling pass.

mod limits;
mod rounds;
mod setting;

use std::time::{Duration, Instant};

use criterion::{criterion_group, criterion_main};
use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};
use rounds::{Loop, Rounds, everywhere};
use setting::Setting;

struct Forward;

impl Loop for Forward {
    const NAME: &'static str = "forward";
    const STREAMS: usize = 2;

    fn time<T: Element>(rounds: &mut Rounds<'_, '_, T>) {
        rounds.bench("limit", limits::scale);
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

/// Time of one forward pass.
fn once<T: Element, S: Strategy<Cpu, T>>(
    strategy: S,
    setting: &mut Setting<T>,
) -> Result<Duration, Error> {
    let Setting { cpu, geometry, slopes, x, y, .. } = setting;
    let plan = strategy.plan(geometry, slopes)?;
    let mut slot = GradSlot::new(cpu.alloc(x.len())?);
    y.copy_from_slice(x);
    let start = Instant::now();
    let saved = strategy.forward(cpu, &plan, y, &mut slot)?;
    let time = start.elapsed();
    drop(saved);
    Ok(time)
}

criterion_group!(benches, everywhere::<Forward>);
criterion_main!(benches);
