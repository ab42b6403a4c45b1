//! The plans in use: the channels are classified once per set of slope values.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::errors::Failure;
use crate::request::{Planned, Request};

/// Plans that are remembered. A network has some tens of layers, two per layer while slopes change.
const MOST: usize = 512;

/// Plans made since the start of the process.
static MADE: AtomicU64 = AtomicU64::new(0);

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

#[derive(Default)]
struct Table {
    plans: HashMap<Request, Entry>,
    clock: u64,
}

struct Entry {
    plan: Arc<Planned>,
    used: u64,
}

/// The plan for this request: the one remembered, or a new one.
pub(crate) fn find(request: &Request) -> Result<Arc<Planned>, Failure> {
    let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    let table = table.get_or_insert_with(Table::default);
    table.clock += 1;
    let used = table.clock;
    if let Some(entry) = table.plans.get_mut(request) {
        entry.used = used;
        return Ok(Arc::clone(&entry.plan));
    }
    let plan = Arc::new(request.plan()?);
    MADE.fetch_add(1, Ordering::Relaxed);
    if table.plans.len() >= MOST {
        // The older half: slopes of steps that are over.
        let oldest = used - MOST as u64 / 2;
        table.plans.retain(|_, entry| entry.used > oldest);
    }
    table.plans.insert(request.clone(), Entry { plan: Arc::clone(&plan), used });
    Ok(plan)
}

/// Plans made since the start of the process.
pub(crate) fn made() -> u64 {
    MADE.load(Ordering::Relaxed)
}
