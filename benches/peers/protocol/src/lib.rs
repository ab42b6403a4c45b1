//! The worker's side of the line protocol in `docs/peers.md`: requests on stdin, replies on stdout,
//! tensors in files of the working folder.

use std::error::Error;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Whatever went wrong; its text goes to the driver.
pub type Failure = Box<dyn Error>;

/// Some equal PReLU layers, slopes one per channel of axis 1.
pub struct Layers {
    /// How many.
    pub repeat: usize,
    /// Sizes of the tensor.
    pub shape: Vec<usize>,
    /// Pre-activations, which are the same in every layer.
    pub x: Vec<f32>,
    /// Upstream gradient.
    pub upstream: Vec<f32>,
    /// Slopes.
    pub slopes: Vec<f32>,
}

/// Seconds that forward and backward of all layers took.
pub struct Times {
    /// Forward.
    pub forward: Duration,
    /// Backward.
    pub backward: Duration,
}

/// What the last sample left of the first layer.
pub struct Gradients {
    /// Output.
    pub y: Vec<f32>,
    /// Input gradient.
    pub dx: Vec<f32>,
    /// Slope gradient.
    pub da: Vec<f32>,
}

/// Layers that are ready to be sampled.
pub trait Peer {
    /// Forward through all layers, then backward through them in reverse.
    fn sample(&mut self) -> Result<Times, Failure>;

    /// What the last sample left of the first layer.
    fn gradients(&mut self) -> Result<Gradients, Failure>;
}

/// Adds the time that `work` takes to `total`.
pub fn timed<R>(total: &mut Duration, work: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = work();
    *total += start.elapsed();
    result
}

/// Answers requests until stdin ends.
pub fn serve(
    mut open: impl FnMut(Layers) -> Result<Box<dyn Peer>, Failure>,
) -> Result<(), Failure> {
    let mut peer = None;
    say("ready")?;
    for line in std::io::stdin().lock().lines() {
        let reply = answer(&line?, &mut peer, &mut open);
        say(&reply
            .unwrap_or_else(|error| format!("error {}", error.to_string().replace('\n', " "))))?;
    }
    Ok(())
}

fn say(reply: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{reply}")?;
    Ok(out.flush()?)
}

fn answer(
    line: &str,
    peer: &mut Option<Box<dyn Peer>>,
    open: &mut impl FnMut(Layers) -> Result<Box<dyn Peer>, Failure>,
) -> Result<String, Failure> {
    let (request, rest) = line.split_once(' ').unwrap_or((line, ""));
    let opened = |peer: Option<_>| peer.ok_or("nothing is open");
    match request {
        "open" => {
            let numbers = rest.split(' ').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
            let (&repeat, shape) = numbers.split_first().ok_or("open needs a count and sizes")?;
            *peer = None;
            *peer = Some(open(Layers {
                repeat,
                shape: shape.to_vec(),
                x: read("x.f32")?,
                upstream: read("g.f32")?,
                slopes: read("slopes.f32")?,
            })?);
        }
        "sample" => {
            let times = opened(peer.as_mut())?.sample()?;
            let (forward, backward) = (times.forward.as_secs_f64(), times.backward.as_secs_f64());
            return Ok(format!("times {forward} {backward}"));
        }
        "write" => {
            let found = opened(peer.as_mut())?.gradients()?;
            write(&format!("{rest}.y.f32"), &found.y)?;
            write(&format!("{rest}.dx.f32"), &found.dx)?;
            write(&format!("{rest}.da.f32"), &found.da)?;
        }
        "close" => *peer = None,
        _ => return Err(format!("no such request: {line:?}").into()),
    }
    Ok("ok".to_owned())
}

fn read(file: impl AsRef<Path>) -> Result<Vec<f32>, Failure> {
    let bytes = std::fs::read(file)?;
    let values = bytes.as_chunks::<4>().0;
    Ok(values.iter().map(|value| f32::from_le_bytes(*value)).collect())
}

fn write(file: &str, values: &[f32]) -> Result<(), Failure> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(std::fs::write(file, bytes)?)
}
