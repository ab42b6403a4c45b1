//! Which layers are measured: a network's, or one of a given shape.

use prelu_mem_core::{Element, Geometry, Sharing, Slopes};

use crate::failure::Failure;
use crate::network::Network;
use crate::options::bench::BenchOptions;
use crate::options::slopes::SlopesSpec;

/// One PReLU layer to measure.
pub(crate) struct Layer<T> {
    /// Its tensor, batch first.
    pub(crate) shape: Vec<usize>,
    /// The axis of the channels.
    pub(crate) axis: usize,
    /// The same as outer x channels x inner.
    pub(crate) geometry: Geometry,
    /// Its slopes, learned.
    pub(crate) slopes: Slopes<T>,
}

/// The layers as the command line names them.
pub(crate) struct Target {
    /// What is measured.
    pub(crate) subject: Subject,
    /// Whether a layer has one slope.
    pub(crate) sharing: Sharing,
    axis: Option<usize>,
    slopes: SlopesSpec,
    seed: u64,
}

/// A network, or one shape.
pub(crate) enum Subject {
    /// A network at a batch.
    Network(Network, usize),
    /// One layer.
    Shape(Vec<usize>),
}

impl Target {
    /// Reads the network file, if there is one.
    pub(super) fn new(options: &BenchOptions) -> Result<Self, Failure> {
        let (slopes, seed) = (options.slopes.clone(), options.seed);
        let target = match &options.shape {
            Some(shape) => Self {
                subject: Subject::Shape(shape.0.clone()),
                sharing: Sharing::PerChannel,
                axis: None,
                slopes,
                seed,
            },
            None => Self::network(options.network.as_deref(), options.batch, slopes, seed)?,
        };
        let sharing = if options.shared_slope { Sharing::Shared } else { target.sharing };
        Ok(Self { sharing, axis: options.axis, ..target })
    }

    /// A network, or the default one, at a batch, or at its own.
    pub(crate) fn network(
        name: Option<&str>,
        batch: Option<usize>,
        slopes: SlopesSpec,
        seed: u64,
    ) -> Result<Self, Failure> {
        let network = Network::find(name.unwrap_or("iresnet50"))?;
        let (sharing, batch) = (network.sharing, batch.unwrap_or(network.batch));
        Ok(Self { subject: Subject::Network(network, batch), sharing, axis: None, slopes, seed })
    }

    /// The first size of every tensor, where that is not the channels' axis.
    pub(crate) fn batch(&self) -> Option<usize> {
        match &self.subject {
            Subject::Network(_, batch) => Some(*batch),
            Subject::Shape(shape) => (self.axis_of(shape) > 0).then_some(shape[0]),
        }
    }

    /// The channels' axis of a tensor of this shape.
    pub(crate) fn axis_of(&self, shape: &[usize]) -> usize {
        self.axis.unwrap_or(usize::from(shape.len() > 1))
    }

    /// The shapes of the layers, with the batch replaced where one is given.
    pub(crate) fn shapes(&self, batch: Option<usize>) -> Vec<Vec<usize>> {
        match &self.subject {
            Subject::Network(network, own) => network.shapes(batch.unwrap_or(*own)),
            Subject::Shape(shape) => {
                let mut shape = shape.clone();
                shape[0] = batch.unwrap_or(shape[0]);
                vec![shape]
            }
        }
    }

    /// Checks the axis and the size of every shape.
    pub(crate) fn geometries(&self, shapes: &[Vec<usize>]) -> Result<Vec<Geometry>, Failure> {
        let check = |shape: &Vec<usize>| {
            Geometry::from_shape(shape, self.axis_of(shape), self.sharing)
                .map_err(|error| Failure::Usage(error.to_string()))
        };
        shapes.iter().map(check).collect()
    }

    /// The layers, with their slopes.
    pub(crate) fn layers<T: Element>(
        &self,
        shapes: Vec<Vec<usize>>,
    ) -> Result<Vec<Layer<T>>, Failure> {
        let geometries = self.geometries(&shapes)?;
        let mut layers = Vec::with_capacity(shapes.len());
        for (index, (shape, geometry)) in shapes.into_iter().zip(geometries).enumerate() {
            let axis = self.axis_of(&shape);
            let values =
                self.slopes.values(&geometry, axis, self.seed.wrapping_add(2 + index as u64))?;
            layers.push(Layer { shape, axis, geometry, slopes: Slopes::learned(values) });
        }
        Ok(layers)
    }
}
