//! Inputs of `prelu-mem apply` written to a temporary folder, and its results held against PReLU
//! computed element by element in f64, by indices, with nothing of the engine.

use std::error::Error;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Output;

use assert_cmd::Command;
use half::f16;
use ndarray::{ArrayD, IxDyn};
use npyz::WriterBuilder;
use tempfile::TempDir;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dtype {
    F16,
    F32,
    F64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    C,
    Fortran,
}

impl Dtype {
    /// The nearest value of the type.
    fn round(self, value: f64) -> f64 {
        match self {
            Dtype::F16 => f16::from_f64(value).to_f64(),
            Dtype::F32 => f64::from(value as f32),
            Dtype::F64 => value,
        }
    }

    /// The product of two values of the type, rounded once.
    fn product(self, a: f64, b: f64) -> f64 {
        match self {
            // 22 significant bits at most: exact in f32, in which the engine multiplies.
            Dtype::F16 => f16::from_f32(a as f32 * b as f32).to_f64(),
            Dtype::F32 => f64::from(a as f32 * b as f32),
            Dtype::F64 => a * b,
        }
    }

    /// Half an ulp of 1, and the smallest positive value.
    fn precision(self) -> (f64, f64) {
        match self {
            Dtype::F16 => (2f64.powi(-11), 2f64.powi(-24)),
            Dtype::F32 => (2f64.powi(-24), 2f64.powi(-149)),
            Dtype::F64 => (2f64.powi(-53), 5e-324),
        }
    }
}

/// Three arrays in a folder of their own.
pub(crate) struct Case {
    folder: TempDir,
    dtype: Dtype,
    order: Order,
    shape: Vec<usize>,
    slopes_shape: Vec<usize>,
    slopes: Vec<f64>,
}

impl Case {
    /// An f32 case in C order whose input and upstream gradient follow from the shape.
    pub(crate) fn new(shape: &[usize], slopes: &[f64]) -> Result<Self> {
        Ok(Self {
            folder: TempDir::new()?,
            dtype: Dtype::F32,
            order: Order::C,
            shape: shape.to_vec(),
            slopes_shape: vec![slopes.len()],
            slopes: slopes.to_vec(),
        })
    }

    pub(crate) fn dtype(mut self, dtype: Dtype) -> Self {
        self.dtype = dtype;
        self
    }

    pub(crate) fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    pub(crate) fn slopes_shape(mut self, shape: &[usize]) -> Self {
        self.slopes_shape = shape.to_vec();
        self
    }

    /// Writes the arrays and runs the command, which is expected to succeed.
    pub(crate) fn run(&self, strategy: &str, more: &[&str]) -> Result<Done<'_>> {
        self.write()?;
        let output = self.command(strategy, more)?;
        let stderr = String::from_utf8(output.stderr)?;
        assert_eq!(output.status.code(), Some(0), "{strategy} {more:?}: {stderr}");
        assert_eq!(stderr, "");
        Ok(Done { case: self, stdout: String::from_utf8(output.stdout)? })
    }

    /// Runs the command; an option named in `more` takes the place of its usual value.
    pub(crate) fn command(&self, strategy: &str, more: &[&str]) -> Result<Output> {
        let usual = [
            ("--strategy", strategy.to_owned()),
            ("--input", self.path("x.npy")),
            ("--slopes", self.path("a.npy")),
            ("--upstream", self.path("g.npy")),
            ("--output-dir", self.path("out")),
        ];
        let mut command = Command::cargo_bin("prelu-mem")?;
        command.arg("apply").args(more);
        for (option, value) in usual {
            if !more.contains(&option) {
                command.args([option, &value]);
            }
        }
        Ok(command.output()?)
    }

    /// A path in the case's folder.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The names in the case's folder, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        names(&self.folder.path().display().to_string())
    }

    /// Writes x.npy, a.npy and g.npy.
    pub(crate) fn write(&self) -> Result<()> {
        self.write_array("x.npy", &self.input(), self.order)?;
        self.write_array("g.npy", &self.upstream(), self.order)?;
        let slopes = self.slopes.iter().map(|&slope| self.dtype.round(slope)).collect();
        let slopes = ArrayD::from_shape_vec(IxDyn(&self.slopes_shape), slopes)?;
        self.write_array("a.npy", &slopes, Order::C)
    }

    // Multiples of 1/8 below 8 in magnitude, zero included: exact in every type.
    fn input(&self) -> ArrayD<f64> {
        self.filled(|i| (i * 37 % 127) as f64 / 8.0 - 7.875)
    }

    fn upstream(&self) -> ArrayD<f64> {
        self.filled(|i| (i * 53 % 61) as f64 / 16.0 - 1.875)
    }

    fn filled(&self, value: impl Fn(usize) -> f64) -> ArrayD<f64> {
        let mut next = 0..;
        ArrayD::from_shape_simple_fn(IxDyn(&self.shape), || next.next().map_or(0.0, &value))
    }

    fn write_array(&self, name: &str, array: &ArrayD<f64>, order: Order) -> Result<()> {
        // The transposed array in C order is the array in Fortran order.
        let values: Vec<f64> = match order {
            Order::C => array.iter().copied().collect(),
            Order::Fortran => array.t().iter().copied().collect(),
        };
        let file = File::create(self.path(name))?;
        match self.dtype {
            Dtype::F16 => write(file, array.shape(), order, values.into_iter().map(f16::from_f64)),
            Dtype::F32 => write(file, array.shape(), order, values.into_iter().map(|v| v as f32)),
            Dtype::F64 => write(file, array.shape(), order, values.into_iter()),
        }
    }
}

