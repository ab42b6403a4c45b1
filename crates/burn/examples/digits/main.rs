//! Trains a small network on handwritten digits with Burn's own PReLU and with this crate's, from the same
//! parameters and over the same batches, and prints both curves and what each holds in memory:
//!
//! ```sh
//! cargo run --release -p prelu-mem-burn --example digits
//! ```
//!
//! The digits and their source: `crates/net/data/README.md`.

mod digits;
mod heap;
mod net;
mod train;

use std::error::Error;

use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use prelu_mem_burn::{PRelu, PReluConfig};

use digits::Digits;
use net::Net;
use train::{Epoch, Trained, train};

const EPOCHS: usize = 8;
const SEED: u64 = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let steps = 2 * EPOCHS * Digits::load()?.0.batches();
    // Drawn on a terminal only, and on standard error.
    let style = ProgressStyle::with_template("{msg:24} [{bar:30}] {elapsed}, {eta} to go")?;
    let bar = ProgressBar::new(steps as u64).with_style(style.progress_chars("=> "));
    let (stock, ours) = both(EPOCHS, &bar)?;
    bar.finish_and_clear();

    println!("epoch | Burn's PReLU: loss  accuracy | this one: loss  accuracy");
    for (index, (stock, ours)) in stock.epochs.iter().zip(&ours.epochs).enumerate() {
        let row = |epoch: &Epoch| format!("{:.4}   {:5.1} %", epoch.loss, 100.0 * epoch.accuracy);
        println!("{:5} |         {}     |     {}", index + 1, row(stock), row(ours));
    }
    println!();
    print_memory("alive after a forward pass", stock.after_forward, ours.after_forward);
    print_memory("most alive during a step", stock.most, ours.most);
    println!("slopes of the first layer now: {:.3?}", ours.slopes);
    Ok(())
}

fn print_memory(what: &str, stock: usize, ours: usize) {
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    let share = 100.0 * ours as f64 / stock as f64;
    println!(
        "{what}: {:.1} KiB with Burn's, {:.1} KiB with this one ({share:.1} %)",
        kib(stock),
        kib(ours)
    );
}

/// Trains with Burn's layer, then with this crate's.
fn both(epochs: usize, bar: &ProgressBar) -> Result<(Trained, Trained), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    device.seed(SEED);
    let stock = Net::new(
        |channels| burn::nn::PReluConfig::new().with_num_parameters(channels).init(&device),
        &device,
    );
    // Burn's record, loaded into the network with this crate's layer.
    let ours: Net<PRelu> = Net::new(
        |channels| PReluConfig::new().with_num_parameters(channels).init(&device),
        &device,
    );
    let ours =
        burn::module::Module::load_record(ours, burn::module::Module::into_record(stock.clone()));
    let stock = train(stock, epochs, SEED, &device, &mut |epoch| show(bar, "Burn's PReLU", epoch))?;
    let ours =
        train(ours, epochs, SEED, &device, &mut |epoch| show(bar, "this crate's PReLU", epoch))?;
    Ok((stock, ours))
}

fn show(bar: &ProgressBar, what: &str, epoch: usize) {
    bar.set_message(format!("{what}, epoch {epoch}"));
    bar.inc(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_learn_the_same_and_one_holds_less() {
        let (stock, ours) = both(2, &ProgressBar::hidden()).expect("the digits of the project");
        for (stock, ours) in stock.epochs.iter().zip(&ours.epochs) {
            assert!((stock.loss - ours.loss).abs() < 1e-3, "{} and {}", stock.loss, ours.loss);
            assert!((stock.accuracy - ours.accuracy).abs() < 0.01);
        }
        assert!(ours.epochs[1].accuracy > 0.85, "{}", ours.epochs[1].accuracy);
        // Three PReLUs of five bytes per element each, next to what convolutions and pooling keep.
        assert!(ours.after_forward < stock.after_forward * 7 / 10);
        assert!(ours.most < stock.most);
    }
}
