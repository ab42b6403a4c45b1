//! The CPU's loops for every codec and element type, compiled here.
//!
//! Below opt-level 2 the compiler takes what a dependency has instantiated already: so the loops are compiled once in a
//! build for tests, and not in each of its binaries. Measured in docs/decisions/0021-time-to-compile.md.

use std::hint::black_box;

use half::{bf16, f16};
use prelu_mem_core::{Codec, Cpu, DirectKernels, Element, Home, Kernels, Recipe};

use crate::{RecipeVisitor, StrategyName, with_recipe};

struct Loops;

impl<T: Element> RecipeVisitor<Cpu, T> for Loops {
    type Output = ();

    fn visit<R>(self, _: R)
    where
        R: Recipe<T>,
        R::Home: Home<Cpu, T, <R::Codec as Codec<T>>::Word>,
        Cpu: Kernels<R::Codec, T>,
    {
        black_box(<Cpu as Kernels<R::Codec, T>>::forward as *const ());
        black_box(<Cpu as Kernels<R::Codec, T>>::backward as *const ());
        black_box(<Cpu as DirectKernels<T>>::backward_direct as *const ());
    }
}

/// Names them all, which is what has them compiled.
pub fn instances() {
    for &name in StrategyName::ALL {
        with_recipe::<Cpu, f16, _>(name, Loops);
        with_recipe::<Cpu, bf16, _>(name, Loops);
        with_recipe::<Cpu, f32, _>(name, Loops);
        with_recipe::<Cpu, f64, _>(name, Loops);
    }
}
