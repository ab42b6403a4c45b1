//! Which strategy to take, at the top of the page, and when each is the wrong one, at its end.

use crate::doc::{Block, Cell, Table, Text, paragraph, say};
use crate::evidence::Machine;
use crate::facts::Facts;

/// "Your slopes are all positive: ..", with figures from the planner and the records.
pub(super) fn helper(facts: &Facts, machines: &[Machine]) -> Vec<Block> {
    let batch = |strategy| {
        facts
            .smallest_card("iresnet50", strategy)
            .unwrap_or_default()
            .map(|batch| batch.to_string())
    };
    let [full, stash] = ["full-copy", "diff-stash"].map(batch);
    let [adaptive, bits] = ["adaptive", "bitmask"].map(|strategy| batch(strategy)[1].clone());
    let mut items: Vec<Text> = vec![
        say(
            "**Your slopes are all positive, or you do not know them:** `adaptive`. Positive slopes cost nothing, negative ones a bit per element, and slopes near zero or beyond 1 are kept whole by themselves. IResNet-50 in 8 GB with transient gradients: batch {} where `full-copy` fits {}.",
            &[&adaptive, &full[1]],
        ),
        say(
            "**Your slopes turn negative:** `adaptive` still, a bit for each element of such a channel; `bitmask` where memory has to be the same in every step (batch {}). Not `output-sign`, which keeps negative channels whole.",
            &[&bits],
        ),
        say(
            "**Gradients are resident** (Caffe): `adaptive` saves the most; `diff-stash` fits batch {} where `full-copy` fits {}, with an exact slope gradient and without reading `y`.",
            &[&stash[0], &full[0]],
        ),
        say(
            "**Gradients are transient** (PyTorch, Burn): a mask; never `diff-stash`, which fits batch {} there and `full-copy` {}.",
            &[&stash[1], &full[1]],
        ),
        say(
            "**The next layer does not keep its input** (a pooling, an addition, another layer in place): a mask would keep `y` for itself alone and save nothing. `diff-stash` where gradients are resident, else `full-copy`; or put a convolution next.",
            &[],
        ),
        say(
            "**The slope gradient has to be exact to the last bits:** `full-copy`, or `diff-stash` where gradients are resident.",
            &[],
        ),
        say(
            "**Slopes start at zero** (a network that was trained with ReLU): any; masks keep such channels whole until their slopes have moved, and then save.",
            &[],
        ),
        say(
            "**Slopes are frozen** (leaky ReLU, ReLU): any mask; no slope gradient is owed, so that nothing is saved from slope 0 on and a bit below.",
            &[],
        ),
    ];
    if let [Some(f16), Some(bf16)] = ["f16", "bf16"].map(|dtype| worst(machines, dtype)) {
        items.push(say(
            "**Elements have two bytes:** the same choice. A mask is a sixteenth of a copy, and its slope gradient was off by {} at most in f16 and by {} in bf16.",
            &[&f16, &bf16],
        ));
    }
    vec![
        Block::Heading(2, "Which strategy to take".to_owned()),
        paragraph("Find the lines that are true of your network.", &[]),
        Block::List(items),
    ]
}

/// The largest error of a bit mask's slope gradient on any machine.
fn worst(machines: &[Machine], dtype: &str) -> Option<String> {
    let accuracy = machines.iter().flat_map(|machine| &machine.checks).flat_map(|c| &c.accuracy);
    let errors = accuracy
        .filter(|row| row.strategy == "bitmask" && row.dtype == dtype)
        .flat_map(|row| row.errors.iter().copied());
    errors.reduce(f64::max).map(|error| format!("{error:.0e}"))
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
