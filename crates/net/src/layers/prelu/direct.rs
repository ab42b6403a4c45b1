//! PReLU in place over a stash that is never copied.
//!
//! ```text
//! forward:   the pre-activation goes to the layer's gradient buffer
//! vacate:    lease the shared buffer; the following layer writes its input gradient there
//! backward:  read the upstream gradient from the lease, overwrite the stash with the input
//!            gradient, and give its buffer and the lease back
//! ```

use std::sync::Arc;

use prelu_mem_core::cpu::Buffer;
use prelu_mem_core::loan::Lease;
use prelu_mem_core::{
    Backend, Cpu, Error, Geometry, GradSlot, Refused, SharedBuffer, Slopes, Strategy,
};
use prelu_mem_diff_stash::DiffStash;

use super::{Start, activate, take_sums};
use crate::error::{NetError, Result};
use crate::layer::{Backward, Forward, NetLayer};
use crate::number::Number;
use crate::param::Param;

type Saved<T> = <DiffStash as Strategy<Cpu, T>>::Saved;
type Ready<T> = <DiffStash as Strategy<Cpu, T>>::Ready;
type Plan<T> = <DiffStash as Strategy<Cpu, T>>::Plan;

pub(super) struct Direct<T: Number> {
    geometry: Geometry,
    slopes: Slopes<T>,
    plan: Arc<Plan<T>>,
    sums: Buffer<f64>,
    param: Param<T>,
    state: State<T>,
}

enum State<T: Number> {
    Nothing,
    Saved(Saved<T>),
    /// The stash, and where the upstream gradient is being written.
    Handed(Saved<T>, Lease<Cpu, T>),
    /// A stash of some channels only (frozen slopes) is copied as by any strategy.
    Copied(Ready<T>),
}

impl<T: Number> Direct<T> {
    pub(super) fn new(cpu: &Cpu, start: &Start<T>) -> Result<Self> {
        let slopes = start.slopes();
        Ok(Direct {
            geometry: start.geometry,
            plan: Strategy::<Cpu, T>::plan(&DiffStash, &start.geometry, &slopes)?,
            slopes,
            sums: cpu.alloc(start.values.len())?,
            param: start.param(cpu)?,
            state: State::Nothing,
        })
    }
}

impl<T: Number> NetLayer<T> for Direct<T> {
    fn forward(&mut self, cpu: &Cpu, mut pass: Forward<'_, T>) -> Result<()> {
        let x = &mut *pass.tops[0];
        if pass.training {
            self.state = State::Saved(DiffStash.forward(cpu, &self.plan, x, pass.slot)?);
        } else {
            activate(&self.geometry, self.slopes.values(), x);
        }
        Ok(())
    }

    fn vacate(
        &mut self,
        cpu: &Cpu,
        slot: &mut GradSlot<Cpu, T>,
        shared: Option<&SharedBuffer<Cpu, T>>,
    ) -> Result<()> {
        let saved = match std::mem::replace(&mut self.state, State::Nothing) {
            State::Saved(saved) => saved,
            other => {
                self.state = other;
                return Err(NetError::Order { called: "vacating a PReLU", needs: "its forward" });
            }
        };
        let done = if saved.is_whole() {
            let lease = shared.ok_or(Error::NoSharedBuffer);
            match lease.and_then(|shared| shared.lease(self.geometry.len())) {
                Ok(lease) => Ok(State::Handed(saved, lease)),
                Err(error) => Err(Refused { error, state: saved }),
            }
        } else {
            DiffStash.vacate(cpu, saved, slot, shared).map(State::Copied)
        };
        match done {
            Ok(state) => {
                self.state = state;
                Ok(())
            }
            Err(Refused { error, state }) => {
                self.state = State::Saved(state);
                Err(error.into())
            }
        }
    }

    fn upstream(&mut self) -> Option<&mut [T]> {
        match &mut self.state {
            State::Handed(_, lease) => Some(&mut lease.buffer_mut()[..self.geometry.len()]),
            _ => None,
        }
    }

    fn backward(&mut self, cpu: &Cpu, pass: Backward<'_, T>) -> Result<()> {
        let sums = Some(&mut *self.sums);
        match std::mem::replace(&mut self.state, State::Nothing) {
            State::Handed(saved, lease) => {
                let upstream = &lease.buffer()[..self.geometry.len()];
                match saved.backward_direct(cpu, &self.slopes, upstream, sums) {
                    Ok(gradient) => *pass.slot = GradSlot::new(gradient),
                    Err(Refused { error, state }) => {
                        self.state = State::Handed(state, lease);
                        return Err(error.into());
                    }
                }
            }
            State::Copied(ready) => {
                // Channels of frozen slopes that are not negative are derived from the output.
                let output = pass.tops.first().copied().filter(|output| !output.is_empty());
                let done = match pass.slot.get_mut() {
                    Ok(grad) => DiffStash.backward(cpu, &self.slopes, ready, output, grad, sums),
                    Err(error) => Err(Refused { error, state: ready }),
                };
                if let Err(Refused { error, state }) = done {
                    self.state = State::Copied(state);
                    return Err(error.into());
                }
            }
            other => {
                self.state = other;
                return Err(NetError::Order {
                    called: "backward of a PReLU",
                    needs: "vacating it",
                });
            }
        }
        take_sums(&mut self.sums, &mut self.param);
        Ok(())
    }

    fn params(&self) -> &[Param<T>] {
        std::slice::from_ref(&self.param)
    }

    fn params_mut(&mut self) -> &mut [Param<T>] {
        std::slice::from_mut(&mut self.param)
    }

    fn updated(&mut self) -> Result<()> {
        let values = self.param.values();
        self.slopes.update(|slopes| slopes.copy_from_slice(values));
        self.plan = Strategy::<Cpu, T>::plan(&DiffStash, &self.geometry, &self.slopes)?;
        Ok(())
    }

    fn abandon(&mut self) {
        self.state = State::Nothing;
    }
}
