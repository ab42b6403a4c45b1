//! Writes one array as a `.npy` file in C order.

use std::io::{self, Write};

use npyz::WriterBuilder;

use super::Number;

/// Writes `values`, which are in C order, as an array of this shape.
pub(crate) fn write<T: Number>(to: impl Write, shape: &[usize], values: &[T]) -> io::Result<()> {
    let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(to).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::super::{Npy, Number};
    use super::write;

    fn round_trip<T: Number>(
        shape: &[usize],
        values: &[T],
    ) -> Result<(), Box<dyn std::error::Error>> {
        let mut bytes = Vec::new();
        write(&mut bytes, shape, values)?;
        let npy = Npy::new(&bytes[..], bytes.len() as u64)?;
        assert_eq!((npy.dtype(), npy.shape()), (T::DTYPE, shape));
        let read = npy.values::<T>()?;
        let bits = |values: &[T]| bytemuck::cast_slice::<T, u8>(values).to_vec();
        assert_eq!(read.as_slice().map(bits), Some(bits(values)));
        Ok(())
    }

    #[test]
    fn what_is_written_is_read_back_by_bits() -> Result<(), Box<dyn std::error::Error>> {
        let special = [0.0, -0.0, f64::NAN, f64::INFINITY, -1.5, 5e-324];
        round_trip(&[2, 3], &special)?;
        round_trip(&[6], &special.map(|value| value as f32))?;
        round_trip(&[3, 1, 2], &special.map(f16::from_f64))?;
        round_trip::<f32>(&[0, 4], &[])?;
        round_trip::<f32>(&[], &[7.0])
    }
}
