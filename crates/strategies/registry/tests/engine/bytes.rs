//! Footprints counted by hand: 2 x 3 x 50 elements of `f32`, one channel of each class.

use prelu_mem_core::{Cpu, Error, Footprint, Geometry, Sharing, Slopes};
use prelu_mem_registry::StrategyName;

use crate::step::Step;

const ELEMENTS: usize = 300;
const CHANNEL: usize = 100;

fn footprint(name: StrategyName, slopes: Slopes<f32>) -> Result<Footprint, Error> {
    let cpu = Cpu::new(1)?;
    let geometry = Geometry::from_shape(&[2, 3, 50], 1, Sharing::PerChannel)?;
    let x = [-1.0; ELEMENTS];
    Ok(Step { cpu: &cpu, geometry, slopes: &slopes, x: &x, g: &x }.by(name)?.footprint)
}

fn learned(name: StrategyName, slopes: [f32; 3]) -> Result<(usize, usize, bool), Error> {
    let footprint = footprint(name, Slopes::learned(slopes.to_vec()))?;
    Ok((footprint.encoded_bytes, footprint.kept_bytes, footprint.needs_output))
}

fn words_of_bits(elements: usize) -> usize {
    elements.div_ceil(64) * 8
}

#[test]
fn one_channel_of_each_class() -> Result<(), Error> {
    let slopes = [0.25, -0.7, 0.0];
    let kept = CHANNEL * 4;
    assert_eq!(learned(StrategyName::FullCopy, slopes)?, (ELEMENTS * 4, 0, false));
    assert_eq!(learned(StrategyName::Int8Mask, slopes)?, (2 * CHANNEL, kept, true));
    assert_eq!(learned(StrategyName::Bitmask, slopes)?, (words_of_bits(200), kept, true));
    assert_eq!(learned(StrategyName::DiffStash, slopes)?, (0, 0, false));
    let stash = footprint(StrategyName::DiffStash, Slopes::learned(slopes.to_vec()))?;
    assert_eq!(stash.lent_bytes, ELEMENTS * 4);
    assert_eq!(learned(StrategyName::OutputSign, slopes)?, (0, 2 * kept, true));
    assert_eq!(learned(StrategyName::Adaptive, slopes)?, (words_of_bits(100), kept, true));
    Ok(())
}

#[test]
fn adaptive_saves_nothing_for_positive_slopes_and_a_bit_for_negative_ones() -> Result<(), Error> {
    assert_eq!(learned(StrategyName::Adaptive, [0.25, 1e-9, 1.0])?, (0, 0, true));
    let negative = learned(StrategyName::Adaptive, [-0.25, -1e-9, -1.0])?;
    assert_eq!(negative, (words_of_bits(300), 0, true));
    // Above 1 a finite pre-activation may have an infinite output: the channel is kept.
    assert_eq!(learned(StrategyName::Adaptive, [0.25, 3.0, 0.5])?, (0, 400, true));
    Ok(())
}

#[test]
fn frozen_slopes_keep_nothing() -> Result<(), Error> {
    for &name in StrategyName::ALL {
        let leaky = footprint(name, Slopes::frozen(vec![0.1, 0.0, 1e-40]))?;
        let expected = Footprint { needs_output: true, ..Footprint::default() };
        assert_eq!(leaky, expected, "{name}");
    }
    let negative = footprint(StrategyName::Adaptive, Slopes::frozen(vec![-0.1, 0.0, -1e-40]))?;
    assert_eq!((negative.encoded_bytes, negative.kept_bytes), (words_of_bits(200), 0));
    Ok(())
}
