//! `--shape N,C,D1,..`.

use prelu_mem_core::geometry::MAX_AXES;
use prelu_mem_core::{Geometry, Sharing};

/// A tensor's shape, batch first; no size is zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape(pub(crate) Vec<usize>);

/// Reads 1 to 8 sizes of at least 1, separated by commas.
pub(crate) fn parse(text: &str) -> Result<Shape, String> {
    let sizes = text
        .split(',')
        .map(|size| match size.trim().parse() {
            Ok(0) => Err("size 0 leaves nothing to measure; sizes must be 1 or more".to_owned()),
            Ok(size) => Ok(size),
            Err(_) => Err(format!("'{size}' is not a size; give numbers such as 32,64,56,56")),
        })
        .collect::<Result<Vec<usize>, String>>()?;
    if sizes.len() > MAX_AXES {
        return Err(format!("{} sizes; a shape has 1 to {MAX_AXES}", sizes.len()));
    }
    Geometry::from_shape(&sizes, 0, Sharing::PerChannel).map_err(|error| error.to_string())?;
    Ok(Shape(sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_eight_sizes() {
        assert_eq!(parse("5"), Ok(Shape(vec![5])));
        assert_eq!(parse("2, 3,4"), Ok(Shape(vec![2, 3, 4])));
        assert_eq!(parse("1,1,1,1,1,1,1,2"), Ok(Shape(vec![1, 1, 1, 1, 1, 1, 1, 2])));
    }

    #[test]
    fn refusals_name_the_value() {
        for (text, reason) in [
            ("0,4", "size 0"),
            ("1,2,x", "'x'"),
            ("", "''"),
            ("1,,2", "''"),
            ("-1,2", "'-1'"),
            ("1.5", "'1.5'"),
            ("1,1,1,1,1,1,1,1,1", "9 sizes"),
            ("4294967296,4294967296,4294967296", "4294967296"),
            ("18446744073709551616", "'18446744073709551616'"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(reason), "{text} -> {error}");
        }
    }
}
