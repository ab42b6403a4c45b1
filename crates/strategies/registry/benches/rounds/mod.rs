//! Every layout and element type, for the bench of one loop.

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use half::{bf16, f16};
use prelu_mem_core::{Element, Error};

use crate::setting::{LAYOUTS, Layout, Setting};

/// One of the loops.
pub(crate) trait Loop {
    /// The group's name.
    const NAME: &'static str;

    /// Times of an element's bytes that its limit moves. Rates are told in the limit's bytes, so that
    /// a strategy's rate over its limit's is the share of the limit.
    const STREAMS: usize;

    /// Times the limit, then the strategies.
    fn time<T: Element>(rounds: &mut Rounds<'_, '_, T>);
}

/// The benchmarks of one layout and element type.
pub(crate) struct Rounds<'a, 'g, T: Element> {
    group: &'a mut BenchmarkGroup<'g, WallTime>,
    layout: &'a Layout,
    /// Made for the first benchmark that the command line's filter lets through.
    setting: Option<Setting<T>>,
}

impl<T: Element> Rounds<'_, '_, T> {
    /// Times a pass: `once` makes its inputs anew and returns the time of the pass alone.
    pub(crate) fn bench(
        &mut self,
        name: &str,
        once: impl Fn(&mut Setting<T>) -> Result<Duration, Error>,
    ) {
        let Rounds { group, layout, setting } = self;
        group.bench_function(format!("{}/{name}", T::DTYPE), |bencher| {
            let setting = setting.get_or_insert_with(|| Setting::new(layout));
            bencher.iter_custom(|rounds| {
                let sum: Result<Duration, Error> = (0..rounds).map(|_| once(setting)).sum();
                sum.expect("valid inputs")
            });
        });
    }
}

/// Times a loop everywhere.
pub(crate) fn everywhere<L: Loop>(criterion: &mut Criterion) {
    for layout in LAYOUTS {
        let mut group = criterion.benchmark_group(format!("{}/{}", L::NAME, layout.name));
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        typed::<L, f32>(&mut group, layout);
        typed::<L, f64>(&mut group, layout);
        typed::<L, f16>(&mut group, layout);
        typed::<L, bf16>(&mut group, layout);
        group.finish();
    }
}

fn typed<L: Loop, T: Element>(group: &mut BenchmarkGroup<'_, WallTime>, layout: &Layout) {
    let bytes = L::STREAMS * layout.elements() * size_of::<T>();
    group.throughput(Throughput::Bytes(bytes as u64));
    L::time(&mut Rounds::<T> { group, layout, setting: None });
}
