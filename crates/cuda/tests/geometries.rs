//! Shapes around the ends of what a thread, a block and a row of blocks cover, with every mix of
//! classes, held against the oracle as the contract suite does.

mod driver;

use driver::cuda_or_skip;
use half::f16;
use prelu_mem_core::contract::case::{Case, Values, every_slope};
use prelu_mem_core::contract::run_case;
use prelu_mem_core::{Element, Sharing, Strategy};
use prelu_mem_cuda::Cuda;
use prelu_mem_registry::{StrategyName, Visitor, with};

/// Sizes and channel axis. A thread has 8 columns, a block 2,048.
const SHAPES: [(&[usize], usize); 41] = [
    // One run, cut anywhere.
    (&[1, 1, 2_047], 1),
    (&[1, 1, 2_048], 1),
    (&[1, 1, 2_049], 1),
    (&[1, 1, 16_385], 1),
    (&[3, 1, 5_461], 1),
    // A run as long as a block, and its neighbours.
    (&[1, 3, 2_047], 1),
    (&[2, 3, 2_048], 1),
    (&[1, 3, 2_049], 1),
    (&[2, 3, 8_191], 1),
    (&[3, 2, 4_097], 1),
    // Rows as long as a block.
    (&[5, 2, 1_024], 1),
    (&[5, 2, 1_023], 1),
    (&[3, 256, 8], 1),
    (&[4, 255, 8], 1),
    (&[3, 257, 8], 1),
    // Runs that no group of eight fits.
    (&[16, 257, 9], 1),
    (&[2, 2_500, 3], 1),
    (&[65, 31, 1], 1),
    (&[33, 100, 7], 1),
    (&[9, 129, 15], 1),
    (&[9, 129, 17], 1),
    // Channels last: fewer, as many and more than a block's columns.
    (&[4_099, 1], 1),
    (&[4_099, 2], 1),
    (&[4_099, 3], 1),
    (&[1_000, 8], 1),
    (&[1_001, 24], 1),
    (&[67, 1_030], 1),
    (&[70, 2_047], 1),
    (&[200, 2_048], 1),
    (&[70, 2_049], 1),
    (&[66, 4_096], 1),
    (&[67, 4_104], 1),
    (&[9, 5_000], 1),
    (&[1, 70_001], 1),
    // More partial sums of a column than a thread has in flight.
    (&[1_096, 256], 1),
    // Channels first.
    (&[5_000, 3], 0),
    (&[3, 5_000], 0),
    (&[2_048, 1], 0),
    (&[2_049], 0),
    // Many short rows.
    (&[20_000, 1, 3], 1),
    (&[3_000, 2, 5], 1),
];

/// Slopes of one class, or of all: for every strategy each of its classes is alone in one mix, and
/// rare or common in others.
fn mixes<T: Element>(channels: usize) -> Vec<Vec<T>> {
    let [derived, encoded, kept] = [0.3, -0.7, 0.0].map(T::from_f64);
    let of = |slope: &dyn Fn(usize) -> T| (0..channels).map(slope).collect::<Vec<T>>();
    let every = every_slope::<T>();
    vec![
        of(&|_| derived),
        of(&|_| encoded),
        of(&|_| kept),
        of(&|channel| every[(7 * channel + channel / 5) % every.len()]),
        of(&|channel| if channel % 9 == 4 { kept } else { derived }),
        of(&|channel| if channel % 17 == 16 { encoded } else { kept }),
        of(&|channel| if channel * 2 < channels { kept } else { encoded }),
    ]
}

struct Shapes<'a>(&'a Cuda);

impl<T: Element> Visitor<Cuda, T> for Shapes<'_> {
    type Output = Vec<String>;

    fn visit<S: Strategy<Cuda, T>>(self, _: S) -> Vec<String> {
        let mut failures = Vec::new();
        for (index, (shape, axis)) in SHAPES.into_iter().enumerate() {
            // The mix of all, and some of the others.
            let some = |mix: usize| mix == 3 || (mix + index).is_multiple_of(3);
            for (mix, slopes) in mixes::<T>(shape[axis]).into_iter().enumerate() {
                if !some(mix) {
                    continue;
                }
                let case = Case {
                    layout: "ends of blocks",
                    shape: shape.to_vec(),
                    axis,
                    sharing: Sharing::PerChannel,
                    slopes,
                    frozen: (index + mix).is_multiple_of(5),
                    values: if mix % 2 == 0 { Values::Ordinary } else { Values::Edges },
                };
                if let Err(failure) = run_case::<S, Cuda, T>(self.0, &case) {
                    failures.push(format!("mix {mix}: {failure}"));
                }
            }
        }
        failures
    }
}

fn check<T: Element>(test: &str) {
    let Some(cuda) = cuda_or_skip(test) else {
        return;
    };
    for &strategy in StrategyName::ALL {
        let failures = with::<Cuda, T, _>(strategy, Shapes(&cuda));
        let first = failures.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(failures.is_empty(), "{strategy}: {} failed:\n{first}", failures.len());
    }
}

#[test]
fn ends_of_blocks_in_f16() {
    check::<f16>("ends_of_blocks_in_f16");
}

#[test]
fn ends_of_blocks_in_f32() {
    check::<f32>("ends_of_blocks_in_f32");
}

#[test]
fn ends_of_blocks_in_f64() {
    check::<f64>("ends_of_blocks_in_f64");
}

struct Large<'a>(&'a Cuda, &'a [usize]);

impl<T: Element> Visitor<Cuda, T> for Large<'_> {
    type Output = Result<(), String>;

    fn visit<S: Strategy<Cuda, T>>(self, _: S) -> Result<(), String> {
        let case = Case {
            layout: "large",
            shape: self.1.to_vec(),
            axis: 1,
            sharing: Sharing::PerChannel,
            slopes: [0.3, -0.7].map(T::from_f64).into_iter().cycle().take(self.1[1]).collect(),
            frozen: false,
            values: Values::Ordinary,
        };
        run_case::<S, Cuda, T>(self.0, &case).map(drop).map_err(|failure| failure.to_string())
    }
}

/// So many elements that a block has several rows of long runs, and that a launch adds up the sums of many.
#[test]
fn blocks_of_several_rows() {
    if let Some(cuda) = cuda_or_skip("blocks_of_several_rows") {
        let large = |shape| Large(&cuda, shape);
        let long = with::<Cuda, f16, _>(StrategyName::Bitmask, large(&[5, 2, 2_000_005]));
        assert_eq!(long, Ok(()));
        let long = with::<Cuda, f64, _>(StrategyName::OutputSign, large(&[5, 2, 500_005]));
        assert_eq!(long, Ok(()));
    }
}

/// So many rows that forward's blocks have two of them in flight, and that a launch adds up the chunks of a column.
#[test]
fn rows_in_flight_together() {
    if let Some(cuda) = cuda_or_skip("rows_in_flight_together") {
        for strategy in [StrategyName::Bitmask, StrategyName::FullCopy, StrategyName::Int8Mask] {
            let large = || Large(&cuda, &[600, 2_048]);
            assert_eq!(with::<Cuda, f16, _>(strategy, large()), Ok(()), "{strategy}");
            assert_eq!(with::<Cuda, f32, _>(strategy, large()), Ok(()), "{strategy}");
            assert_eq!(with::<Cuda, f64, _>(strategy, large()), Ok(()), "{strategy}");
        }
    }
}

#[test]
fn on_the_shim() {
    driver::on_the_shim(&[]);
}
