//! Whether the work fits the memory that is free, and which batch would.

use prelu_mem_core::{Element, Footprint, Geometry};
use prelu_mem_registry::StrategyName;

use super::subject::prepare;
use super::target::Target;
use super::verify;
use crate::device::{Free, Runs};
use crate::failure::Failure;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use crate::units::mebibytes;

/// Tiles, the program itself, and what the operating system adds to every allocation.
const ASIDE: u64 = 64 << 20;

/// Slopes, their gradients, and the channel tables that each strategy plans with: an upper estimate.
const BYTES_PER_SLOPE: u64 = 64;

/// What a run is to measure.
pub(super) struct Work<'a, B> {
    /// The layers.
    pub(super) target: &'a Target,
    /// The strategy of every subject.
    pub(super) names: &'a [StrategyName],
    /// Where.
    pub(super) backend: &'a B,
    /// How long gradient buffers live.
    pub(super) gradients: Gradients,
}

impl<B> Work<'_, B> {
    /// Refuses work that does not fit the `free` bytes, before anything of its size is allocated.
    pub(super) fn check<T: Element>(&self, free: Free) -> Result<(), Failure>
    where
        B: Runs<T>,
    {
        match self.lack::<T>(None, free)? {
            None => Ok(()),
            Some(lack) => Err(Failure::Run(format!("{lack}: {}", self.advice::<T>(free)))),
        }
    }

    /// The largest batch that fits the `free` bytes, in words.
    pub(super) fn advice<T: Element>(&self, free: Free) -> String
    where
        B: Runs<T>,
    {
        let fits = |batch| self.lack::<T>(Some(batch), free).is_ok_and(|lack| lack.is_none());
        match self.target.batch() {
            None => "give a smaller shape".to_owned(),
            Some(batch) if fits(batch) => {
                format!("a batch of {batch} fits what is free now: try again")
            }
            Some(batch) => match largest(batch, fits) {
                Some(largest) => format!("the largest batch that fits is {largest}"),
                None => "not even a batch of 1 fits".to_owned(),
            },
        }
    }

    /// What does not fit, in words.
    fn lack<T: Element>(&self, batch: Option<usize>, free: Free) -> Result<Option<String>, Failure>
    where
        B: Runs<T>,
    {
        let shapes = self.target.shapes(batch);
        let geometries = self.target.geometries(&shapes)?;
        let tables = tables(&geometries, self.names.len()).saturating_add(ASIDE);
        let verified = shapes
            .iter()
            .map(|shape| verify::bytes_needed::<T>(shape, self.target.axis_of(shape)))
            .max()
            .unwrap_or(0)
            .saturating_add(tables);
        let measured = tensors::<T>(&geometries, self.gradients)
            .saturating_add(tables)
            .saturating_add(B::LEAD_BYTES);
        let too_much = |needed: u64, free: u64, what: &str| {
            (needed > free).then(|| {
                let (needed, free) = (mebibytes(needed), mebibytes(free));
                format!("this work needs {needed} MiB of {what} and {free} MiB are free")
            })
        };
        // The parts whose size is plain come first: channel tables are made only where they are known to fit.
        let states = || self.states::<T>(shapes.clone());
        Ok(match free {
            Free::Together(free) => {
                let tensors = measured.max(verified);
                match too_much(tensors, free, "memory") {
                    None => too_much(tensors.saturating_add(states()?), free, "memory"),
                    lack => lack,
                }
            }
            Free::Apart { device, host } => {
                let lack = too_much(measured, device, "device memory")
                    .or_else(|| too_much(verified, host, "main memory for its verification"));
                match lack {
                    None => too_much(measured.saturating_add(states()?), device, "device memory"),
                    lack => lack,
                }
            }
        })
    }

    /// Bytes of the saved states and of the buffer that stashes move through.
    fn states<T: Element>(&self, shapes: Vec<Vec<usize>>) -> Result<u64, Failure>
    where
        B: Runs<T>,
    {
        let layers = self.target.layers::<T>(shapes)?;
        let (mut all, mut most, mut shared) = (0_u64, 0, 0);
        for &name in self.names {
            // Both hand-overs need the same.
            let subject = prepare::<B, T>(name, HandOver::Copy, &layers)?;
            let footprints = subject.footprints(self.backend);
            let bytes = alive(&footprints, self.gradients);
            (all, most) = (bytes.saturating_add(all), bytes.max(most));
            shared = shared.max(largest_stash(&footprints));
        }
        let saved = if B::OWN_POOLS { all } else { most };
        Ok(saved.saturating_add(shared))
    }
}

/// The largest batch below `batch` that fits.
pub(crate) fn largest(batch: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let (mut fitting, mut failing) = (0, batch);
    while failing - fitting > 1 {
        let middle = fitting + (failing - fitting) / 2;
        if fits(middle) { fitting = middle } else { failing = middle }
    }
    (fitting > 0).then_some(fitting)
}

/// Bytes of the tensors that are measured.
fn tensors<T: Element>(geometries: &[Geometry], gradients: Gradients) -> u64 {
    let size = |geometry: &Geometry| (geometry.len() * size_of::<T>()) as u64;
    let all = geometries.iter().map(size).fold(0, u64::saturating_add);
    let gradient = match gradients {
        Gradients::Resident => all,
        Gradients::Transient => geometries.iter().map(size).max().unwrap_or(0),
    };
    all.saturating_add(gradient)
}

