//! Why a `.npy` file cannot be used.

use std::fmt;
use std::io;

/// Why a `.npy` file cannot be used. The text completes the sentence that begins with its name.
#[derive(Debug)]
pub(crate) enum NpyError {
    /// The operating system refused.
    Io(io::Error),
    /// A folder, a pipe or a device: its size is unknown, so nothing can be checked against it.
    NotAFile,
    /// It does not begin with the bytes every `.npy` file begins with.
    NotNpy,
    /// The file ends before its header does.
    HeaderCut,
    /// The header says it is longer than any array of numbers needs.
    HeaderTooLong {
        /// Bytes it claims.
        claimed: u64,
    },
    /// The header is not a dictionary that describes an array.
    Header(String),
    /// Python objects, which only Python can load.
    Objects,
    /// Records or nested types instead of plain numbers.
    Structured,
    /// Plain numbers of a type that is not taken.
    Dtype {
        /// NumPy's code for the type, quoted.
        descr: String,
    },
    /// A type that is taken, in the other byte order.
    BigEndian {
        /// NumPy's code for the type, quoted.
        descr: String,
    },
    /// The shape has more elements than a file can hold.
    ShapeOverflow,
    /// The file ends before the array does.
    Truncated {
        /// Bytes the shape needs.
        needed: u64,
        /// Bytes that follow the header.
        found: u64,
    },
    /// Something follows the array.
    Trailing {
        /// Bytes the shape needs.
        needed: u64,
        /// Bytes that follow the header.
        found: u64,
    },
    /// The array does not fit in memory.
    Memory {
        /// Bytes the shape needs.
        needed: u64,
    },
}

impl fmt::Display for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const TAKEN: &str = "float16, float32 and float64 are accepted";
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::NotAFile => write!(f, "is not a regular file; name a .npy file"),
            Self::NotNpy => {
                write!(f, "is not a .npy file: it does not begin as numpy.save begins one")
            }
            Self::HeaderCut => write!(f, "ends within its header"),
            Self::HeaderTooLong { claimed } => write!(
                f,
                "claims a header of {claimed} bytes; at most {} are accepted",
                super::header::LONGEST_HEADER
            ),
            Self::Header(reason) => write!(f, "has a malformed header: {reason}"),
            Self::Objects => write!(f, "holds Python objects; {TAKEN}"),
            Self::Structured => write!(f, "has a structured or nested dtype; {TAKEN}"),
            Self::Dtype { descr } => {
                write!(f, "has dtype {descr}; {TAKEN} (convert with .astype(\"float32\"))")
            }
            Self::BigEndian { descr } => write!(
                f,
                "is big-endian (dtype {descr}); little-endian is accepted (convert with .astype({}))",
                descr.replace('>', "<")
            ),
            Self::ShapeOverflow => write!(f, "has a shape with more elements than a file can hold"),
            Self::Truncated { needed, found } => {
                write!(f, "is truncated: its shape needs {needed} bytes of data, {found} are there")
            }
            Self::Trailing { needed, found } => write!(
                f,
                "has {} bytes after its array of {needed} bytes; one array per file is accepted",
                found - needed
            ),
            Self::Memory { needed } => write!(f, "does not fit in memory: it needs {needed} bytes"),
        }
    }
}

impl std::error::Error for NpyError {}

impl From<io::Error> for NpyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
