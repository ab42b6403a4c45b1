//! Every layer's gradients against central differences, in f64.

use prelu_mem_core::{Cpu, Filler, Sharing};
use prelu_mem_net::layers::{
    Convolution, EltwiseSum, InnerProduct, MaxPooling, Method, PRelu, ReLu, Scale, SoftmaxWithLoss,
    Split,
};
use prelu_mem_net::nets::{Activation, composition, digits};
use prelu_mem_net::{BlobId, Chain, Gradients, Init, Net, NetError};

const BATCH: usize = 3;
const CLASSES: u32 = 4;

/// Half the width of a central difference. Its error is `WIDTH^2 / 6` times the third derivative
/// (about 1 here) and a rounding of the loss over the width: `2e-12 + 1e-16 / 3e-6`, some 4e-11.
const WIDTH: f64 = 3e-6;

/// A hundred times that error.
const TOLERANCE: f64 = 4e-9;

fn gaussian(std: f64) -> Init {
    Init::Fill(Filler::Gaussian { mean: 0.0, std })
}

fn labels() -> Vec<u32> {
    (0..BATCH as u32).map(|image| image % CLASSES).collect()
}

/// `input - middle - inner product - loss`, with the gradient of the input.
fn chain(
    shape: &[usize],
    middle: impl Fn(&mut Chain<f64>, BlobId) -> Result<BlobId, NetError>,
) -> Result<Chain<f64>, NetError> {
    let mut chain = Chain::new(shape, 11);
    chain.want_input_gradient();
    let input = chain.input();
    let blob = middle(&mut chain, input)?;
    let blob = chain.then("scores", InnerProduct::new(CLASSES as usize, gaussian(0.5)), blob)?;
    chain.add("loss", SoftmaxWithLoss, &[blob])?;
    Ok(chain)
}

/// Compares each gradient of the net, the input's and every parameter's, with its difference.
fn check(what: &str, chain: Chain<f64>) -> Result<(), NetError> {
    let input_shape = chain.shape(chain.input())?.to_vec();
    let images: Vec<f64> = Filler::Gaussian { mean: 0.0, std: 1.0 }.fill(&input_shape, 5)?;
    let mut net = Net::new(&Cpu::new(2)?, chain, Gradients::Resident)?;
    net.forward(&images, &labels())?;
    net.backward()?;

    let near = |name: &str, at: usize, got: f64, low: f64, high: f64| {
        let expected = (high - low) / (2.0 * WIDTH);
        assert!((got - expected).abs() < TOLERANCE, "{what}: {name}[{at}]: {got}, not {expected}");
    };
    let gradient = net.input_gradient().map(<[f64]>::to_vec);
    for (at, got) in gradient.into_iter().flatten().enumerate() {
        let mut loss = |by: f64| {
            let mut images = images.clone();
            images[at] += by;
            net.forward(&images, &labels())
        };
        near("input", at, got, loss(-WIDTH)?, loss(WIDTH)?);
    }
    let params: Vec<(String, Vec<f64>, Vec<f64>)> = net
        .params()
        .filter_map(|param| {
            Some((param.name().to_owned(), param.values().to_vec(), param.gradient()?.to_vec()))
        })
        .collect();
    assert!(!params.is_empty());
    for (name, values, gradient) in params {
        assert!(gradient.iter().any(|&value| value != 0.0), "{what}: {name} has no gradient");
        for (at, &got) in gradient.iter().enumerate() {
            let mut loss = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                net.set_param(&name, &values, None)?;
                net.forward(&images, &labels())
            };
            near(&name, at, got, loss(-WIDTH)?, loss(WIDTH)?);
        }
        net.set_param(&name, &values, None)?;
    }
    Ok(())
}

const IMAGE: [usize; 4] = [BATCH, 4, 5, 4];

#[test]
fn convolution() -> Result<(), NetError> {
    let plain = Convolution::same(6, 3, gaussian(0.4));
    for (what, layer) in [
        ("padded", plain.clone()),
        ("not padded", Convolution { pad: 0, ..plain.clone() }),
        ("stride 2", Convolution { stride: 2, ..plain.clone() }),
        ("groups", Convolution { groups: 2, ..plain.clone() }),
        ("1x1", Convolution::same(6, 1, gaussian(0.4))),
        ("1x1 in groups", Convolution { groups: 2, ..Convolution::same(6, 1, gaussian(0.4)) }),
        ("1x1, stride 2", Convolution { stride: 2, ..Convolution::same(6, 1, gaussian(0.4)) }),
        ("no bias", Convolution { bias: None, ..plain }),
    ] {
        check(what, chain(&IMAGE, |chain, blob| chain.then("conv", layer.clone(), blob))?)?;
    }
    Ok(())
}

