//! `train` as a whole process.

mod command;
mod files;
mod interrupt;
mod refusals;
mod results;
