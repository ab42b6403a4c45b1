//! Both ways of handing a stash over: the same bits, and every refusal leaves the stash intact.

use half::{bf16, f16};
use prelu_mem_core::{
    Backend, Cpu, Element, Error, Filler, Geometry, GradSlot, Refused, SharedBuffer, Sharing,
    Slopes, Strategy,
};
use prelu_mem_diff_stash::DiffStash;

type Saved<T> = <DiffStash as Strategy<Cpu, T>>::Saved;

struct Case<T: Element> {
    cpu: Cpu,
    slopes: Slopes<T>,
    elements: usize,
    x: Vec<T>,
    upstream: Vec<T>,
}

impl<T: Element> Case<T> {
    fn new(threads: usize, geometry: &Geometry, learned: bool) -> Result<Self, Error> {
        let values = Filler::Uniform { low: -1.0, high: 1.0 }.fill(&[geometry.slopes()], 3)?;
        let normal = Filler::Gaussian { mean: 0.0, std: 1.0 };
        // Frozen slopes are stashed for where they are negative.
        let negative = values.iter().map(|value: &T| T::from_f64(-value.to_f64().abs()));
        Ok(Case {
            cpu: Cpu::new(threads)?.sharing_from(0),
            slopes: match learned {
                true => Slopes::learned(values),
                false => Slopes::frozen(negative.collect()),
            },
            elements: geometry.len(),
            x: normal.fill(&[geometry.len()], 1)?,
            upstream: normal.fill(&[geometry.len()], 2)?,
        })
    }

    /// Forward; the stash waits in what was the slot's buffer.
    fn stash(&self, geometry: &Geometry, slot: &mut GradSlot<Cpu, T>) -> Result<Saved<T>, Error> {
        let plan = Strategy::<Cpu, T>::plan(&DiffStash, geometry, &self.slopes)?;
        DiffStash.forward(&self.cpu, &plan, &mut self.x.clone(), slot)
    }

    fn slot(&self) -> Result<GradSlot<Cpu, T>, Error> {
        Ok(GradSlot::new(self.cpu.alloc(self.elements)?))
    }

    fn sums(&self) -> Vec<f64> {
        vec![0.5; self.slopes.values().len()]
    }

    fn copied(&self, geometry: &Geometry) -> Result<(Vec<T>, Vec<f64>), Error> {
        let mut slot = self.slot()?;
        let saved = self.stash(geometry, &mut slot)?;
        let shared = SharedBuffer::new(self.cpu.alloc(self.elements)?);
        let ready = DiffStash.vacate(&self.cpu, saved, &mut slot, Some(&shared))?;
        let (grad, mut sums) = (slot.get_mut()?, self.sums());
        grad.copy_from_slice(&self.upstream);
        DiffStash.backward(&self.cpu, &self.slopes, ready, None, grad, Some(&mut sums))?;
        Ok((grad.to_vec(), sums))
    }

    fn direct(&self, geometry: &Geometry) -> Result<(Vec<T>, Vec<f64>), Error> {
        let saved = self.stash(geometry, &mut self.slot()?)?;
        assert!(saved.is_whole());
        let mut sums = self.sums();
        let (slopes, upstream) = (&self.slopes, &*self.upstream);
        let gradient = saved.backward_direct(&self.cpu, slopes, upstream, Some(&mut sums))?;
        Ok((gradient.to_vec(), sums))
    }
}

fn bits<T: Element>(values: &[T]) -> &[u8] {
    bytemuck::cast_slice(values)
}

/// Long runs, short runs, channels last, a shared slope; one block and several.
const SHAPES: [(&[usize], usize, Sharing); 6] = [
    (&[2, 5, 333], 1, Sharing::PerChannel),
    (&[3, 40, 7, 7], 1, Sharing::PerChannel),
    (&[60, 70], 1, Sharing::PerChannel),
    (&[4, 3, 20_000], 1, Sharing::PerChannel),
    (&[3000, 70], 1, Sharing::PerChannel),
    (&[7, 30_001], 1, Sharing::Shared),
];

fn both_agree<T: Element>() -> Result<(), Error> {
    for (shape, axis, sharing) in SHAPES {
        let geometry = Geometry::from_shape(shape, axis, sharing)?;
        for (threads, learned) in [(1, true), (3, true), (2, false)] {
            let case = Case::<T>::new(threads, &geometry, learned)?;
            let (copied, direct) = (case.copied(&geometry)?, case.direct(&geometry)?);
            let what = format!("{} {shape:?} {threads} learned {learned}", T::DTYPE);
            assert!(bits(&copied.0) == bits(&direct.0), "input gradient, {what}");
            assert!(bits(&copied.1) == bits(&direct.1), "slope gradient, {what}");
            assert_eq!(direct.1 == case.sums(), !learned, "{what}");
        }
    }
    Ok(())
}

