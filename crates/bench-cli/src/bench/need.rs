//! Whether the work fits the memory that is free, and which batch would.

use prelu_mem_core::{Cpu, Element, Footprint, Geometry};
use prelu_mem_registry::StrategyName;

use super::subject::prepare;
use super::target::Target;
use super::verify;
use crate::failure::Failure;
use crate::options::gradients::Gradients;
use crate::options::hand_over::HandOver;
use crate::units::mebibytes;

/// Tiles, the program itself, and what the operating system adds to every allocation.
const ASIDE: u64 = 64 << 20;

/// Slopes, their gradients, and the channel tables that each strategy plans with: an upper estimate.
const BYTES_PER_SLOPE: u64 = 64;

/// Refuses work that does not fit `free` bytes, before anything of its size is allocated.
pub(super) fn check<T: Element>(
    target: &Target,
    names: &[StrategyName],
    backend: &Cpu,
    gradients: Gradients,
    free: u64,
) -> Result<(), Failure> {
    let bytes = |batch| need::<T>(target, names, backend, gradients, batch, free);
    let needed = bytes(None)?;
    if needed <= free {
        return Ok(());
    }
    let advice = match target.batch() {
        None => "give a smaller shape".to_owned(),
        Some(batch) => {
            match largest(batch, |batch| bytes(Some(batch)).is_ok_and(|needed| needed <= free)) {
                Some(largest) => format!("the largest batch that fits is {largest}"),
                None => "not even a batch of 1 fits".to_owned(),
            }
        }
    };
    Err(Failure::Run(format!(
        "this work needs {} MiB of memory and {} MiB are free: {advice}",
        mebibytes(needed),
        mebibytes(free)
    )))
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

/// Bytes that the run needs at its peak; an underestimate where even that is more than `free`.
fn need<T: Element>(
    target: &Target,
    names: &[StrategyName],
    backend: &Cpu,
    gradients: Gradients,
    batch: Option<usize>,
    free: u64,
) -> Result<u64, Failure> {
    let shapes = target.shapes(batch);
    let geometries = target.geometries(&shapes)?;
    let verified =
        shapes.iter().map(|shape| verify::bytes_needed::<T>(shape, target.axis_of(shape)));
    let tensors = tensors::<T>(&geometries, gradients)
        .max(verified.max().unwrap_or(0))
        .saturating_add(tables(&geometries, names.len()))
        .saturating_add(ASIDE);
    if tensors > free {
        return Ok(tensors);
    }
    // Channel tables are made only now that they are known to fit.
    let layers = target.layers::<T>(shapes)?;
    let (mut saved, mut shared) = (0_u64, 0);
    for &name in names {
        // Each subject keeps the memory that it freed until the end. Both hand-overs need the same.
        let footprints = prepare::<T>(name, HandOver::Copy, &layers)?.footprints(backend);
        saved = alive(&footprints, gradients).saturating_add(saved);
        shared = shared.max(largest_stash(&footprints));
    }
    Ok(tensors.saturating_add(saved).saturating_add(shared))
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
    use prelu_mem_core::Sharing;

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
        let backend = Cpu::new(1).map_err(|error| Failure::Run(error.to_string()))?;
        // With positive slopes output-sign saves nothing at all.
        let more = |gradients| -> Result<u64, Failure> {
            let bytes = |name| need::<f32>(&target, &[name], &backend, gradients, None, u64::MAX);
            Ok(bytes(StrategyName::DiffStash)? - bytes(StrategyName::OutputSign)?)
        };
        let (largest, all) = (4 * 2 * 67_712, 4 * 2 * (67_712 + 28_224 + 4_096 + 1_152 + 256));
        assert_eq!(more(Gradients::Resident)?, largest);
        assert_eq!(more(Gradients::Transient)?, largest + all);
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