#[test]
fn pooling_scale_and_sum() -> Result<(), NetError> {
    for (kernel, stride) in [(2, 2), (3, 1), (2, 1), (2, 3)] {
        let layer = MaxPooling { kernel, stride };
        check("pooling", chain(&IMAGE, |chain, blob| chain.then("pool", layer, blob))?)?;
    }
    check(
        "scale",
        chain(&IMAGE, |chain, blob| chain.then("scale", Scale { factor: -1.7 }, blob))?,
    )?;
    check(
        "split and sum",
        chain(&IMAGE, |chain, blob| {
            let tops = chain.add("split", Split { tops: 3 }, &[blob])?;
            let scaled = chain.then("scale", Scale { factor: 0.3 }, tops[1])?;
            Ok(chain.add("sum", EltwiseSum, &[tops[0], scaled, tops[2]])?[0])
        })?,
    )
}

/// A layer with weights before the activation, so that it has a gradient to hand on.
fn behind_a_convolution(activation: &Activation) -> Result<Chain<f64>, NetError> {
    chain(&IMAGE, |chain, blob| {
        let blob = chain.then("conv", Convolution::same(4, 3, gaussian(0.4)), blob)?;
        activation.add(chain, "act", blob)
    })
}

#[test]
fn relu() -> Result<(), NetError> {
    for in_place in [true, false] {
        for slope in [0.0, 0.1] {
            check("relu", behind_a_convolution(&Activation::ReLu { slope, in_place })?)?;
        }
    }
    // Straight on the input, whose gradient was asked for.
    let layer = ReLu { slope: 0.2 };
    check("first", chain(&IMAGE, |chain, blob| chain.then("act", layer, blob))?)
}

/// Positive, negative, zero and tiny slopes.
const SLOPES: [f64; 4] = [0.3, -0.7, 0.0, 1e-80];

#[test]
fn prelu_by_every_method() -> Result<(), NetError> {
    for method in Method::all() {
        let each = PRelu { slopes: Init::Values(SLOPES.to_vec()), ..PRelu::new(method) };
        check(&method.to_string(), behind_a_convolution(&Activation::PRelu(each.clone()))?)?;
        for slope in SLOPES {
            let shared = PRelu {
                slopes: Init::Values(vec![slope]),
                sharing: Sharing::Shared,
                ..each.clone()
            };
            check(&method.to_string(), behind_a_convolution(&Activation::PRelu(shared))?)?;
        }
    }
    Ok(())
}

#[test]
fn the_composition() -> Result<(), NetError> {
    let slopes = PRelu { slopes: Init::Values(SLOPES.to_vec()), ..PRelu::new(Method::OutOfPlace) };
    check(
        "composition",
        chain(&IMAGE, |chain, blob| {
            let blob = chain.then("conv", Convolution::same(4, 3, gaussian(0.4)), blob)?;
            composition(chain, "act", &slopes, blob)
        })?,
    )
}

/// End to end: the digits net by every method, both ways gradients may live, against out of place
/// in f64, whose gradients the tests above have checked.
#[test]
fn whole_nets_agree() -> Result<(), NetError> {
    let gradients = |method, mode| -> Result<Vec<(String, Vec<f64>)>, NetError> {
        let slopes = Init::Fill(Filler::Uniform { low: -0.5, high: 0.5 });
        let prelu = Activation::PRelu(PRelu { slopes, ..PRelu::new(method) });
        let mut net = Net::new(&Cpu::new(2)?, digits(6, 3, &prelu)?, mode)?;
        let images: Vec<f64> = Filler::Gaussian { mean: 0.0, std: 1.0 }.fill(&[6, 64], 5)?;
        net.forward(&images, &[0, 1, 2, 3, 4, 5])?;
        net.backward()?;
        let gradient = |param: &prelu_mem_net::Param<f64>| {
            param.gradient().map(|gradient| (param.name().to_owned(), gradient.to_vec()))
        };
        Ok(net.params().filter_map(gradient).collect())
    };
    let expected = gradients(Method::OutOfPlace, Gradients::Resident)?;
    for method in Method::all() {
        for mode in [Gradients::Resident, Gradients::Transient] {
            for ((name, got), (_, expected)) in gradients(method, mode)?.iter().zip(&expected) {
                for (got, expected) in got.iter().zip(expected) {
                    // Input gradients are the same bits; slope gradients from y miss by a few
                    // roundings per term, some 1e-16 of each.
                    let bound = if name.ends_with("slopes") { 1e-12 } else { 0.0 };
                    let off = (got - expected).abs();
                    assert!(off <= bound, "{method} {mode:?} {name}: {got} {expected}");
                }
            }
        }
    }
    Ok(())
}
