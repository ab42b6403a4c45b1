//! Which strategy to take, at the top of the page, and when each is the wrong one, at its end.

use super::show::{self, BASELINE};
use crate::doc::{Block, Cell, Table, Text, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;

/// The network whose planned batches stand for others.
const NETWORK: &str = "iresnet50";

/// The advice, with figures from the planner and the records: what overrules it first, then what it comes to.
pub(super) fn helper(facts: &Facts, machines: &[Machine]) -> Vec<Block> {
    let mut items: Vec<Text> = vec![
        say(
            "**The next layer does not keep its input** (an addition, a pooling that keeps places alone, another layer in place): a mask would keep `y` for itself alone, a whole tensor, and save nothing. `diff-stash` where gradients are resident, else `full-copy`; or put a convolution next.",
            &[],
        ),
        say(
            "**The slope gradient has to be exact to the last bits:** `full-copy`, or `diff-stash` where gradients are resident.",
            &[],
        ),
        say(
            "**Your slopes are all positive, or you do not know them:** `adaptive`. Channels of positive slopes cost nothing, of negative ones a bit per element; those of slopes near zero or beyond 1 are kept whole by themselves ([which are](memory-model.md)).",
            &[],
        ),
        say(
            "**Your slopes turn negative:** `adaptive` still; or `bitmask`, a bit for either sign, where memory must not follow the signs. Not `output-sign`, which keeps negative channels whole.",
            &[],
        ),
    ];
    items.extend(planned(facts));
    items.extend([
        say(
            "**Slopes start at zero** (a network that was trained with ReLU): `adaptive`, but the first steps take as much as `full-copy`: a channel is kept whole until its slope has moved. Choose the batch by `prelu-mem plan --slopes 0`.",
            &[],
        ),
        say(
            "**Slopes are frozen** (leaky ReLU, ReLU): `adaptive`. No slope gradient is owed: nothing is saved for slopes from 0 on, and a bit per element below.",
            &[],
        ),
    ]);
    if let [Some(f16), Some(bf16)] = ["f16", "bf16"].map(|dtype| worst(machines, dtype)) {
        items.push(say(
            "**Elements have two bytes:** the same choice. A bit is a sixteenth of a copy; the slope gradient of `bitmask` was off by {} at most in f16 and by {} in bf16.",
            &[&f16, &bf16],
        ));
    }
    vec![
        Block::Heading(2, "Which strategy to take".to_owned()),
        paragraph(
            "Take `adaptive`, unless one of the first two lines is true of your network; the others say what it comes to.",
            &[],
        ),
        Block::List(items),
    ]
}

/// What fits the smallest card, in either mode of gradients.
fn planned(facts: &Facts) -> Vec<Text> {
    let batches = |mode: usize| {
        let names = ["adaptive", "bitmask", "diff-stash", BASELINE];
        let all = names.map(|name| facts.smallest_card(NETWORK, name).map(|both| both[mode]));
        let [Some(adaptive), Some(bits), Some(stash), Some(full)] = all else { return None };
        Some([adaptive, bits, stash, full].map(|batch| batch.to_string()))
    };
    let (Some(resident), Some(transient), Some(card)) =
        (batches(0), batches(1), facts.cards.first())
    else {
        return Vec::new();
    };
    let (card, slopes) = (card.to_string(), facts.slopes);
    let [adaptive, bits, stash, full] = &resident;
    let caffe = say(
        "**Gradients are resident** (Caffe): in {} GB, batches of `{}` with slopes of {} are {} by `adaptive`, {} by `bitmask`, {} by `diff-stash` and {} by `full-copy`. `diff-stash` has an exact slope gradient, and reads no `y`.",
        &[&card, NETWORK, slopes, adaptive, bits, stash, full],
    );
    let [adaptive, bits, stash, full] = &transient;
    let torch = say(
        "**Gradients are transient** (PyTorch, Burn): in {} GB, {} by `adaptive`, {} by `bitmask`, {} by `full-copy`. Never `diff-stash` ({}): it has to keep gradient buffers that would come and go.",
        &[&card, adaptive, bits, full, stash],
    );
    vec![caffe, torch]
}

/// The largest error of a bit mask's slope gradient on any machine.
fn worst(machines: &[Machine], dtype: &str) -> Option<String> {
    let accuracy = machines.iter().flat_map(|machine| &machine.checks).flat_map(|c| &c.accuracy);
    let errors = accuracy
        .filter(|row| row.strategy == "bitmask" && row.dtype == dtype)
        .flat_map(|row| row.errors.iter().copied());
    errors.reduce(f64::max).map(|error| show::error(error).text)
}

/// What each strategy's crate says of it.
pub(super) fn wrong(facts: &Facts) -> Vec<Block> {
    let caption = "When each strategy is the right and the wrong choice";
    let columns = ["strategy", "needs", "right choice when", "wrong choice when"];
    let mut table = Table::new(caption, &columns);
    for strategy in &facts.strategies {
        let mut cells = vec![Cell::code(strategy.name)];
        let told = [strategy.needs, strategy.right_when, strategy.wrong_when];
        cells.extend(told.map(|words| Cell::words(words.replace('`', ""))));
        table.push(cells);
    }
    vec![
        Block::Heading(2, "When each strategy is the wrong choice".to_owned()),
        Block::Table(table),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::sample;

    #[test]
    fn batches_are_the_planners() {
        let text = |facts: &Facts| -> Vec<String> {
            planned(facts).iter().map(crate::page::markdown::words).collect()
        };
        let found = text(&sample());
        assert!(
            found[0].contains("in 8 GB") && found[0].contains("151 by `adaptive`"),
            "{found:?}"
        );
        assert!(found[0].contains("140 by `diff-stash` and 100 by `full-copy`"), "{found:?}");
        assert!(found[1].contains("260 by `adaptive`, 250 by `bitmask`, 150 by"), "{found:?}");
        assert!(found[1].contains("`diff-stash` (130)"), "{found:?}");
        // No figures where nothing was planned.
        let none = Facts { networks: vec![], ..sample() };
        assert_eq!(text(&none), Vec::<String>::new());
    }
}
