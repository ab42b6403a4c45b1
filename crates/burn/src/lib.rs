#![doc = include_str!("../README.md")]

mod error;
mod memory_order;
mod operation;
mod pass;
mod planned;
mod prelu;
mod strategy;

pub use error::Error;
pub use operation::PReluOps;
pub use pass::cpu;
pub use planned::Plans;
pub use prelu::{PRelu, PReluConfig};
pub use strategy::Strategy;
