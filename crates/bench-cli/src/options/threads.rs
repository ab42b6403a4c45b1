//! `--threads N`.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

/// More than any one machine has processors.
const MOST: usize = 1024;

/// The number of threads: 1 to 1024.
pub(crate) fn parse(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=MOST) => Ok(threads),
        _ => Err(format!("give a number of threads from 1 to {MOST}")),
    }
}

/// What `--threads` asked for, or one thread per processor this process may use.
pub(crate) fn or_all(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_useful_numbers_are_accepted() {
        assert_eq!(parse("3"), Ok(3));
        for text in ["0", "1025", "-1", "2.5", "", "all", "99999999999999999999"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
