//! One axis: where a value lies, and which values are labelled.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis of numbers, linear or logarithmic, or of names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    /// Said beside it, with the unit.
    pub(crate) name: String,
    kind: Kind,
    least: f64,
    most: f64,
    ticks: Vec<(f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Log,
    /// Logarithmic and negative: the sign is turned around.
    NegativeLog,
    Names,
}

impl Scale {
    /// From 0, or from `least` where that is given, to the largest of `values` or somewhat more.
    pub(crate) fn linear(
        name: &str,
        least: Option<f64>,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let least = least.unwrap_or(0.0);
        let largest = values.into_iter().filter(|value| value.is_finite()).fold(least, f64::max);
        let span = if largest > least { largest - least } else { 1.0 };
        let step = nice(span / 6.0);
        // A value on the last tick has room enough.
        let count = (span / step - 1e-9).ceil().max(1.0) as usize;
        let tick = |index: usize| {
            let value = least + index as f64 * step;
            (value, plain(value))
        };
        let most = least + count as f64 * step;
        let name = name.to_owned();
        Self { name, kind: Kind::Linear, least, most, ticks: (0..=count).map(tick).collect() }
    }

    /// Around all `values`, which are positive: whole powers of ten, with at most `labels` of them labelled; or, where two
    /// decades hold them all, 1, 2 and 5 times powers of ten.
    pub(crate) fn log(
        name: &str,
        labels: usize,
        values: impl IntoIterator<Item = f64> + Clone,
    ) -> Self {
        let (first, last) = decades(values.clone());
        let every = (last - first) as usize / labels.max(1) + 1;
        let mut ticks: Vec<(f64, String)> = (first..=last)
            .step_by(every)
            .map(|exponent| (10f64.powi(exponent), power(exponent)))
            .collect();
        let (mut least, mut most) = (10f64.powi(first), 10f64.powi(last));
        if last - first <= 2 {
            let steps = (first..=last)
                .flat_map(|exponent| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(exponent)));
            let steps: Vec<f64> = steps.filter(|step| *step <= most).collect();
            let (low, high) = values
                .into_iter()
                .filter(|value| *value > 0.0)
                .fold((most, least), |(low, high), value| (low.min(value), high.max(value)));
            least =
                steps.iter().copied().filter(|step| *step <= low * 1.000_001).fold(least, f64::max);
            let above = |step: &f64| *step > least && *step >= high * 0.999_999;
            most = steps.iter().copied().filter(above).fold(most, f64::min);
            let inside = steps.into_iter().filter(|step| (least..=most).contains(step));
            ticks = inside.map(|step| (step, plain(step))).collect();
        }
        Self { name: name.to_owned(), kind: Kind::Log, least, most, ticks }
    }

    /// The same for values that are all negative: the largest on the left.
    pub(crate) fn negative_log(
        name: &str,
        labels: usize,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let values: Vec<f64> = values.into_iter().map(|value| -value).collect();
        let positive = Self::log(name, labels, values);
        let ticks = positive.ticks.into_iter().map(|(value, text)| (-value, format!("-{text}")));
        Self {
            name: name.to_owned(),
            kind: Kind::NegativeLog,
            least: -positive.most,
            most: -positive.least,
            ticks: ticks.collect(),
        }
    }

    /// A row for each name, the first one on top.
    pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let ticks: Vec<(f64, String)> = names
            .into_iter()
            .enumerate()
            .map(|(row, name)| (-(row as f64) - 0.5, name.to_owned()))
            .collect();
        let (least, most) = (-(ticks.len().max(1) as f64), 0.0);
        Self { name: String::new(), kind: Kind::Names, least, most, ticks }
    }

    /// Where series `index` of `count` lies in row `row` of [`Scale::names`].
    pub(crate) fn lane(row: usize, index: usize, count: usize) -> f64 {
        -(row as f64) - (index as f64 + 1.0) / (count as f64 + 1.0)
    }

    /// The same axis, its ticks without words.
    pub(super) fn without_labels(&self) -> Self {
        let ticks = self.ticks.iter().map(|(value, _)| (*value, String::new())).collect();
        Self { ticks, ..self.clone() }
    }

    /// Whether rows have names in place of numbers.
    pub(crate) fn is_names(&self) -> bool {
        self.kind == Kind::Names
    }

    /// Every label.
    pub(super) fn labels(&self) -> impl Iterator<Item = &str> {
        self.ticks.iter().map(|(_, label)| label.as_str())
    }

    /// A value that lies on the axis: itself, or the nearer end.
    pub(super) fn held(&self, value: f64) -> f64 {
        value.clamp(self.least, self.most)
    }

    /// 0 at the beginning of the axis, 1 at its end.
    fn place(&self, value: f64) -> f64 {
        let value = self.held(value);
        let (least, most, value) = match self.kind {
            Kind::Linear | Kind::Names => (self.least, self.most, value),
            Kind::Log => (self.least.log10(), self.most.log10(), value.log10()),
            Kind::NegativeLog => (-(-self.least).log10(), -(-self.most).log10(), -(-value).log10()),
        };
        (value - least) / (most - least)
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * self.place(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.least..self.most
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(at, _)| at == value);
        tick.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// 1, 2 or 5 times a power of ten: the smallest that is no less than `step`.
fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= step * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// The exponents of the powers of ten around all values, one apart at least.
fn decades(values: impl IntoIterator<Item = f64>) -> (i32, i32) {
    let logs = values.into_iter().filter(|value| *value > 0.0).map(f64::log10);
    let (least, most) =
        logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), log| (l.min(log), m.max(log)));
    if least > most {
        return (0, 1);
    }
    // What a power of ten is rounded to is that power.
    let (first, last) = ((least + 1e-9).floor() as i32, (most - 1e-9).ceil() as i32);
    (first, last.max(first + 1))
}

