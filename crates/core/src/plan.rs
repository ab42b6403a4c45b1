//! Which channels are derived, encoded or kept, and where each element's saved state lies.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use crate::codec::{Basis, CHUNK, Channel, Codec};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::lines::Lines;
use crate::slopes::{Epoch, Slopes};

/// What codec `C` saves for one geometry and one set of slopes. Made once per optimizer step.
#[derive(Debug)]
pub struct Plan<C, T: Element> {
    geometry: Geometry,
    /// The geometry by slope: one run of one channel where the slope is shared.
    by_slope: Geometry,
    slopes: Vec<T>,
    wide_slopes: Vec<T::Wide>,
    cyclic_slopes: Lines<T::Wide>,
    class_places: Vec<ClassPlace>,
    classes: Vec<Channel>,
    uniform: bool,
    encoded: Rank,
    kept: Rank,
    epoch: Epoch,
    learned: bool,
    attached: Attached,
    codec: PhantomData<C>,
}

impl<C: Codec<T>, T: Element> Plan<C, T> {
    /// Classifies every channel as the codec would.
    ///
    /// # Errors
    /// Another number of slopes than [`Geometry::slopes`].
    pub fn new(geometry: &Geometry, slopes: &Slopes<T>) -> Result<Self> {
        Plan::classified(geometry, slopes, C::channel)
    }

    /// Classifies every channel; learned slopes by `channel`, which may derive or keep a channel
    /// that the codec would encode, and never the other way round.
    ///
    /// # Errors
    /// Another number of slopes than [`Geometry::slopes`].
    pub fn classified(
        geometry: &Geometry,
        slopes: &Slopes<T>,
        channel: fn(T) -> Channel,
    ) -> Result<Self> {
        let (expected, got) = (geometry.slopes(), slopes.values().len());
        if expected != got {
            return Err(Error::SlopeCount { expected, got });
        }
        let class = if slopes.is_learned() { channel } else { C::frozen_channel };
        let classes: Vec<Channel> = slopes.values().iter().map(|&slope| class(slope)).collect();
        let by_slope = geometry.by_slope();
        Ok(Plan {
            geometry: *geometry,
            by_slope,
            slopes: slopes.values().to_vec(),
            wide_slopes: slopes.values().iter().map(|slope| slope.widen()).collect(),
            cyclic_slopes: cyclic(&by_slope, slopes.values()),
            encoded: Rank::of(&by_slope, &classes, Channel::Encoded),
            kept: Rank::of(&by_slope, &classes, Channel::Kept),
            class_places: if by_slope.inner() == 1 {
                class_places(&by_slope, &classes)
            } else {
                Vec::new()
            },
            uniform: classes.iter().all(|class| Some(class) == classes.first()),
            classes,
            epoch: slopes.epoch(),
            learned: slopes.is_learned(),
            attached: Attached::default(),
            codec: PhantomData,
        })
    }

    /// The tensor's geometry.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The geometry in which every channel has its own slope: a shared slope is one channel.
    pub fn by_slope(&self) -> &Geometry {
        &self.by_slope
    }

    /// The slopes planned for.
    pub fn slopes(&self) -> &[T] {
        &self.slopes
    }

    /// The same in the type arithmetic happens in.
    pub(crate) fn wide_slopes(&self) -> &[T::Wide] {
        &self.wide_slopes
    }

    /// Where channels are the fastest axis (`inner = 1`): the elements after which not only the channels
    /// but, up to a length, whole chunks begin anew.
    pub fn period(&self) -> usize {
        period(&self.by_slope)
    }

    /// Where channels are the fastest axis (`inner = 1`): the slopes over and over, for a
    /// [`Plan::period`] and a chunk less one, so that any chunk's slopes are contiguous. They begin
    /// a cache line. Empty elsewhere.
    pub fn cyclic_slopes(&self) -> &[T::Wide] {
        &self.cyclic_slopes
    }

    /// Where channels are the fastest axis (`inner = 1`) and not all of one class: the classes from each
    /// element of a [`Plan::period`] on. Empty elsewhere.
    pub(crate) fn class_places(&self) -> &[ClassPlace] {
        &self.class_places
    }

