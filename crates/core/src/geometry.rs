//! A tensor as outer x channels x inner.

use crate::error::Error;

/// Whether every channel has its own slope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// One slope per channel.
    PerChannel,
    /// One slope for the whole tensor (Caffe's `channel_shared`).
    Shared,
}

/// The most axes a tensor may have.
pub const MAX_AXES: usize = 8;

/// A tensor's elements in memory order, seen as `outer x channels x inner`: element `i` belongs to
/// channel `(i / inner) % channels`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    outer: usize,
    channels: usize,
    inner: usize,
    sharing: Sharing,
}

impl Geometry {
    /// The geometry of a C-ordered tensor of `shape` (1 to 8 axes, any may be empty) whose channels
    /// lie along `axis` (from 0).
    ///
    /// # Errors
    /// No axes or more than eight; `axis` not below their number; an element count that does not
    /// fit the address space (`isize::MAX` bytes of 8-byte elements).
    pub fn from_shape(shape: &[usize], axis: usize, sharing: Sharing) -> Result<Self, Error> {
        if shape.is_empty() || shape.len() > MAX_AXES {
            return Err(Error::Axes { shape: shape.to_vec() });
        }
        if axis >= shape.len() {
            return Err(Error::Axis { axis, shape: shape.to_vec() });
        }
        let product = |sizes: &[usize]| sizes.iter().try_fold(1_usize, |p, &s| p.checked_mul(s));
        // Sizes that overflow are refused even beside an empty axis: the shape is not addressable.
        let most = isize::MAX as usize / 8;
        let nonzero: Vec<usize> = shape.iter().map(|&size| size.max(1)).collect();
        match product(&nonzero) {
            Some(elements) if elements <= most => {}
            _ => {
                return Err(Error::TooLarge { shape: shape.to_vec() });
            }
        }
        let sizes = (product(&shape[..axis]), product(&shape[axis + 1..]));
        let (Some(outer), Some(inner)) = sizes else {
            return Err(Error::TooLarge { shape: shape.to_vec() });
        };
        Ok(Geometry { outer, channels: shape[axis], inner, sharing })
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.outer * self.channels * self.inner
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Product of the sizes before the channel axis.
    pub fn outer(&self) -> usize {
        self.outer
    }

    /// Size of the channel axis.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Product of the sizes after the channel axis: the length of one channel's run.
    pub fn inner(&self) -> usize {
        self.inner
    }

    /// Whether the slope is shared.
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Number of slopes: the channels, or 1 where the slope is shared.
    pub fn slopes(&self) -> usize {
        match self.sharing {
            Sharing::PerChannel => self.channels,
            Sharing::Shared => 1,
        }
    }

    /// The same elements as one run of one channel where the slope is shared; itself elsewhere.
    pub(crate) fn by_slope(&self) -> Geometry {
        match self.sharing {
            Sharing::PerChannel => *self,
            Sharing::Shared => Geometry { outer: 1, channels: 1, inner: self.len(), ..*self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_axis_of_one_to_eight() {
        for axes in 1..=MAX_AXES {
            let shape: Vec<usize> = (2..2 + axes).collect();
            for axis in 0..axes {
                let g = Geometry::from_shape(&shape, axis, Sharing::PerChannel).expect("valid");
                assert_eq!(g.len(), shape.iter().product::<usize>());
                assert_eq!(g.channels(), shape[axis]);
                assert_eq!(g.inner(), shape[axis + 1..].iter().product::<usize>());
            }
        }
    }

    #[test]
    fn shared_slopes_are_one_run() {
        let g = Geometry::from_shape(&[2, 3, 5], 1, Sharing::Shared).expect("valid");
        let flat = g.by_slope();
        assert_eq!((flat.outer(), flat.channels(), flat.inner()), (1, 1, 30));
        assert_eq!(g.slopes(), 1);
    }

    #[test]
    fn refusals_name_the_shape() {
        let shape = |shape: &[usize], axis| Geometry::from_shape(shape, axis, Sharing::PerChannel);
        assert!(matches!(shape(&[], 0), Err(Error::Axes { .. })));
        assert!(matches!(shape(&[1; 9], 0), Err(Error::Axes { .. })));
        assert!(matches!(shape(&[4, 3], 2), Err(Error::Axis { axis: 2, .. })));
        assert!(matches!(shape(&[usize::MAX, 2], 0), Err(Error::TooLarge { .. })));
        assert!(matches!(shape(&[usize::MAX, 0, 2], 1), Err(Error::TooLarge { .. })));
        let error = shape(&[4, 3], 2).expect_err("axis 2 of 2").to_string();
        assert!(error.contains("axis 2") && error.contains("[4, 3]"), "{error}");
    }
}
