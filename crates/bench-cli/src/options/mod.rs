//! Options, one file per idea; a value that cannot be used is refused while the command line is read.

pub(crate) mod bench;
pub(crate) mod budget;
pub(crate) mod device;
pub(crate) mod gradients;
pub(crate) mod hand_over;
pub(crate) mod record;
pub(crate) mod shape;
pub(crate) mod slopes;
pub(crate) mod strategy;
pub(crate) mod threads;
pub(crate) mod wait_policy;
pub(crate) mod whole;
