//! `bench`: memory and speed of strategies on the PReLU layers of a network.
//!
//! Target (which layers) - need (do they fit) - verify (are the gradients right) - measure (memory counted, then
//! time sampled in rounds, strategies and the machine's limits in turn) - row and report.

pub(crate) mod accuracy;
mod file;
pub(crate) mod interrupt;
mod measure;
pub(crate) mod need;
pub(crate) mod progress;
mod report;
mod row;
mod samples;
mod subject;
pub(crate) mod target;
mod tensors;
mod tile;
mod verify;
mod way;

use half::{bf16, f16};
use prelu_mem_core::cpu;
use prelu_mem_core::{Cpu, Dtype, Element, Error, Footprint, SharedBuffer, Sharing};
use prelu_mem_registry::StrategyName;

use self::measure::{Bench, LimitTiming, Rounds};
use self::need::Work;
use self::progress::Progress;
use self::report::BenchReport;
use self::row::{Findings, gbps, row};
use self::samples::Samples;
use self::subject::{Subject, prepare};
use self::target::{Layer, Target};
use self::tensors::Tensors;
use crate::device::{Device, Opened, Runs};
use crate::failure::Failure;
use crate::machine;
use crate::options::bench::BenchOptions;
use crate::options::device::DeviceName;
use crate::options::hand_over::HandOver;
use crate::options::wait_policy::WaitPolicy;
use crate::output::Printer;
use prelu_mem_report::record::bench::{BenchRecord, Limits, Row, Settings};
use prelu_mem_report::record::{Kind, SCHEMA};

/// Measures and prints.
pub(crate) fn run(options: &BenchOptions, printer: Printer) -> Result<(), Failure> {
    let target = Target::new(options)?;
    target.geometries(&target.shapes(None))?;
    if let (Some(_), device @ DeviceName::Cuda(_)) = (options.wait_policy, options.device) {
        return Err(Failure::Usage(format!(
            "--wait-policy: threads are the processor's, and --device {device} has none to choose; leave the option out, or give --device cpu"
        )));
    }
    match options.device.open(options.threads)? {
        Opened::Cpu(cpu) => {
            let cpu = match options.wait_policy {
                Some(policy) => cpu.with_wait_policy(policy.into()).map_err(refused)?,
                None => cpu,
            };
            run_on(options, &target, &cpu, printer)
        }
        Opened::Cuda(cuda) => run_on(options, &target, &cuda, printer),
    }
}

fn refused(reason: Error) -> Failure {
    Failure::Usage(format!("--wait-policy: {reason}"))
}

fn run_on<B>(
    options: &BenchOptions,
    target: &Target,
    backend: &B,
    printer: Printer,
) -> Result<(), Failure>
where
    B: Runs<f16> + Runs<bf16> + Runs<f32> + Runs<f64>,
{
    match options.dtype {
        Dtype::F16 => run_typed::<B, f16>(options, target, backend, printer),
        Dtype::Bf16 => run_typed::<B, bf16>(options, target, backend, printer),
        Dtype::F32 => run_typed::<B, f32>(options, target, backend, printer),
        Dtype::F64 => run_typed::<B, f64>(options, target, backend, printer),
    }
}