    /// The epoch of those slopes.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the slopes are owed a gradient.
    pub fn is_learned(&self) -> bool {
        self.learned
    }

    /// Each slope's class.
    pub fn classes(&self) -> &[Channel] {
        &self.classes
    }

    /// Whether all channels are of one class.
    pub fn is_uniform(&self) -> bool {
        self.uniform
    }

    /// Elements of the encoded channels.
    pub fn encoded_elements(&self) -> usize {
        self.encoded.before(&self.by_slope, self.by_slope.len())
    }

    /// Elements of the kept channels.
    pub fn kept_elements(&self) -> usize {
        self.kept.before(&self.by_slope, self.by_slope.len())
    }

    /// Words that the codec saves.
    pub fn words(&self) -> usize {
        self.encoded_elements().div_ceil(C::LANES)
    }

    /// Encoded elements among the first `position` elements in memory.
    pub fn encoded_before(&self, position: usize) -> usize {
        self.encoded.before(&self.by_slope, position)
    }

    /// Kept elements among the first `position` elements in memory.
    pub fn kept_before(&self, position: usize) -> usize {
        self.kept.before(&self.by_slope, position)
    }

    /// The first position from `position` on at which a word begins: nothing before it shares a
    /// word with anything after it. The end of the tensor always is one.
    pub fn word_boundary(&self, position: usize) -> usize {
        let before = self.encoded_before(position);
        let whole = before.next_multiple_of(C::LANES);
        if whole == before {
            position
        } else if whole > self.encoded_elements() {
            self.by_slope.len()
        } else {
            self.encoded.position_after(&self.by_slope, whole)
        }
    }

    /// Whether backward reads the output.
    pub fn needs_output(&self) -> bool {
        self.classes.iter().any(|class| match class {
            Channel::Derived => true,
            Channel::Encoded => self.learned && C::BASIS == Basis::Output,
            Channel::Kept => false,
        })
    }

    /// What the slope gradient's sum of channel `c` has to be divided by: the slope where the sum
    /// runs over the output, else 1.
    pub fn divisor(&self, channel: usize) -> f64 {
        let over_output = match self.classes[channel] {
            Channel::Derived => true,
            Channel::Encoded => C::BASIS == Basis::Output,
            Channel::Kept => false,
        };
        if over_output { self.slopes[channel].to_f64() } else { 1.0 }
    }

    /// What a backend keeps with the plan, such as tables in a device's memory: the value of type `A`
    /// that `fits`, or else what `make` returns, which is kept from then on. It lives as long as the
    /// plan, and is made once by whichever thread comes first.
    ///
    /// # Errors
    /// Those of `make`, after which nothing is kept.
    pub fn attached<A: Any + Send + Sync, E>(
        &self,
        fits: impl Fn(&A) -> bool,
        make: impl FnOnce() -> Result<A, E>,
    ) -> Result<Arc<A>, E> {
        // A panic in `make` leaves the list as it was.
        let mut values = self.attached.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = values.iter().filter_map(|value| Arc::clone(value).downcast::<A>().ok());
        if let Some(value) = own.find(|value| fits(value)) {
            return Ok(value);
        }
        drop(own);
        let made = Arc::new(make()?);
        values.push(Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        Ok(made)
    }
}

/// Values of backends' own types.
#[derive(Default)]
struct Attached(Mutex<Vec<Arc<dyn Any + Send + Sync>>>);

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attached")
    }
}

/// The longest period that is made of more than the channels once.
const LONGEST: usize = 128 * CHUNK;
/// Periods that a tensor holds at least, for them to be made of more than the channels once.
const FEWEST: usize = 4;

/// The least number of whole chunks that is a number of whole rows of channels. One row where that is
/// longer than a chunk, and the other would be too long or too few.
fn period(by_slope: &Geometry) -> usize {
    let channels = by_slope.channels();
    let in_common = 1 << channels.trailing_zeros().min(CHUNK.trailing_zeros());
    let period = channels / in_common * CHUNK;
    let worth = period <= LONGEST && FEWEST * period <= by_slope.len();
    if worth || channels < CHUNK { period } else { channels }
}

