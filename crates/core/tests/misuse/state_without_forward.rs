//! Only forward makes a saved state.

use std::sync::Arc;

use prelu_mem_core::strategy::Stored;
use prelu_mem_core::{Backend, Cpu, Identity, Plan};

fn make(cpu: &Cpu, plan: Arc<Plan<Identity, f32>>) {
    let words = cpu.alloc::<f32>(4).expect("16 bytes");
    let kept = cpu.alloc::<f32>(0).expect("no bytes");
    let _ = Stored::<_, Cpu, Identity, f32> { words, kept, plan };
}

fn main() {}
