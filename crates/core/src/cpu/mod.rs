//! The CPU backend: counted memory, and the two loops over fixed-size blocks.

mod backward;
mod blocks;
mod columns;
mod cores;
mod direct;
mod forward;
mod four_rows;
mod frame;
mod memory;
mod mixed;
mod mixed_runs;
mod origin;
mod own_team;
mod pages;
mod partials;
mod runs;
pub mod simd;
mod slope_source;
mod storage;
mod stretch;
mod team;
mod walk;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

pub use memory::{Buffer, Memory};
pub use simd::Level;
pub use team::{Team, WaitPolicy};

use self::own_team::OwnTeam;
use self::partials::Partials;
use crate::backend::{Backend, Inputs, Kernels};
use crate::codec::{Codec, Word};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::plan::Plan;

/// The processor's cores and memory. Clones share the threads and the count of allocated bytes.
#[derive(Clone)]
pub struct Cpu {
    /// Where the caller is not the only thread.
    team: Option<Arc<dyn Team>>,
    threads: usize,
    /// Bytes that a pass has to move for helpers to be woken.
    shared_from: usize,
    level: Level,
    memory: Memory,
}

impl Cpu {
    /// A backend that works with `threads` threads, at the best SIMD level of this processor or
    /// the one named by the environment variable `PRELU_MEM_SIMD`.
    ///
    /// # Errors
    /// [`Error::Threads`] for zero threads, more than 4,095, or where the system starts none; [`Error::Simd`] where
    /// the variable names a level that this processor lacks.
    pub fn new(threads: usize) -> Result<Self> {
        Cpu::with_level(threads, Level::from_environment()?)
    }

    /// The same at a SIMD level of the caller's choice.
    ///
    /// # Errors
    /// [`Error::Threads`] for zero threads, more than 4,095, or where the system starts none; [`Error::Simd`] for a
    /// level that this processor lacks.
    pub fn with_level(threads: usize, level: Level) -> Result<Self> {
        level.supported()?;
        Cpu { team: None, threads, shared_from: 0, level, memory: Memory::default() }
            .with_wait_policy(WaitPolicy::default())
    }

    /// The same backend on as many threads of its own that wait for work like this, in place of those it had. Passes are shared from where,
    /// measured, that is faster with such threads, until [`Cpu::sharing_from`] says otherwise.
    ///
    /// # Errors
    /// [`Error::Threads`] where the system starts none, or for more active threads than the process may use cores.
    pub fn with_wait_policy(self, policy: WaitPolicy) -> Result<Self> {
        let team: Option<Arc<dyn Team>> = match self.threads {
            1 => None,
            threads => Some(Arc::new(OwnTeam::new(threads, policy)?)),
        };
        Ok(Cpu { team, shared_from: policy.shared_from(), ..self })
    }

    /// The same backend on the caller and threads that somebody else keeps, `threads` in all. They are asked for
    /// help with every pass; see [`Cpu::sharing_from`].
    #[must_use]
    pub fn on_team(self, threads: NonZeroUsize, team: Arc<dyn Team>) -> Cpu {
        let team = (threads.get() > 1).then_some(team);
        Cpu { team, threads: threads.get(), shared_from: 0, ..self }
    }

    /// A backend on the same threads, at the same level, with a count and a pool of its own.
    pub fn with_own_memory(&self) -> Cpu {
        Cpu { memory: Memory::default(), ..self.clone() }
    }

    /// The same backend, whose threads share every pass that moves at least so many bytes: 0 for all of
    /// them, as tests want, `usize::MAX` for none.
    #[must_use]
    pub fn sharing_from(self, bytes: usize) -> Cpu {
        Cpu { shared_from: bytes, ..self }
    }

    /// Cores that the process may use.
    pub fn available_threads() -> usize {
        std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
    }

    /// Threads the loops run on.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The SIMD level of the loops.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The count of bytes that this backend has allocated.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Does `work` for every one of `items`, which move `bytes` of memory in all. Where that is enough for
    /// it, the backend's threads take items as they come, the caller among them; else the caller does
    /// everything.
    pub fn share<I>(&self, bytes: usize, items: I, work: impl Fn(I::Item) + Sync)
    where
        I: Iterator + Send,
        I::Item: Send,
    {
        let Some(team) = self.team.as_ref().filter(|_| bytes >= self.shared_from) else {
            return items.for_each(work);
        };
        let items = Mutex::new(items);
        let take = || {
            // Nothing panics under the lock: work is done after it is given back.
            let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some(item) = next() {
                work(item);
            }
        };
        team.run(self.threads, &take);
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cpu")
            .field("threads", &self.threads)
            .field("shared_from", &self.shared_from)
            .field("level", &self.level)
            .finish()
    }
}

impl Backend for Cpu {
    type Buffer<U: Word> = Buffer<U>;
    type View<'a, U: Word> = &'a [U];
    type ViewMut<'a, U: Word> = &'a mut [U];

    fn alloc<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        self.memory.alloc(len)
    }

    fn reserve<U: Word>(&self, len: usize) -> Result<Buffer<U>> {
        self.memory.reserve(len)
    }

    fn len<U: Word>(buffer: &Buffer<U>) -> usize {
        buffer.len()
    }

    fn view<U: Word>(buffer: &Buffer<U>, len: usize) -> &[U] {
        &buffer[..len]
    }

    fn view_mut<U: Word>(buffer: &mut Buffer<U>, len: usize) -> &mut [U] {
        &mut buffer[..len]
    }

    fn view_len<U: Word>(view: &[U]) -> usize {
        view.len()
    }

    fn reborrow<'a, U: Word>(view: &'a mut &mut [U]) -> &'a mut [U] {
        view
    }

    fn as_view<'a, U: Word>(view: &'a &mut [U]) -> &'a [U] {
        view
    }

    fn copy<U: Word>(&self, from: &[U], to: &mut [U]) -> Result<()> {
        let (expected, got) = (to.len(), from.len());
        if expected != got {
            return Err(Error::Length { what: "copy", expected, got });
        }
        let pairs = to.chunks_mut(blocks::SHORTEST).zip(from.chunks(blocks::SHORTEST));
        self.share(2 * size_of_val(from), pairs, |(to, from)| to.copy_from_slice(from));
        Ok(())
    }
}

impl<C: Codec<T>, T: Element> Kernels<C, T> for Cpu {
    fn forward(
        &self,
        plan: &Plan<C, T>,
        x: &mut [T],
        words: &mut [C::Word],
        kept: &mut [T],
    ) -> Result<()> {
        forward::forward(self, plan, x, words, kept);
        Ok(())
    }

    fn backward(
        &self,
        plan: &Plan<C, T>,
        inputs: Inputs<'_, '_, Self, C::Word, T>,
        grad: &mut [T],
        slope_gradient: Option<&mut [f64]>,
    ) -> Result<()> {
        let mut partials = Partials::new(plan, &self.memory)?;
        let Inputs { words, kept, output } = inputs;
        let saved = backward::Saved { words, kept, output: output.unwrap_or_default() };
        backward::backward(self, plan, saved, grad, partials.rows());
        if let Some(sums) = slope_gradient {
            partials.add_to(plan, sums);
        }
        Ok(())
    }

    fn workspace_bytes(&self, plan: &Plan<C, T>) -> usize {
        Partials::bytes(plan)
    }
}
