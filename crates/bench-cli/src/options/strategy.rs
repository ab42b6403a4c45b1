//! `--strategy NAME`: clap lists the names and suggests the closest.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use prelu_mem_registry::StrategyName;

/// Accepts the registered names.
pub(crate) fn parser() -> impl TypedValueParser<Value = StrategyName> {
    PossibleValuesParser::new(StrategyName::ALL.iter().map(|name| name.name()))
        .try_map(|name| name.parse::<StrategyName>())
}
