//! Predicted memory.

/// The bytes a strategy needs for one layer, predicted from the geometry and the slopes. A backend
/// allocates exactly these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// The codec's words, owned by the saved state from forward to backward.
    pub encoded_bytes: usize,
    /// The kept channels' pre-activations, from forward to backward.
    pub kept_bytes: usize,
    /// The stash in the layer's own gradient buffer: no new memory where that buffer is resident.
    pub lent_bytes: usize,
    /// Alive within one pass of backward only.
    pub workspace_bytes: usize,
    /// Whether backward reads the output `y`, which costs nothing where the next layer keeps `y`
    /// anyway and a whole tensor where it does not.
    pub needs_output: bool,
}

impl Footprint {
    /// Bytes alive from forward to backward over and above the host's own tensors.
    pub fn saved_bytes(&self) -> usize {
        self.encoded_bytes + self.kept_bytes
    }
}
