//! PReLU: learned slopes, with the pre-activation preserved by any strategy, in place or not.

mod direct;
mod in_place;
mod out_of_place;

use std::fmt;

use prelu_mem_core::{
    Cpu, Element, Filler, Footprint, Geometry, Recipe, Sharing, Slopes, Strategy,
};
use prelu_mem_diff_stash::DiffStash;
use prelu_mem_registry::{StrategyName, Visitor, with};

use self::direct::Direct;
use self::in_place::InPlace;
use self::out_of_place::OutOfPlace;
use crate::error::Result;
use crate::layer::{Describe, Needs, NetLayer, Place, Reads};
use crate::number::Number;
use crate::param::{Init, Multipliers, Param};

/// How the stash gets from a PReLU's gradient buffer to its backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandOver {
    /// The following layer has the stash copied to the shared buffer, then writes its input
    /// gradient where the stash was.
    Copy,
    /// The following layer writes its input gradient to the shared buffer; nothing is copied.
    Direct,
}

const STASH: &str = <DiffStash as Recipe<f32>>::NAME;

/// How the pre-activation is preserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// In place, by a strategy whose saved state owns its memory.
    InPlace(StrategyName),
    /// In place, in the layer's own gradient buffer.
    Stash(HandOver),
    /// In a blob of its own: the output goes to another one.
    OutOfPlace,
}

impl Method {
    /// In place by the strategy of this name; `hand_over` is for a stash.
    pub fn in_place(name: StrategyName, hand_over: HandOver) -> Self {
        if name.name() == STASH { Method::Stash(hand_over) } else { Method::InPlace(name) }
    }

    /// Every method.
    pub fn all() -> impl Iterator<Item = Method> {
        let owned = StrategyName::ALL.iter().filter(|name| name.name() != STASH);
        owned.map(|&name| Method::InPlace(name)).chain([
            Method::Stash(HandOver::Copy),
            Method::Stash(HandOver::Direct),
            Method::OutOfPlace,
        ])
    }

    /// Whether the output overwrites the pre-activation.
    pub fn is_in_place(self) -> bool {
        self != Method::OutOfPlace
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::InPlace(name) => name.fmt(f),
            Method::Stash(HandOver::Copy) => f.pad("diff-stash:copy"),
            Method::Stash(HandOver::Direct) => f.pad("diff-stash:direct"),
            Method::OutOfPlace => f.pad("out-of-place"),
        }
    }
}

/// `y = x` where `x > 0`, else `slope * x`; the channels are the second axis.
#[derive(Clone, Debug)]
pub struct PRelu {
    /// How the pre-activation is preserved.
    pub method: Method,
    /// First slopes.
    pub slopes: Init,
    /// One slope per channel, or one in all.
    pub sharing: Sharing,
    /// Multipliers of the slopes. An `lr_mult` of 0 freezes them; decay pulls them towards ReLU.
    pub multipliers: Multipliers,
}

impl PRelu {
    /// A slope per channel, from 0.25 on, without decay.
    pub fn new(method: Method) -> Self {
        PRelu {
            method,
            slopes: Filler::default().into(),
            sharing: Sharing::PerChannel,
            multipliers: Multipliers { decay_mult: 0.0, ..Multipliers::default() },
        }
    }

    fn start<T: Number>(&self, place: Place<'_>) -> Result<Start<T>> {
        let shape = place.bottom()?;
        if shape.len() < 2 {
            let reason = format!("expected 2 axes or more (N, C, ..), got shape {shape:?}");
            return Err(place.refuse(reason));
        }
        let geometry = Geometry::from_shape(shape, 1, self.sharing)?;
        let name = place.param("slopes");
        let values = self.slopes.values(&name, &[geometry.slopes()], place.seed)?;
        Ok(Start { geometry, name, values, multipliers: self.multipliers })
    }
}

/// What every form of the layer starts from.
struct Start<T> {
    geometry: Geometry,
    name: String,
    values: Vec<T>,
    multipliers: Multipliers,
}

/// What the slopes need.
fn slope_needs<T>(count: usize, learned: bool) -> Needs {
    let bytes = count * size_of::<T>();
    Needs {
        values: bytes,
        learned: if learned { bytes } else { 0 },
        slope_sums: count * size_of::<f64>(),
        ..Needs::default()
    }
}

