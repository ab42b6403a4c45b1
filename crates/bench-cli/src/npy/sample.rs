//! Small `.npy` files for the tests, written by hand so that they can be wrong.

/// A version 1.0 file with this header text and these data bytes.
pub(super) fn file(text: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let text = format!("{text}\n");
    let length = u16::try_from(text.len()).expect("a test's header is short");
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.bytes());
    bytes.extend(data);
    bytes
}
