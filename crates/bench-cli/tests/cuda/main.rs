//! `--device cuda` as a whole process, with the CPU shim in the place of the driver: what is printed, that results are
//! the processor's, and every refusal.
#![cfg(unix)]

mod apply;
mod bench;
mod check;
mod info;
mod program;
mod refusals;
