//! Arbitrary and mutated files: the reader answers with values or a reason, and never panics.

use half::f16;
use prelu_mem_core::Dtype;

use super::sample::file;
use super::{Npy, Number};

/// Reads the file to its end; true where it was accepted.
fn read(bytes: &[u8]) -> bool {
    let Ok(npy) = Npy::new(bytes, bytes.len() as u64) else {
        return false;
    };
    match npy.dtype() {
        Dtype::F16 => holds::<f16>(npy, bytes.len()),
        Dtype::F32 => holds::<f32>(npy, bytes.len()),
        Dtype::F64 => holds::<f64>(npy, bytes.len()),
        Dtype::Bf16 => panic!("NumPy has no bfloat16"),
    }
    true
}

fn holds<T: Number>(npy: Npy<&[u8]>, size: usize) {
    let shape = npy.shape().to_vec();
    let values =
        npy.values::<T>().expect("a header that agrees with the size leaves nothing to fail");
    assert_eq!(values.shape(), shape);
    assert!(values.is_standard_layout());
    assert!(values.len() * size_of::<T>() < size);
}

#[test]
fn arbitrary_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        read(bytes);
    });
}

#[test]
fn arbitrary_header_text() {
    bolero::check!().with_type::<(String, Vec<u8>)>().for_each(|(text, data)| {
        read(&file(text.get(..2000).unwrap_or(text), data));
    });
}

/// Pieces that steer towards headers that are almost right.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "'",
    ",",
    ": ",
    "'descr': ",
    "'<f4'",
    "'<f2'",
    "'>f8'",
    "'|O'",
    "'<U99999999999999999'",
    "'fortran_order': ",
    "True",
    "False",
    "'shape': ",
    "2",
    "0",
    "-1",
    "4294967296",
    "1e400",
    "0x7fffffffffffffff",
];

#[test]
fn headers_of_likely_pieces() {
    bolero::check!().with_type::<Vec<u8>>().for_each(|picks| {
        let text: String =
            picks.iter().take(200).map(|&pick| PIECES[usize::from(pick) % PIECES.len()]).collect();
        read(&file(&text, &[0; 8]));
        let entries = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({text}), }}");
        read(&file(&entries, &[0; 8]));
    });
}

#[test]
fn mutated_files() {
    let valid = file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", &[1; 24]);
    assert!(read(&valid));
    bolero::check!().with_type::<(Vec<(u8, u8)>, Option<u8>)>().for_each(|(changes, cut)| {
        let mut bytes = valid.clone();
        for &(place, value) in changes {
            let place = usize::from(place) % bytes.len();
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(usize::from(*cut));
        }
        read(&bytes);
    });
}
