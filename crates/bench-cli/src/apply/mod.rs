//! `apply`: one forward and backward pass on the user's own NumPy arrays.

mod arrays;
mod folder;
mod options;
mod pass;
mod report;

pub(crate) use options::ApplyOptions;

use half::f16;
use prelu_mem_core::{Dtype, Element};

use crate::bench::interrupt;
use crate::device::{Opened as OpenedDevice, Runs};
use crate::failure::Failure;
use crate::npy::Number;
use crate::output::Printer;
use arrays::{Arrays, Opened};
use folder::{Draft, Folder};
use pass::Passed;
use report::Applied;

/// Runs the command: checks everything that can be checked, computes, and only then touches the
/// output folder.
pub(crate) fn run(options: &ApplyOptions, printer: Printer) -> Result<(), Failure> {
    let folder = Folder::check(&options.output_dir)?;
    interrupt::listen()?;
    let draft = Draft::new(&folder)?;
    let opened = Opened::open(options)?;
    let applied = match options.device.open(options.threads)? {
        OpenedDevice::Cpu(cpu) => run_on(options, opened, &cpu, draft, &folder),
        OpenedDevice::Cuda(cuda) => run_on(options, opened, &cuda, draft, &folder),
    }?;
    printer.print(&applied)
}

fn run_on<B>(
    options: &ApplyOptions,
    opened: Opened,
    backend: &B,
    draft: Draft,
    folder: &Folder,
) -> Result<Applied, Failure>
where
    B: Runs<f16> + Runs<f32> + Runs<f64>,
{
    match opened.dtype() {
        Dtype::F16 => typed::<B, f16>(options, opened, backend, draft, folder),
        Dtype::F32 => typed::<B, f32>(options, opened, backend, draft, folder),
        Dtype::F64 => typed::<B, f64>(options, opened, backend, draft, folder),
        Dtype::Bf16 => Err(Failure::Usage("bf16 is no NumPy type; give f16, f32 or f64".into())),
    }
}

/// The type `da.npy` is written in. A sum over a channel soon exceeds 65504, the largest `f16`.
trait SlopeSum: Number {
    type Written: Number;
}

impl SlopeSum for f16 {
    type Written = f32;
}

impl SlopeSum for f32 {
    type Written = f32;
}

impl SlopeSum for f64 {
    type Written = f64;
}

fn typed<B: Runs<T>, T: SlopeSum>(
    options: &ApplyOptions,
    opened: Opened,
    backend: &B,
    draft: Draft,
    folder: &Folder,
) -> Result<Applied, Failure> {
    let arrays = opened.load::<T>()?;
    let Arrays { shape, slopes_shape, .. } = &arrays;
    let (shape, slopes_shape) = (shape.clone(), slopes_shape.clone());
    let (passed, arrays) = pass::run(options, backend, arrays)?;

    draft.add("y.npy", &shape, &arrays.input)?;
    draft.add("dx.npy", &shape, &arrays.upstream)?;
    if let Some(sums) = &passed.slope_gradient {
        let sums: Vec<_> = sums.iter().map(|&sum| T::Written::from_f64(sum)).collect();
        draft.add("da.npy", &slopes_shape, &sums)?;
    }
    let Passed { saved, .. } = passed;
    if interrupt::stop_asked() {
        let message = "interrupted: nothing was written";
        return Err(Failure::Interrupted(message.to_owned()));
    }
    let written = draft.publish(folder)?;
    Ok(Applied { dtype: T::DTYPE, shape, saved, written })
}
