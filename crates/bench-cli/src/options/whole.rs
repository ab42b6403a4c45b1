//! Whole numbers: `--axis K`, `--seed N`.

use prelu_mem_core::geometry::MAX_AXES;

/// An axis, counted from 0. Whether the shape has it is seen later.
pub(crate) fn axis(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(axis @ 0..MAX_AXES) => Ok(axis),
        _ => Err(format!("give an axis from 0 to {}, counted from the first", MAX_AXES - 1)),
    }
}

/// A seed.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_in_range() {
        assert_eq!((axis("7"), seed("18446744073709551615")), (Ok(7), Ok(u64::MAX)));
        for text in ["-1", "8", "1.5", "", "x"] {
            assert!(axis(text).is_err(), "{text}");
        }
        for text in ["-1", "18446744073709551616", "", "x"] {
            assert!(seed(text).is_err(), "{text}");
        }
    }
}