/// Bytes that grow with the number of slopes.
pub(crate) fn tables(geometries: &[Geometry], strategies: usize) -> u64 {
    let slopes = geometries.iter().map(|geometry| geometry.slopes() as u64);
    let bytes = BYTES_PER_SLOPE.saturating_mul(1 + strategies as u64);
    slopes.fold(0, u64::saturating_add).saturating_mul(bytes)
}

/// Bytes of one strategy's saved states, all alive, and of its largest workspace.
fn alive(footprints: &[Footprint], gradients: Gradients) -> u64 {
    let stash = |footprint: &Footprint| match gradients {
        Gradients::Resident => 0,
        Gradients::Transient => footprint.lent_bytes,
    };
    let saved = footprints.iter().map(|footprint| footprint.saved_bytes() + stash(footprint));
    let workspace = footprints.iter().map(|footprint| footprint.workspace_bytes).max();
    (saved.sum::<usize>() + workspace.unwrap_or(0)) as u64
}

/// Bytes of the buffer that stashes move through.
fn largest_stash(footprints: &[Footprint]) -> u64 {
    footprints.iter().map(|footprint| footprint.lent_bytes as u64).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::{Cpu, Sharing};

    use super::*;

    #[test]
    fn the_largest_batch_is_found() {
        assert_eq!(largest(100, |batch| batch <= 37), Some(37));
        assert_eq!(largest(100, |batch| batch <= 99), Some(99));
        assert_eq!(largest(100, |batch| batch <= 1), Some(1));
        assert_eq!(largest(100, |_| false), None);
        assert_eq!(largest(1, |_| false), None);
        assert_eq!(largest(usize::MAX, |batch| batch <= 1 << 40), Some(1 << 40));
    }

    #[test]
    fn a_stash_needs_buffers_of_its_own_where_gradients_are_transient() {
        let stash =
            |lent_bytes| Footprint { lent_bytes, workspace_bytes: 7, ..Footprint::default() };
        let layers = [stash(100), stash(300), stash(200)];
        assert_eq!(alive(&layers, Gradients::Resident), 7);
        assert_eq!(alive(&layers, Gradients::Transient), 607);
        assert_eq!(largest_stash(&layers), 300);
    }

    #[test]
    fn the_shared_buffer_and_transient_stashes_are_counted() -> Result<(), Failure> {
        let slopes = crate::options::slopes::parse("0.25").map_err(Failure::Usage)?;
        let target = Target::network(Some("mtcnn-onet"), Some(2), slopes, 0)?;
        let backend = Cpu::new(1)?;
        // With positive slopes output-sign saves nothing at all.
        let more = |gradients| -> Result<u64, Failure> {
            let bytes = |name| {
                let names = &[name];
                let work = Work { target: &target, names, backend: &backend, gradients };
                work.states::<f32>(target.shapes(None))
            };
            Ok(bytes(StrategyName::DiffStash)? - bytes(StrategyName::OutputSign)?)
        };
        let (largest, all) = (4 * 2 * 67_712, 4 * 2 * (67_712 + 28_224 + 4_096 + 1_152 + 256));
        assert_eq!(more(Gradients::Resident)?, largest);
        assert_eq!(more(Gradients::Transient)?, largest + all);
        Ok(())
    }

    #[test]
    fn the_memory_that_is_too_small_is_named() -> Result<(), Failure> {
        let slopes = crate::options::slopes::parse("0.25").map_err(Failure::Usage)?;
        let target = Target::network(Some("mtcnn-onet"), Some(1000), slopes, 0)?;
        let (backend, names) = (Cpu::new(1)?, [StrategyName::FullCopy]);
        let work = Work {
            target: &target,
            names: &names,
            backend: &backend,
            gradients: Gradients::Resident,
        };
        let (plenty, little) = (u64::MAX, 200 << 20);
        let said = |free| match work.check::<f32>(free) {
            Err(Failure::Run(message)) => Ok(message),
            other => Err(Failure::Run(format!("{other:?}"))),
        };
        let ends = "MiB are free: the largest batch that fits is ";
        for (free, what) in [
            (Free::Together(little), "MiB of memory and 200.0 "),
            (Free::Apart { device: little, host: plenty }, "MiB of device memory and 200.0 "),
            (
                Free::Apart { device: plenty, host: little },
                "MiB of main memory for its verification and 200.0 ",
            ),
        ] {
            let message = said(free)?;
            assert!(message.contains(&format!("{what}{ends}")), "{message}");
        }
        let free = Free::Apart { device: plenty, host: plenty };
        assert_eq!(work.check::<f32>(free), Ok(()));
        assert_eq!(work.advice::<f32>(free), "a batch of 1000 fits what is free now: try again");
        Ok(())
    }

    #[test]
    fn resident_gradients_need_more() {
        let geometry =
            |size| Geometry::from_shape(&[size, 4], 1, Sharing::PerChannel).expect("valid");
        let geometries = [1000, 5000, 3000, 2000].map(geometry);
        let resident = tensors::<f32>(&geometries, Gradients::Resident);
        let transient = tensors::<f32>(&geometries, Gradients::Transient);
        assert_eq!(resident - transient, (1000 + 3000 + 2000) * 4 * 4);
    }
}