fn run_typed<B: Runs<T>, T: Element>(
    options: &BenchOptions,
    target: &Target,
    backend: &B,
    printer: Printer,
) -> Result<(), Failure> {
    let names = with_baseline(&options.strategy);
    let hand_overs = hand_overs(options, &names)?;
    let names_by_subject = by_subject(&names, &hand_overs);
    let work = Work { target, names: &names_by_subject, backend, gradients: options.gradients };
    let settings = settings(options, target, backend.place().threads);
    let machine = machine::ask(options.device.cuda())?;
    let place = file::place(options, target, (&machine, &settings), &names)?;
    work.check::<T>(backend.free_memory()?)?;
    let layers = target.layers::<T>(target.shapes(None))?;
    let subjects = subjects(&names, &hand_overs, &layers)?;
    interrupt::listen()?;

    let (limits, rows) = match measured(options, backend, &layers, &subjects) {
        // Others may have taken what was free: everything of this run has been given back.
        Err(Failure::OutOfMemory(message)) => {
            let advice = work.advice::<T>(backend.free_memory()?);
            return Err(Failure::OutOfMemory(format!("{message}; {advice}")));
        }
        done => done?,
    };
    let wrong: Vec<&str> =
        rows.iter().filter(|row| !row.input_gradient_exact).map(|row| &*row.strategy).collect();
    let wrong = wrong.join(", ");
    let record =
        BenchRecord { record: Kind::Bench, schema: SCHEMA, machine, settings, limits, rows };
    printer.print(&BenchReport(&record))?;
    if !wrong.is_empty() {
        return Err(Failure::Run(format!("the input gradient is not exact: {wrong}")));
    }
    if interrupt::stop_asked() {
        return Err(Failure::Interrupted(
            "stopped by Ctrl-C: the results are those of the samples finished before".into(),
        ));
    }
    place.map_or(Ok(()), |place| place.write(&record))
}

/// What a strategy saves of one layer on the processor, as it predicts.
pub(crate) fn footprint<T: Element>(
    name: StrategyName,
    layer: Layer<T>,
) -> Result<Footprint, Failure>
where
    Cpu: Runs<T>,
{
    let cpu = Cpu::new(1)?;
    let subject = prepare::<Cpu, T>(name, HandOver::Direct, &[layer])?;
    Ok(subject.footprints(&cpu).into_iter().next().unwrap_or_default())
}

/// The limits, and a row for each subject of which a sample was finished.
fn measured<B: Runs<T>, T: Element>(
    options: &BenchOptions,
    backend: &B,
    layers: &[Layer<T>],
    subjects: &[Box<dyn Subject<B, T>>],
) -> Result<(Limits, Vec<Row>), Failure> {
    let progress = Progress::start();
    let shared = shared_buffer(backend, subjects)?;
    let tools = (backend, shared.as_ref());
    let verdicts = verify::all(tools, layers, subjects, options.seed, &progress)?;
    let rounds = options.samples.map_or(Rounds::USUAL, Rounds::exactly);
    let mut bench = Bench {
        backends: subjects.iter().map(|_| backend.with_own_memory()).collect(),
        limits: backend.limits()?,
        layers,
        tensors: Tensors::new(backend, layers, shared, (options.gradients, options.seed))?,
        steps: options.steps,
    };
    let mut counted = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        counted.push(bench.count(index, &**subject)?);
    }
    bench.warm_up(subjects, &interrupt::stop_asked, &progress)?;
    let (limits, timings) = bench.time(subjects, rounds, &interrupt::stop_asked, &progress)?;

    let limits = limits_of(layers, &limits);
    let mut rows = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let findings = Findings {
            hand_over: subject.hand_over(),
            gradients: options.gradients,
            footprints: &subject.footprints(backend),
            counted: counted[index],
            timing: &timings[index],
            verdict: verdicts[index],
        };
        if let (Some(scale), Some(triad)) = (limits.in_place_scale_gbps, limits.in_place_triad_gbps)
        {
            rows.extend(row(subject.name().name(), layers, &findings, (scale, triad)));
        }
    }
    Ok((limits, rows))
}

/// The hand-overs asked for, or the better one.
fn hand_overs(options: &BenchOptions, names: &[StrategyName]) -> Result<Vec<HandOver>, Failure> {
    match options.hand_over.first() {
        None => Ok(vec![HandOver::Direct]),
        Some(_) if names.contains(&StrategyName::DiffStash) => Ok(options.hand_over.clone()),
        Some(way) => Err(Failure::Usage(format!(
            "--hand-over {}: of the strategies only diff-stash hands a stash over; name it, or leave the option out",
            way.name()
        ))),
    }
}