fn cyclic<T: Element>(by_slope: &Geometry, slopes: &[T]) -> Lines<T::Wide> {
    let columns = by_slope.inner() == 1 && !slopes.is_empty();
    let length = if columns { period(by_slope) + CHUNK - 1 } else { 0 };
    Lines::of(slopes.iter().cycle().map(|slope| slope.widen()), length)
}

/// The classes of the [`CHUNK`] elements from one on, channels being the fastest axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassPlace {
    /// Bits of the encoded and of the kept ones.
    pub(crate) bits: [u64; 2],
    /// Encoded and kept elements between the beginning of the period and this one.
    pub(crate) before: [usize; 2],
}

/// One for each element of a period and one for its end; none where all channels are of one class.
fn class_places(by_slope: &Geometry, classes: &[Channel]) -> Vec<ClassPlace> {
    if classes.iter().all(|class| Some(class) == classes.first()) {
        return Vec::new();
    }
    let period = period(by_slope);
    let (mut places, mut bits, mut before) = (Vec::with_capacity(period + 1), [0; 2], [0; 2]);
    // The chunk moves on by one element at a time: one bit leaves, one comes in.
    for (last, &class) in classes.iter().cycle().take(period + CHUNK).enumerate() {
        for (bits, of) in bits.iter_mut().zip([Channel::Encoded, Channel::Kept]) {
            *bits = *bits >> 1 | u64::from(class == of) << (CHUNK - 1);
        }
        if last + 1 >= CHUNK {
            places.push(ClassPlace { bits, before });
            before = [before[0] + (bits[0] & 1) as usize, before[1] + (bits[1] & 1) as usize];
        }
    }
    places
}

/// The channels of one class, and how many come before each channel.
#[derive(Debug)]
struct Rank {
    members: Vec<usize>,
    before: Vec<usize>,
}

impl Rank {
    fn of(geometry: &Geometry, classes: &[Channel], class: Channel) -> Self {
        let members: Vec<usize> =
            (0..geometry.channels()).filter(|&c| classes[c] == class).collect();
        let before = classes
            .iter()
            .scan(0, |count, &c| {
                let before = *count;
                *count += usize::from(c == class);
                Some(before)
            })
            .collect();
        Rank { members, before }
    }

    /// Elements of the class among the first `position` in memory.
    fn before(&self, geometry: &Geometry, position: usize) -> usize {
        let inner = geometry.inner();
        let row = geometry.channels() * inner;
        if self.members.is_empty() || row == 0 {
            return 0;
        }
        if self.members.len() == geometry.channels() {
            return position;
        }
        let (outer, within) = (position / row, position % row);
        let channel = within / inner;
        let rank = self.before[channel];
        let member = self.members.get(rank) == Some(&channel);
        (outer * self.members.len() + rank) * inner + if member { within % inner } else { 0 }
    }

    /// The position in memory just behind element `count - 1` of the class; `count` is positive
    /// and at most the number of the class's elements.
    fn position_after(&self, geometry: &Geometry, count: usize) -> usize {
        let inner = geometry.inner();
        let last = count - 1;
        let row = self.members.len() * inner;
        let (outer, within) = (last / row, last % row);
        let channel = self.members[within / inner];
        (outer * geometry.channels() + channel) * inner + within % inner + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Identity;
    use crate::geometry::Sharing;

    #[test]
    fn what_a_backend_attaches_is_made_once_and_told_apart() {
        let geometry = Geometry::from_shape(&[2, 3], 1, Sharing::PerChannel).expect("valid");
        let slopes = Slopes::learned(vec![0.25_f32; 3]);
        let plan = Plan::<Identity, f32>::new(&geometry, &slopes).expect("three slopes");
        let text = |wanted: &'static str| {
            plan.attached(|text: &String| text == wanted, || Ok::<_, ()>(wanted.to_owned()))
        };
        let first = text("first").expect("made");
        assert!(Arc::ptr_eq(&first, &text("first").expect("found")));
        assert_eq!(*text("second").expect("made"), "second");
        assert_eq!(plan.attached(|_: &u32| true, || Err::<u32, _>("refused")), Err("refused"));
        assert_eq!(plan.attached(|_: &u32| true, || Ok::<_, ()>(7)).expect("made"), Arc::new(7));
    }
}
