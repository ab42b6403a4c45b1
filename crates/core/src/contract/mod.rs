//! What every strategy on every backend must do: an independent oracle and one suite.
//!
//! [`suite::run_case`] holds one strategy on one backend against the [`oracle`] for one
//! [`case::Case`]; [`case::cases`] lists them all. Backends join through [`Host`].

pub mod bound;
pub mod case;
pub mod host;
pub mod oracle;
mod refusals;
pub mod suite;
mod values;

pub use case::{Case, cases};
pub use host::Host;
pub use suite::{Failure, Outcome, run_case};
