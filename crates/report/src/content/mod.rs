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
        "PReLU run in place overwrites its input, and backward needs it: every strategy here is a way to keep what backward needs. This page is made of measured records by `prelu-mem report`; what no record says is not in it.",
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
