//! Only a codec whose word is the element fits in a gradient buffer.

use prelu_mem_core::{Codec, Cpu, Decoded, Element, Lent, Recipe, Strategy};
use prelu_mem_core::{Basis, Channel};

#[derive(Clone, Copy, Debug, Default)]
struct Bytes;

impl<T: Element> Codec<T> for Bytes {
    type Word = i8;
    type Lanes<'a> = i8;
    const LANES: usize = 1;
    const BASIS: Basis = Basis::Output;

    fn channel(_: T) -> Channel {
        Channel::Encoded
    }
    fn encode(_: &mut [i8], _: usize, _: &[T], _: u64) {}
    fn lanes(words: &[i8], at: usize, _: usize) -> i8 {
        words[at]
    }
    fn decode(lanes: i8, _: usize, output: T) -> Decoded<T> {
        Decoded { positive: lanes != 0, basis: output }
    }
}

#[derive(Clone, Copy, Default)]
struct Stash;

impl Recipe<f32> for Stash {
    const NAME: &'static str = "stash";
    type Codec = Bytes;
    type Home = Lent;
}

fn strategy<S: Strategy<Cpu, f32>>() {}

fn main() {
    strategy::<Stash>();
}
