//! Which strategy a layer uses, by name.

use std::fmt;
use std::str::FromStr;

use prelu_mem_adaptive::Adaptive;
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::Recipe;
use prelu_mem_full_copy::FullCopy;
use prelu_mem_int8_mask::Int8Mask;
use prelu_mem_output_sign::OutputSign;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What is saved from forward to backward, per element of a channel. Kept whole in every strategy,
/// where the slope is learned: channels whose slope is near zero, beyond 1, infinite or NaN.
///
/// There is no `diff-stash`: it waits in gradients that are allocated up front, and Burn's come and go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Nothing where the slope is positive, one bit where it is negative.
    #[default]
    Adaptive,
    /// One bit: the sign of the pre-activation.
    Bitmask,
    /// One byte: the sign of the pre-activation.
    Int8Mask,
    /// Nothing where the slope is positive; elsewhere the pre-activation.
    OutputSign,
    /// The pre-activation itself. The slope gradient is then exact, and the output is not kept.
    FullCopy,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 5] = [
        Strategy::Adaptive,
        Strategy::Bitmask,
        Strategy::Int8Mask,
        Strategy::OutputSign,
        Strategy::FullCopy,
    ];

    /// The name users write.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Adaptive => <Adaptive as Recipe<f32>>::NAME,
            Strategy::Bitmask => <Bitmask as Recipe<f32>>::NAME,
            Strategy::Int8Mask => <Int8Mask as Recipe<f32>>::NAME,
            Strategy::OutputSign => <OutputSign as Recipe<f32>>::NAME,
            Strategy::FullCopy => <FullCopy as Recipe<f32>>::NAME,
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Strategy::ALL
            .into_iter()
            .find(|strategy| strategy.name() == name)
            .ok_or_else(|| Error::UnknownStrategy { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_are_those_of_a_configuration_file() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.name().parse(), Ok(strategy));
            let json = serde_json::to_string(&strategy).expect("a name");
            assert_eq!(json, format!("\"{strategy}\""));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known() {
        let error = "diff-stash".parse::<Strategy>().expect_err("not here").to_string();
        assert!(error.contains("'diff-stash'"), "{error}");
        for strategy in Strategy::ALL {
            assert!(error.contains(strategy.name()), "{error}");
        }
    }
}
