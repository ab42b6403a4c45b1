//! What a chain and a net refuse, by name, and that a net goes on afterwards.

use prelu_mem_core::{Cpu, Error, Filler};
use prelu_mem_net::layers::{
    Convolution, EltwiseSum, HandOver, InnerProduct, MaxPooling, Method, PRelu, ReLu,
    SoftmaxWithLoss, Split,
};
use prelu_mem_net::nets::{Activation, digits};
use prelu_mem_net::plan::plan;
use prelu_mem_net::{Chain, Describe, Gradients, Init, Net, NetError, Sgd};

const SGD: Sgd = Sgd { rate: 0.01, momentum: 0.9, decay: 0.0 };

fn filler() -> Init {
    Init::Fill(Filler::Gaussian { mean: 0.0, std: 0.1 })
}

fn chain() -> Chain<f32> {
    Chain::new(&[2, 4, 6, 6], 1)
}

/// The message of a layer that is refused on a `[2, 4, 6, 6]` input.
fn refused(layer: impl Describe<f32> + 'static) -> String {
    let mut chain = chain();
    let input = chain.input();
    chain.add("layer", layer, &[input]).expect_err("refused").to_string()
}

#[test]
fn layers_name_what_they_cannot_do() {
    let conv = |kernel| Convolution::same(6, kernel, filler());
    let wrong_slopes =
        PRelu { slopes: Init::Values(vec![0.1; 3]), ..PRelu::new(Method::OutOfPlace) };
    for (message, expected) in [
        (refused(Convolution { pad: 0, ..conv(7) }), "kernel 7 with stride 1 and padding 0"),
        (refused(Convolution { stride: 0, ..conv(3) }), "stride 0"),
        (refused(Convolution { groups: 3, ..conv(3) }), "3 groups do not divide 4 channels"),
        (refused(Convolution { groups: 0, ..conv(3) }), "0 groups"),
        (refused(MaxPooling { kernel: 0, stride: 1 }), "window 0"),
        (refused(ReLu { slope: -0.1 }), "slope -0.1"),
        (refused(ReLu { slope: f64::NAN }), "slope NaN"),
        (refused(SoftmaxWithLoss), "expected scores of 2 axes"),
        (refused(Split { tops: 0 }), "0 readers"),
        (refused(wrong_slopes), "layer.slopes: expected 4 elements, got 3"),
    ] {
        assert!(message.contains("layer") && message.contains(expected), "{message}");
    }
}

#[test]
fn chains_name_what_does_not_fit_together() -> Result<(), NetError> {
    let check = |chain: &Chain<f32>, expected: &str| {
        let error = plan(chain, &Cpu::new(1)?, Gradients::Resident).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
        Ok::<(), NetError>(())
    };
    let scores = || InnerProduct::new(3, filler());

    let mut twice = chain();
    let input = twice.input();
    twice.then("one", ReLu::default(), input)?;
    let error = twice.then("two", ReLu::default(), input).expect_err("read already");
    assert_eq!(error, NetError::ReadTwice { layer: "two".to_owned() });
    let error = twice.then("one", ReLu::default(), input).expect_err("the name");
    assert_eq!(error, NetError::NameTaken { layer: "one".to_owned() });
    check(&twice, "needs one loss layer; this one has 0")?;

    let mut unread = chain();
    let tops = unread.add("split", Split { tops: 2 }, &[input])?;
    let blob = unread.then("scores", scores(), tops[0])?;
    unread.add("loss", SoftmaxWithLoss, &[blob])?;
    check(&unread, "no layer reads what layer 'split' writes")?;
    let error = unread.in_place("act", ReLu::default(), tops[1]).expect_err("shared data");
    assert!(error.to_string().contains("shared through a split"), "{error}");

    let mut overwritten = chain();
    let blob = overwritten.then("relu", ReLu::default(), input)?;
    overwritten.in_place("act", ReLu::default(), blob)?;
    let error = overwritten.in_place("more", ReLu::default(), blob).expect_err("twice");
    assert!(error.to_string().contains("another layer works in place"), "{error}");
    let error = overwritten.in_place("conv", scores(), blob).expect_err("a product");
    assert!(error.to_string().contains("'conv' cannot work in place"), "{error}");
    let blob = overwritten.then("scores", scores(), blob)?;
    overwritten.add("loss", SoftmaxWithLoss, &[blob])?;
    check(&overwritten, "layer 'relu' reads the same data in its backward pass")?;

    let mut first = chain();
    first.in_place("act", PRelu::new(Method::Stash(HandOver::Copy)), input)?;
    let blob = first.then("scores", scores(), input)?;
    first.add("loss", SoftmaxWithLoss, &[blob])?;
    check(&first, "'act': works on the input, which has no gradient")?;
    first.want_input_gradient();
    Net::new(&Cpu::new(1)?, first, Gradients::Resident)?;

    let mut empty: Chain<f32> = Chain::new(&[0, 4, 6, 6], 1);
    let blob = empty.then("scores", scores(), input)?;
    empty.add("loss", SoftmaxWithLoss, &[blob])?;
    check(&empty, "axis 0 of the input has size 0")
}

