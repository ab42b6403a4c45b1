//! All strategies side by side: the same bits whatever the threads and the SIMD level, any shape
//! and slopes, slopes that change from step to step, and the bytes by hand.

mod bytes;
mod properties;
mod reproducible;
mod step;
mod sweep;
