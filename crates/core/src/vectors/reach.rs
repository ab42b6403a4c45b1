//! How far the memory of a pass reaches.

/// What levels go about memory by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Whether its tensors are larger than what is taken for a core's second-level cache.
    pub(crate) far: bool,
    /// Whether what it saves is larger than all caches.
    pub(crate) past_caches: bool,
}
