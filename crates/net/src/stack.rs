//! The memory plan of a network of which only the PReLU layers are known.
//!
//! ```text
//! layer 1 - PReLU 1 - layer 2 - PReLU 2 - .. - last layer
//! ```
//!
//! Every PReLU works in place on what the layer before it writes, and the layer after it keeps its
//! input for its own backward pass, as a convolution does: the output `y` is there anyway. What
//! those layers have besides (weights, workspace, the network's input) is not known and not
//! counted. The steps are those of [`crate::plan`], by the same walk.

use prelu_mem_core::{Cpu, Element, Geometry, Slopes};
use prelu_mem_registry::StrategyName;

use crate::chain::BlobInfo;
use crate::error::Result;
use crate::layer::{Needs, Reads};
use crate::layers::in_place_needs;
use crate::lifetime::Gradients;
use crate::plan::{MemoryPlan, Outline, walk};

/// One PReLU: its tensor and its slopes.
#[derive(Clone, Copy, Debug)]
pub struct StackLayer<'a, T> {
    /// Its tensor.
    pub geometry: Geometry,
    /// Its slopes; the parameters of the plan.
    pub slopes: &'a Slopes<T>,
}

/// Plans one training step of PReLUs in forward order, all by one strategy, in any element type.
///
/// # Errors
/// Slopes of another number than the geometry's.
pub fn plan<T: Element>(
    prelus: &[StackLayer<'_, T>],
    strategy: StrategyName,
    cpu: &Cpu,
    gradients: Gradients,
) -> Result<MemoryPlan> {
    // The input, of which nothing is known.
    let mut blobs = vec![blob(0, 0, None)];
    let (mut names, mut needs) = (Vec::new(), Vec::new());
    let keeps_its_input =
        Needs { reads: Reads { bottoms: true, ..Reads::default() }, ..Needs::default() };
    for (index, prelu) in prelus.iter().enumerate() {
        let writer = names.len();
        blobs[index].reader = Some(writer);
        blobs.push(blob(prelu.geometry.len(), index + 1, Some(writer)));
        names.push(format!("layer {}", index + 1));
        needs.push(keeps_its_input.clone());
        names.push(format!("PReLU {}", index + 1));
        needs.push(in_place_needs(strategy, cpu, &prelu.geometry, prelu.slopes)?);
    }
    blobs[prelus.len()].reader = Some(names.len());
    names.push("last layer".to_owned());
    needs.push(keeps_its_input);

    let size = size_of::<T>();
    let outline = Outline {
        names,
        blobs: &blobs,
        input_gradient: false,
        label_bytes: 0,
        element_bytes: size,
    };
    Ok(walk(&outline, &needs, gradients))
}

/// The blob that layer `writer` writes and the PReLU behind it works on.
fn blob(len: usize, tensor: usize, writer: Option<usize>) -> BlobInfo {
    let in_place = writer.map(|writer| writer + 1);
    BlobInfo { len, shape: vec![len], tensor, writer, in_place, reader: None }
}
