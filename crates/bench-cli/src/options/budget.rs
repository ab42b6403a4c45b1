//! `--budget 8GiB`.

/// More than any one device has, and far from where sums overflow.
const MOST: f64 = (1_u64 << 50) as f64;

const UNITS: [(&str, f64); 9] = [
    ("tib", (1_u64 << 40) as f64),
    ("gib", (1_u64 << 30) as f64),
    ("mib", (1_u64 << 20) as f64),
    ("kib", 1024.0),
    ("tb", 1e12),
    ("gb", 1e9),
    ("mb", 1e6),
    ("kb", 1e3),
    ("b", 1.0),
];

/// Bytes: a number with or without a unit, of which part of a byte is left out.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let accepted = "give a number and a unit, such as 8GiB, 500MiB, 24GB or 1000000 (bytes)";
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find(|(name, _)| lower.ends_with(name));
    let (number, factor) = unit.map_or((&*lower, 1.0), |(name, factor)| {
        (lower[..lower.len() - name.len()].trim_end(), *factor)
    });
    // Rust also reads "inf", "nan" and "1e9" as numbers.
    let plain = number.chars().all(|character| character.is_ascii_digit() || character == '.');
    let value = number.parse::<f64>().ok().filter(|_| plain);
    match value.map(|value| value * factor) {
        None => Err(accepted.to_owned()),
        Some(bytes) if bytes < 1.0 => Err(format!("less than a byte; {accepted}")),
        Some(bytes) if bytes > MOST => Err(format!("more than 1024 TiB; {accepted}")),
        Some(bytes) => Ok(bytes as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        for (text, bytes) in [
            ("8GiB", 8 << 30),
            ("8 gib", 8 << 30),
            ("1.5GiB", 3 << 29),
            ("500MiB", 500 << 20),
            ("64KiB", 64 << 10),
            ("1024TiB", 1 << 50),
            ("24GB", 24_000_000_000),
            ("2.5mb", 2_500_000),
            ("1TB", 1_000_000_000_000),
            ("3kB", 3000),
            ("17B", 17),
            ("1000000", 1_000_000),
            ("1.9", 1),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "", "GiB", "8GiBs", "eight", "-1GiB", "1e9", "inf", "nan", "1,5GiB", "8 G", "0x10", ".",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("8GiB"), "{text}: {error}");
        }
        for (text, reason) in [("0", "less than a byte"), ("0.5B", "less"), ("1025TiB", "1024 TiB")]
        {
            let error = parse(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
