//! What the documents say, section by section. Every figure comes from a record, or from the planner.

mod accuracy;
mod answer;
mod budgets;
mod burn;
mod choice;
mod growth;
mod layouts;
mod method;
mod peers;
mod show;
mod speed;
mod training;

pub(super) use self::answer::Answer;

use super::doc::{Block, paragraph};
use super::evidence::{Evidence, Machine};
use super::facts::Facts;

/// The document, and the part of it that the README shows.
pub(super) struct Content {
    pub(super) blocks: Vec<Block>,
    /// None where no record compares strategies on a network.
    pub(super) answer: Option<Answer>,
}

/// All sections, in reading order; those without a record are left out.
pub(super) fn content(evidence: &Evidence, facts: &Facts) -> Content {
    let machines = &evidence.machines;
    let answer = machines.iter().find_map(|machine| answer::answer(facts, machine));
    let each = |title: &str, part: Part| each(title, (facts, machines), part);
    let mut blocks = vec![paragraph(
        "PReLU run in place overwrites its input, and backward needs it: every strategy here is a way to keep what backward needs. What waits from forward to backward is called saved: the less, the larger the batch. This page is made by `prelu-mem report`: times, errors and losses are those of measured records, batches are planned.",
        &[],
    )];
    blocks.extend(choice::helper(facts, machines));
    if let Some(answer) = &answer {
        blocks.extend(answer.section());
    }
    blocks.extend(budgets::section(facts));
    blocks.extend(each("Time against the limit of memory", speed::on_processor));
    blocks.extend(each("How time grows", growth::section));
    blocks.extend(each("Where the channels lie", layouts::section));
    blocks.extend(each("Accuracy of the slope gradient", accuracy::section));
    blocks.extend(each("Training", training::section));
    blocks.extend(each("Other implementations", peers::section));
    blocks.extend(each("Inside Burn", burn::section));
    blocks.extend(each("On a GPU", speed::on_gpu));
    blocks.extend(choice::wrong(facts));
    blocks.extend(method::section(machines));
    Content { blocks, answer }
}

/// What one machine's records say in a section.
type Part = fn(&Facts, &Machine) -> Vec<Block>;

