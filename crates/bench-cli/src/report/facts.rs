//! What the documents need of the engine: the strategies as their crates tell of them, and plans of every built-in network.

use prelu_mem_core::{Geometry, Sharing, Slopes};
use prelu_mem_registry::StrategyName;
use prelu_mem_report::{Batches, Facts, Network, Strategy};

use crate::bench;
use crate::bench::target::{Layer, Target};
use crate::failure::Failure;
use crate::network;
use crate::options::gradients::Gradients;
use crate::options::slopes;
use crate::plan::Planner;

/// Memory of cards that people have, in GB.
const CARDS: [u64; 4] = [8, 12, 24, 80];
/// All positive, and no power of two.
const SLOPES: &str = "0.3";
/// A slope of each kind, as saved bits are told for.
const KINDS: [f32; 3] = [0.3, -0.3, 0.0];

/// All of it; in f32.
pub(super) fn facts() -> Result<Facts, Failure> {
    Ok(Facts {
        strategies: StrategyName::ALL.iter().copied().map(strategy).collect::<Result<_, _>>()?,
        networks: network::names().into_iter().map(planned).collect::<Result<_, _>>()?,
        cards: CARDS.to_vec(),
        slopes: SLOPES,
    })
}

fn strategy(name: StrategyName) -> Result<Strategy, Failure> {
    let advice = name.advice();
    let mut bits = [0; KINDS.len()];
    for (bits, slope) in bits.iter_mut().zip(KINDS) {
        let shape = vec![1, 1, 6400];
        let geometry = Geometry::from_shape(&shape, 1, Sharing::PerChannel)?;
        let layer = Layer { shape, axis: 1, geometry, slopes: Slopes::learned(vec![slope]) };
        let footprint = bench::footprint(name, layer)?;
        *bits = (footprint.saved_bytes() + footprint.lent_bytes) * 8 / geometry.len();
    }
    Ok(Strategy {
        name: name.name(),
        needs: advice.needs,
        right_when: advice.right_when,
        wrong_when: advice.wrong_when,
        bits,
    })
}

fn planned(name: &'static str) -> Result<Network, Failure> {
    let slopes = slopes::parse(SLOPES).map_err(Failure::Run)?;
    let target = Target::network(Some(name), Some(1), slopes, 0)?;
    let planner = Planner::<f32>::new(&target)?;
    let batches = |strategy, mode| -> Vec<usize> {
        CARDS.iter().map(|card| planner.largest(strategy, mode, card * 1_000_000_000)).collect()
    };
    let of = |&strategy| Batches {
        resident: batches(strategy, Gradients::Resident),
        transient: batches(strategy, Gradients::Transient),
    };
    Ok(Network { name, batches: StrategyName::ALL.iter().map(of).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_batches_are_the_engines() -> Result<(), Failure> {
        let facts = facts()?;
        let place = |name| StrategyName::ALL.iter().position(|known| *known == name).unwrap_or(9);
        let bits = |name| facts.strategies[place(name)].bits;
        assert_eq!(bits(StrategyName::FullCopy), [32, 32, 32]);
        assert_eq!(bits(StrategyName::Bitmask), [1, 1, 32]);
        assert_eq!(bits(StrategyName::OutputSign), [0, 32, 32]);
        assert_eq!(bits(StrategyName::Adaptive), [0, 1, 32]);
        let network = facts.networks.iter().find(|network| network.name == "iresnet50");
        let batches = &network.ok_or(Failure::Run("iresnet50".into()))?.batches;
        let of = |name| &batches[place(name)];
        let (full, bits) = (of(StrategyName::FullCopy), of(StrategyName::Bitmask));
        assert!(full.resident.is_sorted() && full.resident[0] > 0, "{full:?}");
        assert!(bits.resident[0] > full.resident[0] && bits.transient[0] > full.transient[0]);
        // A stash helps only where gradients stay.
        let stash = of(StrategyName::DiffStash);
        assert!(stash.resident[0] > full.resident[0] && stash.transient[0] < full.transient[0]);
        Ok(())
    }
}
