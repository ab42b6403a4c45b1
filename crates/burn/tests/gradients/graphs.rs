//! Graphs around the layer: whatever else sees its input, its output or its gradient.

use burn::backend::GradientCheckpointingStrategy;
use burn::module::Module;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::{Device, Tensor, s};
use prelu_mem_burn::Strategy;

use crate::setting::{Case, numbers};
use crate::{SLOPES, device};

type Layer<'a> = &'a dyn Fn(Tensor<3>) -> Tensor<3>;
type Graph = fn(Layer<'_>, Tensor<3>) -> Tensor<3>;

const GRAPHS: [(&str, Graph); 15] = [
    ("leaf", |prelu, x| prelu(x)),
    ("residual", |prelu, x| {
        let h = x.neg();
        prelu(h.clone()) + h
    }),
    ("input read later", |prelu, x| {
        let h = x.mul_scalar(1.5);
        let y = prelu(h.clone());
        y * h.exp()
    }),
    ("input that its producer keeps", |prelu, x| prelu(sigmoid(x).sub_scalar(0.5))),
    ("input that its producer keeps, as it is", |prelu, x| prelu(sigmoid(x).neg())),
    ("output read twice", |prelu, x| {
        let y = prelu(x.add_scalar(0.125));
        y.clone() * y.clone() + y
    }),
    ("layer upon layer", |prelu, x| prelu(prelu(prelu(x.mul_scalar(0.5))))),
    ("something in place behind it", |prelu, x| relu(prelu(x.mul_scalar(2.0)).neg())),
    ("gradient with two owners", |prelu, x| {
        let h = x.mul_scalar(2.0);
        prelu(h.clone()) + prelu(h.neg())
    }),
    ("transposed", |prelu, x| {
        let turned = prelu(x.swap_dims(0, 2).mul_scalar(2.0));
        turned.swap_dims(0, 2)
    }),
    ("a view of something larger", |prelu, x| {
        let rows = x.dims()[0];
        let h = x.mul_scalar(3.0);
        prelu(h.narrow(0, 1, rows - 1))
    }),
    ("rows of something larger", |prelu, x| prelu(x.mul_scalar(3.0).narrow(2, 1, 4))),
    ("every second of something larger", |prelu, x| {
        prelu(x.mul_scalar(3.0).slice(s![.., .., 0..6;2]))
    }),
    ("one element read many times", |prelu, x| {
        let [rows, channels, _] = x.dims();
        prelu(x.sum_dim(2).expand([rows, channels, 5]))
    }),
    ("flipped and repeated", |prelu, x| prelu(x.flip([0, 2]).repeat_dim(0, 2))),
];

#[test]
fn gradients_are_those_of_burns_layer() {
    let case = Case::random(vec![4, SLOPES.len(), 6], SLOPES.to_vec(), 7);
    let plain = device(GradientCheckpointingStrategy::Disabled);
    let balanced = device(GradientCheckpointingStrategy::Balanced);
    for (name, graph) in GRAPHS {
        let layer = case.stock(&plain);
        let expected = run(&case, graph, &|x| layer.forward(x), layer.alpha.val(), &plain);
        for device in [&plain, &balanced] {
            for strategy in Strategy::ALL {
                let layer = case.ours(strategy, device);
                let got = run(&case, graph, &|x| layer.forward(x), layer.alpha.val(), device);
                close(&got.0, &expected.0, &format!("{name}, {strategy}: y"));
                close(&got.1, &expected.1, &format!("{name}, {strategy}: dx"));
                close(&got.2, &expected.2, &format!("{name}, {strategy}: da"));
            }
        }
    }
}

/// Output, input gradient, slope gradient.
fn run(
    case: &Case,
    graph: Graph,
    layer: Layer<'_>,
    slopes: Tensor<1>,
    device: &Device,
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let x = case.tensor::<3>(&case.x, device).require_grad();
    let y = graph(layer, x.clone());
    // A gradient that differs from element to element.
    let loss = (y.clone() * y.clone().sin()).sum();
    let gradients = loss.backward();
    let dx = x.grad(&gradients).expect("the input is tracked");
    let da = slopes.grad(&gradients).expect("the slopes are tracked");
    assert_eq!(numbers(x), case.x, "the leaf is overwritten");
    (numbers(y), numbers(dx), numbers(da))
}

/// The slope gradients are sums, and those of an outer layer reach the inner ones: some roundings
/// of f32 relative to the largest value.
fn close(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
    for (index, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= 1e-5 * largest, "{what}: {g} for {e} at {index}");
    }
}

#[test]
fn frozen_slopes_and_untracked_inputs() {
    let case = Case::random(vec![2, SLOPES.len(), 5], SLOPES.to_vec(), 11);
    let device = Device::flex().autodiff();
    let layer = case.stock(&device);
    let x = case.tensor::<3>(&case.x, &device).require_grad();
    let gradients = layer.forward(x.clone()).backward();
    let dx = numbers(x.grad(&gradients).expect("tracked"));
    let da = numbers(layer.alpha.val().grad(&gradients).expect("tracked"));
    let y = numbers(layer.forward(x.clone()));
    for strategy in Strategy::ALL {
        let mut layer = case.ours(strategy, &device);

        let untracked = case.tensor::<3>(&case.x, &device);
        let gradients = layer.forward(untracked.clone()).backward();
        assert!(untracked.grad(&gradients).is_none());
        let only_slopes = layer.alpha.val().grad(&gradients).expect("tracked");
        close(&numbers(only_slopes), &da, &format!("{strategy}: da alone"));

        layer.alpha = layer.alpha.no_grad();
        let gradients = layer.forward(x.clone()).backward();
        assert_eq!(numbers(x.grad(&gradients).expect("tracked")), dx, "{strategy}: dx alone");
        assert!(layer.alpha.val().grad(&gradients).is_none());

        let inference = case.tensor::<3>(&case.x, &Device::flex());
        let plain = case.ours(strategy, &Device::flex());
        assert_eq!(numbers(plain.forward(inference.clone())), y, "{strategy}: without autodiff");
        assert_eq!(numbers(inference), case.x);
    }
}
