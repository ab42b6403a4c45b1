//! How numbers are shown, and what is the same in several sections.

use std::collections::HashSet;

use crate::doc::Cell;
use crate::record::bench::{BenchRecord, Row};

/// The strategy that others are held against.
pub(super) const BASELINE: &str = "full-copy";

/// Three digits: 0.123, 1.23, 12.3, 123, 1230; smaller and larger ones as 1.2e-8.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if !(0.001..1e7).contains(&size) => format!("{value:.1e}"),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// [`digits`] as a cell.
pub(super) fn number(value: f64) -> Cell {
    Cell::number(digits(value), value)
}

/// An error such as 4e-8, or 0; from a tenth on as other numbers.
pub(super) fn error(value: f64) -> Cell {
    let text = if value == 0.0 || value >= 0.1 { digits(value) } else { format!("{value:.0e}") };
    Cell::number(text, value)
}

/// A slope as people write it: 0.3, 1e-8.
pub(super) fn slope(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 { format!("{value:e}") } else { value.to_string() }
}

/// "slopes from 1e-8 to 4 of both signs", for the slopes there are.
pub(super) fn range<'a>(slopes: impl Iterator<Item = &'a f64>) -> String {
    let (mut least, mut most, mut signs) = (f64::INFINITY, 0.0_f64, [false; 2]);
    for value in slopes {
        (least, most) = (least.min(value.abs()), most.max(value.abs()));
        signs[usize::from(*value < 0.0)] = true;
    }
    let of = match signs {
        [true, true] => " of both signs",
        [false, true] => " below zero",
        _ => "",
    };
    match least.is_finite() {
        true => format!("slopes from {} to {}{of}", slope(least), slope(most)),
        false => "no slopes".to_owned(),
    }
}

/// A share as whole percent.
pub(super) fn percent(share: f64) -> Cell {
    Cell::number(format!("{:.0} %", share * 100.0), share)
}

/// Nothing to show.
pub(super) fn dash() -> Cell {
    Cell::words("-")
}

/// Bytes as MiB.
pub(super) fn mebibytes(bytes: u64) -> Cell {
    Cell::number(format!("{:.1}", bytes as f64 / 1024.0 / 1024.0), bytes as f64)
}

/// One thread, two threads, or the device.
pub(super) fn threads(record: &BenchRecord) -> String {
    let threads = match record.settings.threads {
        Some(1) => "1 thread".to_owned(),
        Some(threads) => format!("{threads} threads"),
        None => record.settings.device.clone(),
    };
    match &record.settings.wait_policy {
        Some(policy) => format!("{threads}, {policy}"),
        None => threads,
    }
}

/// What was measured: a network at a batch, or a shape.
pub(super) fn subject(record: &BenchRecord) -> String {
    let settings = &record.settings;
    match (&settings.network, &settings.shape) {
        (Some(network), _) => match settings.batch {
            Some(batch) => format!("{network}, batch {batch}"),
            None => network.clone(),
        },
        (None, Some(shape)) => {
            let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("[{}]", sizes.join(", "))
        }
        (None, None) => "layers".to_owned(),
    }
}

/// The middle sample, and the ends of the middle half.
pub(super) fn middle_half(values: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (place.floor() as usize, place.ceil() as usize);
        sorted[below] + (sorted[above] - sorted[below]) * place.fract()
    };
    Some([at(0.5), at(0.25), at(0.75)])
}

/// A strategy's rate over the limit in percent, with the middle half of its samples: forward, or backward.
pub(super) fn of_limit(row: &Row, forward: bool) -> Option<[f64; 3]> {
    let (samples, share, seconds) = if forward {
        (&row.forward_samples, row.forward_of_limit, row.forward_seconds.median)
    } else {
        (&row.backward_samples, row.backward_of_limit, row.backward_seconds.median)
    };
    let shares: Vec<f64> = samples.iter().map(|sample| 100.0 * share * seconds / sample).collect();
    middle_half(&shares)
}

/// One strategy's time over another's, from samples that were taken in turn: the median of the ratios.
pub(super) fn ratio(one: &[f64], other: &[f64]) -> Option<f64> {
    if one.len() != other.len() {
        return None;
    }
    let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
    middle_half(&ratios).map(|[median, ..]| median)
}

/// For each record in what it differs from others here: the settings of which there are several, such as `slopes 0.3`.
pub(super) fn apart(records: &[&BenchRecord]) -> Vec<String> {
    type Tell = fn(&BenchRecord) -> String;
    let tells: [Tell; 6] = [
        |record| format!("slopes {}", record.settings.slopes),
        |record| format!("{} gradients", record.settings.gradients),
        |record| format!("SIMD level {}", record.machine.simd),
        |record| format!("axis {}", record.settings.axis),
        |record| {
            (if record.settings.shared_slope { "shared slope" } else { "slopes by channel" }).into()
        },
        |record| format!("seed {}", record.settings.seed),
    ];
    let several: Vec<Tell> = tells
        .into_iter()
        .filter(|tell| records.iter().map(|record| tell(record)).collect::<HashSet<_>>().len() > 1)
        .collect();
    let words = |record: &&BenchRecord| {
        several.iter().map(|tell| tell(record)).collect::<Vec<_>>().join(", ")
    };
    records.iter().map(words).collect()
}

