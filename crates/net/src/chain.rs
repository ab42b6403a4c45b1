//! The description of a net: layers over blobs, in the order of the forward pass.

use std::sync::Arc;

use crate::error::{NetError, Result};
use crate::layer::{Describe, Place};
use crate::number::Number;

/// A blob of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobId(pub(crate) usize);

/// A layer in its place.
#[derive(Clone, Debug)]
pub(crate) struct Node<T: Number> {
    pub(crate) name: String,
    pub(crate) layer: Arc<dyn Describe<T>>,
    pub(crate) bottoms: Vec<usize>,
    /// The bottom again where the layer works in place.
    pub(crate) tops: Vec<usize>,
    pub(crate) in_place: bool,
    pub(crate) bottom_shapes: Vec<Vec<usize>>,
}

impl<T: Number> Node<T> {
    pub(crate) fn place(&self, seed: u64) -> Place<'_> {
        Place { name: &self.name, bottoms: &self.bottom_shapes, seed }
    }
}

/// A blob: its own gradient, and data that it may share with others.
#[derive(Clone, Debug)]
pub(crate) struct BlobInfo {
    pub(crate) len: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) tensor: usize,
    pub(crate) writer: Option<usize>,
    pub(crate) in_place: Option<usize>,
    pub(crate) reader: Option<usize>,
}

/// Layers over blobs. Every blob is written by one layer, may be worked on in place by one, and is
/// read by one, whose backward pass writes its gradient.
#[derive(Clone, Debug)]
pub struct Chain<T: Number> {
    pub(crate) nodes: Vec<Node<T>>,
    pub(crate) blobs: Vec<BlobInfo>,
    pub(crate) input_gradient: bool,
    pub(crate) seed: u64,
}

impl<T: Number> Chain<T> {
    /// A chain whose input is of `shape` (batch, channels, and any further axes), with parameters
    /// filled from `seed`.
    pub fn new(shape: &[usize], seed: u64) -> Self {
        let input = BlobInfo {
            len: shape.iter().product(),
            shape: shape.to_vec(),
            tensor: 0,
            writer: None,
            in_place: None,
            reader: None,
        };
        Chain { nodes: Vec::new(), blobs: vec![input], input_gradient: false, seed }
    }

    /// The input.
    pub fn input(&self) -> BlobId {
        BlobId(0)
    }

    /// Asks for the gradient of the input too.
    pub fn want_input_gradient(&mut self) {
        self.input_gradient = true;
    }

    /// Shape of a blob.
    ///
    /// # Errors
    /// A blob of another chain.
    pub fn shape(&self, blob: BlobId) -> Result<&[usize]> {
        match self.blobs.get(blob.0) {
            Some(info) => Ok(&info.shape),
            None => Err(NetError::UnknownBlob { layer: String::new() }),
        }
    }

