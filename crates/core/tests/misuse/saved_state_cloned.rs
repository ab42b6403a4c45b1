//! A saved state is there once.

use prelu_mem_core::{Cpu, Identity, Owned, Recipe, Strategy};

#[derive(Clone, Copy, Default)]
struct Copying;

impl Recipe<f32> for Copying {
    const NAME: &'static str = "copying";
    type Codec = Identity;
    type Home = Owned;
}

fn twice(saved: <Copying as Strategy<Cpu, f32>>::Saved) {
    let _ = saved.clone();
}

fn main() {}
