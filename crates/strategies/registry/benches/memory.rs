//! The memory of saved states: kept between steps or given back before each, in huge pages or in small ones.
//! Ends with a table of the forward passes' times over those with kept memory and huge pages.

mod pages;
#[allow(dead_code, reason = "the layouts of the loops' benches")]
mod setting;

use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use pages::Pages;
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::{Cpu, Error, GradSlot, Strategy};
use prelu_mem_full_copy::FullCopy;
use setting::{Layout, Setting, layout};

/// A mask of 3 MiB, which is too small for pages of its own, and a copy of 98 MiB.
const USUAL: Layout = layout("98-MiB", &[32, 64, 112, 112]);
/// A mask of 15 MiB.
const LARGE: Layout = layout("490-MiB", &[160, 64, 112, 112]);

/// What becomes of a saved state's memory after its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Kept,
    Released,
}

/// One line of the table.
struct Row {
    name: String,
    /// Of every step.
    seconds: Vec<f64>,
    /// In huge pages while a saved state was alive.
    huge_mebibytes: Option<u64>,
}

impl Row {
    fn median(&self) -> f64 {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }
}

fn memory(criterion: &mut Criterion) {
    if !Pages::Huge.allow() {
        println!(
            "This system offers no huge pages, or not to this process: only small ones are measured."
        );
    }
    strategy(criterion, FullCopy, &USUAL);
    strategy(criterion, Bitmask, &USUAL);
    strategy(criterion, Bitmask, &LARGE);
}

/// Forward of one strategy, in every way.
fn strategy<S: Strategy<Cpu, f32>>(criterion: &mut Criterion, strategy: S, layout: &Layout) {
    let mut group = criterion.benchmark_group(format!("memory/{}/{}", S::NAME, layout.name));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(700));
    let mut setting = None;
    let mut rows = Vec::new();
    for pages in [Pages::Huge, Pages::Small] {
        for after in [After::Kept, After::Released] {
            if !pages.allow() {
                continue;
            }
            let name = format!("{after:?}-{pages:?}").to_lowercase();
            let mut row = Row { name: name.clone(), seconds: Vec::new(), huge_mebibytes: None };
            group.bench_function(name, |bencher| {
                let setting = setting.get_or_insert_with(|| Setting::new(layout));
                // What is kept comes from the pages chosen here, and is there before the first sample.
                setting.cpu.memory().release();
                row.huge_mebibytes = once(strategy, setting, after).expect("valid inputs").1;
                bencher.iter_custom(|rounds| {
                    let steps = (0..rounds).map(|_| once(strategy, setting, after));
                    let steps = steps.map(|step| step.expect("valid inputs").0);
                    let steps = steps.inspect(|time| row.seconds.push(time.as_secs_f64()));
                    steps.sum()
                });
            });
            rows.push(row);
        }
    }
    group.finish();
    print(&format!("{} of {}", S::NAME, layout.name), &rows);
}

/// Time of one forward pass, without that of giving memory back, and what of the process is in huge pages behind it.
fn once<S: Strategy<Cpu, f32>>(
    strategy: S,
    setting: &mut Setting<f32>,
    after: After,
) -> Result<(Duration, Option<u64>), Error> {
    let Setting { cpu, geometry, slopes, x, y, .. } = setting;
    let plan = strategy.plan(geometry, slopes)?;
    y.copy_from_slice(x);
    if after == After::Released {
        cpu.memory().release();
    }
    let start = Instant::now();
    let saved = strategy.forward(cpu, &plan, y, &mut GradSlot::none())?;
    let time = start.elapsed();
    let huge = pages::huge_mebibytes();
    drop(saved);
    Ok((time, huge))
}

/// Markdown; nothing where the command line's filter let nothing through.
fn print(title: &str, rows: &[Row]) {
    let measured = || rows.iter().filter(|row| !row.seconds.is_empty());
    let Some(first) = measured().next() else { return };
    println!(
        "\n| {title} | median ms | over {} | MiB in huge pages |\n|---|---|---|---|",
        first.name
    );
    for row in measured() {
        let huge = row.huge_mebibytes.map_or("unknown".into(), |huge| huge.to_string());
        let (median, ratio) = (row.median() * 1e3, row.median() / first.median());
        println!("| {} | {median:.2} | {ratio:.2} | {huge} |", row.name);
    }
    println!();
}

criterion_group!(benches, memory);
criterion_main!(benches);
