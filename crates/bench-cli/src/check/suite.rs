//! Runs the contract's cases and gathers the outcomes by strategy, element type and layout.

use prelu_mem_core::contract::{Case, Host, cases, run_case};
use prelu_mem_core::{Dtype, Element, Strategy};
use prelu_mem_registry::{EveryKernel, StrategyName, Visitor};

use prelu_mem_report::record::check::Row;

/// Told what comes next and the share of the work, 0 to 1, that is behind; says whether to go on.
pub(super) type Watch<'a> = dyn FnMut(String, f64) -> bool + 'a;

/// The rows so far.
pub(super) struct Suite<'a, B> {
    backend: &'a B,
    watch: &'a mut Watch<'a>,
    rows: Vec<Row>,
    rounds: usize,
    stopped: bool,
}

impl<'a, B: Host> Suite<'a, B> {
    /// No rows yet.
    pub(super) fn new(backend: &'a B, watch: &'a mut Watch<'a>) -> Self {
        Self { backend, watch, rows: Vec::new(), rounds: 0, stopped: false }
    }

    /// Runs every case of one strategy and element type; of `StrategyName::ALL.len()` times
    /// `Dtype::ALL.len()` rounds the next one.
    pub(super) fn round<T: Element>(&mut self, strategy: StrategyName)
    where
        B: EveryKernel<T>,
    {
        prelu_mem_registry::with(strategy, Round { suite: self, cases: &cases::<T>() });
        self.rounds += 1;
    }

    /// The rows, in the order they were run, and whether all cases were.
    pub(super) fn finish(self) -> (Vec<Row>, bool) {
        (self.rows, !self.stopped)
    }

    fn run<S: Strategy<B, T>, T: Element>(&mut self, cases: &[Case<T>]) {
        let rounds = (StrategyName::ALL.len() * Dtype::ALL.len()) as f64;
        let first = self.rows.len();
        for (done, case) in cases.iter().enumerate() {
            let share = (self.rounds as f64 + done as f64 / cases.len() as f64) / rounds;
            let next = format!("{} {}: {}", S::NAME, T::DTYPE, case.layout);
            self.stopped = self.stopped || !(self.watch)(next, share);
            if self.stopped {
                return;
            }
            let outcome = run_case::<S, B, T>(self.backend, case);
            let row = self.row::<S, T>(first, case.layout);
            row.cases += 1;
            row.elements += case.elements();
            match outcome {
                Ok(outcome) => {
                    row.worst_error_of_bound = row.worst_error_of_bound.max(outcome.worst_of_bound);
                }
                Err(failure) => {
                    row.failed += 1;
                    row.failures.push(failure.to_string());
                }
            }
        }
    }

    /// The row of a layout among those from `first` on.
    fn row<S: Strategy<B, T>, T: Element>(
        &mut self,
        first: usize,
        layout: &'static str,
    ) -> &mut Row {
        let known = self.rows[first..].iter().position(|row| row.layout == layout);
        let index = known.map_or(self.rows.len(), |place| first + place);
        if known.is_none() {
            self.rows.push(Row {
                strategy: S::NAME.to_owned(),
                dtype: T::DTYPE.name().to_owned(),
                layout: layout.to_owned(),
                cases: 0,
                elements: 0,
                failed: 0,
                worst_error_of_bound: 0.0,
                failures: Vec::new(),
            });
        }
        &mut self.rows[index]
    }
}

struct Round<'s, 'a, B, T> {
    suite: &'s mut Suite<'a, B>,
    cases: &'s [Case<T>],
}

impl<B: Host, T: Element> Visitor<B, T> for Round<'_, '_, B, T> {
    type Output = ();

    fn visit<S: Strategy<B, T>>(self, _: S) {
        self.suite.run::<S, T>(self.cases);
    }
}

#[cfg(test)]
mod tests {
    use prelu_mem_core::{Basis, Channel, Codec, Cpu, Identity, Owned, Recipe, Vectors};

    use super::*;

    /// Full-copy, but for zeros: it takes them for positive.
    #[derive(Clone, Copy, Debug, Default)]
    struct WrongAtZero;

    impl<T: Element> Codec<T> for WrongAtZero {
        type Word = T;
        const LANES: usize = 1;
        const BASIS: Basis = Basis::PreActivation;

        fn channel(_: T) -> Channel {
            Channel::Encoded
        }

        fn encode<V: Vectors>(v: V, words: &mut [T], at: usize, len: usize, signs: u64, pre: &[T]) {
            Identity::encode(v, words, at, len, signs, pre);
        }

        fn signs<V: Vectors>(v: V, words: &[T], at: usize, len: usize, output: &[T]) -> u64 {
            let zero = |(lane, x): (usize, &T)| u64::from(*x == T::default()) << lane;
            let zeros: u64 = words[at..at + len].iter().enumerate().map(zero).sum();
            zeros | Identity::signs(v, words, at, len, output)
        }

        fn basis<'a>(words: &'a [T], at: usize, len: usize, output: &'a [T]) -> &'a [T] {
            Identity::basis(words, at, len, output)
        }
    }

    impl<T: Element> Recipe<T> for WrongAtZero {
        const NAME: &'static str = "wrong-at-zero";
        type Codec = WrongAtZero;
        type Home = Owned;
    }

    #[test]
    fn a_wrong_strategy_is_found_out() -> Result<(), Box<dyn std::error::Error>> {
        let cpu = Cpu::new(2)?;
        let mut watch = |_: String, _: f64| true;
        let mut suite = Suite::new(&cpu, &mut watch);
        suite.run::<WrongAtZero, f32>(&cases());
        let (rows, complete) = suite.finish();
        assert!(complete);
        let failed: usize = rows.iter().map(|row| row.failures.len()).sum();
        let cases: usize = rows.iter().map(|row| row.cases).sum();
        assert!(0 < failed && failed < cases, "{failed} of {cases}");
        let told = rows.iter().flat_map(|row| &row.failures).next().ok_or("no failure")?;
        assert!(told.starts_with("wrong-at-zero f32, "), "{told}");
        Ok(())
    }

    #[test]
    fn a_stop_keeps_what_was_run() -> Result<(), Box<dyn std::error::Error>> {
        let cpu = Cpu::new(1)?;
        let mut left = 10;
        let mut watch = |_: String, share: f64| {
            assert!((0.0..1.0).contains(&share));
            left -= 1;
            left >= 0
        };
        let mut suite = Suite::new(&cpu, &mut watch);
        suite.round::<f32>(StrategyName::ALL[0]);
        suite.round::<f64>(StrategyName::ALL[0]);
        let (rows, complete) = suite.finish();
        assert!(!complete);
        assert_eq!(rows.iter().map(|row| row.cases).sum::<usize>(), 10);
        Ok(())
    }
}
