//! A run as a safetensors file: every parameter with its momentum, and how far the run has got.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;

use prelu_mem_core::{Dtype, Sharing};
use safetensors::tensor::TensorView;
use safetensors::{Dtype as FileDtype, SafeTensors, serialize};

use crate::error::{NetError, Result};
use crate::layers::PRelu;
use crate::nets::{Activation, DIAGONAL};
use crate::number::Number;
use crate::param::{Multipliers, Param};
use crate::train::Training;

/// The one entry of the metadata, a line `key = value` for each setting. One entry, since several
/// would be written in another order every time.
const FORMAT: &str = "prelu-mem training 1";
/// The last of the settings.
const DONE: &str = "epochs done";
/// The prefix of a momentum's name.
const MOMENTUM: &str = "momentum/";

fn refuse(reason: impl Display) -> NetError {
    NetError::Checkpoint { reason: reason.to_string() }
}

/// A safetensors file of this program.
struct File<'a> {
    tensors: SafeTensors<'a>,
    settings: String,
}

impl<'a> File<'a> {
    fn read(file: &'a [u8]) -> Result<Self> {
        let foreign = |error| refuse(format!("not a safetensors file: {error}"));
        let tensors = SafeTensors::deserialize(file).map_err(foreign)?;
        let (_, header) = SafeTensors::read_metadata(file).map_err(foreign)?;
        let settings = header.metadata().as_ref().and_then(|metadata| metadata.get(FORMAT));
        let settings = settings.ok_or_else(|| refuse(format!("its metadata has no '{FORMAT}'")))?;
        Ok(File { tensors, settings: settings.clone() })
    }

    fn setting(&self, key: &str) -> Option<&str> {
        let lines = self.settings.lines().filter_map(|line| line.split_once(" = "));
        lines.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    }

    fn expect(&self, setting: &'static str, expected: String) -> Result<()> {
        match self.setting(setting) {
            Some(saved) if saved == expected => Ok(()),
            Some(saved) => {
                Err(NetError::OtherSettings { setting, saved: saved.to_owned(), expected })
            }
            None => Err(refuse(format!("its {setting} is missing, not '{expected}'"))),
        }
    }
}

fn dtype<T: Number>() -> Result<FileDtype> {
    match T::DTYPE {
        Dtype::F32 => Ok(FileDtype::F32),
        Dtype::F64 => Ok(FileDtype::F64),
        other => Err(refuse(format!("a net of {other} cannot be saved"))),
    }
}

impl<T: Number> Training<T> {
    /// What has to be the same for a run to go on as it would have.
    fn identity(&self) -> Vec<(&'static str, String)> {
        let settings = self.settings();
        let mut identity = activation(&settings.activation);
        identity.extend([
            ("dtype", T::DTYPE.to_string()),
            ("batch", settings.batch.to_string()),
            ("seed", settings.seed.to_string()),
            ("epochs", settings.epochs.to_string()),
            ("learning rate", settings.sgd.rate.to_string()),
            ("momentum", settings.sgd.momentum.to_string()),
            ("weight decay", settings.sgd.decay.to_string()),
            ("lower rate", settings.lower_rate.to_string()),
        ]);
        identity
    }

