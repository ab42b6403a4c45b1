//! A Flex tensor as one gapless piece of memory.

use burn::backend::TensorMetadata;
use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Bytes, Element};

/// The axes from slowest to fastest. Seen in this order, a transposed tensor is a C-ordered one, and can
/// be worked on where it lies.
pub(crate) fn axes(tensor: &FlexTensor) -> Vec<usize> {
    let strides = tensor.layout().strides();
    let mut axes: Vec<usize> = (0..strides.len()).collect();
    axes.sort_by_key(|&axis| std::cmp::Reverse(strides[axis]));
    axes
}

/// The tensor with its axes in the order `axes`, over the same memory.
pub(crate) fn permuted(tensor: FlexTensor, axes: &[usize]) -> FlexTensor {
    let layout = tensor.layout().permute(axes);
    tensor.with_layout(layout)
}

/// Undoes [`permuted`].
pub(crate) fn restored(tensor: FlexTensor, axes: &[usize]) -> FlexTensor {
    let mut back = vec![0; axes.len()];
    for (to, &from) in axes.iter().enumerate() {
        back[from] = to;
    }
    permuted(tensor, &back)
}

/// The same elements in C order, in memory that holds nothing else: the tensor itself where that is so
/// already, else a copy. Where somebody else sees that memory too, `storage_mut` copies it.
pub(crate) fn compact<T: Element + bytemuck::Pod>(tensor: FlexTensor) -> FlexTensor {
    let elements = tensor.layout().num_elements();
    let whole = tensor.bytes().len() == elements * size_of::<T>();
    match tensor.as_slice::<T>() {
        Some(_) if whole => tensor,
        Some(part) => {
            let layout = Layout::contiguous(tensor.shape());
            FlexTensor::new(Bytes::from_elems(part.to_vec()), layout, tensor.dtype())
        }
        None => tensor.to_contiguous(),
    }
}
