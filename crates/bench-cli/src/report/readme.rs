//! The parts of the README that are made of records, each between two marks.

use std::path::Path;

use prelu_mem_report::Answer;

use crate::failure::Failure;

const END: &str = "<!-- prelu-mem report: end -->";

/// The README with its marked parts replaced: the table, and the chart with what both hold for.
pub(super) fn filled(file: &Path, answer: &Answer, pictures: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}; run this where the project is, or name --records and --output-dir",
            file.display()
        ))
    })?;
    let Answer { table, note, chart: (title, name) } = answer;
    let chart = format!("![{title}]({pictures}/{name}.svg)\n\n{note}");
    let parts = [("table", table.as_str()), ("chart", &chart)];
    parts.into_iter().try_fold(text, |text, (name, part)| {
        between(&text, name, part).ok_or_else(|| {
            let (file, begin) = (file.display(), begin(name));
            Failure::Run(format!("{file} lacks the lines {begin} and {END}, in this order"))
        })
    })
}

fn begin(name: &str) -> String {
    format!("<!-- prelu-mem report: {name} -->")
}

/// `text` with `part` between the mark of this name and the end that follows it.
fn between(text: &str, name: &str, part: &str) -> Option<String> {
    let mark = begin(name);
    let begin = text.find(&mark)? + mark.len();
    let end = begin + text[begin..].find(END)?;
    Some(format!("{}\n\n{part}\n\n{}", &text[..begin], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let (one, two) = (begin("one"), begin("two"));
        let text = format!("a\n{one}\nold\n{END}\nb\n{two}\n{END}\n");
        let new = between(&text, "one", "new").expect("both marks");
        assert_eq!(new, format!("a\n{one}\n\nnew\n\n{END}\nb\n{two}\n{END}\n"));
        assert_eq!(between(&new, "one", "new"), Some(new.clone()));
        assert_eq!(between(&text, "three", "new"), None);
        assert_eq!(between(&format!("{END}\n{one}\n"), "one", "new"), None);
    }
}
