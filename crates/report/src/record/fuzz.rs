//! Arbitrary and changed records: the reader answers with a record or a reason, and what it accepts can be reported.

use std::path::Path;

use super::samples::ALL;
use super::{Record, read};
use crate::evidence::Evidence;
use crate::{Facts, documents};

/// Whether it was accepted; then it is reported, too.
fn accepted(bytes: &[u8]) -> bool {
    let Ok(record) = read(bytes) else { return false };
    let mut evidence = Evidence::default();
    evidence.add(record, Path::new("machine")).expect("the first of its folder");
    let facts = Facts { strategies: vec![], networks: vec![], cards: vec![], slopes: "0.3" };
    let documents = documents(&evidence, &facts, ("pictures", false)).expect("a page");
    assert!(!documents.html.contains("NaN") && !documents.markdown.contains("NaN"));
    true
}

#[test]
fn arbitrary_bytes() {
    bolero::check!().for_each(|bytes: &[u8]| {
        accepted(bytes);
    });
}

/// Values that are almost right, in place of those that are there.
const VALUES: [&str; 14] = [
    "0",
    "-1",
    "1e308",
    "1e-300",
    "0.5",
    "18446744073709551615",
    "null",
    "true",
    "\"\"",
    "\"<script>\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[1e30]",
];

#[test]
fn changed_values() {
    for sample in ALL {
        assert!(accepted(sample.as_bytes()), "{sample}");
    }
    bolero::check!().with_type::<(u8, Vec<(u16, u8)>)>().for_each(|(which, changes)| {
        let sample = ALL[usize::from(*which) % ALL.len()];
        let mut value: serde_json::Value = serde_json::from_str(sample).expect("a sample");
        for (place, with) in changes.iter().take(4) {
            let mut leaf = usize::from(*place);
            let with = VALUES[usize::from(*with) % VALUES.len()];
            change(&mut value, &mut leaf, &serde_json::from_str(with).expect("a value"));
        }
        accepted(value.to_string().as_bytes());
    });
}

/// Puts `with` in the place of the value that is reached after `left` others.
fn change(value: &mut serde_json::Value, left: &mut usize, with: &serde_json::Value) -> bool {
    if *left == 0 {
        value.clone_from(with);
        return true;
    }
    *left -= 1;
    match value {
        serde_json::Value::Array(items) => items.iter_mut().any(|item| change(item, left, with)),
        serde_json::Value::Object(members) => {
            members.iter_mut().any(|(_, member)| change(member, left, with))
        }
        _ => false,
    }
}

#[test]
fn changed_bytes() {
    bolero::check!().with_type::<(u8, Vec<(u16, u8)>)>().for_each(|(which, changes)| {
        let mut bytes = ALL[usize::from(*which) % ALL.len()].as_bytes().to_vec();
        for &(place, byte) in changes {
            let place = usize::from(place) % bytes.len();
            bytes[place] = byte;
        }
        accepted(&bytes);
    });
}

#[test]
fn kinds_are_told_apart() {
    let kind = |sample: &str| match read(sample.as_bytes()) {
        Ok(Record::Bench(_)) => 0,
        Ok(Record::Check(_)) => 1,
        Ok(Record::Training(_)) => 2,
        Ok(Record::Layouts(_)) => 3,
        Ok(Record::Peers(_)) => 4,
        Ok(Record::Burn(_)) => 5,
        Ok(Record::Aside) => 6,
        Err(_) => 7,
    };
    assert_eq!(ALL.map(kind), [0, 1, 2, 3, 4, 5]);
}
