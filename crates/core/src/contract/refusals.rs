//! Refused calls: each names its reason, changes nothing, and can be corrected.

use super::host::Host;
use super::suite::{Reason, Trial, exact, same};
use crate::element::Element;
use crate::error::{Error, Refused};
use crate::geometry::Geometry;
use crate::loan::{GradSlot, SharedBuffer};
use crate::slopes::Slopes;
use crate::strategy::{PlanInfo, Strategy};

/// Calls everything wrongly, one argument at a time, and then rightly with the state that came back.
pub(super) fn check<S: Strategy<B, T>, B: Host, T: Element>(
    trial: &Trial<'_, S, B, T>,
) -> Result<(), Reason> {
    plan(trial)?;
    let (backend, strategy) = (trial.backend, S::default());
    let len = trial.case.elements();
    let mut slot = GradSlot::new(backend.alloc(len)?);
    let mut x = forward_of_another_length(trial, &mut slot)?;
    let saved = strategy.forward(backend, &trial.plan, B::view_mut(&mut x, len), &mut slot)?;

    let shared = SharedBuffer::new(backend.alloc(len)?);
    let ready = match strategy.vacate(backend, saved, &mut slot, None) {
        Ok(ready) => ready,
        Err(Refused { error, state }) => {
            refused("vacate without a shared buffer", &error, &Error::NoSharedBuffer)?;
            strategy.vacate(backend, state, &mut slot, Some(&shared))?
        }
    };
    backward(trial, &x, ready)
}

fn plan<S: Strategy<B, T>, B: Host, T: Element>(trial: &Trial<'_, S, B, T>) -> Result<(), Reason> {
    let geometry: &Geometry = trial.plan.geometry();
    let expected = trial.case.slopes.len();
    let too_many = Slopes::learned(vec![T::default(); expected + 1]);
    match S::default().plan(geometry, &too_many) {
        Ok(_) => Err(Reason("a plan with one slope too many was accepted".to_owned())),
        Err(error) => {
            let wanted = Error::SlopeCount { expected, got: expected + 1 };
            refused("one slope too many", &error, &wanted)
        }
    }
}

/// Returns the case's `x`, untouched by a forward pass over one element more.
fn forward_of_another_length<S: Strategy<B, T>, B: Host, T: Element>(
    trial: &Trial<'_, S, B, T>,
    slot: &mut GradSlot<B, T>,
) -> Result<B::Buffer<T>, Reason> {
    let (backend, len) = (trial.backend, trial.case.elements());
    let longer: Vec<T> = trial.tensors.x.iter().copied().chain([T::from_f64(-1.0)]).collect();
    let mut x = trial.filled(&longer)?;
    let live = backend.live_bytes();
    match S::default().forward(backend, &trial.plan, B::view_mut(&mut x, len + 1), slot) {
        Ok(_) => return Err(Reason("an input of another length was accepted".to_owned())),
        Err(error) => {
            let wanted = Error::Length { what: "input", expected: len, got: len + 1 };
            refused("an input of another length", &error, &wanted)?;
        }
    }
    same("input after a refused forward", &exact(&trial.read(&x)?), &exact(&longer))?;
    slot.get_mut()?;
    if backend.live_bytes() != live {
        return Err(Reason("a refused forward kept memory".to_owned()));
    }
    Ok(x)
}

fn backward<S: Strategy<B, T>, B: Host, T: Element>(
    trial: &Trial<'_, S, B, T>,
    y: &B::Buffer<T>,
    mut ready: S::Ready,
) -> Result<(), Reason> {
    let backend = trial.backend;
    let (len, slopes) = (trial.case.elements(), trial.case.slopes.len());
    let longer: Vec<T> = trial.tensors.g.iter().copied().chain([T::from_f64(1.0)]).collect();
    let mut grad = trial.filled(&longer)?;
    let held = vec![0.0; slopes + 1];
    let mut sums = trial.filled(&held)?;
    let changed = trial.slopes.clone();
    let length = |what, expected: usize| Error::Length { what, expected, got: expected + 1 };

    let right = Call { slopes: &trial.slopes, output: Some(len), grad: len, sums: Some(slopes) };
    let mut wrong = vec![
        ("other slopes", Call { slopes: &changed, ..right }, Error::SlopesChanged),
        ("a longer output", Call { output: Some(len + 1), ..right }, length("output", len)),
        ("a longer gradient", Call { grad: len + 1, ..right }, length("upstream gradient", len)),
        (
            "a longer slope gradient",
            Call { sums: Some(slopes + 1), ..right },
            length("slope gradient", slopes),
        ),
    ];
    if trial.footprint.needs_output {
        let error = Error::OutputRequired { strategy: S::NAME };
        wrong.push(("no output", Call { output: None, ..right }, error));
    }
    if !trial.case.frozen {
        let call = Call { sums: None, ..right };
        wrong.push(("no slope gradient", call, Error::SlopeGradientRequired));
    }
    for (what, call, wanted) in wrong {
        let output = call.output.map(|len| B::view(y, len));
        let grad_view = B::view_mut(&mut grad, call.grad);
        let sums_view = call.sums.map(|len| B::view_mut(&mut sums, len));
        let done = S::default().backward(backend, call.slopes, ready, output, grad_view, sums_view);
        match done {
            Ok(()) => return Err(Reason(format!("backward with {what} was accepted"))),
            Err(Refused { error, state }) => {
                refused(what, &error, &wanted)?;
                ready = state;
            }
        }
        same("gradient after a refused backward", &exact(&trial.read(&grad)?), &exact(&longer))?;
        same("slope gradient after a refused backward", &trial.read(&sums)?, &held)?;
    }

    let grad_view = B::view_mut(&mut grad, len);
    // Frozen slopes owe no gradient, so that none has to be passed.
    let sums_view = (!trial.case.frozen).then(|| B::view_mut(&mut sums, slopes));
    let output = Some(B::view(y, len));
    S::default().backward(backend, &trial.slopes, ready, output, grad_view, sums_view)?;
    let got = exact(&trial.read(&grad)?);
    same("input gradient after refusals", &got[..len], &trial.expected.input_gradient)?;
    trial.judge(&trial.read(&sums)?[..slopes]).map(|_| ())
}

/// The arguments of one backward call; lengths in elements.
#[derive(Clone, Copy)]
struct Call<'a, T> {
    slopes: &'a Slopes<T>,
    output: Option<usize>,
    grad: usize,
    sums: Option<usize>,
}

fn refused(what: &str, got: &Error, expected: &Error) -> Result<(), Reason> {
    if got == expected {
        return Ok(());
    }
    Err(Reason(format!("{what}: expected the error '{expected}', got '{got}'")))
}