/// What a PReLU in place needs besides its blob.
pub(crate) fn in_place_needs<T: Element>(
    strategy: StrategyName,
    cpu: &Cpu,
    geometry: &Geometry,
    slopes: &Slopes<T>,
) -> Result<Needs> {
    let footprint = with(strategy, Measure { cpu, geometry, slopes })?;
    Ok(Needs {
        words: footprint.encoded_bytes,
        kept: footprint.kept_bytes,
        lent: footprint.lent_bytes,
        backward_workspace: footprint.workspace_bytes,
        reads: Reads { output_for_mask: footprint.needs_output, ..Reads::default() },
        ..slope_needs::<T>(slopes.values().len(), slopes.is_learned())
    })
}

impl<T: Number> Start<T> {
    fn slopes(&self) -> Slopes<T> {
        let values = self.values.clone();
        if self.multipliers.learned() { Slopes::learned(values) } else { Slopes::frozen(values) }
    }

    fn param(&self, cpu: &Cpu) -> Result<Param<T>> {
        let (name, shape) = (self.name.clone(), [self.values.len()]);
        Param::new(cpu, name, &shape, &self.values, self.multipliers)
    }

    fn needs(&self) -> Needs {
        slope_needs::<T>(self.values.len(), self.multipliers.learned())
    }
}

impl<T: Number> Describe<T> for PRelu {
    fn tops(&self, place: Place<'_>) -> Result<Vec<Vec<usize>>> {
        self.start::<T>(place)?;
        Ok(vec![place.bottom()?.to_vec()])
    }

    fn needs(&self, cpu: &Cpu, place: Place<'_>) -> Result<Needs> {
        let start = self.start::<T>(place)?;
        let strategy = match self.method {
            Method::OutOfPlace => return out_of_place::needs(cpu, &start),
            Method::InPlace(name) => name,
            Method::Stash(_) => StrategyName::DiffStash,
        };
        in_place_needs(strategy, cpu, &start.geometry, &start.slopes())
    }

    fn build(&self, cpu: &Cpu, place: Place<'_>) -> Result<Box<dyn NetLayer<T>>> {
        let start = self.start::<T>(place)?;
        match self.method {
            Method::OutOfPlace => Ok(Box::new(OutOfPlace::new(cpu, &start)?)),
            Method::InPlace(name) => with(name, Build { cpu, start: &start }),
            Method::Stash(HandOver::Copy) => Build { cpu, start: &start }.visit(DiffStash),
            Method::Stash(HandOver::Direct) => Ok(Box::new(Direct::new(cpu, &start)?)),
        }
    }

    fn may_work_in_place(&self) -> bool {
        self.method.is_in_place()
    }

    fn needs_bottom_gradient(&self) -> bool {
        true
    }
}

struct Measure<'a, T> {
    cpu: &'a Cpu,
    geometry: &'a Geometry,
    slopes: &'a Slopes<T>,
}

impl<T: Element> Visitor<Cpu, T> for Measure<'_, T> {
    type Output = Result<Footprint>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Result<Footprint> {
        let plan = strategy.plan(self.geometry, self.slopes)?;
        Ok(strategy.footprint(self.cpu, &plan))
    }
}

struct Build<'a, T> {
    cpu: &'a Cpu,
    start: &'a Start<T>,
}

impl<T: Number> Visitor<Cpu, T> for Build<'_, T> {
    type Output = Result<Box<dyn NetLayer<T>>>;

    fn visit<S: Strategy<Cpu, T>>(self, strategy: S) -> Self::Output {
        Ok(Box::new(InPlace::new(self.cpu, strategy, self.start)?))
    }
}

/// Forward where nothing has to be saved: `x` becomes `y`.
fn activate<T: Number>(geometry: &Geometry, slopes: &[T], x: &mut [T]) {
    for (run, x) in x.chunks_exact_mut(geometry.inner()).enumerate() {
        let slope = slopes[run % geometry.channels() % slopes.len()];
        for value in x {
            *value *= if value.positive() { T::one() } else { slope };
        }
    }
}

/// Rounds the engine's sums to the parameter's gradient and clears them.
fn take_sums<T: Number>(sums: &mut [f64], param: &mut Param<T>) {
    if let Some(gradient) = param.parts().1 {
        for (to, &sum) in gradient.iter_mut().zip(&*sums) {
            *to = T::from_f64(sum);
        }
    }
    sums.fill(0.0);
}
