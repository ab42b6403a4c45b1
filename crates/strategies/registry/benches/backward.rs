//! The backward loop: every strategy in every layout, beside a plain copy of the tensor.

mod setting;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use half::{bf16, f16};
use prelu_mem_core::{Backend, Cpu, Element, Error, GradSlot, SharedBuffer, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};
use setting::{LAYOUTS, Layout, Setting};

fn backward(criterion: &mut Criterion) {
    for layout in LAYOUTS {
        let mut group = criterion.benchmark_group(format!("backward/{}", layout.name));
        group.sample_size(10).measurement_time(Duration::from_secs(2));
        all::<f32>(&mut group, layout);
        all::<f64>(&mut group, layout);
        all::<f16>(&mut group, layout);
        all::<bf16>(&mut group, layout);
        group.finish();
    }
}

fn all<T: Element>(group: &mut BenchmarkGroup<'_, WallTime>, layout: &Layout) {
    let setting = Setting::<T>::new(layout);
    let mut grad = setting.x.clone();
    group.throughput(Throughput::Bytes(3 * size_of_val(&grad[..]) as u64));
    group.bench_function(format!("{}/copy", T::DTYPE), |bencher| {
        bencher.iter(|| grad.copy_from_slice(&setting.x));
    });
    for &name in StrategyName::ALL {
        with(name, Backward { group, setting: &setting, grad: &mut grad });
    }
}

struct Backward<'a, 'g, T: Element> {
    group: &'a mut BenchmarkGroup<'g, WallTime>,
    setting: &'a Setting<T>,
    grad: &'a mut [T],
}

/// Time of one backward pass after a forward pass.
fn once<T: Element, S: Strategy<Cpu, T>>(
    strategy: S,
    setting: &Setting<T>,
    grad: &mut [T],
) -> Result<Duration, Error> {
    let Setting { cpu, geometry, slopes, x } = setting;
    let plan = strategy.plan(geometry, slopes)?;
    let mut y = x.clone();
    let mut slot = GradSlot::new(cpu.alloc(x.len())?);
    let shared = SharedBuffer::new(cpu.alloc(x.len())?);
    let saved = strategy.forward(cpu, &plan, &mut y, &mut slot)?;
    let ready = strategy.vacate(cpu, saved, &mut slot, Some(&shared))?;
    grad.copy_from_slice(x);
    let mut sums = vec![0.0; geometry.slopes()];
    let start = Instant::now();
    strategy.backward(cpu, slopes, ready, Some(&y), grad, Some(&mut sums))?;
    Ok(start.elapsed())
}

impl<T: Element> Visitor<Cpu, T> for Backward<'_, '_, T> {
    type Output = ();

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) {
        let Backward { group, setting, grad } = self;
        let name = format!("{}/{}", T::DTYPE, S::NAME);
        let mut times = |rounds: u64| -> Duration {
            let sum: Result<Duration, Error> =
                (0..rounds).map(|_| once(strategy, setting, grad)).sum();
            sum.expect("valid inputs")
        };
        group.bench_function(name, |bencher| bencher.iter_custom(&mut times));
    }
}

criterion_group!(benches, backward);
criterion_main!(benches);
