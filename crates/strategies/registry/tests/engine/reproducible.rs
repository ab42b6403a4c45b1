//! The same bits for any number of threads, whoever keeps them, and at any SIMD level; `dx` also for any strategy.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use half::{bf16, f16};
use prelu_mem_core::contract::case::every_slope;
use prelu_mem_core::cpu::{Level, Team, WaitPolicy};
use prelu_mem_core::{Cpu, Element, Error, Filler, Geometry, Sharing, Slopes};
use prelu_mem_registry::StrategyName;

use crate::step::Step;

/// Several blocks each: long runs, short runs, channels last, shared; and channels last in periods of whole
/// chunks, one of them and more, in a core's cache and beyond, with rows behind the last four and without.
const SHAPES: [(&[usize], usize, Sharing); 9] = [
    (&[3, 5, 12_345], 1, Sharing::PerChannel),
    (&[5, 901, 49], 1, Sharing::PerChannel),
    (&[2_801, 67], 1, Sharing::PerChannel),
    (&[180_007], 0, Sharing::Shared),
    (&[4_001, 3], 1, Sharing::PerChannel),
    (&[1_500, 64], 1, Sharing::PerChannel),
    (&[101, 512], 1, Sharing::PerChannel),
    (&[301, 512], 1, Sharing::PerChannel),
    (&[90, 1_024], 1, Sharing::PerChannel),
];

/// Threads of somebody else: started for every pass.
struct Lent;

impl Team for Lent {
    fn run(&self, threads: usize, work: &(dyn Fn() + Sync)) {
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }
}

fn bits<T: Element>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

fn check<T: Element>() -> Result<(), Error> {
    let mut backends = Vec::new();
    for threads in [1, 2, 3, 7] {
        backends.push(Cpu::with_level(threads, Level::best())?.sharing_from(0));
    }
    let lent = NonZeroUsize::MIN.saturating_add(2);
    backends.push(Cpu::with_level(1, Level::best())?.on_team(lent, Arc::new(Lent)));
    // A core each: as many as there are.
    let awake = Cpu::with_level(Cpu::available_threads(), Level::best())?
        .with_wait_policy(WaitPolicy::Active)?;
    backends.push(awake.sharing_from(0));
    for level in Level::ALL.into_iter().filter(|level| level.supported().is_ok()) {
        backends.push(Cpu::with_level(1, level)?);
    }
    for (shape, axis, sharing) in SHAPES {
        let geometry = Geometry::from_shape(shape, axis, sharing)?;
        // Every slope that is a number: the bits of a NaN are nobody's promise.
        let finite = every_slope::<T>().into_iter().filter(|slope| slope.to_f64().is_finite());
        let every = finite.collect::<Vec<_>>().into_iter().cycle().skip(4);
        let every = Slopes::learned(every.take(geometry.slopes()).collect());
        let one = Slopes::learned(vec![T::from_f64(0.3); geometry.slopes()]);
        let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
        let (mut x, mut g) = (ordinary.fill::<T>(shape, 5)?, ordinary.fill::<T>(shape, 6)?);
        let both = [(every, &x[..], &g[..]), (one.clone(), &x, &g)];
        for (slopes, x, g) in &both {
            same_bits(&backends, Step { cpu: &backends[0], geometry, slopes, x, g })?;
        }
        // In some chunks products that f32 does not hold, and f64 does; in some of those two, of one run or of neighbours.
        if T::from_f64(1e19).to_f64().is_finite() {
            let len = x.len();
            let some = (0..len).step_by(97).flat_map(|at| [at, at + 23]);
            for at in some.filter(|&at| at < len) {
                let larger = |value: T| T::from_f64(1e19 * value.to_f64());
                (x[at], g[at]) = (larger(x[at]), larger(g[at]));
            }
            same_bits(&backends, Step { cpu: &backends[0], geometry, slopes: &one, x: &x, g: &g })?;
        }
    }
    Ok(())
}

/// Every strategy's step on all backends, as the first of them has it.
fn same_bits<T: Element>(backends: &[Cpu], step: Step<'_, T>) -> Result<(), Error> {
    let by = |cpu, name| Step { cpu, ..step }.by(name);
    let copy = by(&backends[0], StrategyName::FullCopy)?;
    for &name in StrategyName::ALL {
        let first = by(&backends[0], name)?;
        for cpu in backends {
            let what = format!("{name} {} {:?} {cpu:?}", T::DTYPE, step.geometry);
            let again = by(cpu, name)?;
            assert!(bits(&again.dx) == bits(&copy.dx), "dx is not full-copy's: {what}");
            assert!(bits(&again.da) == bits(&first.da), "da differs: {what}");
        }
    }
    Ok(())
}

/// More bytes than caches are taken to hold, in two-byte types too: saved words go to memory by stretches.
const LARGE: [(&[usize], usize, Sharing); 3] = [
    (&[2_904, 59, 49], 1, Sharing::PerChannel),
    (&[125_300, 67], 1, Sharing::PerChannel),
    (&[2, 3, 1_400_003], 1, Sharing::PerChannel),
];

fn check_large<T: Element>() -> Result<(), Error> {
    for (shape, axis, sharing) in LARGE {
        let geometry = Geometry::from_shape(shape, axis, sharing)?;
        let slopes = [0.25, 0.7, 0.1].into_iter().map(T::from_f64).cycle();
        let slopes = Slopes::learned(slopes.take(geometry.slopes()).collect());
        let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
        let (x, g) = (ordinary.fill::<T>(shape, 5)?, ordinary.fill::<T>(shape, 6)?);
        for level in Level::ALL.into_iter().filter(|level| level.supported().is_ok()) {
            let cpu = &Cpu::with_level(1, level)?;
            let step = |name| Step { cpu, geometry, slopes: &slopes, x: &x, g: &g }.by(name);
            let copy = step(StrategyName::FullCopy)?;
            for &name in StrategyName::ALL {
                let what = format!("{name} {} {shape:?} {cpu:?}", T::DTYPE);
                assert!(bits(&step(name)?.dx) == bits(&copy.dx), "dx is not full-copy's: {what}");
            }
        }
    }
    Ok(())
}

#[test]
fn larger_than_the_caches() -> Result<(), Error> {
    check_large::<f16>()?;
    check_large::<f32>()
}

#[test]
fn f16_bits() -> Result<(), Error> {
    check::<f16>()
}

#[test]
fn bf16_bits() -> Result<(), Error> {
    check::<bf16>()
}

#[test]
fn f32_bits() -> Result<(), Error> {
    check::<f32>()
}

#[test]
fn f64_bits() -> Result<(), Error> {
    check::<f64>()
}
