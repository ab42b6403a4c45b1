//! The layer on `ndarray` arrays in memory.

use ndarray::{ArrayView, ArrayViewMut, Dimension};

use crate::cpu::Cpu;
use crate::element::Element;
use crate::error::{Error, Refused, Result};
use crate::geometry::{Geometry, Sharing};
use crate::layer::Layer;
use crate::loan::{GradSlot, SharedBuffer};
use crate::strategy::Strategy;

/// Where a dense array's elements lie: its shape, and its axes from slowest to fastest.
///
/// C order, Fortran order and any other order of the axes (channels-last as a view with the channel
/// second, say) are dense; slices with gaps, reversed and broadcast axes are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    shape: Vec<usize>,
    order: Vec<usize>,
}

impl Layout {
    /// The layout of an array with this shape and these strides, counted in elements.
    ///
    /// # Errors
    /// [`Error::NotDense`].
    pub fn new(shape: &[usize], strides: &[isize]) -> Result<Self> {
        let mut order: Vec<usize> = (0..shape.len()).collect();
        if !shape.contains(&0) {
            // Axes of size 1 may carry any stride: they keep their places, the others are sorted.
            let places: Vec<usize> = order.iter().copied().filter(|&a| shape[a] != 1).collect();
            let mut sorted = places.clone();
            sorted.sort_by_key(|&axis| std::cmp::Reverse(strides[axis]));
            let mut step = 1_isize;
            for &axis in sorted.iter().rev() {
                if strides[axis] != step {
                    return Err(not_dense(shape, strides));
                }
                step *= shape[axis] as isize;
            }
            for (place, axis) in places.into_iter().zip(sorted) {
                order[place] = axis;
            }
        }
        Ok(Layout { shape: shape.to_vec(), order })
    }

    /// The geometry in memory order, with the channels along `axis` of the shape.
    ///
    /// # Errors
    /// Those of [`Geometry::from_shape`].
    pub fn geometry(&self, axis: usize, sharing: Sharing) -> Result<Geometry> {
        Geometry::from_shape(&self.shape, axis, sharing)?;
        let in_memory: Vec<usize> = self.order.iter().map(|&axis| self.shape[axis]).collect();
        let place = self.order.iter().position(|&a| a == axis).unwrap_or(axis);
        Geometry::from_shape(&in_memory, place, sharing)
    }

    fn expect(&self, what: &'static str, other: Layout) -> Result<()> {
        if *self == other {
            return Ok(());
        }
        Err(Error::LayoutDiffers {
            what,
            expected: (self.shape.clone(), self.order.clone()),
            got: (other.shape, other.order),
        })
    }
}

/// A saved state and the layout of the array it was made from.
#[derive(Debug)]
pub struct SavedArray<S> {
    state: S,
    layout: Layout,
}

impl<S> SavedArray<S> {
    /// The saved state.
    pub fn state(&self) -> &S {
        &self.state
    }
}

impl<S: Strategy<Cpu, T>, T: Element> Layer<S, Cpu, T> {
    /// Overwrites the array `x`, whose channels lie along `axis`, with the layer's output. The
    /// array is of any dense [`Layout`].
    ///
    /// # Errors
    /// [`Error::NotDense`]; those of [`Geometry::from_shape`] and [`Layer::forward`]. `x` is then
    /// as before.
    pub fn forward_array<D: Dimension>(
        &mut self,
        mut x: ArrayViewMut<'_, T, D>,
        axis: usize,
        sharing: Sharing,
        slot: &mut GradSlot<Cpu, T>,
    ) -> Result<SavedArray<S::Saved>> {
        let layout = Layout::new(x.shape(), x.strides())?;
        let geometry = layout.geometry(axis, sharing)?;
        let state = self.forward(&geometry, elements_mut(&mut x)?, slot)?;
        Ok(SavedArray { state, layout })
    }

