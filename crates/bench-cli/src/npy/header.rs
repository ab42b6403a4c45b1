//! The header of a `.npy` file, checked before the npyz crate interprets it.

use std::io::{ErrorKind, Read};

use npyz::{DType, Endianness, NpyHeader, TypeChar};
use prelu_mem_core::Dtype;
use py_literal::Value;

use super::error::NpyError;

/// The longest header text that is read, in bytes: NumPy's own limit for files that are not trusted.
pub(super) const LONGEST_HEADER: u64 = 10_000;

/// The widest accepted element, in bytes.
const WIDEST: u64 = 8;

/// A header that has been checked.
pub(super) struct Header {
    /// What npyz made of it.
    pub(super) parsed: NpyHeader,
    /// The element type.
    pub(super) dtype: Dtype,
    /// The extent of each axis.
    pub(super) shape: Vec<usize>,
    /// Where the data begins, in bytes from the start of the file.
    pub(super) data_start: u64,
}

/// Reads the header and leaves `reader` at the first byte of the data.
pub(super) fn read(reader: &mut impl Read) -> Result<Header, NpyError> {
    let bytes = read_bytes(reader)?;
    let text = &bytes[text_start(&bytes)..];
    check_shape(&parse(text)?)?;
    let parsed =
        NpyHeader::from_reader(&bytes[..]).map_err(|error| NpyError::Header(error.to_string()))?;
    let dtype = dtype(&parsed.dtype())?;
    let shape = parsed
        .shape()
        .iter()
        .map(|&extent| usize::try_from(extent).map_err(|_| NpyError::ShapeOverflow))
        .collect::<Result<_, _>>()?;
    Ok(Header { parsed, dtype, shape, data_start: bytes.len() as u64 })
}

/// The magic bytes, the version, the length and the text.
fn read_bytes(reader: &mut impl Read) -> Result<Vec<u8>, NpyError> {
    let mut bytes = vec![0; 8];
    reader.read_exact(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => NpyError::NotNpy,
        _ => NpyError::Io(error),
    })?;
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(NpyError::NotNpy);
    }
    if !matches!((bytes[6], bytes[7]), (1..=3, 0)) {
        return Err(NpyError::Header(format!(
            "its format version is {}.{}; 1.0, 2.0 and 3.0 are accepted",
            bytes[6], bytes[7]
        )));
    }
    let start = text_start(&bytes);
    extend(&mut bytes, reader, start)?;
    let claimed = bytes[8..].iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    if claimed > LONGEST_HEADER {
        return Err(NpyError::HeaderTooLong { claimed });
    }
    extend(&mut bytes, reader, start + claimed as usize)?;
    Ok(bytes)
}

/// Where the text begins: version 1 has a length of two bytes, the later ones of four.
fn text_start(bytes: &[u8]) -> usize {
    if bytes[6] == 1 { 10 } else { 12 }
}

/// Reads on until `bytes` holds `length` of them.
fn extend(bytes: &mut Vec<u8>, reader: &mut impl Read, length: usize) -> Result<(), NpyError> {
    let old = bytes.len();
    bytes.resize(length, 0);
    reader.read_exact(&mut bytes[old..]).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => NpyError::HeaderCut,
        _ => NpyError::Io(error),
    })
}

/// The dictionary of an array of plain numbers opens two brackets, its own and its shape's; a date
/// type opens a third. More mean a structured type, and nested ones take the parser exponential time.
fn parse(text: &[u8]) -> Result<Vec<(Value, Value)>, NpyError> {
    let no_dictionary = || NpyError::Header("it is not a Python dictionary".into());
    let text = std::str::from_utf8(text).map_err(|_| no_dictionary())?;
    if text.bytes().filter(|byte| b"([{".contains(byte)).count() > 3 {
        return Err(NpyError::Structured);
    }
    match text.trim_end_matches('\n').parse() {
        Ok(Value::Dict(entries)) => Ok(entries),
        _ => Err(no_dictionary()),
    }
}

/// Refuses what npyz would multiply without a check. Zeros are left out of the product, since the
/// strides of an empty array are products of the other extents.
fn check_shape(entries: &[(Value, Value)]) -> Result<(), NpyError> {
    // A key may be there twice; whichever counts, it has been checked.
    let shapes = entries.iter().filter_map(|(key, value)| match (key, value) {
        (Value::String(key), Value::Tuple(extents) | Value::List(extents)) if key == "shape" => {
            Some(extents)
        }
        _ => None,
    });
    for extents in shapes {
        let mut bytes = WIDEST;
        for extent in extents {
            let Value::Integer(extent) = extent else {
                return Err(NpyError::Header("its shape is not made of whole numbers".into()));
            };
            if *extent < 0.into() {
                return Err(NpyError::Header(format!("its shape has the extent {extent}")));
            }
            let extent = u64::try_from(extent).map_err(|_| NpyError::ShapeOverflow)?;
            bytes = bytes
                .checked_mul(extent.max(1))
                .filter(|&bytes| bytes <= i64::MAX as u64)
                .ok_or(NpyError::ShapeOverflow)?;
        }
    }
    Ok(())
}

fn dtype(dtype: &DType) -> Result<Dtype, NpyError> {
    let DType::Plain(plain) = dtype else {
        return Err(NpyError::Structured);
    };
    let taken = match (plain.type_char(), plain.size_field()) {
        (TypeChar::Float, 2) => Dtype::F16,
        (TypeChar::Float, 4) => Dtype::F32,
        (TypeChar::Float, 8) => Dtype::F64,
        (TypeChar::Object, _) => return Err(NpyError::Objects),
        _ => return Err(NpyError::Dtype { descr: dtype.descr() }),
    };
    match plain.endianness() {
        Endianness::Little => Ok(taken),
        Endianness::Big => Err(NpyError::BigEndian { descr: dtype.descr() }),
        Endianness::Irrelevant => Err(NpyError::Dtype { descr: dtype.descr() }),
    }
}