/// A section with a part for each machine that has records for it; none without any.
fn each(title: &str, (facts, machines): (&Facts, &[Machine]), part: Part) -> Vec<Block> {
    let parts = machines.iter().map(|machine| (machine, part(facts, machine)));
    let parts: Vec<_> = parts.filter(|(_, blocks)| !blocks.is_empty()).collect();
    let mut blocks = Vec::new();
    for (machine, part) in parts {
        if blocks.is_empty() {
            blocks.push(Block::Heading(2, title.to_owned()));
        }
        if machines.len() > 1 {
            blocks.push(Block::Heading(3, format!("{title}: {}", machine.name)));
        }
        blocks.extend(part);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::doc::{Cell, Figure};
    use crate::facts::sample;
    use crate::record::{read, samples};

    /// These records, of one machine.
    fn of(texts: impl IntoIterator<Item = String>) -> Evidence {
        let mut evidence = Evidence::default();
        for text in texts {
            let record = read(text.as_bytes()).expect("a record");
            evidence.add(record, Path::new("machine")).expect("of one machine");
        }
        evidence
    }

    /// One record of each kind; and what the charts need that are of several.
    fn evidence() -> Evidence {
        let network = "\"network\": \"iresnet50\"";
        let vnet = samples::BENCH.replace(network, "\"network\": \"vnet\"");
        let sizes = [1000, 2000, 4000].map(|size| {
            let shape = samples::BENCH.replace(network, &format!("\"shape\": [1, {size}]"));
            shape.replace("\"elements\": 1000", &format!("\"elements\": {size}"))
        });
        let baseline = samples::ALL[2]
            .replace("\"strategy\": \"bitmask\"", "\"strategy\": \"full-copy\"")
            .replace("\"mean_loss\": 1.5", "\"mean_loss\": 1.25");
        of(samples::ALL.map(str::to_owned).into_iter().chain([vnet, baseline]).chain(sizes))
    }

    fn figures(content: &Content) -> Vec<&Figure> {
        fn figure(block: &Block) -> Option<&Figure> {
            match block {
                Block::Figure(figure) => Some(figure),
                _ => None,
            }
        }
        content.blocks.iter().filter_map(figure).collect()
    }

    /// Whether a number of the table is `value`, in its unit or as a share of percent.
    fn told(figure: &Figure, value: f64) -> bool {
        let numbers = figure.data.rows.iter().flatten().filter_map(|cell: &Cell| cell.value);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        numbers.into_iter().any(|number| near(number, value) || near(100.0 * number, value))
    }

    #[test]
    fn every_number_that_is_drawn_stands_in_the_table_behind_it() {
        let content = content(&evidence(), &sample());
        let figures = figures(&content);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "answer",
                "batches",
                "machine-limits-f32-1-thread",
                "machine-elements",
                "machine-layouts",
                "machine-accuracy-cpu",
                "machine-training",
                "machine-peers-1-iresnet50",
                "machine-burn"
            ]
        );
        for figure in figures {
            let mut drawn = 0;
            for panel in &figure.chart.panels {
                let points = panel.series.iter().flat_map(|series| &series.points);
                for point in points {
                    // Rows are places; an error of zero is drawn at the edge.
                    let value = if panel.y.is_names() { point.x[0] } else { point.y[0] };
                    let edge = value == 1e-18 && told(figure, 0.0);
                    assert!(told(figure, value) || edge, "{}: {value}", figure.name);
                    drawn += 1;
                }
            }
            assert!(drawn > 0, "{}", figure.name);
        }
    }

    #[test]
    fn sections_are_of_the_records_there_are() {
        let headings = |evidence: &Evidence| -> Vec<String> {
            let content = content(evidence, &sample());
            let title = |block| match block {
                Block::Heading(2, title) => Some(title),
                _ => None,
            };
            content.blocks.into_iter().filter_map(title).collect()
        };
        let none = headings(&Evidence::default());
        assert_eq!(
            none,
            [
                "Which strategy to take",
                "The largest batch that fits",
                "When each strategy is the wrong choice",
                "How it was measured"
            ]
        );
        let all = headings(&evidence());
        for title in ["The answer in one table", "Training", "Other implementations", "Inside Burn"]
        {
            assert!(all.iter().any(|heading| heading == title), "{title} in {all:?}");
        }
        assert!(!all.iter().any(|heading| heading == "On a GPU"), "{all:?}");

        let gpu = samples::BENCH
            .replace("\"device\": \"cpu\"", "\"device\": \"cuda:0\"")
            .replace("\"threads\": 1", "\"threads\": null");
        let mut evidence = Evidence::default();
        evidence.add(read(gpu.as_bytes()).expect("a record"), Path::new("box")).expect("the first");
        let found = headings(&evidence);
        assert!(found.iter().any(|heading| heading == "On a GPU"), "{found:?}");
        assert!(!found.iter().any(|heading| heading.starts_with("Time against")), "{found:?}");
    }

    #[test]
    fn a_run_of_some_strategies_is_not_the_answer() {
        let mut some: serde_json::Value = serde_json::from_str(samples::BENCH).expect("a sample");
        some["rows"].as_array_mut().expect("rows").pop();
        let texts = [some.to_string(), samples::BENCH.to_owned()];
        let answer = content(&of(texts), &sample()).answer.expect("a bench of a network");
        assert_eq!(answer.table.rows.len(), 2);
    }

    #[test]
    fn the_note_says_what_the_table_is_of() {
        let note = |texts: Vec<String>| {
            let answer = content(&of(texts), &sample()).answer.expect("a bench of a network");
            let cells: Vec<String> = answer.table.rows[1].iter().map(|c| c.text.clone()).collect();
            (crate::page::markdown::words(&answer.note), cells[6].clone())
        };
        let (words, exact) = note(vec![samples::BENCH.into()]);
        assert!(words.contains("on A CPU (2 cores), slopes 0.3"), "{words}");
        assert!(words.contains("gradient, for slopes 0.3.") && exact == "bit for bit", "{words}");
        let check = samples::ALL[1];
        let (words, exact) = note(vec![samples::BENCH.into(), check.into()]);
        assert!(words.contains("for slopes from 1e-8 to 1 of both signs."), "{words}");
        assert_eq!(exact, "bit for bit");
        let failed = check.replace("\"failed\": 0", "\"failed\": 1");
        assert_eq!(note(vec![samples::BENCH.into(), failed.clone()]).1, "a check FAILED");
        // What failed on a GPU is nothing against the processor.
        let gpu = failed.replace("\"device\": \"cpu\"", "\"device\": \"cuda:0\"");
        assert_eq!(note(vec![samples::BENCH.into(), gpu]).1, "bit for bit");
    }

    #[test]
    fn the_table_is_read_off_the_record() {
        let answer = content(&evidence(), &sample()).answer.expect("a bench of a network");
        let row = |name: &str| {
            let found = answer.table.rows.iter().find(|row| row[0].text == name);
            found.expect(name).iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(
            row("full-copy")[2..7],
            ["100 %", "32 / 32 / 32", "1.00 x", "1.00 x", "bit for bit"]
        );
        assert_eq!(row("bitmask")[2..6], ["3 %", "1 / 1 / 32", "0.75 x", "0.90 x"]);
        assert_eq!(row("bitmask")[7], "4e-8");
    }
}
