//! The stash: a state that waits in the layer's own gradient buffer and moves through one buffer
//! shared by the net. Every refusal leaves everything as it was and can be corrected.

use prelu_mem_core::contract::{Failure, cases, run_case};
use prelu_mem_core::{
    Backend, Cpu, Error, Footprint, Geometry, GradSlot, Identity, Lent, Plan, Recipe, Refused,
    SharedBuffer, Sharing, Slopes, Strategy,
};

#[derive(Clone, Copy, Default)]
struct Stash;

impl Recipe<f32> for Stash {
    const NAME: &'static str = "stash";
    type Codec = Identity;
    type Home = Lent;
}

const X: [f32; 6] = [-1.0, 2.0, -3.0, 4.0, -5.0, 6.0];
const Y: [f32; 6] = [-0.5, 2.0, -1.5, 4.0, 3.75, 6.0];
const G: [f32; 6] = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0];
const DX: [f32; 6] = [0.5, 1.0, 1.0, 2.0, -2.25, 3.0];

/// One layer of a net: two channels of three elements.
struct Net {
    cpu: Cpu,
    slopes: Slopes<f32>,
    x: [f32; 6],
}

type Saved = <Stash as Strategy<Cpu, f32>>::Saved;
type Ready = <Stash as Strategy<Cpu, f32>>::Ready;

impl Net {
    fn new() -> Result<Self, Error> {
        Ok(Net { cpu: Cpu::new(1)?, slopes: Slopes::learned(vec![0.5, -0.75]), x: X })
    }

    fn plan(&self) -> Result<std::sync::Arc<Plan<Identity, f32>>, Error> {
        let geometry = Geometry::from_shape(&[1, 2, 3], 1, Sharing::PerChannel)?;
        Strategy::<Cpu, f32>::plan(&Stash, &geometry, &self.slopes)
    }

    fn slot(&self, len: usize) -> Result<GradSlot<Cpu, f32>, Error> {
        Ok(GradSlot::new(self.cpu.alloc(len)?))
    }

    fn shared(&self, len: usize) -> Result<SharedBuffer<Cpu, f32>, Error> {
        Ok(SharedBuffer::new(self.cpu.alloc(len)?))
    }

    fn forward(&mut self, slot: &mut GradSlot<Cpu, f32>) -> Result<Saved, Error> {
        let plan = self.plan()?;
        Stash.forward(&self.cpu, &plan, &mut self.x, slot)
    }

    /// Backward from here gives the right gradients: what was stashed is intact.
    fn finish(&self, ready: Ready, slot: &mut GradSlot<Cpu, f32>) -> Result<(), Error> {
        assert_eq!(self.x, Y);
        let mut sums = [0.0; 2];
        let grad = slot.get_mut()?;
        grad[..6].copy_from_slice(&G);
        Stash.backward(&self.cpu, &self.slopes, ready, None, &mut grad[..6], Some(&mut sums))?;
        assert_eq!(grad[..6], DX);
        assert_eq!(sums, [-7.0, -15.0]);
        Ok(())
    }
}

fn refused<S, R>(result: Result<R, Refused<S>>, expected: &Error) -> S {
    let Err(Refused { error, state }) = result else { panic!("expected '{expected}'") };
    assert_eq!(error, *expected);
    state
}

#[test]
fn a_stash_meets_the_contract() -> Result<(), Failure> {
    let cpu = Cpu::new(2)
        .map_err(|error| Failure { case: "two threads".to_owned(), reason: error.to_string() })?;
    for case in cases::<f32>() {
        run_case::<Stash, Cpu, f32>(&cpu, &case)?;
    }
    Ok(())
}

#[test]
fn a_stash_takes_no_memory_of_its_own() -> Result<(), Error> {
    let net = Net::new()?;
    let footprint = Stash.footprint(&net.cpu, &*net.plan()?);
    let expected = Footprint {
        lent_bytes: 24,
        workspace_bytes: footprint.workspace_bytes,
        ..Footprint::default()
    };
    assert_eq!(footprint, expected);
    Ok(())
}

