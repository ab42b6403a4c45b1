//! The direct backward loop, over a stash that stays where it is, in every layout, beside the in-place triad.

mod limits;
mod rounds;
mod setting;

use std::time::{Duration, Instant};

use criterion::{criterion_group, criterion_main};
use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, Strategy};
use prelu_mem_diff_stash::DiffStash;
use rounds::{Loop, Rounds, everywhere};
use setting::Setting;

struct Direct;

impl Loop for Direct {
    const NAME: &'static str = "direct";
    const STREAMS: usize = 3;

    fn time<T: Element>(rounds: &mut Rounds<'_, '_, T>) {
        rounds.bench("limit", limits::triad);
        rounds.bench("diff-stash", once);
    }
}

/// Time of one backward pass after a forward pass.
fn once<T: Element>(setting: &mut Setting<T>) -> Result<Duration, Error> {
    let Setting { cpu, geometry, slopes, x, y, grad } = setting;
    let plan = Strategy::<Cpu, T>::plan(&DiffStash, geometry, slopes)?;
    let mut slot = GradSlot::new(cpu.alloc(x.len())?);
    y.copy_from_slice(x);
    let saved = DiffStash.forward(cpu, &plan, y, &mut slot)?;
    grad.copy_from_slice(x);
    let mut sums = vec![0.0; geometry.slopes()];
    let start = Instant::now();
    saved.backward_direct(cpu, slopes, grad, Some(&mut sums))?;
    Ok(start.elapsed())
}

criterion_group!(benches, everywhere::<Direct>);
criterion_main!(benches);
