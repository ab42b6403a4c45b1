//! How far the memory of a pass reaches.

/// What the tensors of a pass are larger than; levels go about their memory by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// A core's second-level cache.
    pub(crate) far: bool,
    /// All caches, and so is what the pass saves.
    pub(crate) past_caches: bool,
}