    /// [`Layer::vacate`] for a state saved from an array.
    ///
    /// # Errors
    /// Those of [`Layer::vacate`]; the saved state comes back.
    pub fn vacate_array(
        &self,
        saved: SavedArray<S::Saved>,
        slot: &mut GradSlot<Cpu, T>,
        shared: Option<&SharedBuffer<Cpu, T>>,
    ) -> Result<SavedArray<S::Ready>, Refused<SavedArray<S::Saved>>> {
        let SavedArray { state, layout } = saved;
        match self.vacate(state, slot, shared) {
            Ok(state) => Ok(SavedArray { state, layout }),
            Err(refused) => {
                let state = SavedArray { state: refused.state, layout };
                Err(Refused { error: refused.error, state })
            }
        }
    }

    /// Overwrites the upstream gradient `grad` with the input gradient and adds to
    /// [`Layer::slope_gradient`]. `output` is the array forward wrote; it and `grad` have the
    /// layout that `x` had.
    ///
    /// # Errors
    /// [`Error::LayoutDiffers`], [`Error::NotDense`]; those of [`Layer::backward`]. The saved state
    /// comes back.
    pub fn backward_array<D: Dimension>(
        &mut self,
        ready: SavedArray<S::Ready>,
        output: Option<ArrayView<'_, T, D>>,
        mut grad: ArrayViewMut<'_, T, D>,
    ) -> Result<(), Refused<SavedArray<S::Ready>>> {
        let SavedArray { state, layout } = ready;
        let views = matching(&layout, "upstream gradient", grad.shape(), grad.strides())
            .and_then(|()| match &output {
                Some(y) => matching(&layout, "output", y.shape(), y.strides()),
                None => Ok(()),
            })
            .and_then(|()| {
                let output = output.as_ref().map(elements).transpose()?;
                Ok((output, elements_mut(&mut grad)?))
            });
        let done = match views {
            Ok((output, grad)) => self.backward(state, output, grad),
            Err(error) => Err(Refused { error, state }),
        };
        done.map_err(|Refused { error, state }| Refused {
            error,
            state: SavedArray { state, layout },
        })
    }
}

fn matching(layout: &Layout, what: &'static str, shape: &[usize], strides: &[isize]) -> Result<()> {
    layout.expect(what, Layout::new(shape, strides)?)
}

fn elements<'a, T: Element, D: Dimension>(array: &'a ArrayView<'_, T, D>) -> Result<&'a [T]> {
    if array.is_empty() {
        return Ok(&[]);
    }
    array.as_slice_memory_order().ok_or_else(|| not_dense(array.shape(), array.strides()))
}

fn elements_mut<'a, T: Element, D: Dimension>(
    array: &'a mut ArrayViewMut<'_, T, D>,
) -> Result<&'a mut [T]> {
    if array.is_empty() {
        return Ok(&mut []);
    }
    let error = not_dense(array.shape(), array.strides());
    array.as_slice_memory_order_mut().ok_or(error)
}

fn not_dense(shape: &[usize], strides: &[isize]) -> Error {
    Error::NotDense { shape: shape.to_vec(), strides: strides.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_the_axes_is_dense() {
        let layout = Layout::new(&[2, 3, 4], &[12, 1, 3]).expect("channels last");
        assert_eq!(layout.order, [0, 2, 1]);
        let geometry = layout.geometry(1, Sharing::PerChannel).expect("axis 1 of 3");
        assert_eq!((geometry.outer(), geometry.channels(), geometry.inner()), (8, 3, 1));
        let fortran = Layout::new(&[2, 3], &[1, 2]).expect("Fortran order");
        assert_eq!(fortran.order, [1, 0]);
        assert!(Layout::new(&[3, 1, 2], &[2, 77, 1]).is_ok(), "an axis of size 1 has any stride");
        assert!(Layout::new(&[0, 5], &[0, 0]).is_ok(), "no elements, no gaps");
    }

    #[test]
    fn gaps_reversals_and_broadcasts_are_not() {
        for (shape, strides) in [([2, 3], [6, 2]), ([2, 3], [3, -1]), ([2, 3], [0, 1])] {
            let error = Layout::new(&shape, &strides).expect_err("not dense").to_string();
            assert!(error.contains("[2, 3]") && error.contains(&format!("{strides:?}")), "{error}");
        }
    }
}
