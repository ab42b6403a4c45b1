//! What every loop is timed on: tensors larger than the caches, random signs, one thread.

use prelu_mem_core::{Cpu, Element, Geometry, Sharing, Slopes};

/// A tensor's shape, channels on axis 1.
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    shape: &'static [usize],
    sharing: Sharing,
}

pub(crate) const fn layout(name: &'static str, shape: &'static [usize]) -> Layout {
    Layout { name, shape, sharing: Sharing::PerChannel }
}

/// 26 to 34 million elements each, 49 MiB and more: long runs, short ones, channels last, a volume.
pub(crate) const LAYOUTS: &[Layout] = &[
    layout("112x112", &[32, 64, 112, 112]),
    layout("56x56", &[128, 64, 56, 56]),
    layout("28x28", &[256, 128, 28, 28]),
    layout("14x14", &[512, 256, 14, 14]),
    layout("7x7", &[1024, 512, 7, 7]),
    Layout { sharing: Sharing::Shared, ..layout("3199-shared", &[16, 512, 3199]) },
    layout("channels-last-3", &[8_563_371, 3]),
    layout("channels-last-64", &[401_408, 64]),
    layout("channels-last-512", &[50_176, 512]),
    layout("128x128x64", &[2, 16, 128, 128, 64]),
];

impl Layout {
    pub(crate) fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The tensors of one layer.
pub(crate) struct Setting<T: Element> {
    pub(crate) cpu: Cpu,
    pub(crate) geometry: Geometry,
    pub(crate) slopes: Slopes<T>,
    /// The pre-activation, and the upstream gradient too.
    pub(crate) x: Vec<T>,
    /// For a pass to overwrite.
    pub(crate) y: Vec<T>,
    pub(crate) grad: Vec<T>,
}

impl<T: Element> Setting<T> {
    /// Slopes of 0.3 and values in -1 .. 1, half of them negative in no order.
    pub(crate) fn new(layout: &Layout) -> Self {
        let geometry = Geometry::from_shape(layout.shape, 1, layout.sharing)
            .expect("the shapes above have a second axis");
        let mut state = 1_u64;
        let x = (0..geometry.len()).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            T::from_f64((state >> 40) as f64 / f64::from(1 << 23) - 1.0)
        });
        let x: Vec<T> = x.collect();
        Setting {
            cpu: Cpu::new(1).expect("one thread"),
            y: x.clone(),
            grad: x.clone(),
            x,
            slopes: Slopes::learned(vec![T::from_f64(0.3); geometry.slopes()]),
            geometry,
        }
    }
}
