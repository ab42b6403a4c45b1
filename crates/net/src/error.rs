//! What can go wrong in a net, and what to do about it.

use std::fmt;

use prelu_mem_core::Error;

/// The host's result.
pub type Result<T, E = NetError> = std::result::Result<T, E>;

/// Every error of the host. Where a layer is named, it is the one that the error concerns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NetError {
    /// The engine refused.
    Engine(Error),
    /// A layer cannot work on what it was given, or by its own settings.
    Layer {
        /// The layer's name.
        layer: String,
        /// What is wrong, with what is accepted.
        reason: String,
    },
    /// Two layers of one name.
    NameTaken {
        /// The name.
        layer: String,
    },
    /// A blob of another chain.
    UnknownBlob {
        /// The layer that was to read it.
        layer: String,
    },
    /// A blob that two layers read: each would write its gradient.
    ReadTwice {
        /// The layer that reads it second.
        layer: String,
    },
    /// In place where it would destroy what another layer still reads.
    InPlace {
        /// The layer that was to work in place.
        layer: String,
        /// Why it cannot.
        reason: String,
    },
    /// A blob that no layer reads, so that no gradient ever reaches it.
    Unread {
        /// The layer that writes it; the input where empty.
        layer: String,
    },
    /// A net that does not end in one loss layer.
    Loss {
        /// Loss layers it has.
        got: usize,
    },
    /// Input, labels or parameters of another size than the net's.
    Size {
        /// Which argument.
        what: String,
        /// Elements wanted.
        expected: usize,
        /// Elements given.
        got: usize,
    },
    /// A label that is no class.
    Label {
        /// The label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A saved run that cannot be gone on with.
    Checkpoint {
        /// Why.
        reason: String,
    },
    /// A saved run of other settings than those of the run that is to go on with it.
    OtherSettings {
        /// Which setting.
        setting: &'static str,
        /// Its value in the saved run.
        saved: String,
        /// Its value in this run.
        expected: String,
    },
    /// Backward without the forward pass before it, or an update without gradients.
    Order {
        /// What was called.
        called: &'static str,
        /// What has to come before.
        needs: &'static str,
    },
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Engine(error) => error.fmt(f),
            NetError::Layer { layer, reason } => write!(f, "layer '{layer}': {reason}"),
            NetError::NameTaken { layer } => {
                write!(f, "layer '{layer}': another layer has this name; names have to differ")
            }
            NetError::UnknownBlob { layer } => {
                write!(f, "layer '{layer}' reads a blob that this chain does not have")
            }
            NetError::ReadTwice { layer } => write!(
                f,
                "layer '{layer}' reads a blob that another layer reads already: put a split before the two"
            ),
            NetError::InPlace { layer, reason } => {
                write!(f, "layer '{layer}' cannot work in place: {reason}")
            }
            NetError::Unread { layer } if layer.is_empty() => {
                f.write_str("no layer reads the input")
            }
            NetError::Unread { layer } => write!(
                f,
                "no layer reads what layer '{layer}' writes: every blob has to lead to the loss"
            ),
            NetError::Loss { got } => write!(f, "a net needs one loss layer; this one has {got}"),
            NetError::Size { what, expected, got } => {
                write!(f, "{what}: expected {expected} elements, got {got}")
            }
            NetError::Label { label, classes } => {
                write!(f, "label {label} is no class: 0 to {} are accepted", (*classes).max(1) - 1)
            }
            NetError::Checkpoint { reason } => write!(f, "saved run: {reason}"),
            NetError::OtherSettings { setting, saved, expected } => {
                write!(f, "saved run: its {setting} is '{saved}', not '{expected}'")
            }
            NetError::Order { called, needs } => write!(f, "{called} comes after {needs}"),
        }
    }
}

impl std::error::Error for NetError {}

impl From<Error> for NetError {
    fn from(error: Error) -> Self {
        NetError::Engine(error)
    }
}
