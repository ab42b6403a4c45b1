//! The handwritten digits that come with the project: see `data/README.md` for their source.

use crate::error::{NetError, Result};
use crate::number::Number;

/// 1,797 lines of 64 intensities and a label.
const LINES: &str = include_str!("../data/digits.csv");

/// Height and width of an image.
pub const SIDE: usize = 8;
/// Number of classes.
pub const CLASSES: usize = 10;
const PIXELS: usize = SIDE * SIDE;
/// The largest intensity in the file.
const BRIGHTEST: f64 = 16.0;
/// One digit in this many is for testing.
const TEST_EVERY: usize = 6;

/// Images with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Digits<T> {
    images: Vec<T>,
    labels: Vec<u32>,
}

impl<T: Number> Digits<T> {
    /// The digits to train on and those to test on: every sixth one, in the order of the file.
    ///
    /// # Errors
    /// Lines that are no digits.
    pub fn load() -> Result<(Self, Self)> {
        let mut sets = [const { (Vec::new(), Vec::new()) }; 2];
        for (index, line) in LINES.lines().enumerate() {
            let (images, labels) = &mut sets[usize::from(index % TEST_EVERY == TEST_EVERY - 1)];
            let (image, label) = digit::<T>(line).ok_or_else(|| NetError::Layer {
                layer: "digits".to_owned(),
                reason: format!("line {} is not 64 intensities and a label", index + 1),
            })?;
            images.extend(image);
            labels.push(label);
        }
        let [train, test] = sets.map(|(images, labels)| Digits { images, labels });
        Ok((train, test))
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// One image: 64 intensities from -1 (white) to 1 (black), row by row.
    pub fn image(&self, index: usize) -> &[T] {
        &self.images[index * PIXELS..][..PIXELS]
    }
}

fn digit<T: Number>(line: &str) -> Option<([T; PIXELS], u32)> {
    let mut fields = line.split(',');
    let mut image = [T::default(); PIXELS];
    for pixel in &mut image {
        let intensity: f64 = fields.next()?.parse().ok()?;
        *pixel = T::from_f64(intensity / (BRIGHTEST / 2.0) - 1.0);
    }
    let label = fields.next()?.parse().ok()?;
    let complete = fields.next().is_none() && (label as usize) < CLASSES;
    complete.then_some((image, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_digit_and_every_class_is_in_both_sets() {
        let (train, test) = Digits::<f32>::load().expect("the file that comes with the project");
        assert_eq!((train.len(), test.len()), (1498, 299));
        for set in [train, test] {
            assert!((0..CLASSES as u32).all(|class| set.labels().contains(&class)));
            let pixels = (0..set.len()).flat_map(|index| set.image(index));
            assert!(pixels.clone().all(|pixel| (-1.0..=1.0).contains(pixel)));
            assert!(pixels.clone().any(|&pixel| pixel == 1.0));
        }
    }

    #[test]
    fn other_lines_are_refused() {
        assert!(digit::<f32>("0,1,2").is_none());
        let line = |label: &str| format!("{}{label}", "7,".repeat(PIXELS));
        assert!(digit::<f32>(&line("9")).is_some());
        assert!(digit::<f32>(&line("10")).is_none());
        assert!(digit::<f32>(&line("9,1")).is_none());
    }
}