    /// The run as the bytes of a safetensors file.
    ///
    /// # Errors
    /// None that a run causes: the library's.
    pub fn save(&self) -> Result<Vec<u8>> {
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for param in self.net().params() {
            let mut add = |name: String, values: &[T]| {
                let bytes = values.iter().flat_map(|value| bytes_of(value)).collect();
                tensors.push((name, param.shape().to_vec(), bytes));
            };
            add(param.name().to_owned(), param.values());
            if let Some(momentum) = param.momentum() {
                add(format!("{MOMENTUM}{}", param.name()), momentum);
            }
        }
        let views: Result<Vec<(&str, TensorView<'_>)>> = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(dtype::<T>()?, shape.clone(), bytes).map_err(refuse)?;
                Ok((name.as_str(), view))
            })
            .collect();
        let done = (DONE, self.epochs_done().to_string());
        let lines = self.identity().into_iter().chain([done]);
        let lines: Vec<String> = lines.map(|(key, value)| format!("{key} = {value}")).collect();
        let metadata = HashMap::from([(FORMAT.to_owned(), lines.join("\n"))]);
        serialize(views?, Some(metadata)).map_err(refuse)
    }

    /// Goes on where a saved run of the same settings stopped; the run is then, bit for bit, the one
    /// that never stopped.
    ///
    /// # Errors
    /// Bytes that are no safetensors file, or one of another program, of another net, of other
    /// settings or with values that are not finite. The run is then as before.
    pub fn resume(&mut self, file: &[u8]) -> Result<()> {
        let file = File::read(file)?;
        for (key, expected) in self.identity() {
            file.expect(key, expected)?;
        }
        let done = file.setting(DONE).and_then(|done| done.parse().ok());
        let done = done.ok_or_else(|| refuse("it does not say how many epochs are done"))?;
        let found = self.found(&file)?;
        for param in self.net().params() {
            let momentum = param.momentum().map(|_| format!("{MOMENTUM}{}", param.name()));
            for name in [Some(param.name().to_owned()), momentum].into_iter().flatten() {
                if !found.contains_key(&name) {
                    return Err(refuse(format!("it has no '{name}'")));
                }
            }
        }
        self.take(&found)?;
        self.done = done;
        Ok(())
    }

    /// Starts from the parameters of a saved run, of whatever settings and length. Slopes that the
    /// file does not have stay as their filler made them: a net that was trained with ReLU can go on
    /// with PReLU. No epoch counts as done, and there is no momentum.
    ///
    /// # Errors
    /// Bytes that are no safetensors file, or one of another program, of another net or with values
    /// that are not finite. The run is then as before.
    pub fn fine_tune(&mut self, file: &[u8]) -> Result<()> {
        let file = File::read(file)?;
        let mut found = self.found(&file)?;
        found.retain(|name, _| !name.starts_with(MOMENTUM));
        let slopes = |name: &str| name.ends_with(".slopes") || name.ends_with(DIAGONAL);
        let missing = |name: &&str| !found.contains_key(*name) && !slopes(name);
        if let Some(name) = self.net().params().map(Param::name).find(missing) {
            return Err(refuse(format!("it has no '{name}'")));
        }
        self.take(&found)
    }

    /// The file's tensors, each of which this net has.
    fn found(&self, file: &File<'_>) -> Result<BTreeMap<String, Vec<T>>> {
        // By name, so that of several tensors too many the same one is named every time.
        let tensors: BTreeMap<&str, TensorView<'_>> = file.tensors.iter().collect();
        let values =
            |(name, view): (&str, TensorView<'_>)| Ok((name.to_owned(), self.values(name, &view)?));
        tensors.into_iter().map(values).collect()
    }

    /// Overwrites parameters, and their momentum where it was found.
    fn take(&mut self, found: &BTreeMap<String, Vec<T>>) -> Result<()> {
        for (name, values) in found.iter().filter(|(name, _)| !name.starts_with(MOMENTUM)) {
            let momentum = found.get(&format!("{MOMENTUM}{name}")).map(Vec::as_slice);
            self.net_mut().set_param(name, values, momentum)?;
        }
        Ok(())
    }

    /// A tensor's values, where this net has it in that shape.
    fn values(&self, name: &str, view: &TensorView<'_>) -> Result<Vec<T>> {
        let param = name.strip_prefix(MOMENTUM).unwrap_or(name);
        let param = self.net().param(param);
        let param = param.ok_or_else(|| refuse(format!("this net has no '{name}'")))?;
        if view.dtype() != dtype::<T>()? || view.shape() != param.shape() {
            let (got, shape) = (view.dtype(), view.shape());
            let expected = param.shape();
            return Err(refuse(format!(
                "its '{name}' is {got:?} of shape {shape:?}, not {} of {expected:?}",
                T::DTYPE
            )));
        }
        let values = view.data().chunks_exact(size_of::<T>());
        let values: Vec<T> = values.map(|bytes| value_of(bytes)).collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(refuse(format!("its '{name}' holds {value}"))),
            None => Ok(values),
        }
    }
}

/// An activation as far as a run depends on it: every method trains alike, the masks to rounding.
fn activation(activation: &Activation) -> Vec<(&'static str, String)> {
    let learned = |name: &str, prelu: &PRelu| {
        let Multipliers { lr_mult, decay_mult } = prelu.multipliers;
        vec![
            ("activation", name.to_owned()),
            ("slope lr mult", lr_mult.to_string()),
            ("slope decay mult", decay_mult.to_string()),
            ("shared slope", (prelu.sharing == Sharing::Shared).to_string()),
        ]
    };
    match activation {
        Activation::ReLu { slope: 0.0, .. } => vec![("activation", "relu".to_owned())],
        Activation::ReLu { slope, .. } => {
            vec![("activation", "leaky-relu".to_owned()), ("leaky slope", slope.to_string())]
        }
        Activation::PRelu(prelu) => learned("prelu", prelu),
        Activation::Composition(prelu) => learned("composition", prelu),
    }
}

/// Little-endian, as the format is.
fn bytes_of<T: Number>(value: &T) -> impl Iterator<Item = u8> + use<T> {
    let mut bytes = bytemuck::bytes_of(value).to_vec();
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
    bytes.into_iter()
}

/// The value of `size_of::<T>()` little-endian bytes.
fn value_of<T: Number>(bytes: &[u8]) -> T {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "big") {
        bytes.reverse();
    }
    bytemuck::pod_read_unaligned(&bytes)
}
