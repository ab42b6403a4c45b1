//! Forward plus backward of the layer alone, Burn's own beside this crate's, on the PReLU layers of
//! IResNet-50 at batch 8.
//!
//! A network's step first, alternately in rounds, with the ratio; then every layer by criterion.
//!
//! ```sh
//! cargo bench -p prelu-mem-burn --bench iresnet50 --features simd                # everything
//! cargo bench -p prelu-mem-burn --bench iresnet50 --features simd -- no-layer    # the ratio alone
//! ```
//!
//! `PRELU_MEM_RECORD=FILE` writes the network's rounds to a file (`docs/records`); cargo runs a bench in the
//! package's folder, so that the name is best an absolute one.

mod probe;
mod record;
mod step;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prelu_mem_burn::Strategy;

use step::{Peer, Step, Times};

const BATCH: usize = 8;

/// How often, channels, height and width.
const LAYERS: [(u32, [usize; 3]); 8] = [
    (2, [64, 112, 112]),
    (2, [64, 56, 56]),
    (1, [128, 56, 56]),
    (3, [128, 28, 28]),
    (1, [256, 28, 28]),
    (13, [256, 14, 14]),
    (1, [512, 14, 14]),
    (2, [512, 7, 7]),
];

const PEERS: [Peer; 3] =
    [Peer::Burn, Peer::Ours(Strategy::Bitmask), Peer::Ours(Strategy::Adaptive)];

const ROUNDS: usize = 9;

/// All peers' network steps, one after the other, round by round.
fn network(_: &mut Criterion) {
    let steps: Vec<(u32, Step)> =
        LAYERS.iter().map(|&(repeat, shape)| (repeat, Step::new(BATCH, shape))).collect();
    let sample =
        |peer| -> Times { steps.iter().map(|(repeat, step)| step.run(peer) * *repeat).sum() };
    for peer in PEERS {
        sample(peer);
    }
    let rounds: Vec<[Times; 3]> = (0..ROUNDS).map(|_| PEERS.map(sample)).collect();
    record::write(BATCH, PEERS, &rounds);
    println!("a step of IResNet-50's PReLU layers at batch {BATCH}, {ROUNDS} rounds");
    if !cfg!(feature = "simd") {
        println!("Burn is built WITHOUT its SIMD kernels: compare with --features simd");
    }
    println!(
        "                 forward    backward   step       Burn's step over it: median (least to most)"
    );
    for (index, peer) in PEERS.into_iter().enumerate() {
        let milliseconds = |of: fn(&Times) -> Duration| {
            let times = rounds.iter().map(|round| of(&round[index]).as_secs_f64() * 1e3);
            format!("{:7.1} ms", spread(times.collect()).1)
        };
        let ratios =
            rounds.iter().map(|round| round[0].step().div_duration_f64(round[index].step()));
        let (least, median, most) = spread(ratios.collect());
        println!(
            "{:14} {} {} {}  {median:.1} ({least:.1} to {most:.1})",
            peer.name(),
            milliseconds(|times| times.forward),
            milliseconds(|times| times.backward),
            milliseconds(Times::step),
        );
    }
}

fn spread(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

fn layers(criterion: &mut Criterion) {
    for shape @ [channels, height, width] in LAYERS.map(|(_, shape)| shape) {
        let step = Step::new(BATCH, shape);
        let mut group = criterion.benchmark_group(format!("{channels}x{height}x{width}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_millis(500));
        group.throughput(Throughput::Elements(step.elements() as u64));
        for peer in PEERS {
            group.bench_function(peer.name(), |bencher| {
                bencher.iter_custom(|rounds| (0..rounds).map(|_| step.run(peer).step()).sum());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, network, layers);
criterion_main!(benches);