#[test]
fn nets_name_what_is_out_of_place() -> Result<(), NetError> {
    let activation = Activation::PRelu(PRelu::new(Method::Stash(HandOver::Direct)));
    let cpu = Cpu::new(1)?;
    let mut net: Net<f32> = Net::new(&cpu, digits(2, 1, &activation)?, Gradients::Resident)?;
    let images = [0.5; 128];
    let refused = |result: Result<f64, NetError>| result.expect_err("refused").to_string();
    assert!(refused(net.forward(&images[1..], &[0, 1])).contains("input: expected 128"));
    assert!(refused(net.forward(&images, &[0])).contains("labels: expected 2 elements, got 1"));
    assert!(refused(net.forward(&images, &[0, 10])).contains("label 10 is no class: 0 to 9"));
    let order = net.backward().expect_err("the forward pass failed").to_string();
    assert_eq!(order, "backward comes after forward");
    let order = net.update(&SGD).expect_err("no gradients").to_string();
    assert_eq!(order, "an update comes after backward");
    let error = net.set_param("conv9.weights", &[], None).expect_err("no such parameter");
    assert!(error.to_string().contains("conv9.weights"), "{error}");

    // Nothing is lost: the stashes of the refused pass, and of one that no backward followed, are
    // given up and the net trains as a fresh one does.
    net.forward(&images, &[0, 1])?;
    let loss = net.train_step(&images, &[0, 1], &SGD)?;
    let mut fresh: Net<f32> = Net::new(&cpu, digits(2, 1, &activation)?, Gradients::Resident)?;
    assert_eq!(fresh.train_step(&images, &[0, 1], &SGD)?, loss);
    assert_eq!(net.infer(&images)?, fresh.infer(&images)?);
    Ok(())
}

/// A sum follows two PReLUs at once: one shared buffer does not do, and says so.
#[test]
fn two_stashes_at_once_are_refused_and_owned_strategies_are_not() -> Result<(), NetError> {
    for method in Method::all().filter(|method| method.is_in_place()) {
        let mut chain = chain();
        let input = chain.input();
        let two = chain.add("split", Split { tops: 2 }, &[input])?;
        let left = chain.then("left", Convolution::same(4, 3, filler()), two[0])?;
        let right = chain.then("right", Convolution::same(4, 3, filler()), two[1])?;
        chain.in_place("left act", PRelu::new(method), left)?;
        chain.in_place("right act", PRelu::new(method), right)?;
        let blob = chain.add("sum", EltwiseSum, &[left, right])?[0];
        let blob = chain.then("scores", InnerProduct::new(3, filler()), blob)?;
        chain.add("loss", SoftmaxWithLoss, &[blob])?;
        let mut net = Net::new(&Cpu::new(1)?, chain, Gradients::Resident)?;
        let images = [0.25; 288];
        for _ in 0..2 {
            net.forward(&images, &[0, 2])?;
            let done = net.backward();
            match method {
                Method::Stash(_) => assert_eq!(done, Err(Error::SharedBufferBusy.into())),
                _ => done?,
            }
        }
    }
    Ok(())
}
