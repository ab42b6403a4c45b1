//! The SIMD level of the loops, chosen at run time.
//!
//! The loops are written once over [`Vectors`], what can be done with a chunk. `Level::run` compiles them
//! for each level, as the body of a function with that level's instructions enabled, and hands it the
//! level's implementation: intrinsics, or plain Rust.

use std::fmt;

use crate::error::{Error, Result};
#[cfg(target_arch = "x86_64")]
use crate::vectors::{Avx2, Avx512};
use crate::vectors::{Portable, Reach, Vectors};

/// A set of instructions that the loops are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the target has.
    Portable,
    /// x86-64 with AVX2, FMA, F16C, BMI1, BMI2, LZCNT and POPCNT (x86-64-v3).
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL besides (x86-64-v4).
    Avx512,
}

/// A loop that [`Level::run`] compiles for every level. `run` has to be `#[inline(always)]`, and
/// everything hot that it calls.
pub(crate) trait Task {
    fn run<V: Vectors>(self, vectors: V);
}

impl Level {
    /// Every level, narrowest first.
    pub const ALL: [Level; 3] = [Level::Portable, Level::Avx2, Level::Avx512];

    /// The environment variable that names the level to use.
    pub const VARIABLE: &str = "PRELU_MEM_SIMD";

    /// The name users write: `portable`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// The best level of this processor.
    pub fn best() -> Level {
        Level::ALL.into_iter().rev().find(|level| level.detected()).unwrap_or(Level::Portable)
    }

    /// The level that `PRELU_MEM_SIMD` names, or the best one where it is unset or empty.
    ///
    /// # Errors
    /// [`Error::Simd`] for an unknown level or one that this processor lacks.
    pub fn from_environment() -> Result<Level> {
        let name = match std::env::var(Level::VARIABLE) {
            Ok(name) if !name.is_empty() => name,
            Ok(_) | Err(std::env::VarError::NotPresent) => return Ok(Level::best()),
            Err(std::env::VarError::NotUnicode(name)) => name.to_string_lossy().into_owned(),
        };
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        let level = level.ok_or(Error::Simd { level: name, accepted: accepted() })?;
        level.supported().map(|()| level)
    }

    /// # Errors
    /// [`Error::Simd`] where this processor lacks the level.
    pub fn supported(self) -> Result<()> {
        if self.detected() {
            return Ok(());
        }
        Err(Error::Simd { level: self.name().to_owned(), accepted: accepted() })
    }

    #[cfg(target_arch = "x86_64")]
    fn detected(self) -> bool {
        let avx2 = || {
            is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt")
        };
        let avx512 = || {
            is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
        };
        match self {
            Level::Portable => true,
            Level::Avx2 => avx2(),
            Level::Avx512 => avx2() && avx512(),
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detected(self) -> bool {
        self == Level::Portable
    }

    /// Runs a task with this level's instructions. A level that the processor lacks cannot be
    /// reached: [`crate::Cpu`] checks it when it is made.
    #[inline]
    pub(crate) fn run<K: Task>(self, task: K, reach: Reach) {
        #[cfg(target_arch = "x86_64")]
        match self {
            Level::Portable => task.run(Portable),
            // SAFETY: a Cpu is made only with a level that was detected on this processor.
            Level::Avx2 => unsafe { run_avx2(task, reach) },
            // SAFETY: as above.
            Level::Avx512 => unsafe { run_avx512(task, reach) },
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let Reach { far, past_caches } = reach;
            let _ = (far, past_caches);
            task.run(Portable);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Task>(task: K, reach: Reach) {
    // SAFETY: this function is compiled for AVX2, FMA, F16C and BMI2.
    task.run(unsafe { Avx2::new(reach) });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(
    enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl"
)]
fn run_avx512<K: Task>(task: K, reach: Reach) {
    // SAFETY: this function is compiled for AVX-512 F, BW, DQ and VL, and BMI2.
    task.run(unsafe { Avx512::new(reach) });
}

fn accepted() -> String {
    let names: Vec<&str> =
        Level::ALL.into_iter().filter(|level| level.detected()).map(Level::name).collect();
    names.join(", ")
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_level_is_supported() {
        assert!(Level::best().supported().is_ok());
        assert!(Level::Portable.supported().is_ok());
    }
}