/// 0, 0.5, 20: without digits that rounding left behind.
fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// 0.01 to 1000 written out, other powers of ten as such.
fn power(exponent: i32) -> String {
    match exponent {
        -2..=3 => plain(10f64.powi(exponent)),
        _ => {
            let digits = exponent.to_string();
            let high = |c: char| match c {
                '-' => '\u{207b}',
                '1' => '\u{b9}',
                '2' => '\u{b2}',
                '3' => '\u{b3}',
                digit => char::from_u32(0x2070 + (digit as u32 - '0' as u32)).unwrap_or(digit),
            };
            format!("10{}", digits.chars().map(high).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.labels().collect()
    }

    #[test]
    fn linear_axes_begin_where_told_and_end_behind_the_last_value() {
        let scale = Scale::linear("ms", None, [3.0, 7.9]);
        assert_eq!(labels(&scale), ["0", "2", "4", "6", "8"]);
        assert_eq!(scale.range(), 0.0..8.0);
        let scale = Scale::linear("%", Some(90.0), [98.3]);
        assert_eq!(labels(&scale), ["90", "92", "94", "96", "98", "100"]);
        assert_eq!(Scale::linear("none", None, []).range(), 0.0..1.0);
    }

    #[test]
    fn logarithmic_axes_are_whole_decades() {
        let scale = Scale::log("elements", 8, [1e3, 1e8]);
        assert_eq!(
            labels(&scale),
            ["1000", "10\u{2074}", "10\u{2075}", "10\u{2076}", "10\u{2077}", "10\u{2078}"]
        );
        assert_eq!((scale.map(&1e3, (10, 110)), scale.map(&1e8, (10, 110))), (10, 110));
        assert_eq!(scale.map(&10f64.powf(5.5), (0, 100)), 50);
        let scale = Scale::negative_log("slope", 4, [-4.0, -1e-8]);
        assert_eq!((scale.map(&-10.0, (0, 90)), scale.map(&-1e-8, (0, 90))), (0, 90));
        assert!(labels(&scale).len() <= 5 && labels(&scale)[0].starts_with("-10"));
    }

    #[test]
    fn few_decades_have_steps_between_them() {
        assert_eq!(labels(&Scale::log("ns", 6, [0.12, 0.98])), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(&Scale::log("ns", 6, [0.3, 9.0])), ["0.2", "0.5", "1", "2", "5", "10"]);
        assert_eq!(Scale::log("ns", 6, [2.0, 2.0]).range(), 2.0..5.0);
    }

    #[test]
    fn names_stand_in_the_middle_of_their_rows() {
        let scale = Scale::names(["a", "b"]);
        // From the bottom up, as pixels of a picture do not.
        assert_eq!((scale.map(&-0.5, (100, 0)), scale.map(&-1.5, (100, 0))), (25, 75));
        assert!(Scale::lane(0, 0, 2) > Scale::lane(0, 1, 2));
        assert!(Scale::lane(0, 1, 2) > Scale::lane(1, 0, 2));
    }

    #[test]
    fn values_beyond_the_ends_stay_on_the_axis() {
        let scale = Scale::log("x", 5, [1.0, 10.0]);
        assert_eq!((scale.map(&0.0, (0, 50)), scale.map(&1e9, (0, 50))), (0, 50));
    }
}
