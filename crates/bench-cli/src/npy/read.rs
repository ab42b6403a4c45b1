//! Reads one array, in two steps: the header first, so that shapes and types can be compared before
//! any data is loaded.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

use half::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use npyz::{AutoSerialize, Deserialize, NpyFile, Order};
use prelu_mem_core::{Dtype, Element};

use super::error::NpyError;
use super::header::{self, Header};

/// An element type that `.npy` files hold; NumPy has no bfloat16.
pub(crate) trait Number: Element + Deserialize + AutoSerialize {}

impl Number for f16 {}
impl Number for f32 {}
impl Number for f64 {}

/// A `.npy` file whose header has been read and agrees with the file's size.
pub(crate) struct Npy<R: Read> {
    header: Header,
    reader: R,
}

impl Npy<BufReader<File>> {
    /// Opens the file and checks its header against its size.
    pub(crate) fn open(path: &Path) -> Result<Self, NpyError> {
        // Asked before opening: opening a pipe would wait for its writer.
        if !fs::metadata(path)?.is_file() {
            return Err(NpyError::NotAFile);
        }
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Self::new(BufReader::new(file), size)
    }
}

impl<R: Read> Npy<R> {
    /// Reads the header from the start of a file of `size` bytes.
    pub(super) fn new(mut reader: R, size: u64) -> Result<Self, NpyError> {
        let header = header::read(&mut reader)?;
        let needed = header.parsed.len() * header.dtype.bytes() as u64;
        let found = size.saturating_sub(header.data_start);
        if found < needed {
            return Err(NpyError::Truncated { needed, found });
        }
        if found > needed {
            return Err(NpyError::Trailing { needed, found });
        }
        Ok(Self { header, reader })
    }

    /// The element type.
    pub(crate) fn dtype(&self) -> Dtype {
        self.header.dtype
    }

