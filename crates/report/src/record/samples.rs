//! One small record of each kind.

/// Of `bench`: two strategies on a network.
pub(crate) const BENCH: &str = include_str!("samples/bench.json");

/// Of every kind that documents are made of.
pub(crate) const ALL: [&str; 6] = [
    BENCH,
    include_str!("samples/check.json"),
    include_str!("samples/training.json"),
    include_str!("samples/layouts.json"),
    include_str!("samples/peers.json"),
    include_str!("samples/burn.json"),
];
