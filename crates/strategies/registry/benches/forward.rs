//! The forward loop: every strategy in every layout, beside a plain copy of the tensor.

mod setting;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use half::{bf16, f16};
use prelu_mem_core::{Backend, Cpu, Element, GradSlot, Strategy};
use prelu_mem_registry::{StrategyName, Visitor, with};
use setting::{LAYOUTS, Layout, Setting};

fn forward(criterion: &mut Criterion) {
    for layout in LAYOUTS {
        let mut group = criterion.benchmark_group(format!("forward/{}", layout.name));
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
    let mut y = setting.x.clone();
    group.throughput(Throughput::Bytes(2 * size_of_val(&y[..]) as u64));
    group.bench_function(format!("{}/copy", T::DTYPE), |bencher| {
        bencher.iter(|| y.copy_from_slice(&setting.x));
    });
    for &name in StrategyName::ALL {
        with(name, Forward { group, setting: &setting, y: &mut y });
    }
}

struct Forward<'a, 'g, T: Element> {
    group: &'a mut BenchmarkGroup<'g, WallTime>,
    setting: &'a Setting<T>,
    y: &'a mut [T],
}

impl<T: Element> Visitor<Cpu, T> for Forward<'_, '_, T> {
    type Output = ();

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) {
        let Setting { cpu, geometry, slopes, x } = self.setting;
        let plan = strategy.plan(geometry, slopes).expect("one slope per channel");
        self.group.bench_function(format!("{}/{}", T::DTYPE, S::NAME), |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = Duration::ZERO;
                for _ in 0..rounds {
                    self.y.copy_from_slice(x);
                    let mut slot = GradSlot::new(cpu.alloc(x.len()).expect("memory"));
                    let start = Instant::now();
                    let saved = strategy.forward(cpu, &plan, self.y, &mut slot);
                    spent += start.elapsed();
                    assert!(saved.is_ok(), "{}", S::NAME);
                }
                spent
            });
        });
    }
}

criterion_group!(benches, forward);
criterion_main!(benches);