/// What each record measured, and in what it differs from others of these that measured the same.
pub(super) fn subjects(records: &[&BenchRecord]) -> Vec<String> {
    let one = |record: &&BenchRecord| {
        let subject = subject(record);
        let same: Vec<&BenchRecord> =
            records.iter().copied().filter(|other| self::subject(other) == subject).collect();
        let place = same.iter().position(|other| std::ptr::eq(*other, *record));
        match place.and_then(|place| apart(&same).into_iter().nth(place)) {
            Some(apart) if !apart.is_empty() => format!("{subject}, {apart}"),
            _ => subject,
        }
    };
    records.iter().map(one).collect()
}

/// The rows that documents show: a strategy once, by the faster of its hand-overs.
pub(super) fn rows(record: &BenchRecord) -> Vec<&Row> {
    let step = |row: &Row| row.forward_seconds.median + row.backward_seconds.median;
    let slower = |row: &Row, place: usize| {
        record.rows.iter().enumerate().any(|(other, found)| {
            let (one, other) = ((step(found), other), (step(row), place));
            found.strategy == row.strategy && one < other
        })
    };
    let all = record.rows.iter().enumerate();
    all.filter(|(place, row)| !slower(row, *place)).map(|(_, row)| row).collect()
}

/// The row of the baseline.
pub(super) fn baseline(record: &BenchRecord) -> Option<&Row> {
    record.rows.iter().find(|row| row.strategy == BASELINE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1.234_5, "1.23"),
            (12.345, "12.3"),
            (123.45, "123"),
            (12_345.6, "12346"),
            (0.123_45, "0.123"),
            (1.26e-8, "1.3e-8"),
            (-2.5, "-2.50"),
            (1.25e8, "1.2e8"),
        ] {
            assert_eq!(digits(value), text);
        }
        assert_eq!([error(4.4e-8).text, error(5.04).text], ["4e-8", "5.04"]);
        assert_eq!([slope(-1e-8), slope(0.3), slope(0.0)], ["-1e-8", "0.3", "0"]);
        assert_eq!(range([-4.0, -1e-8, 2.0].iter()), "slopes from 1e-8 to 4 of both signs");
        assert_eq!(range([0.1, 2.0].iter()), "slopes from 0.1 to 2");
        assert_eq!(percent(0.987).text, "99 %");
    }

    #[test]
    fn the_middle_half_leaves_the_ends_out() {
        assert_eq!(middle_half(&[]), None);
        assert_eq!(middle_half(&[3.0]), Some([3.0; 3]));
        assert_eq!(middle_half(&[100.0, 1.0, 2.0, 3.0, 4.0]), Some([3.0, 2.0, 4.0]));
        assert_eq!(middle_half(&[1.0, 2.0]), Some([1.5, 1.25, 1.75]));
    }

    #[test]
    fn records_of_one_network_are_told_apart() {
        let one: BenchRecord =
            serde_json::from_str(crate::record::samples::BENCH).expect("a sample");
        let (mut two, mut other) = (one.clone(), one.clone());
        two.settings.slopes = "-0.3".into();
        two.machine.simd = "portable".into();
        other.settings.network = Some("vnet".into());
        assert_eq!(
            subjects(&[&one, &two, &other]),
            [
                "iresnet50, batch 1, slopes 0.3, SIMD level avx2",
                "iresnet50, batch 1, slopes -0.3, SIMD level portable",
                "vnet, batch 1"
            ]
        );
        assert_eq!(apart(&[&one, &other]), ["", ""]);
    }

    #[test]
    fn the_faster_hand_over_is_shown() {
        let mut record: BenchRecord =
            serde_json::from_str(crate::record::samples::BENCH).expect("a sample");
        let mut copy = record.rows[0].clone();
        for row in &mut record.rows {
            row.strategy = "diff-stash".into();
        }
        copy.hand_over = Some("copy".into());
        copy.strategy = "diff-stash".into();
        copy.forward_seconds.median = 1e-9;
        record.rows.push(copy);
        let shown = |record: &BenchRecord| -> Vec<Option<String>> {
            rows(record).iter().map(|row| row.hand_over.clone()).collect()
        };
        assert_eq!(shown(&record), [Some("copy".into())]);
        record.rows[2].forward_seconds.median = 1.0;
        assert_eq!(shown(&record), [None], "one of two that are as fast");
    }

    #[test]
    fn ratios_are_taken_sample_by_sample() {
        assert_eq!(ratio(&[1.0, 4.0, 9.0], &[2.0, 4.0, 3.0]), Some(1.0));
        assert_eq!(ratio(&[1.0], &[1.0, 2.0]), None);
    }
}
