//! From which size on threads pay: one layer's passes by the caller alone, and shared with other threads, which
//! sleep between passes or stay awake, over tensors just written by the caller, as the layer before would have.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::cpu::WaitPolicy;
use prelu_mem_core::{Cpu, Error, Filler, Geometry, GradSlot, Sharing, Slopes, Strategy};

/// Elements in units of 65,536, the CPU's block: 0.5 to 24 MiB of f32.
const BLOCKS: [usize; 8] = [2, 4, 6, 8, 12, 16, 32, 96];

fn threads(criterion: &mut Criterion) {
    let all = Cpu::available_threads();
    if all == 1 {
        println!("This process may use one processor: there is nothing to compare.");
        return;
    }
    for blocks in BLOCKS {
        let mut group = criterion.benchmark_group(format!("threads/{}", blocks << 16));
        group.sample_size(30).measurement_time(Duration::from_secs(2));
        for (name, policy, shared_from) in [
            ("alone", WaitPolicy::Passive, usize::MAX),
            ("shared", WaitPolicy::Passive, 0),
            ("awake", WaitPolicy::Active, 0),
        ] {
            let cpu = Cpu::new(all).and_then(|cpu| cpu.with_wait_policy(policy));
            let cpu = cpu.expect("threads").sharing_from(shared_from);
            let layer = Layer::new(cpu, blocks).expect("some MiB");
            for (pass, which) in [("forward", 0), ("backward", 1)] {
                group.bench_function(format!("{pass}/{name}"), |bencher| {
                    bencher.iter_custom(|rounds| {
                        let times = (0..rounds).map(|_| layer.step().expect("valid inputs")[which]);
                        times.sum()
                    });
                });
            }
        }
        group.finish();
    }
}

struct Layer {
    cpu: Cpu,
    geometry: Geometry,
    slopes: Slopes<f32>,
    x: Vec<f32>,
}

impl Layer {
    fn new(cpu: Cpu, blocks: usize) -> Result<Self, Error> {
        let shape = [1, 64, blocks << 10];
        let geometry = Geometry::from_shape(&shape, 1, Sharing::PerChannel)?;
        Ok(Layer {
            cpu,
            geometry,
            slopes: Slopes::learned(vec![0.3; 64]),
            x: Filler::Uniform { low: -1.0, high: 1.0 }.fill(&shape, 1)?,
        })
    }

    /// Times of forward and backward.
    fn step(&self) -> Result<[Duration; 2], Error> {
        let Layer { cpu, geometry, slopes, x } = self;
        let plan = Strategy::<Cpu, f32>::plan(&Bitmask, geometry, slopes)?;
        let (mut slot, mut sums) = (GradSlot::none(), vec![0.0; geometry.slopes()]);
        let mut y = x.clone();
        let start = Instant::now();
        let saved = Bitmask.forward(cpu, &plan, &mut y, &mut slot)?;
        let forward = start.elapsed();
        let ready = Bitmask.vacate(cpu, saved, &mut slot, None)?;
        let mut grad = x.clone();
        let start = Instant::now();
        Bitmask.backward(cpu, slopes, ready, Some(&y), &mut grad, Some(&mut sums))?;
        Ok([forward, start.elapsed()])
    }
}

criterion_group!(benches, threads);
criterion_main!(benches);
