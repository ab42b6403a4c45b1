//! Matrix products over slices.

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeError};

use crate::number::Number;

/// `rows x columns` values, row by row, or the transpose of such.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    view: ArrayView2<'a, T>,
}

impl<'a, T: Number> Matrix<'a, T> {
    pub(crate) fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        Matrix { view: shaped(ArrayView2::from_shape((rows, columns), values)) }
    }

    pub(crate) fn transposed(self) -> Self {
        Matrix { view: self.view.reversed_axes() }
    }
}

/// `to = left * right + keep * to`, row by row; `keep` is 0 or 1.
pub(crate) fn multiply<T: Number>(
    left: Matrix<'_, T>,
    right: Matrix<'_, T>,
    keep: T,
    to: &mut [T],
) {
    let shape = (left.view.nrows(), right.view.ncols());
    let mut to = shaped(ArrayViewMut2::from_shape(shape, to));
    general_mat_mul(T::one(), &left.view, &right.view, keep, &mut to);
}

/// Callers pass slices of exactly the size they name.
fn shaped<V>(view: Result<V, ShapeError>) -> V {
    match view {
        Ok(view) => view,
        Err(error) => unreachable!("a slice of another size than its matrix: {error}"),
    }
}
