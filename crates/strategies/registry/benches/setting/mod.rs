//! What both benches run on: tensors larger than the last-level memory, random signs.

use prelu_mem_core::{Cpu, Element, Geometry, Sharing, Slopes};

/// A tensor's shape, channels on axis 1.
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static [usize],
}

/// Long runs, runs of 49, and channels last.
pub(crate) const LAYOUTS: &[Layout] = &[
    Layout { name: "112x112", shape: &[16, 64, 112, 112] },
    Layout { name: "7x7", shape: &[512, 512, 7, 7] },
    Layout { name: "channels-last", shape: &[200_704, 64] },
];

/// The inputs of one layer.
pub(crate) struct Setting<T: Element> {
    pub(crate) cpu: Cpu,
    pub(crate) geometry: Geometry,
    pub(crate) slopes: Slopes<T>,
    pub(crate) x: Vec<T>,
}

impl<T: Element> Setting<T> {
    /// Slopes of 0.3 and values in -1 .. 1, half of them negative in no order.
    pub(crate) fn new(layout: &Layout) -> Self {
        let geometry = Geometry::from_shape(layout.shape, 1, Sharing::PerChannel)
            .expect("the shapes above have a second axis");
        let mut state = 1_u64;
        let x = (0..geometry.len()).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            T::from_f64((state >> 40) as f64 / f64::from(1 << 23) - 1.0)
        });
        Setting {
            cpu: Cpu::new(1).expect("one thread"),
            x: x.collect(),
            slopes: Slopes::learned(vec![T::from_f64(0.3); geometry.slopes()]),
            geometry,
        }
    }
}