fn write<T: npyz::AutoSerialize>(
    file: File,
    shape: &[usize],
    order: Order,
    values: impl Iterator<Item = T>,
) -> Result<()> {
    let shape: Vec<u64> = shape.iter().map(|&extent| extent as u64).collect();
    let order = match order {
        Order::C => npyz::Order::C,
        Order::Fortran => npyz::Order::Fortran,
    };
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape).order(order);
    let mut writer = options.writer(file).begin_nd()?;
    writer.extend(values)?;
    Ok(writer.finish()?)
}

/// A run that succeeded.
pub(crate) struct Done<'a> {
    case: &'a Case,
    pub(crate) stdout: String,
}

impl Done<'_> {
    /// A path in the output folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.case.folder.path().join("out").join(name)
    }

    /// The names in the output folder, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        names(&self.case.path("out"))
    }

    /// The bytes of the three results.
    pub(crate) fn files(&self) -> Result<[Vec<u8>; 3]> {
        let [y, dx, da] = ["y.npy", "dx.npy", "da.npy"].map(|name| fs::read(self.path(name)));
        Ok([y?, dx?, da?])
    }

    /// The shape of a result.
    pub(crate) fn shape_of(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.read(name)?.1.shape().to_vec())
    }

    /// Holds the three results against PReLU computed by indices.
    pub(crate) fn matches(&self, strategy: &str, axis: usize) -> Result<()> {
        let Case { dtype, ref shape, .. } = *self.case;
        let what = format!("{strategy} {dtype:?} {shape:?} axis {axis}");
        let slopes: Vec<f64> = self.case.slopes.iter().map(|&slope| dtype.round(slope)).collect();
        let (x, g) = (self.case.input(), self.case.upstream());
        let (mut y, mut dx) = (x.clone(), g.clone());
        let mut da = vec![0.0; slopes.len()];
        let mut tolerance = vec![0.0; slopes.len()];
        let (roundoff, smallest) = dtype.precision();
        for (index, &x) in x.indexed_iter() {
            let channel = if slopes.len() == 1 { 0 } else { index[axis] };
            let (slope, g) = (slopes[channel], g[&index]);
            if x > 0.0 {
                continue;
            }
            y[&index] = dtype.product(slope, x);
            dx[&index] = dtype.product(slope, g);
            da[channel] += g * x;
            // y = slope * x is off by a rounding, and so is y / slope from x.
            let lost = roundoff * x.abs() + smallest / (2.0 * slope.abs().max(smallest));
            tolerance[channel] += g.abs() * if slope == 0.0 { 0.0 } else { lost };
        }
        let (type_of_y, read_y) = self.read("y.npy")?;
        let (type_of_dx, read_dx) = self.read("dx.npy")?;
        assert_eq!((type_of_y, type_of_dx), (dtype, dtype), "{what}");
        same_bits(&read_y, &y, &format!("{what}: y"));
        same_bits(&read_dx, &dx, &format!("{what}: dx"));

        let (type_of_da, read_da) = self.read("da.npy")?;
        let written = if dtype == Dtype::F64 { Dtype::F64 } else { Dtype::F32 };
        assert_eq!(type_of_da, written, "{what}");
        assert_eq!(read_da.len(), da.len(), "{what}");
        for (channel, (&read, expected)) in read_da.iter().zip(da).enumerate() {
            // One more rounding writes the sum; the sums themselves are far more precise.
            let allowed =
                tolerance[channel] * (1.0 + 1e-6) + written.precision().0 * expected.abs() * 1.01;
            assert!(
                (read - expected).abs() <= allowed,
                "{what}: da[{channel}] = {read}, expected {expected} within {allowed}"
            );
        }
        Ok(())
    }

    fn read(&self, name: &str) -> Result<(Dtype, ArrayD<f64>)> {
        let npy = npyz::NpyFile::new(BufReader::new(File::open(self.path(name))?))?;
        assert_eq!(npy.order(), npyz::Order::C);
        let shape: Vec<usize> = npy.shape().iter().map(|&extent| extent as usize).collect();
        let (dtype, values) = match npy.dtype().descr().as_str() {
            "'<f2'" => (Dtype::F16, npy.into_vec::<f16>()?.into_iter().map(f16::to_f64).collect()),
            "'<f4'" => (Dtype::F32, npy.into_vec::<f32>()?.into_iter().map(f64::from).collect()),
            "'<f8'" => (Dtype::F64, npy.into_vec::<f64>()?),
            other => return Err(format!("{name} has dtype {other}").into()),
        };
        Ok((dtype, ArrayD::from_shape_vec(IxDyn(&shape), values)?))
    }
}

fn same_bits(read: &ArrayD<f64>, expected: &ArrayD<f64>, what: &str) {
    assert_eq!(read.shape(), expected.shape(), "{what}");
    for (index, &value) in expected.indexed_iter() {
        assert_eq!(read[&index].to_bits(), value.to_bits(), "{what} at {index:?}");
    }
}

fn names(folder: &str) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder)?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}