#[test]
fn the_gradient_buffer_is_out_of_reach_while_it_holds_a_stash() -> Result<(), Error> {
    let mut net = Net::new()?;
    let (mut slot, shared) = (net.slot(6)?, net.shared(6)?);
    let saved = net.forward(&mut slot)?;
    assert_eq!(slot.get_mut().err(), Some(Error::NoGradientBuffer));
    assert!(slot.take().is_none());
    let ready = Stash.vacate(&net.cpu, saved, &mut slot, Some(&shared))?;
    net.finish(ready, &mut slot)
}

#[test]
fn no_gradient_buffer_or_a_small_one_is_refused_before_x_is_touched() -> Result<(), Error> {
    let mut net = Net::new()?;
    assert_eq!(net.forward(&mut GradSlot::none()).err(), Some(Error::NoGradientBuffer));
    let mut small = net.slot(5)?;
    let error = net.forward(&mut small).err();
    assert_eq!(error, Some(Error::GradientBufferTooSmall { need: 6, have: 5 }));
    assert!(small.get_mut().is_ok(), "the small buffer stays where it was");
    assert_eq!(net.x, X);
    Ok(())
}

#[test]
fn a_missing_or_small_shared_buffer_is_refused_and_can_be_corrected() -> Result<(), Error> {
    let mut net = Net::new()?;
    let (mut slot, small, shared) = (net.slot(7)?, net.shared(5)?, net.shared(9)?);
    let saved = net.forward(&mut slot)?;
    let saved = refused(Stash.vacate(&net.cpu, saved, &mut slot, None), &Error::NoSharedBuffer);
    let too_small = Error::SharedBufferTooSmall { need: 6, have: 5 };
    let saved = refused(Stash.vacate(&net.cpu, saved, &mut slot, Some(&small)), &too_small);
    assert!(small.lease(5).is_ok(), "the small buffer is back");
    let ready = Stash.vacate(&net.cpu, saved, &mut slot, Some(&shared))?;
    net.finish(ready, &mut slot)
}

#[test]
fn a_second_lease_is_refused_until_the_first_is_back() -> Result<(), Error> {
    let (mut first, mut second) = (Net::new()?, Net::new()?);
    let (mut first_slot, mut second_slot) = (first.slot(6)?, second.slot(6)?);
    let shared = first.shared(6)?;
    let first_saved = first.forward(&mut first_slot)?;
    let second_saved = second.forward(&mut second_slot)?;

    let ready = Stash.vacate(&first.cpu, first_saved, &mut first_slot, Some(&shared))?;
    let second_saved = refused(
        Stash.vacate(&second.cpu, second_saved, &mut second_slot, Some(&shared)),
        &Error::SharedBufferBusy,
    );
    first.finish(ready, &mut first_slot)?;
    let ready = Stash.vacate(&second.cpu, second_saved, &mut second_slot, Some(&shared))?;
    second.finish(ready, &mut second_slot)
}

#[test]
fn a_dropped_state_gives_the_shared_buffer_back() -> Result<(), Error> {
    let mut net = Net::new()?;
    let (mut slot, shared) = (net.slot(6)?, net.shared(6)?);
    let saved = net.forward(&mut slot)?;
    drop(Stash.vacate(&net.cpu, saved, &mut slot, Some(&shared))?);
    assert!(shared.lease(6).is_ok());
    Ok(())
}

#[test]
fn a_refused_backward_keeps_the_lease_and_its_stash() -> Result<(), Error> {
    let mut net = Net::new()?;
    let (mut slot, shared) = (net.slot(6)?, net.shared(6)?);
    let saved = net.forward(&mut slot)?;
    let ready = Stash.vacate(&net.cpu, saved, &mut slot, Some(&shared))?;
    let mut short = [0.0; 5];
    let length = Error::Length { what: "upstream gradient", expected: 6, got: 5 };
    let mut sums = [0.0; 2];
    let ready = refused(
        Stash.backward(&net.cpu, &net.slopes, ready, None, &mut short, Some(&mut sums)),
        &length,
    );
    assert_eq!(shared.lease(6).err(), Some(Error::SharedBufferBusy));
    net.finish(ready, &mut slot)
}