/// The named strategies and full-copy, or all, in the registry's order.
fn with_baseline(named: &[StrategyName]) -> Vec<StrategyName> {
    let wanted = |name: &StrategyName| {
        named.is_empty() || *name == StrategyName::FullCopy || named.contains(name)
    };
    StrategyName::ALL.iter().copied().filter(wanted).collect()
}

/// The strategy of each subject: diff-stash stands once for each of its hand-overs.
fn by_subject(names: &[StrategyName], hand_overs: &[HandOver]) -> Vec<StrategyName> {
    let both = [HandOver::Copy, HandOver::Direct].iter().all(|way| hand_overs.contains(way));
    let times = |name| if both && name == StrategyName::DiffStash { 2 } else { 1 };
    names.iter().flat_map(|&name| std::iter::repeat_n(name, times(name))).collect()
}

/// A subject for each name, and one more for each further hand-over of diff-stash.
fn subjects<B: Runs<T>, T: Element>(
    names: &[StrategyName],
    hand_overs: &[HandOver],
    layers: &[Layer<T>],
) -> Result<Vec<Box<dyn Subject<B, T>>>, Failure> {
    let ways =
        [HandOver::Copy, HandOver::Direct].into_iter().filter(|way| hand_overs.contains(way));
    let mut subjects = Vec::new();
    for &name in names {
        let most = if name == StrategyName::DiffStash { usize::MAX } else { 1 };
        for way in ways.clone().take(most) {
            subjects.push(prepare(name, way, layers)?);
        }
    }
    Ok(subjects)
}

/// The one buffer for the largest stash of any subject; none where nothing is stashed.
fn shared_buffer<B: Device, T: Element>(
    backend: &B,
    subjects: &[Box<dyn Subject<B, T>>],
) -> Result<Option<SharedBuffer<B, T>>, Failure> {
    let footprints = subjects.iter().flat_map(|subject| subject.footprints(backend));
    match footprints.map(|footprint| footprint.lent_bytes).max() {
        None | Some(0) => Ok(None),
        Some(bytes) => Ok(Some(SharedBuffer::new(backend.alloc(bytes / size_of::<T>())?))),
    }
}

fn limits_of<T: Element>(layers: &[Layer<T>], timing: &LimitTiming) -> Limits {
    let bytes: u64 =
        layers.iter().map(|layer| (layer.geometry.len() * size_of::<T>()) as u64).sum();
    let limit = |moved: u64, samples: &Samples| {
        samples.summary().map(|summary| gbps(moved * bytes, summary.median))
    };
    Limits {
        copy_gbps: limit(2, &timing.copy),
        in_place_scale_gbps: limit(2, &timing.scale),
        in_place_triad_gbps: limit(3, &timing.triad),
        copy_samples: timing.copy.seconds().to_vec(),
        in_place_scale_samples: timing.scale.seconds().to_vec(),
        in_place_triad_samples: timing.triad.seconds().to_vec(),
    }
}

fn settings(options: &BenchOptions, target: &Target, threads: Option<usize>) -> Settings {
    let (network, shape) = match &target.subject {
        target::Subject::Network(network, _) => (Some(network.name.clone()), None),
        target::Subject::Shape(shape) => (None, Some(shape.clone())),
    };
    let axis = match &shape {
        Some(shape) => target.axis_of(shape),
        None => options.axis.unwrap_or(1),
    };
    Settings {
        device: options.device.to_string(),
        dtype: options.dtype.name().to_owned(),
        network,
        shape,
        axis,
        batch: target.batch(),
        shared_slope: target.sharing == Sharing::Shared,
        threads,
        wait_policy: (options.wait_policy == Some(WaitPolicy::Active))
            .then(|| cpu::WaitPolicy::Active.name().to_owned()),
        gradients: options.gradients.name().to_owned(),
        slopes: options.slopes.to_string(),
        steps: options.steps,
        seed: options.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
