//! A learned parameter: values, gradient and momentum, with its own multipliers.

use std::collections::BTreeMap;

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::{Backend, Cpu, Filler};

use crate::error::{NetError, Result};
use crate::number::Number;

/// Caffe's multipliers of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multipliers {
    /// Multiplies the learning rate. At 0 the parameter is frozen: no gradient is computed.
    pub lr_mult: f64,
    /// Multiplies the weight decay.
    pub decay_mult: f64,
}

impl Default for Multipliers {
    fn default() -> Self {
        Multipliers { lr_mult: 1.0, decay_mult: 1.0 }
    }
}

impl Multipliers {
    /// Whether the parameter is learned.
    pub fn learned(self) -> bool {
        self.lr_mult != 0.0
    }
}

/// Where a parameter's first values come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// A filler, seeded by the net's seed and the parameter's name.
    Fill(Filler),
    /// These values.
    Values(Vec<f64>),
    /// The values that stand by the parameter's name.
    Named(BTreeMap<String, Vec<f64>>),
}

impl From<Filler> for Init {
    fn from(filler: Filler) -> Self {
        Init::Fill(filler)
    }
}

impl Init {
    /// Values for a parameter `name` of `shape`, in C order.
    ///
    /// # Errors
    /// A filler that makes no distribution; values of another number than the shape's elements, or
    /// none by this name.
    pub fn values<T: Number>(&self, name: &str, shape: &[usize], seed: u64) -> Result<Vec<T>> {
        let values: &[f64] = match self {
            Init::Fill(filler) => return Ok(filler.fill(shape, named_seed(seed, name))?),
            Init::Values(values) => values,
            Init::Named(all) => all.get(name).map_or(&[], Vec::as_slice),
        };
        let expected = shape.iter().product();
        if values.len() != expected {
            let what = name.to_owned();
            return Err(NetError::Size { what, expected, got: values.len() });
        }
        Ok(values.iter().map(|&value| T::from_f64(value)).collect())
    }
}

/// By name and not by position, so that a layer starts from the same values whatever stands around
/// it: FNV-1a over the name, from the seed.
fn named_seed(seed: u64, name: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    name.bytes()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// One parameter of a layer. A frozen one has neither gradient nor momentum.
#[derive(Debug)]
pub struct Param<T: Number> {
    name: String,
    shape: Vec<usize>,
    values: Buffer<T>,
    gradient: Option<Buffer<T>>,
    momentum: Option<Buffer<T>>,
    multipliers: Multipliers,
}

impl<T: Number> Param<T> {
    /// A parameter with these values, `shape` elements in C order.
    ///
    /// # Errors
    /// No memory.
    pub fn new(
        cpu: &Cpu,
        name: String,
        shape: &[usize],
        values: &[T],
        multipliers: Multipliers,
    ) -> Result<Self> {
        let mut buffer = cpu.alloc(values.len())?;
        buffer.copy_from_slice(values);
        let momentum = if multipliers.learned() { Some(cpu.alloc(values.len())?) } else { None };
        Ok(Param {
            name,
            shape: shape.to_vec(),
            values: buffer,
            gradient: None,
            momentum,
            multipliers,
        })
    }

    /// The name: the layer's, a dot, the parameter's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, in C order.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The values, to change.
    pub(crate) fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The gradient of the last backward pass; none before it, for a frozen parameter, and where
    /// gradients are transient after the update.
    pub fn gradient(&self) -> Option<&[T]> {
        self.gradient.as_deref()
    }

    /// The momentum; none for a frozen parameter.
    pub fn momentum(&self) -> Option<&[T]> {
        self.momentum.as_deref()
    }

    /// The momentum, to restore it.
    pub(crate) fn momentum_mut(&mut self) -> Option<&mut [T]> {
        self.momentum.as_deref_mut()
    }

    /// The multipliers.
    pub fn multipliers(&self) -> Multipliers {
        self.multipliers
    }

    /// Makes sure that a learned parameter has a gradient buffer.
    pub(crate) fn allocate_gradient(&mut self, cpu: &Cpu) -> Result<()> {
        if self.multipliers.learned() && self.gradient.is_none() {
            self.gradient = Some(cpu.alloc(self.values.len())?);
        }
        Ok(())
    }

    /// Values, and the gradient to overwrite where the parameter is learned.
    pub(crate) fn parts(&mut self) -> (&[T], Option<&mut [T]>) {
        (&self.values, self.gradient.as_deref_mut())
    }

    /// Everything an update touches, where the parameter is learned and has a gradient.
    pub(crate) fn update_parts(&mut self) -> Option<(&mut [T], &[T], &mut [T])> {
        match (&self.gradient, &mut self.momentum) {
            (Some(gradient), Some(momentum)) => Some((&mut self.values, gradient, momentum)),
            _ => None,
        }
    }

    /// Frees the gradient.
    pub(crate) fn free_gradient(&mut self) {
        self.gradient = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_seed_give_the_same_values_wherever_the_layer_stands() {
        let init = Init::from(Filler::Gaussian { mean: 0.0, std: 1.0 });
        let values = |name: &str, seed| init.values::<f32>(name, &[8], seed).expect("valid");
        assert_eq!(values("conv1.weight", 1), values("conv1.weight", 1));
        assert_ne!(values("conv1.weight", 1), values("conv1.weight", 2));
        assert_ne!(values("conv1.weight", 1), values("conv2.weight", 1));
    }

    #[test]
    fn given_values_have_to_fill_the_shape() {
        let error = Init::Values(vec![0.5; 3]).values::<f32>("a.slopes", &[4], 0);
        let expected = NetError::Size { what: "a.slopes".to_owned(), expected: 4, got: 3 };
        assert_eq!(error, Err(expected));
        let named = Init::Named([("b.slopes".to_owned(), vec![0.5; 4])].into());
        assert_eq!(named.values::<f32>("b.slopes", &[4], 0), Ok(vec![0.5; 4]));
        let none = NetError::Size { what: "a.slopes".to_owned(), expected: 4, got: 0 };
        assert_eq!(named.values::<f32>("a.slopes", &[4], 0), Err(none));
    }
}
