//! The memory plan against real nets: the planned peak is the counted peak, to the byte.

use prelu_mem_core::{Cpu, Filler, Sharing};
use prelu_mem_net::layers::{Method, PRelu};
use prelu_mem_net::nets::{Activation, digits};
use prelu_mem_net::plan::{MemoryPlan, Parts, Step, plan};
use prelu_mem_net::train::{Settings, Training};
use prelu_mem_net::{Chain, Gradients, Init, Multipliers, Net, NetError, Sgd};

const MODES: [Gradients; 2] = [Gradients::Resident, Gradients::Transient];

/// Learning rate 0: the slopes stay those that were planned for.
const STAY: Sgd = Sgd { rate: 0.0, momentum: 0.9, decay: 0.0 };

/// Plans and runs the digits net; two steps, so that what the first one leaves is seen.
fn compare(
    batch: usize,
    activation: &Activation,
    gradients: Gradients,
) -> Result<MemoryPlan, NetError> {
    let cpu = Cpu::new(1)?;
    let chain: Chain<f32> = digits(batch, 7, activation)?;
    let planned = plan(&chain, &cpu, gradients)?;
    assert_eq!(cpu.memory().peak_bytes(), 0, "planning allocates nothing");
    let mut net = Net::new(&cpu, chain, gradients)?;
    let images: Vec<f32> = Filler::Uniform { low: -1.0, high: 1.0 }.fill(&[batch, 64], 3)?;
    let labels: Vec<u32> = (0..batch as u32).map(|image| image % 10).collect();
    for step in 0..2 {
        let case = format!("{activation:?}, {gradients:?}, batch {batch}, step {step}");
        assert_eq!(cpu.memory().live_bytes(), planned.resident().total(), "{case}");
        cpu.memory().reset_peak();
        net.train_step(&images, &labels, &STAY)?;
        assert_eq!(cpu.memory().peak_bytes(), planned.peak_bytes(), "{case}");
    }
    drop(net);
    assert_eq!(cpu.memory().live_bytes(), 0, "everything is freed");
    Ok(planned)
}

fn prelu(method: Method, slopes: Filler) -> Activation {
    Activation::PRelu(PRelu { slopes: Init::Fill(slopes), ..PRelu::new(method) })
}

/// Positive, negative, zero and mixed slopes: every class of channel occurs.
const SLOPES: [Filler; 4] = [
    Filler::Constant(0.25),
    Filler::Constant(-0.3),
    Filler::Constant(0.0),
    Filler::Uniform { low: -1.0, high: 1.0 },
];

#[test]
fn every_method_mode_and_kind_of_slope() -> Result<(), NetError> {
    for method in Method::all() {
        for gradients in MODES {
            for slopes in SLOPES {
                for batch in [1, 5, 32] {
                    compare(batch, &prelu(method, slopes), gradients)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn shared_and_frozen_slopes() -> Result<(), NetError> {
    for method in Method::all() {
        for gradients in MODES {
            for slope in [0.25, -0.3] {
                let slopes = Init::Values(vec![slope]);
                let frozen = Multipliers { lr_mult: 0.0, decay_mult: 0.0 };
                let shared = PRelu { slopes, sharing: Sharing::Shared, ..PRelu::new(method) };
                compare(4, &Activation::PRelu(shared.clone()), gradients)?;
                let shared = PRelu { multipliers: frozen, ..shared };
                compare(4, &Activation::PRelu(shared), gradients)?;
            }
        }
    }
    Ok(())
}

#[test]
fn frozen_slopes_of_both_signs() -> Result<(), NetError> {
    for method in Method::all() {
        for gradients in MODES {
            let multipliers = Multipliers { lr_mult: 0.0, decay_mult: 0.0 };
            let slopes = Init::Fill(Filler::Uniform { low: -1.0, high: 1.0 });
            let each = PRelu { slopes, multipliers, ..PRelu::new(method) };
            compare(4, &Activation::PRelu(each), gradients)?;
        }
    }
    Ok(())
}

#[test]
fn relu_and_the_composition() -> Result<(), NetError> {
    for gradients in MODES {
        for in_place in [true, false] {
            compare(4, &Activation::ReLu { slope: 0.1, in_place }, gradients)?;
        }
        compare(4, &Activation::Composition(PRelu::new(Method::OutOfPlace)), gradients)?;
    }
    Ok(())
}

#[test]
fn the_parts_say_what_each_strategy_costs() -> Result<(), NetError> {
    // At the end of forward everything that waits for backward is there.
    let parts = |method: &str, gradients| -> Result<Parts, NetError> {
        let method = Method::all().find(|each| each.to_string() == method).expect("a method");
        let planned = compare(32, &prelu(method, Filler::Constant(0.25)), gradients)?;
        let end = Step::Forward("loss".to_owned());
        Ok(planned.steps().iter().find(|(step, _)| *step == end).expect("a loss").1)
    };
    let full = parts("full-copy", Gradients::Resident)?;
    let stash = parts("diff-stash:copy", Gradients::Resident)?;
    let bits = parts("bitmask", Gradients::Resident)?;
    let derived = parts("output-sign", Gradients::Resident)?;
    let elements = 32 * (16 * 64 + 32 * 64 + 64 * 16 + 64);
    assert_eq!((full.saved_words, full.shared_buffer), (4 * elements, 0));
    assert_eq!((stash.saved_words, stash.shared_buffer), (0, 4 * 32 * 32 * 64));
    assert_eq!((bits.saved_words, bits.shared_buffer), (elements / 8, 0));
    assert_eq!((derived.saved_words, derived.kept_channels), (0, 0));
    // A pooling does not keep its input: two activations are there for the mask alone.
    let alone = 4 * 32 * (32 * 64 + 64 * 16);
    assert_eq!((full.outputs_for_masks, bits.outputs_for_masks), (0, alone));
    // Resident gradients lend their memory, transient ones have to be there early.
    let transient = parts("diff-stash:copy", Gradients::Transient)?;
    assert_eq!(stash.gradients, full.gradients);
    let full = parts("full-copy", Gradients::Transient)?;
    assert_eq!(transient.gradients - full.gradients, 4 * elements);
    Ok(())
}

/// Slopes that training changes change the need; the next step's plan follows them.
#[test]
fn a_training_run_plans_for_the_slopes_it_has_learned() -> Result<(), NetError> {
    for method in Method::all() {
        for gradients in MODES {
            let cpu = Cpu::new(1)?;
            let activation = prelu(method, Filler::Uniform { low: -0.01, high: 0.02 });
            let settings = Settings { gradients, batch: 250, ..Settings::new(activation) };
            let mut training = Training::<f32>::new(&cpu, settings)?;
            for _ in 0..2 {
                let planned = training.plan()?.peak_bytes();
                let mut counted = None;
                cpu.memory().reset_peak();
                training.epoch(|_| {
                    counted.get_or_insert_with(|| cpu.memory().peak_bytes());
                })?;
                assert_eq!(counted, Some(planned), "{method} {gradients:?}");
            }
        }
    }
    Ok(())
}
