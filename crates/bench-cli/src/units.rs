//! Numbers as people read them.

/// Bytes as MiB with one decimal place.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1024.0 / 1024.0)
}

/// Seconds as milliseconds with three significant digits.
pub(crate) fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1e3;
    let places = match milliseconds {
        m if m >= 100.0 => 0,
        m if m >= 10.0 => 1,
        m if m >= 1.0 => 2,
        _ => 3,
    };
    format!("{milliseconds:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_size() {
        assert_eq!(mebibytes(1_572_864), "1.5");
        assert_eq!(milliseconds(0.123_456), "123");
        assert_eq!(milliseconds(0.012_345_6), "12.3");
        assert_eq!(milliseconds(0.001_234_56), "1.23");
        assert_eq!(milliseconds(0.000_012_345_6), "0.012");
    }
}