#[test]
fn both_ways_give_the_same_bits() -> Result<(), Error> {
    both_agree::<f32>()?;
    both_agree::<f64>()?;
    both_agree::<f16>()?;
    both_agree::<bf16>()
}

#[test]
fn a_refused_direct_hand_over_gives_the_stash_back() -> Result<(), Error> {
    let geometry = Geometry::from_shape(&[2, 3, 50], 1, Sharing::PerChannel)?;
    let case = Case::<f32>::new(1, &geometry, true)?;
    let saved = case.stash(&geometry, &mut case.slot()?)?;
    let mut sums = case.sums();
    let refused = |result: Result<_, Refused<Saved<f32>>>, expected: &Error| {
        let Refused { error, state } = result.map(drop).expect_err("refused");
        assert_eq!(&error, expected);
        state
    };

    let (upstream, others) = (&*case.upstream, case.slopes.clone());
    let saved = saved.backward_direct(&case.cpu, &others, upstream, Some(&mut sums));
    let saved = refused(saved, &Error::SlopesChanged);
    let saved = saved.backward_direct(&case.cpu, &case.slopes, &upstream[1..], Some(&mut sums));
    let short = Error::Length { what: "upstream gradient", expected: 300, got: 299 };
    let saved = refused(saved, &short);
    let saved = saved.backward_direct(&case.cpu, &case.slopes, upstream, None);
    let saved = refused(saved, &Error::SlopeGradientRequired);

    assert_eq!(sums, case.sums());
    let gradient = saved.backward_direct(&case.cpu, &case.slopes, upstream, Some(&mut sums))?;
    let expected = case.copied(&geometry)?;
    assert_eq!((gradient.to_vec(), sums), expected);
    Ok(())
}

#[test]
fn a_stash_of_some_channels_has_to_be_vacated() -> Result<(), Error> {
    let geometry = Geometry::from_shape(&[2, 2, 50], 1, Sharing::PerChannel)?;
    let slopes = Slopes::frozen(vec![0.5_f32, -0.5]);
    let case = Case { slopes, ..Case::new(1, &geometry, true)? };
    let saved = case.stash(&geometry, &mut case.slot()?)?;
    assert!(!saved.is_whole());
    let done = saved.backward_direct(&case.cpu, &case.slopes, &case.upstream, None);
    let Refused { error, state } = done.map(drop).expect_err("half a stash");
    assert_eq!(error, Error::Length { what: "stash", expected: 200, got: 100 });
    drop(state);
    Ok(())
}

#[test]
fn a_refused_copy_gives_the_stash_back() -> Result<(), Error> {
    let geometry = Geometry::from_shape(&[2, 3, 50], 1, Sharing::PerChannel)?;
    let case = Case::<f32>::new(1, &geometry, true)?;
    let no_buffer = case.stash(&geometry, &mut GradSlot::none()).map(drop);
    assert_eq!(no_buffer, Err(Error::NoGradientBuffer));

    let mut slot = case.slot()?;
    let saved = case.stash(&geometry, &mut slot)?;
    assert_eq!(slot.get_mut().map(drop), Err(Error::NoGradientBuffer), "the stash is in it");
    let small = SharedBuffer::new(case.cpu.alloc(299)?);
    let busy = SharedBuffer::new(case.cpu.alloc(300)?);
    let lease = busy.lease(1)?;
    let mut saved = saved;
    for (shared, expected) in [
        (None, Error::NoSharedBuffer),
        (Some(&small), Error::SharedBufferTooSmall { need: 300, have: 299 }),
        (Some(&busy), Error::SharedBufferBusy),
    ] {
        let refused = DiffStash.vacate(&case.cpu, saved, &mut slot, shared).map(drop);
        let Refused { error, state } = refused.expect_err("refused");
        assert_eq!(error, expected);
        saved = state;
    }
    drop(lease);
    let ready = DiffStash.vacate(&case.cpu, saved, &mut slot, Some(&busy))?;
    let (grad, mut sums) = (slot.get_mut()?, case.sums());
    grad.copy_from_slice(&case.upstream);
    DiffStash.backward(&case.cpu, &case.slopes, ready, None, grad, Some(&mut sums))?;
    assert_eq!((grad.to_vec(), sums), case.copied(&geometry)?);
    assert!(busy.lease(300).is_ok(), "backward has given the lease back");
    Ok(())
}
