//! Numbers on the command line of `train`. clap names the option and the value.

use prelu_mem_core::Filler;

/// More than anybody waits for.
const MOST_EPOCHS: usize = 10_000;

/// Any number but an infinite one.
pub(super) fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| "give a finite number such as 0.1".into())
}

/// 0 or more.
pub(super) fn not_negative(text: &str) -> Result<f64, String> {
    let number = finite(text).ok().filter(|number| *number >= 0.0);
    number.ok_or_else(|| "give a finite number of 0 or more".into())
}

/// 0 or more, less than 1.
pub(super) fn momentum(text: &str) -> Result<f64, String> {
    let number = finite(text).ok().filter(|number| (0.0..1.0).contains(number));
    number.ok_or_else(|| "give a number from 0 on, less than 1".into())
}

/// A number of epochs.
pub(super) fn epochs(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST_EPOCHS).contains(number));
    number.ok_or_else(|| format!("give a number of epochs from 1 to {MOST_EPOCHS}"))
}

/// A number of images.
pub(super) fn batch(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| "give a number of images of 1 or more".into())
}

/// Where slopes start.
pub(super) fn filler(text: &str) -> Result<Filler, String> {
    match text.parse() {
        Ok(Filler::Constant(value)) if !value.is_finite() => Err("give finite slopes".into()),
        Ok(filler) => Ok(filler),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_the_ranges() {
        assert_eq!(not_negative("0"), Ok(0.0));
        assert_eq!(momentum("0"), Ok(0.0));
        assert_eq!(finite("-1e3"), Ok(-1e3));
        assert_eq!(epochs("10000"), Ok(10_000));
        assert_eq!(filler("-0.5"), Ok(Filler::Constant(-0.5)));
        for text in ["", "x", "nan", "inf", "1e999", "0.1,0.2"] {
            assert!(finite(text).is_err() && filler(text).is_err(), "{text}");
        }
        for text in ["-0.1", "-1e-300"] {
            assert!(not_negative(text).is_err() && momentum(text).is_err(), "{text}");
        }
        assert!(momentum("1").is_err());
        for text in ["0", "-1", "1.5", "10001"] {
            assert!(epochs(text).is_err(), "{text}");
        }
        assert!(batch("0").is_err() && batch("1.0").is_err());
    }
}
