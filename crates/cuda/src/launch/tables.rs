//! What the kernels look up for a plan: made and uploaded once, and kept by the plan.

use std::sync::Arc;

use prelu_mem_core::{Channel, Codec, Element, Identity, Plan, SignOfOutput};

use super::layout::Layout;
use crate::codec::DeviceCodec;
use crate::cuda::Cuda;
use crate::error::CudaError;
use crate::memory::RawMemory;
use crate::module::{Function, Module};

/// The classes that a plan has channels of.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) classes: Vec<Class>,
    /// Alive as long as the plan, and freed behind the last kernel that reads it.
    memory: RawMemory,
}

/// One class: its kernels and its launches.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) channel: Channel,
    /// With the address of its channels.
    pub(super) layout: Layout,
    /// Addresses, by member.
    pub(super) slopes: u64,
    pub(super) divisors: u64,
    /// Address of the blocks of backward that have arrived at its end: 0 between launches, which leave it so.
    pub(super) arrived: u64,
    pub(super) forward: Function,
    pub(super) backward: Function,
    pub(super) finish: Function,
}

/// The classes, in the order of their launches.
const CLASSES: [Channel; 3] = [Channel::Encoded, Channel::Kept, Channel::Derived];

/// Each class's layout that is not empty.
pub(super) fn layouts<C: Codec<T>, T: Element>(
    plan: &Plan<C, T>,
) -> Result<Vec<(Channel, Layout)>, CudaError> {
    let mut layouts = Vec::new();
    for class in CLASSES {
        let members = plan.classes().iter().filter(|&&channel| channel == class).count();
        if let Some(layout) = Layout::of(plan.by_slope(), members, size_of::<T>())? {
            layouts.push((class, layout));
        }
    }
    Ok(layouts)
}

impl Tables {
    /// The plan's tables for this backend's stream.
    pub(super) fn of<C: DeviceCodec<T>, T: Element>(
        cuda: &Cuda,
        plan: &Plan<C, T>,
    ) -> Result<Arc<Tables>, CudaError> {
        let stream = cuda.stream().handle();
        // The tables keep their stream alive, so that no other one can have its handle.
        plan.attached(
            |tables: &Tables| {
                let own = tables.memory.stream();
                own.handle() == stream && own.device().index() == cuda.device().index()
            },
            || Tables::new(cuda, plan),
        )
    }

    fn new<C: DeviceCodec<T>, T: Element>(
        cuda: &Cuda,
        plan: &Plan<C, T>,
    ) -> Result<Self, CudaError> {
        let mut bytes = Vec::new();
        let mut classes = Vec::new();
        for (channel, layout) in layouts(plan)? {
            let image = match channel {
                Channel::Encoded => C::image(),
                Channel::Kept => <Identity as DeviceCodec<T>>::image(),
                Channel::Derived => <SignOfOutput as DeviceCodec<T>>::image(),
            };
            let module: Arc<Module> = cuda.module(image)?;
            // Sums of two-byte elements are by member where it is as wide as a thread's columns.
            let by_column = layout.narrow && size_of::<T>() == 2;
            let backward = if by_column { c"backward_columns" } else { c"backward" };
            let [arrived, divisors, slopes, channels] = append(&mut bytes, plan, channel);
            classes.push(Class {
                channel,
                layout: Layout { shape: super::Shape { channels, ..layout.shape }, ..layout },
                slopes,
                divisors,
                arrived,
                forward: module.function(c"forward")?,
                backward: module.function(backward)?,
                finish: module.function(c"finish")?,
            });
        }
        let memory = cuda.upload_owned(bytes)?;
        let all = plan.classes().len() as u64;
        for class in &mut classes {
            // What was appended are offsets.
            class.slopes += memory.address();
            class.divisors += memory.address();
            class.arrived += memory.address();
            let shape = &mut class.layout.shape;
            shape.channels =
                if shape.members == all { 0 } else { shape.channels + memory.address() };
        }
        Ok(Tables { classes, memory })
    }

    /// Sums that backward needs room for: a class after another uses the same.
    pub(super) fn partials(&self) -> u64 {
        self.classes.iter().map(|class| class.layout.partials).max().unwrap_or(0)
    }
}

/// Appends a class's count of blocks, its divisors, slopes and channels, by member; returns where each begins.
fn append<C: Codec<T>, T: Element>(
    bytes: &mut Vec<u8>,
    plan: &Plan<C, T>,
    class: Channel,
) -> [u64; 4] {
    let members = || (0..plan.classes().len()).filter(|&c| plan.classes()[c] == class);
    let arrived = bytes.len() as u64;
    bytes.extend(0_u64.to_ne_bytes());
    let divisors = bytes.len() as u64;
    bytes.extend(members().flat_map(|channel| plan.divisor(channel).to_ne_bytes()));
    let channels = bytes.len() as u64;
    bytes.extend(members().flat_map(|channel| (channel as u64).to_ne_bytes()));
    let slopes = bytes.len() as u64;
    for slope in members().map(|channel| plan.slopes()[channel].to_f64()) {
        // Exact: arithmetic happens in a type that holds every element.
        match size_of::<T::Wide>() {
            4 => bytes.extend((slope as f32).to_ne_bytes()),
            _ => bytes.extend(slope.to_ne_bytes()),
        }
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    [arrived, divisors, slopes, channels]
}
