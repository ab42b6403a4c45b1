//! Only a codec whose word is the element fits in a gradient buffer.

use prelu_mem_core::{Codec, Cpu, Element, Lent, Recipe, Strategy, Vectors};
use prelu_mem_core::{Basis, Channel};

#[derive(Clone, Copy, Debug, Default)]
struct Bytes;

impl<T: Element> Codec<T> for Bytes {
    type Word = i8;
    const LANES: usize = 1;
    const BASIS: Basis = Basis::Output;

    fn channel(_: T) -> Channel {
        Channel::Encoded
    }
    fn encode<V: Vectors>(_: V, _: &mut [i8], _: usize, _: usize, _: u64, _: &[T]) {}
    fn signs<V: Vectors>(v: V, words: &[i8], at: usize, len: usize, _: &[T]) -> u64 {
        v.set_bytes(&words[at..at + len])
    }
    fn basis<'a>(_: &'a [i8], _: usize, _: usize, output: &'a [T]) -> &'a [T] {
        output
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
