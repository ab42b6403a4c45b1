//! The plan of a layer's channels, made once per set of slopes.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prelu_mem_core::{Cpu, Element, Geometry, PlanInfo, Slopes, Strategy};

use crate::error::Error;

/// A layer's slopes, and which channels are derived, encoded or kept by them.
pub(crate) struct Planned<S: Strategy<Cpu, T>, T: Element> {
    pub(crate) slopes: Slopes<T>,
    pub(crate) plan: Arc<S::Plan>,
}

impl<S: Strategy<Cpu, T>, T: Element> Planned<S, T> {
    fn fits(&self, geometry: &Geometry, slopes: &[T], learned: bool) -> bool {
        // By bits: a NaN is what it was, too.
        let bytes = bytemuck::cast_slice::<T, u8>;
        self.plan.geometry() == geometry
            && self.slopes.is_learned() == learned
            && bytes(self.slopes.values()) == bytes(slopes)
    }
}

/// What a layer keeps from pass to pass: the last plan, some tens of bytes per channel. It is made
/// anew where the slopes, the shape or the strategy are others. Clones share it.
#[derive(Clone, Default)]
pub struct Plans(Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>);

impl Plans {
    /// The plan for these slopes.
    ///
    /// # Errors
    /// Another number of slopes than the geometry's.
    pub(crate) fn get<S: Strategy<Cpu, T>, T: Element>(
        &self,
        geometry: &Geometry,
        slopes: &[T],
        learned: bool,
    ) -> Result<Arc<Planned<S, T>>, Error> {
        // Whatever panics meanwhile leaves the last plan, or none.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = last.clone().and_then(|last| last.downcast::<Planned<S, T>>().ok());
        if let Some(planned) = planned.filter(|last| last.fits(geometry, slopes, learned)) {
            return Ok(planned);
        }
        let values = slopes.to_vec();
        let slopes = if learned { Slopes::learned(values) } else { Slopes::frozen(values) };
        let plan = S::default().plan(geometry, &slopes)?;
        let planned = Arc::new(Planned { slopes, plan });
        *last = Some(Arc::clone(&planned) as Arc<dyn Any + Send + Sync>);
        Ok(planned)
    }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plans")
    }
}
