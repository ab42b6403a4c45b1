//! The kernels of a codec.

use prelu_mem_core::{Codec, Element, Identity, SignOfOutput};

/// A codec that has kernels: without them it does not run on CUDA, and the compiler says so.
///
/// Made by [`device_codec!`](crate::device_codec) from the images beside its `codec.cu`.
pub trait DeviceCodec<T: Element>: Codec<T> {
    /// The PTX text of the kernels of kernels/codec.cuh for elements `T`.
    fn image() -> &'static str;
}

/// Gives a codec its kernels: the images of the four element types in a folder, which is named
/// relative to the file.
///
/// ```ignore
/// prelu_mem_cuda::device_codec!(SignBits, "../cuda");
/// ```
#[macro_export]
macro_rules! device_codec {
    ($codec:ty, $folder:literal) => {
        impl<T: $crate::prelu_mem_core::Element> $crate::DeviceCodec<T> for $codec {
            fn image() -> &'static str {
                match T::DTYPE {
                    $crate::prelu_mem_core::Dtype::F16 => {
                        include_str!(concat!($folder, "/f16.ptx"))
                    }
                    $crate::prelu_mem_core::Dtype::Bf16 => {
                        include_str!(concat!($folder, "/bf16.ptx"))
                    }
                    $crate::prelu_mem_core::Dtype::F32 => {
                        include_str!(concat!($folder, "/f32.ptx"))
                    }
                    $crate::prelu_mem_core::Dtype::F64 => {
                        include_str!(concat!($folder, "/f64.ptx"))
                    }
                }
            }
        }
    };
}

device_codec!(Identity, "../codecs/identity");
device_codec!(SignOfOutput, "../codecs/sign-of-output");
