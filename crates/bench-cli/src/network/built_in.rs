//! The built-in networks, from the public sources of each model.

use prelu_mem_core::Sharing;

use super::{Layers, Network};

struct Table {
    name: &'static str,
    sharing: Sharing,
    batch: usize,
    layers: &'static [(usize, &'static [usize])],
}

/// `(repeat, [channels, sizes ..])`; the batches make every network's pre-activations 100 to 400 MiB in f32.
const TABLES: [Table; 7] = [
    Table {
        name: "iresnet50",
        sharing: Sharing::PerChannel,
        batch: 16,
        layers: &[
            (2, &[64, 112, 112]),
            (2, &[64, 56, 56]),
            (1, &[128, 56, 56]),
            (3, &[128, 28, 28]),
            (1, &[256, 28, 28]),
            (13, &[256, 14, 14]),
            (1, &[512, 14, 14]),
            (2, &[512, 7, 7]),
        ],
    },
    Table {
        name: "iresnet100",
        sharing: Sharing::PerChannel,
        batch: 16,
        layers: &[
            (2, &[64, 112, 112]),
            (2, &[64, 56, 56]),
            (1, &[128, 56, 56]),
            (12, &[128, 28, 28]),
            (1, &[256, 28, 28]),
            (29, &[256, 14, 14]),
            (1, &[512, 14, 14]),
            (2, &[512, 7, 7]),
        ],
    },
    Table {
        name: "mobilefacenet",
        sharing: Sharing::PerChannel,
        batch: 16,
        layers: &[
            (3, &[128, 56, 56]),
            (9, &[128, 28, 28]),
            (1, &[256, 28, 28]),
            (13, &[256, 14, 14]),
            (1, &[512, 14, 14]),
            (2, &[512, 7, 7]),
            (4, &[256, 7, 7]),
        ],
    },
    Table {
        name: "conv-tasnet",
        sharing: Sharing::Shared,
        batch: 1,
        layers: &[(64, &[512, 3199])],
    },
    Table {
        name: "srresnet",
        sharing: Sharing::Shared,
        batch: 64,
        layers: &[(6, &[64, 22, 22]), (1, &[64, 44, 44]), (1, &[64, 88, 88])],
    },
    Table {
        name: "vnet",
        sharing: Sharing::PerChannel,
        batch: 1,
        layers: &[
            (2, &[16, 128, 128, 64]),
            (2, &[32, 128, 128, 64]),
            (1, &[2, 128, 128, 64]),
            (4, &[32, 64, 64, 32]),
            (2, &[64, 64, 64, 32]),
            (5, &[64, 32, 32, 16]),
            (3, &[128, 32, 32, 16]),
            (6, &[128, 16, 16, 8]),
            (3, &[256, 16, 16, 8]),
            (4, &[256, 8, 8, 4]),
        ],
    },
    Table {
        name: "mtcnn-onet",
        sharing: Sharing::PerChannel,
        batch: 256,
        layers: &[
            (1, &[32, 46, 46]),
            (1, &[64, 21, 21]),
            (1, &[64, 8, 8]),
            (1, &[128, 3, 3]),
            (1, &[256]),
        ],
    },
];

/// The names of the built-in networks.
pub(crate) fn names() -> [&'static str; TABLES.len()] {
    TABLES.map(|table| table.name)
}

/// The built-in network of this name.
pub(super) fn find(name: &str) -> Option<Network> {
    let table = TABLES.into_iter().find(|table| table.name == name)?;
    let layers = table
        .layers
        .iter()
        .map(|&(repeat, shape)| Layers { repeat, shape: shape.to_vec() })
        .collect();
    Some(Network { name: name.to_owned(), sharing: table.sharing, batch: table.batch, layers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mebibytes(name: &str, batch: usize, bits: usize) -> f64 {
        let network = find(name).expect("built in");
        let elements: usize =
            network.shapes(batch).iter().map(|shape| shape.iter().product::<usize>()).sum();
        (elements * bits) as f64 / 8.0 / 1024.0 / 1024.0
    }

    /// Figures published beside the layer tables, rounded to a tenth of a MiB.
    #[test]
    fn saved_memory_is_what_the_design_lists() {
        for (name, batch, full, int8, bits) in [
            ("iresnet50", 128, 1813.0, 453.2, 56.7),
            ("iresnet100", 128, 2646.0, 661.5, 82.7),
            ("mobilefacenet", 128, 1543.5, 385.9, 48.2),
            ("conv-tasnet", 3, 1199.6, 299.9, 37.5),
            ("vnet", 2, 1154.0, 288.5, 36.1),
            ("srresnet", 64, 196.6, 49.2, 6.1),
        ] {
            for (width, expected) in [(32, full), (8, int8), (1, bits)] {
                let found = mebibytes(name, batch, width);
                assert!(
                    (found - expected).abs() <= 0.0501,
                    "{name} {width}: {found} not {expected}"
                );
            }
        }
    }

    #[test]
    fn the_largest_iresnet50_layer_is_392_mib() {
        let network = find("iresnet50").expect("built in");
        let largest = network.shapes(128).iter().map(|s| s.iter().product::<usize>()).max();
        assert_eq!(largest, Some(392 * 1024 * 1024 / 4));
    }

    #[test]
    fn mtcnn_ends_in_a_layer_without_space() {
        let network = find("mtcnn-onet").expect("built in");
        assert_eq!(network.shapes(7).last(), Some(&vec![7, 256]));
        assert_eq!(network.shapes(7).len(), 5);
    }

    #[test]
    fn names_are_found_and_distinct() {
        let mut seen = std::collections::HashSet::new();
        for name in names() {
            assert!(seen.insert(name) && find(name).is_some_and(|network| network.name == name));
        }
        assert_eq!(find("iresnet"), None);
    }
}
