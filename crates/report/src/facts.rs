//! What the documents need of the engine: the strategies, and what the planner predicts.

/// The number of styles that are for strategies; the two behind them are for what is none.
const STYLES: usize = 6;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// In the registry's order.
    pub strategies: Vec<Strategy>,
    /// Planned networks.
    pub networks: Vec<Network>,
    /// Memory of the cards that batches are planned for: GB of 10^9 bytes.
    pub cards: Vec<u64>,
    /// The slopes of the plans, as on the command line.
    pub slopes: &'static str,
}

/// One strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strategy {
    /// As users write it.
    pub name: &'static str,
    /// What has to be there for it.
    pub needs: &'static str,
    /// When it is the one to take.
    pub right_when: &'static str,
    /// When it is not.
    pub wrong_when: &'static str,
    /// Saved bits per f32 element where slopes are positive, negative and zero.
    pub bits: [usize; 3],
}

/// The largest batches of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: &'static str,
    /// By strategy, in the order of [`Facts::strategies`].
    pub batches: Vec<Batches>,
}

/// By card, in the order of [`Facts::cards`]; 0 where not even one item fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// Gradient buffers that are there from the start.
    pub resident: Vec<usize>,
    /// Gradient buffers that come and go.
    pub transient: Vec<usize>,
}

impl Facts {
    /// The strategy of this name.
    pub(crate) fn strategy(&self, name: &str) -> Option<&Strategy> {
        self.strategies.iter().find(|strategy| strategy.name == name)
    }

    /// Its place, which is its style in all charts; what is no strategy has the style behind theirs.
    pub(crate) fn style(&self, name: &str) -> usize {
        let place = self.strategies.iter().position(|strategy| strategy.name == name);
        place.map_or(STYLES, |place| place % STYLES)
    }

    /// The style of what is no strategy: the first one, or another.
    pub(crate) fn other(index: usize) -> usize {
        STYLES + index % 2
    }

    /// The largest batches of a network by a strategy: resident and transient, for the smallest card.
    pub(crate) fn smallest_card(&self, network: &str, strategy: &str) -> Option<[usize; 2]> {
        let place = self.strategies.iter().position(|known| known.name == strategy)?;
        let network = self.networks.iter().find(|known| known.name == network)?;
        let batches = network.batches.get(place)?;
        Some([*batches.resident.first()?, *batches.transient.first()?])
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Facts {
    let strategy = |name, bits| Strategy {
        name,
        needs: "the output `y`",
        right_when: "always",
        wrong_when: "never",
        bits,
    };
    let batches = |resident: usize, transient: usize| Batches {
        resident: vec![resident, 3 * resident],
        transient: vec![transient, 3 * transient],
    };
    Facts {
        strategies: vec![
            strategy("full-copy", [32; 3]),
            strategy("bitmask", [1, 1, 32]),
            strategy("adaptive", [0, 1, 32]),
            strategy("diff-stash", [32; 3]),
        ],
        networks: vec![Network {
            name: "iresnet50",
            batches: vec![
                batches(100, 150),
                batches(150, 250),
                batches(151, 260),
                batches(140, 130),
            ],
        }],
        cards: vec![8, 24],
        slopes: "0.3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_have_styles_of_their_own() {
        let facts = sample();
        let styles: Vec<usize> = facts.strategies.iter().map(|s| facts.style(s.name)).collect();
        assert_eq!(styles, [0, 1, 2, 3]);
        assert_eq!(facts.style("unknown"), STYLES);
        assert_eq!(facts.smallest_card("iresnet50", "bitmask"), Some([150, 250]));
        assert_eq!(facts.smallest_card("iresnet50", "unknown"), None);
    }
}
