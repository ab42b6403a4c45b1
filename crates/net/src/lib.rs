//! A small Caffe-style chain host for the PReLU strategies: blobs with data and gradient, layers in
//! place or not, a memory plan, and training.
//!
//! It is there to run the strategies in a whole net, and to count what that takes; it is no
//! framework. The matrix products come from [`ndarray`], whose packing buffers (a few hundred KiB
//! per thread, whatever the net) are the only memory that is not counted.
//!
//! A [`Chain`] describes a net. [`plan`] predicts the memory of a training step from it, without
//! allocating; [`Net`] runs it.

mod chain;
mod checkpoint;
pub mod digits;
mod error;
mod layer;
pub mod layers;
mod lifetime;
mod matrix;
mod net;
pub mod nets;
mod number;
mod param;
mod pass;
pub mod plan;
mod sgd;
pub mod stack;
pub mod train;

pub use chain::{BlobId, Chain};
pub use error::{NetError, Result};
pub use layer::{Backward, Describe, Forward, Needs, NetLayer, Place, Reads};
pub use lifetime::Gradients;
pub use net::Net;
pub use number::Number;
pub use param::{Init, Multipliers, Param};
pub use sgd::Sgd;
