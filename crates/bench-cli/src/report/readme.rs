//! The part of the README that is made of records, between two marks.

use std::path::Path;

use prelu_mem_report::Answer;

use crate::failure::Failure;

const BEGIN: &str = "<!-- prelu-mem report: begin -->";
const END: &str = "<!-- prelu-mem report: end -->";

/// The README with its marked part replaced.
pub(super) fn filled(file: &Path, answer: &Answer, pictures: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}; run this where the project is, or name --records and --output-dir",
            file.display()
        ))
    })?;
    between(&text, &part(answer, pictures)).ok_or_else(|| {
        Failure::Run(format!("{} lacks the lines {BEGIN} and {END}, in this order", file.display()))
    })
}

fn part(answer: &Answer, pictures: &str) -> String {
    let Answer { table, note, chart: (title, name) } = answer;
    format!("{table}\n\n{note}\n\n![{title}]({pictures}/{name}.svg)")
}

/// `text` with `part` between the marks.
fn between(text: &str, part: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text[begin..].find(END)?;
    Some(format!("{}\n{part}\n{}", &text[..begin], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = between(&text, "new").expect("both marks");
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(between(&new, "new"), Some(new.clone()));
        assert_eq!(between("a\nb\n", "new"), None);
        assert_eq!(between(&format!("{END}\n{BEGIN}\n"), "new"), None);
    }
}
