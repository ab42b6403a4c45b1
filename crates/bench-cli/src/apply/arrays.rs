//! The three arrays: held against each other by their headers, then loaded.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use prelu_mem_core::{Dtype, Geometry, Sharing};

use super::ApplyOptions;
use crate::failure::Failure;
use crate::npy::{Npy, Number};

/// Three files whose types and shapes fit together.
pub(super) struct Opened {
    input: Source,
    slopes: Source,
    upstream: Source,
    geometry: Geometry,
}

/// The same, in memory, in C order.
pub(super) struct Arrays<T> {
    /// The pre-activation; the forward pass makes it the output.
    pub(super) input: Vec<T>,
    /// One slope per channel, or one.
    pub(super) slopes: Vec<T>,
    /// The upstream gradient; the backward pass makes it the input gradient.
    pub(super) upstream: Vec<T>,
    /// The shape of the input, and of the upstream gradient.
    pub(super) shape: Vec<usize>,
    /// The shape of the slopes: of no axis or one.
    pub(super) slopes_shape: Vec<usize>,
    /// The input by channels.
    pub(super) geometry: Geometry,
}

struct Source {
    option: &'static str,
    path: PathBuf,
    npy: Npy<BufReader<File>>,
}

impl Opened {
    /// Reads the three headers and checks that they fit together.
    pub(super) fn open(options: &ApplyOptions) -> Result<Self, Failure> {
        let input = Source::open("--input", &options.input)?;
        let slopes = Source::open("--slopes", &options.slopes)?;
        let upstream = Source::open("--upstream", &options.upstream)?;

        for other in [&slopes, &upstream] {
            if other.npy.dtype() != input.npy.dtype() {
                return Err(other.refused(format!(
                    "is {}, and the input is {}; one type for all three is accepted",
                    other.npy.dtype(),
                    input.npy.dtype()
                )));
            }
        }
        if upstream.npy.shape() != input.npy.shape() {
            return Err(upstream.refused(format!(
                "has shape {:?}; the input's is expected, {:?}",
                upstream.npy.shape(),
                input.npy.shape()
            )));
        }
        let geometry = geometry(&input, &slopes, options.axis)?;
        Ok(Self { input, slopes, upstream, geometry })
    }

    /// The element type of all three.
    pub(super) fn dtype(&self) -> Dtype {
        self.input.npy.dtype()
    }

    /// Reads the data. `T` is the type of [`Opened::dtype`].
    pub(super) fn load<T: Number>(self) -> Result<Arrays<T>, Failure> {
        Ok(Arrays {
            shape: self.input.npy.shape().to_vec(),
            slopes_shape: self.slopes.npy.shape().to_vec(),
            geometry: self.geometry,
            input: self.input.load()?,
            slopes: self.slopes.load()?,
            upstream: self.upstream.load()?,
        })
    }
}

fn geometry(input: &Source, slopes: &Source, axis: Option<usize>) -> Result<Geometry, Failure> {
    let shape = input.npy.shape();
    let axis = axis.unwrap_or(if shape.len() == 1 { 0 } else { 1 });
    let per_channel = Geometry::from_shape(shape, axis, Sharing::PerChannel)
        .map_err(|error| input.refused(format!("cannot be used: {error}")))?;
    let got = match slopes.npy.shape() {
        [] => 1,
        [count] => *count,
        other => {
            return Err(slopes
                .refused(format!("has shape {other:?}; one axis or a single value is accepted")));
        }
    };
    match (got, per_channel.channels()) {
        (got, expected) if got == expected => Ok(per_channel),
        (1, _) => Geometry::from_shape(shape, axis, Sharing::Shared)
            .map_err(|error| input.refused(format!("cannot be used: {error}"))),
        (got, expected) => Err(slopes.refused(format!(
            "expected {expected} slopes for axis {axis}, got {got}; or give a single one, shared"
        ))),
    }
}

impl Source {
    fn open(option: &'static str, path: &Path) -> Result<Self, Failure> {
        match Npy::open(path) {
            Ok(npy) => Ok(Self { option, path: path.to_owned(), npy }),
            Err(error) => Err(refused(option, path, error.to_string())),
        }
    }

    fn refused(&self, reason: String) -> Failure {
        refused(self.option, &self.path, reason)
    }

    fn load<T: Number>(self) -> Result<Vec<T>, Failure> {
        let Self { option, path, npy } = self;
        let values = npy.values().map_err(|error| refused(option, &path, error.to_string()))?;
        // In C order from its first element on: the vector is the array.
        Ok(values.into_raw_vec_and_offset().0)
    }
}

fn refused(option: &str, path: &Path, reason: String) -> Failure {
    Failure::Usage(format!("{option} {}: {reason}", path.display()))
}
