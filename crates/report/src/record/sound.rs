//! What every record has to be before anything is drawn from it: records are files of anybody's.

use std::fmt;

/// No name of a machine, network or library is longer.
const MOST_TEXT: usize = 300;

/// Which value is wrong, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(String);

impl Wrong {
    /// At `place`, for this reason.
    pub(crate) fn new(place: &str, reason: &str) -> Self {
        Self(format!("{place}: {reason}"))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record whose values can be put into tables and on axes.
pub trait Sound {
    /// The first value that cannot.
    fn sound(&self) -> Result<(), Wrong>;
}

/// Text without control characters, not too long.
pub(crate) fn text(place: &str, value: &str) -> Result<(), Wrong> {
    if value.chars().any(char::is_control) {
        Err(Wrong::new(place, "control characters are not accepted"))
    } else if value.chars().count() > MOST_TEXT {
        Err(Wrong::new(place, "more than 300 characters"))
    } else {
        Ok(())
    }
}

/// Text that is there: a name that a sentence is made with.
pub(crate) fn name(place: &str, value: &str) -> Result<(), Wrong> {
    if value.trim().is_empty() {
        return Err(Wrong::new(place, &format!("'{value}' is there, and a name is accepted")));
    }
    text(place, value)
}

/// A count of bytes that no sum of a few of them overflows: 2^60 at most.
pub(crate) fn bytes(place: &str, value: u64) -> Result<(), Wrong> {
    if value <= 1 << 60 {
        Ok(())
    } else {
        Err(Wrong::new(place, &format!("{value} is there, and 2^60 bytes at most are accepted")))
    }
}

/// A number above zero that 1e-30 to 1e30 hold.
pub(crate) fn positive(place: &str, value: f64) -> Result<(), Wrong> {
    if (1e-30..=1e30).contains(&value) {
        Ok(())
    } else {
        Err(Wrong::new(place, &format!("{value:?} is there, and 1e-30 to 1e30 is accepted")))
    }
}

/// The same for each of `values`.
pub(crate) fn positive_all(place: &str, values: &[f64]) -> Result<(), Wrong> {
    values.iter().try_for_each(|&value| positive(place, value))
}

/// A rate over a limit: above zero, at most 1000.
pub(crate) fn share(place: &str, value: f64) -> Result<(), Wrong> {
    if value > 0.0 && value <= 1000.0 {
        Ok(())
    } else {
        Err(Wrong::new(place, &format!("{value:?} is there, and a share of 0 to 1000 is accepted")))
    }
}

/// A number of zero or more that is not too large for an axis.
pub(crate) fn not_negative(place: &str, value: f64) -> Result<(), Wrong> {
    if value == 0.0 { Ok(()) } else { positive(place, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_break_a_page_are_wrong() {
        assert_eq!(text("a", "AMD EPYC <b> & ü"), Ok(()));
        assert!(text("a", "two\nlines").is_err_and(|wrong| wrong.to_string().starts_with("a: ")));
        assert!(text("a", &"x".repeat(301)).is_err());
        assert_eq!((name("a", "x"), bytes("a", 1 << 60)), (Ok(()), Ok(())));
        assert!(name("a", " ").is_err() && name("a", "x\n").is_err());
        assert!(bytes("a", u64::MAX).is_err_and(|wrong| wrong.to_string().contains("2^60")));
        assert_eq!(positive("a", 1e-9), Ok(()));
        for value in [0.0, -1.0, 1e31, f64::NAN, f64::INFINITY, 1e-300] {
            let wrong = positive("rows[].x", value).expect_err("not accepted").to_string();
            assert!(wrong.contains("rows[].x") && wrong.contains("1e-30"), "{wrong}");
        }
        assert_eq!((not_negative("a", 0.0), share("a", 1.02)), (Ok(()), Ok(())));
        assert!(not_negative("a", -0.1).is_err() && share("a", 0.0).is_err());
        assert!(share("a", f64::NAN).is_err());
    }
}
