//! Live bytes after a forward pass, counted by the allocator, over what the network holds without PReLU.
//! What a layer keeps from pass to pass (parameters, the plan of its channels) is there before, and not counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};
use prelu_mem_burn::{Error, PReluConfig, Strategy, cpu};

static LIVE: AtomicUsize = AtomicUsize::new(0);
/// Bytes asked for since the process began.
static ASKED: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is the system allocator's; the counts change nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        ASKED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// What lies between the two layers that keep their inputs.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Stock { slope: f64 },
    Ours { strategy: Strategy, slope: f64 },
}

impl Between {
    fn layer<const D: usize>(self, channels: usize, device: &Device) -> Layer<D> {
        match self {
            Between::Nothing => Box::new(|x| x),
            Between::Stock { slope } => {
                let config = burn::nn::PReluConfig::new().with_num_parameters(channels);
                let layer = config.with_alpha(slope).init(device);
                Box::new(move |x| layer.forward(x))
            }
            Between::Ours { strategy, slope } => {
                let config = PReluConfig::new().with_num_parameters(channels).with_alpha(slope);
                let layer = config.with_strategy(strategy).init(device);
                Box::new(move |x| layer.forward(x))
            }
        }
    }
}

type Layer<const D: usize> = Box<dyn Fn(Tensor<D>) -> Tensor<D>>;

/// Elements of every tensor between: no saved state is large enough to lie outside of the heap.
const ELEMENTS: usize = 15 * 16 * 64 * 64;

fn conv(between: Between) -> usize {
    let device = Device::flex().autodiff();
    let config = |from, to| {
        Conv2dConfig::new([from, to], [3, 3])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init(&device)
    };
    let (first, second): (Conv2d, Conv2d) = (config(2, 16), config(16, 2));
    let layer = between.layer::<4>(16, &device);
    let x = Tensor::<4>::ones([15, 2, 64, 64], &device);
    live(|| second.forward(layer(first.forward(x.clone()))), &(&first, &second))
}

fn linear(between: Between) -> usize {
    let device = Device::flex().autodiff();
    let (first, second): (Linear, Linear) =
        (LinearConfig::new(4, 1024).init(&device), LinearConfig::new(1024, 4).init(&device));
    let layer = between.layer::<2>(1024, &device);
    let x = Tensor::<2>::ones([ELEMENTS / 1024, 4], &device);
    live(|| second.forward(layer(first.forward(x.clone()))), &(&first, &second))
}

/// Bytes that a forward pass leaves behind for its backward pass, the result included.
fn live<const D: usize>(forward: impl Fn() -> Tensor<D>, _parameters: &impl Sized) -> usize {
    // Makes parameters, threads and what else is made once; the second is its end.
    for _ in 0..2 {
        drop(forward().sum().backward());
    }
    // A kept buffer would be used again, and not counted.
    cpu().expect("threads").memory().release();
    let before = LIVE.load(Ordering::Relaxed);
    let result = forward();
    let after = LIVE.load(Ordering::Relaxed);
    drop(result.sum().backward());
    after - before
}

/// What `run` returns, and the bytes that it asked the heap for, per element of what lies between.
fn asked<R>(run: impl FnOnce() -> R) -> (R, f64) {
    let before = ASKED.load(Ordering::Relaxed);
    let result = run();
    (result, (ASKED.load(Ordering::Relaxed) - before) as f64 / ELEMENTS as f64)
}

/// The input is a convolution's output in all but its values, and nobody else's; the only tensor that
/// a backward pass makes is its beginning, a gradient of ones.
fn a_layer_alone_makes_no_tensor() -> Result<(), Error> {
    let device = Device::flex().autodiff();
    for strategy in Strategy::ALL {
        let saved = match strategy {
            Strategy::FullCopy => 4.0,
            Strategy::Int8Mask => 1.0,
            Strategy::Bitmask => 0.125,
            Strategy::Adaptive | Strategy::OutputSign => 0.0,
        };
        let config = PReluConfig::new().with_num_parameters(16).with_strategy(strategy);
        let layer = config.init(&device);
        let input = || Tensor::<4>::ones([15, 16, 64, 64], &device);
        drop(layer.forward(input()).backward());
        cpu()?.memory().release();

        let x = input();
        let (y, forward) = asked(|| layer.forward(x));
        assert!(forward <= saved + 0.01, "{strategy}: forward asks for {forward} bytes");
        let (gradients, backward) = asked(|| y.backward());
        assert!(backward <= 4.01, "{strategy}: backward asks for {backward} bytes");
        assert!(layer.alpha.val().grad(&gradients).is_some());

        let x = input();
        let (_y, forward) = asked(|| layer.forward(x.clone()));
        assert!(forward >= 4.0, "{strategy}: {forward} bytes for an input with another owner");
    }
    Ok(())
}

// One test: another at the same time would be counted too.
#[test]
fn memory() -> Result<(), Error> {
    a_forward_pass_leaves_bits_behind_and_burns_own_five_bytes()?;
    a_layer_alone_makes_no_tensor()
}

fn a_forward_pass_leaves_bits_behind_and_burns_own_five_bytes() -> Result<(), Error> {
    for (name, network) in [("conv", conv as fn(Between) -> usize), ("linear", linear)] {
        let without = network(Between::Nothing) as f64;
        let per_element = |between| (network(between) as f64 - without) / ELEMENTS as f64;
        let stock = per_element(Between::Stock { slope: 0.25 });
        println!("{name} - PReLU - {name}, bytes per element over the output");
        println!("  Burn's own  {stock:.4}");
        assert!(
            stock > 4.9,
            "Burn's own PReLU leaves {stock} bytes per element: the documents say 5"
        );
        for (strategy, slope, most) in [
            (Strategy::Bitmask, 0.25, 0.15),
            (Strategy::Bitmask, -0.25, 0.15),
            (Strategy::Adaptive, 0.25, 0.01),
            (Strategy::Adaptive, -0.25, 0.15),
            (Strategy::OutputSign, 0.25, 0.01),
            (Strategy::Int8Mask, 0.25, 1.01),
            // The pre-activation; the output is not held, and lies where the next layer's input does.
            (Strategy::FullCopy, 0.25, 4.01),
            (Strategy::Adaptive, 0.0, 4.01),
        ] {
            let bytes = per_element(Between::Ours { strategy, slope });
            println!("  {strategy:11} {bytes:.4}  (slope {slope})");
            assert!(bytes <= most, "{name}: {strategy} with slope {slope} leaves {bytes} bytes");
        }
    }
    Ok(())
}