    /// The extent of each axis; none for a single number.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Loads the values, in C order whatever the order in the file. `T` is the type of [`Npy::dtype`].
    pub(crate) fn values<T: Number>(self) -> Result<ArrayD<T>, NpyError> {
        let Header { parsed, shape, .. } = self.header;
        let fortran = parsed.order() == Order::Fortran;
        let count = parsed.len() as usize;
        let values = NpyFile::with_header(parsed, self.reader)
            .data::<T>()
            .map_err(|error| NpyError::Header(error.to_string()))?;
        let mut stored = Vec::new();
        stored
            .try_reserve_exact(count)
            .map_err(|_| NpyError::Memory { needed: (count * size_of::<T>()) as u64 })?;
        for value in values {
            stored.push(value?);
        }
        let stored = ArrayD::from_shape_vec(IxDyn(&shape).set_f(fortran), stored)
            .map_err(|error| NpyError::Header(error.to_string()))?;
        Ok(if fortran { stored.as_standard_layout().into_owned() } else { stored })
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use ndarray::{ArrayD, arr0, arr1, arr2, arr3};

    use super::super::error::NpyError;
    use super::super::sample::file;
    use super::{Npy, Number};

    fn read<T: Number>(bytes: &[u8]) -> Result<ArrayD<T>, NpyError> {
        let npy = Npy::new(bytes, bytes.len() as u64)?;
        assert_eq!(npy.dtype(), T::DTYPE);
        npy.values()
    }

    fn refused(bytes: &[u8]) -> String {
        match Npy::new(bytes, bytes.len() as u64) {
            Err(error) => error.to_string(),
            Ok(npy) => panic!("accepted, shape {:?}", npy.shape()),
        }
    }

    fn refused_header(text: &str) -> String {
        refused(&file(text, &[0; 64]))
    }

    #[test]
    fn both_orders_and_every_dtype() -> Result<(), NpyError> {
        let data: Vec<u8> = (1..=6).flat_map(|n| (n as f32).to_le_bytes()).collect();
        let c = file("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", &data);
        assert_eq!(read::<f32>(&c)?, arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn());
        let f = file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", &data);
        let values = read::<f32>(&f)?;
        assert_eq!(values, arr2(&[[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]).into_dyn());
        assert!(values.is_standard_layout());

        let data: Vec<u8> = [-0.5f64, 2.0].iter().flat_map(|n| n.to_le_bytes()).collect();
        let f64s = file("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2, 1), }", &data);
        assert_eq!(read::<f64>(&f64s)?, arr3(&[[[-0.5], [2.0]]]).into_dyn());

        let data = f16::from_f32(0.25).to_le_bytes();
        let one = file("{'descr': '<f2', 'fortran_order': False, 'shape': (), }", &data);
        assert_eq!(read::<f16>(&one)?, arr0(f16::from_f32(0.25)).into_dyn());
        Ok(())
    }

    #[test]
    fn later_versions_and_any_key_order() -> Result<(), NpyError> {
        let text = "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}\n";
        let data: Vec<u8> = [7.0f32, 8.0].iter().flat_map(|n| n.to_le_bytes()).collect();
        for version in [2, 3] {
            let mut bytes = b"\x93NUMPY".to_vec();
            bytes.extend([version, 0]);
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.bytes());
            bytes.extend(&data);
            assert_eq!(read::<f32>(&bytes)?, arr1(&[7.0, 8.0]).into_dyn());
        }
        Ok(())
    }

    #[test]
    fn empty_arrays_keep_their_shape() -> Result<(), NpyError> {
        for order in ["False", "True"] {
            let text =
                format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': (0, 4, 3), }}");
            assert_eq!(read::<f32>(&file(&text, &[]))?.shape(), [0, 4, 3]);
        }
        Ok(())
    }

    #[test]
    fn sizes_are_held_against_the_shape() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }";
        assert_eq!(
            refused(&file(text, &[0; 15])),
            "is truncated: its shape needs 16 bytes of data, 15 are there"
        );
        assert!(refused(&file(text, &[0; 19])).contains("has 3 bytes after its array of 16 bytes"));
        let huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000,), }";
        assert!(refused(&file(huge, &[0; 64])).contains("needs 4000000000000000 bytes"));
    }

    #[test]
    fn overflowing_shapes_are_refused() {
        for shape in [
            "(4294967296, 4294967296)",
            "(18446744073709551616,)",
            "(9223372036854775808, 0, 2)",
            "(0, 4294967296, 4294967296)",
            "(2305843009213693952,)",
        ] {
            for order in ["False", "True"] {
                let text =
                    format!("{{'descr': '<f4', 'fortran_order': {order}, 'shape': {shape}, }}");
                assert!(
                    refused_header(&text).contains("more elements than a file can hold"),
                    "{shape}"
                );
            }
        }
    }

    #[test]
    fn every_other_dtype_is_named() {
        for (descr, reason) in [
            ("'<i4'", "has dtype '<i4'; float16, float32 and float64 are accepted"),
            ("'<c8'", "has dtype '<c8'"),
            ("'|b1'", "has dtype '|b1'"),
            ("'<U3'", "has dtype '<U3'"),
            ("'|V2'", "has dtype '|V2'"),
            ("'<M8[ns]'", "has dtype '<M8[ns]'"),
            ("[]", "has a structured or nested dtype"),
            ("'<f16'", "has dtype '<f16'"),
            ("'>f4'", "is big-endian (dtype '>f4')"),
            ("'>f2'", "is big-endian (dtype '>f2')"),
            ("'|O'", "holds Python objects"),
            ("[('a', '<f4'), ('b', '<f4')]", "has a structured or nested dtype"),
            ("'nonsense'", "malformed header"),
            ("7", "malformed header"),
        ] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}");
            let message = refused_header(&text);
            assert!(message.contains(reason), "{descr}: {message}");
        }
    }

    #[test]
    fn malformed_headers_are_named() {
        for (text, reason) in [
            ("", "not a Python dictionary"),
            ("[1, 2]", "not a Python dictionary"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,", "not a Python dictionary"),
            ("{'descr': '<f4', 'fortran_order': False}", "shape"),
            ("{'fortran_order': False, 'shape': (1,)}", "descr"),
            ("{'descr': '<f4', 'shape': (1,)}", "fortran_order"),
            ("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}", "fortran_order"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': 16}", "shape"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "the extent -1"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}", "whole numbers"),
        ] {
            let message = refused_header(text);
            assert!(message.contains("malformed header"), "{text}: {message}");
            assert!(message.contains(reason), "{text}: {message}");
        }
        // Left to itself, the parser would need 2 to the power of 200 steps.
        let nested = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(refused_header(&nested).contains("structured or nested"));
    }

    #[test]
    fn what_is_not_an_npy_file_is_named() {
        for bytes in [&b""[..], b"\x93NUMP", b"PK\x03\x04 a zip archive", b"1.0,2.0\n3.0,4.0\n"] {
            assert!(refused(bytes).contains("is not a .npy file"));
        }
        assert!(refused(b"\x93NUMPY\x09\x00").contains("version is 9.0"));
        assert!(refused(b"\x93NUMPY\x01\x00\x76").contains("ends within its header"));
        assert!(refused(b"\x93NUMPY\x01\x00\x76\x00{'descr'").contains("ends within its header"));
        let claims_4_gib = b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}";
        assert!(refused(claims_4_gib).contains("claims a header of 4294967295 bytes"));
    }

    #[test]
    fn a_folder_and_a_missing_file_are_named() -> Result<(), std::io::Error> {
        let folder = tempfile::tempdir()?;
        let open = |path| Npy::open(path).err().map(|error| error.to_string());
        let message = open(folder.path()).expect("a folder is no array");
        assert!(message.contains("is not a regular file"), "{message}");
        let message = open(&folder.path().join("no.npy")).expect("a missing file is no array");
        assert!(message.contains("cannot be read"), "{message}");
        Ok(())
    }
}