    /// Number of layers.
    pub fn layers(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a layer that reads `bottoms` and writes new blobs.
    ///
    /// # Errors
    /// A name that is taken; a blob that another layer reads; bottoms that do not fit the layer.
    pub fn add(
        &mut self,
        name: &str,
        layer: impl Describe<T> + 'static,
        bottoms: &[BlobId],
    ) -> Result<Vec<BlobId>> {
        let node = self.node(name, Arc::new(layer), bottoms)?;
        let shapes = node.layer.tops(node.place(self.seed))?;
        let index = self.nodes.len();
        let mut tops = Vec::new();
        for shape in shapes {
            let tensor = if node.layer.shares_data() {
                self.blobs[node.bottoms[0]].tensor
            } else {
                self.tensors()
            };
            tops.push(self.blobs.len());
            self.blobs.push(BlobInfo {
                len: shape.iter().product(),
                shape,
                tensor,
                writer: Some(index),
                in_place: None,
                reader: None,
            });
        }
        for &bottom in &node.bottoms {
            self.blobs[bottom].reader = Some(index);
        }
        self.nodes.push(Node { tops: tops.clone(), ..node });
        Ok(tops.into_iter().map(BlobId).collect())
    }

    /// Adds a layer with one bottom and one top.
    ///
    /// # Errors
    /// Those of [`Chain::add`]; a layer with another number of tops.
    pub fn then(
        &mut self,
        name: &str,
        layer: impl Describe<T> + 'static,
        bottom: BlobId,
    ) -> Result<BlobId> {
        let tops = self.add(name, layer, &[bottom])?;
        match tops[..] {
            [top] => Ok(top),
            _ => Err(NetError::Layer {
                layer: name.to_owned(),
                reason: format!("expected one top, got {}", tops.len()),
            }),
        }
    }

    /// Adds a layer that writes its top over its bottom `blob`.
    ///
    /// # Errors
    /// A layer that cannot; a blob that is read, worked on or shared elsewhere, or that its writer
    /// reads in backward.
    pub fn in_place(
        &mut self,
        name: &str,
        layer: impl Describe<T> + 'static,
        blob: BlobId,
    ) -> Result<()> {
        let node = self.node(name, Arc::new(layer), &[blob])?;
        let refuse = |reason: &str| {
            Err(NetError::InPlace { layer: name.to_owned(), reason: reason.to_owned() })
        };
        if !node.layer.may_work_in_place() {
            return refuse("its backward pass reads the data it would overwrite");
        }
        let info = &self.blobs[blob.0];
        if info.in_place.is_some() {
            return refuse(
                "another layer works in place on the same blob; give it a top of its own",
            );
        }
        if self.blobs.iter().filter(|other| other.tensor == info.tensor).count() > 1 {
            return refuse("its data is shared through a split; give it a top of its own");
        }
        let shapes = node.layer.tops(node.place(self.seed))?;
        if shapes.len() != 1 || shapes[0] != info.shape {
            return refuse("its top has another shape than its bottom");
        }
        let index = self.nodes.len();
        self.blobs[blob.0].in_place = Some(index);
        self.nodes.push(Node { tops: vec![blob.0], in_place: true, ..node });
        Ok(())
    }

    fn node(&self, name: &str, layer: Arc<dyn Describe<T>>, bottoms: &[BlobId]) -> Result<Node<T>> {
        let layer_name = || name.to_owned();
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(NetError::NameTaken { layer: layer_name() });
        }
        let mut shapes = Vec::new();
        for (index, bottom) in bottoms.iter().enumerate() {
            let info = self.blobs.get(bottom.0);
            let info = info.ok_or_else(|| NetError::UnknownBlob { layer: layer_name() })?;
            if info.reader.is_some() || bottoms[..index].contains(bottom) {
                return Err(NetError::ReadTwice { layer: layer_name() });
            }
            shapes.push(info.shape.clone());
        }
        Ok(Node {
            name: layer_name(),
            layer,
            bottoms: bottoms.iter().map(|bottom| bottom.0).collect(),
            tops: Vec::new(),
            in_place: false,
            bottom_shapes: shapes,
        })
    }

    /// Number of tensors: blobs, those that share data counted once.
    pub(crate) fn tensors(&self) -> usize {
        self.blobs.iter().map(|blob| blob.tensor + 1).max().unwrap_or(0)
    }

    /// Whether a blob has a gradient.
    pub(crate) fn has_gradient(&self, blob: usize) -> bool {
        blob != 0 || self.input_gradient
    }

    /// Images per batch.
    pub fn batch(&self) -> usize {
        self.blobs[0].shape.first().copied().unwrap_or(0)
    }

    /// Checks what can be known only of the whole.
    pub(crate) fn check(&self) -> Result<()> {
        let losses = self.nodes.iter().filter(|node| node.layer.is_loss()).count();
        if losses != 1 {
            return Err(NetError::Loss { got: losses });
        }
        if let Some(axis) = self.blobs[0].shape.iter().position(|&size| size == 0) {
            let reason =
                format!("axis {axis} of the input has size 0; sizes from 1 on are accepted");
            return Err(NetError::Layer { layer: "input".to_owned(), reason });
        }
        for node in &self.nodes {
            let needs = node.in_place || node.layer.needs_bottom_gradient();
            if needs && !node.bottoms.iter().all(|&bottom| self.has_gradient(bottom)) {
                let reason =
                    "works on the input, which has no gradient: ask for the input's gradient";
                let reason = reason.to_owned();
                return Err(NetError::Layer { layer: node.name.clone(), reason });
            }
        }
        let writer = |blob: &BlobInfo| {
            blob.writer.map_or(String::new(), |node| self.nodes[node].name.clone())
        };
        match self.blobs.iter().find(|blob| blob.reader.is_none()) {
            Some(blob) => Err(NetError::Unread { layer: writer(blob) }),
            None => Ok(()),
        }
    }
}
