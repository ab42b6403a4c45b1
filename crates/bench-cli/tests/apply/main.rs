//! `prelu-mem apply` as a whole process.

mod arrays;
mod refusals;
mod results;
