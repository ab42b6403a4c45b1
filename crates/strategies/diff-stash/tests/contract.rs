//! The contract suite for every element type, on one thread and on two.

use half::{bf16, f16};
use prelu_mem_core::contract::{cases, run_case};
use prelu_mem_core::{Cpu, Element};
use prelu_mem_diff_stash::DiffStash;

fn check<T: Element>() -> Result<(), Box<dyn std::error::Error>> {
    for threads in [1, 2] {
        let cpu = Cpu::new(threads)?.sharing_from(0);
        for case in cases::<T>() {
            run_case::<DiffStash, Cpu, T>(&cpu, &case)?;
        }
    }
    Ok(())
}

#[test]
fn every_case_in_every_element_type() -> Result<(), Box<dyn std::error::Error>> {
    check::<f16>()?;
    check::<bf16>()?;
    check::<f32>()?;
    check::<f64>()
}
