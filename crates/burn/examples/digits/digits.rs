//! The digits that come with the project.

use std::fmt;

/// 1,797 lines of 64 intensities from 0 to 16 and a label.
const LINES: &str = include_str!("../../../net/data/digits.csv");

pub(crate) const SIDE: usize = 8;
pub(crate) const PIXELS: usize = SIDE * SIDE;
pub(crate) const CLASSES: usize = 10;
pub(crate) const BATCH: usize = 64;

/// Images from -1 to 1, row by row, and their labels.
#[derive(Default)]
pub(crate) struct Digits {
    pub(crate) images: Vec<[f32; PIXELS]>,
    pub(crate) labels: Vec<i32>,
}

/// A line that is no digit.
#[derive(Debug)]
pub(crate) struct NoDigit(usize);

impl fmt::Display for NoDigit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the digits is not 64 intensities and a label", self.0)
    }
}

impl std::error::Error for NoDigit {}

impl Digits {
    /// The digits to train on and those to test on: every sixth one, as `prelu-mem train` takes them.
    pub(crate) fn load() -> Result<(Digits, Digits), NoDigit> {
        let (mut train, mut test) = (Digits::default(), Digits::default());
        for (index, line) in LINES.lines().enumerate() {
            let (image, label) = digit(line).ok_or(NoDigit(index + 1))?;
            let set = if index % 6 == 5 { &mut test } else { &mut train };
            set.images.push(image);
            set.labels.push(label);
        }
        Ok((train, test))
    }

    /// Batches of an epoch; the last may be smaller.
    pub(crate) fn batches(&self) -> usize {
        self.images.len().div_ceil(BATCH)
    }
}

fn digit(line: &str) -> Option<([f32; PIXELS], i32)> {
    let mut fields = line.split(',');
    let mut image = [0.0; PIXELS];
    for pixel in &mut image {
        let intensity: f32 = fields.next()?.parse().ok()?;
        *pixel = intensity / 8.0 - 1.0;
    }
    let label = fields.next()?.parse().ok()?;
    ((0..CLASSES as i32).contains(&label) && fields.next().is_none()).then_some((image, label))
}
