//! Every strategy by name. A new one is a line in `strategies!` below.

// No part of the interface: public so that it is compiled.
#[cfg(debug_assertions)]
#[doc(hidden)]
pub mod instances;

use std::fmt;
use std::str::FromStr;

use prelu_mem_adaptive::Adaptive;
use prelu_mem_bitmask::{Bitmask, SignBits};
use prelu_mem_core::{
    Advice, Backend, Codec, Element, Home, Identity, Kernels, Recipe, SignOfOutput, Strategy,
};
use prelu_mem_diff_stash::DiffStash;
use prelu_mem_full_copy::FullCopy;
use prelu_mem_int8_mask::{Int8Mask, SignByte};
use prelu_mem_output_sign::OutputSign;

/// Something to be done with a strategy chosen at run time.
pub trait Visitor<B: Backend, T: Element> {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<S: Strategy<B, T>>(self, strategy: S) -> Self::Output;
}

/// The same for hosts whose saved states are memory of their own: they plan by the recipe and call the
/// loops themselves.
pub trait RecipeVisitor<B: Backend, T: Element> {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<R>(self, recipe: R) -> Self::Output
    where
        R: Recipe<T>,
        R::Home: Home<B, T, <R::Codec as Codec<T>>::Word>,
        B: Kernels<R::Codec, T>;
}

macro_rules! strategies {
    ($($strategy:ident, $codec:ty;)*) => {
        /// A strategy's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StrategyName {
            $(#[doc = concat!("[`", stringify!($strategy), "`].")] $strategy,)*
        }

        impl StrategyName {
            /// Every strategy, in the order of the documents.
            pub const ALL: &'static [StrategyName] = &[$(StrategyName::$strategy),*];

            /// The name users write.
            pub const fn name(self) -> &'static str {
                match self {
                    $(StrategyName::$strategy => <$strategy as Recipe<f32>>::NAME,)*
                }
            }

            /// What its crate tells people who choose one.
            pub const fn advice(self) -> Advice {
                match self {
                    $(StrategyName::$strategy => $strategy::ADVICE,)*
                }
            }
        }

        /// A backend with the loops of every strategy's codec. Any backend that has them all is one.
        pub trait EveryKernel<T: Element>: Backend $(+ Kernels<$codec, T>)* {}

        impl<B: Backend $(+ Kernels<$codec, T>)*, T: Element> EveryKernel<T> for B {}

        /// Calls `visitor` with the strategy of this name.
        pub fn with<B, T, V>(name: StrategyName, visitor: V) -> V::Output
        where
            T: Element,
            B: EveryKernel<T>,
            V: Visitor<B, T>,
        {
            match name {
                $(StrategyName::$strategy => visitor.visit($strategy),)*
            }
        }

        /// Calls `visitor` with the recipe of this name.
        pub fn with_recipe<B, T, V>(name: StrategyName, visitor: V) -> V::Output
        where
            T: Element,
            B: EveryKernel<T>,
            V: RecipeVisitor<B, T>,
        {
            match name {
                $(StrategyName::$strategy => visitor.visit($strategy),)*
            }
        }
    };
}

strategies! {
    FullCopy, Identity;
    Int8Mask, SignByte;
    Bitmask, SignBits;
    DiffStash, Identity;
    OutputSign, SignOfOutput;
    Adaptive, SignBits;
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no strategy has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStrategy {
    /// The name.
    pub name: String,
}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = StrategyName::ALL.iter().map(|name| name.name()).collect();
        write!(f, "unknown strategy '{}': {} are accepted", self.name, known.join(", "))
    }
}

impl std::error::Error for UnknownStrategy {}

impl FromStr for StrategyName {
    type Err = UnknownStrategy;

    fn from_str(name: &str) -> Result<Self, UnknownStrategy> {
        StrategyName::ALL
            .iter()
            .copied()
            .find(|strategy| strategy.name() == name)
            .ok_or_else(|| UnknownStrategy { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_an_unknown_one_lists_the_known() {
        for &name in StrategyName::ALL {
            assert_eq!(name.name().parse(), Ok(name));
        }
        let error = "bitmap".parse::<StrategyName>().expect_err("no such strategy").to_string();
        assert!(error.contains("'bitmap'"), "{error}");
        for name in ["full-copy", "int8-mask", "bitmask", "diff-stash", "output-sign", "adaptive"] {
            assert!(error.contains(name), "{error}");
        }
    }
}
