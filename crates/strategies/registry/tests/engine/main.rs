//! All strategies side by side: the same bits whatever the threads and the SIMD level, any shape
//! and slopes, slopes that change from step to step, both ways of handing a stash over, and the
//! bytes by hand.

mod bytes;
mod hand_over;
mod properties;
mod reproducible;
mod step;
mod sweep;
