//! What the contract suite cannot see: memory that is somebody else's and aligned as it happens to be,
//! repeated runs, both ways of handing a stash over, several backends, tensors of another device.

mod driver;

use driver::{cuda_or_skip, driver_or_skip};
use half::{bf16, f16};
use prelu_mem_adaptive::Adaptive;
use prelu_mem_bitmask::Bitmask;
use prelu_mem_core::contract::Host;
use prelu_mem_core::contract::case::every_slope;
use prelu_mem_core::{
    Backend, Element, Error, Filler, Geometry, GradSlot, Identity, Inputs, Kernels, Plan, Result,
    SharedBuffer, Sharing, Slopes, Strategy,
};
use prelu_mem_cuda::{Buffer, Cuda};
use prelu_mem_diff_stash::DiffStash;
use prelu_mem_full_copy::FullCopy;
use prelu_mem_registry::{StrategyName, Visitor, with};

/// Long runs, short runs, channels last, one axis.
const SHAPES: [(&[usize], usize); 5] =
    [(&[3, 5, 4_321], 1), (&[3, 90, 49], 1), (&[301, 67], 1), (&[70, 2_048], 1), (&[9_001], 0)];

/// A pass over tensors that begin `skipped` elements into their memory.
#[derive(Clone, Copy)]
struct Pass<'a, T: Element> {
    cuda: &'a Cuda,
    geometry: &'a Geometry,
    slopes: &'a Slopes<T>,
    /// Whether the tensors are wrapped as somebody else's memory.
    wrapped: bool,
    skipped: [usize; 3],
}

/// Bits of `y`, `dx` and `da`.
type Bits = [Vec<u8>; 3];

fn bits<T: Element>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

/// Values of every sign and size that a number can have, not those of an infinity or NaN: the bits of
/// a NaN are nobody's promise.
fn learned<T: Element>(geometry: &Geometry) -> Slopes<T> {
    let finite = every_slope::<T>().into_iter().filter(|slope| slope.to_f64().is_finite());
    let slopes = finite.collect::<Vec<_>>().into_iter().cycle().skip(3);
    Slopes::learned(slopes.take(geometry.slopes()).collect())
}

fn filled<T: Element>(cuda: &Cuda, skipped: usize, values: &[T]) -> Result<Buffer<T>> {
    let len = skipped + values.len();
    let mut buffer = cuda.alloc(len)?;
    cuda.upload(values, Cuda::view_mut(&mut buffer, len).skip(skipped))?;
    Ok(buffer)
}

/// The bits from `skipped` on; those before have to be zero still.
fn taken<T: Element>(cuda: &Cuda, buffer: &Buffer<T>, skipped: usize) -> Result<Vec<u8>> {
    let values = cuda.download(Cuda::view(buffer, buffer.len()))?;
    assert!(bits(&values[..skipped]).iter().all(|&byte| byte == 0), "written before the tensor");
    Ok(bits(&values[skipped..]))
}

impl<T: Element> Visitor<Cuda, T> for Pass<'_, T> {
    type Output = Result<Bits>;

    fn visit<S: Strategy<Cuda, T>>(self, strategy: S) -> Result<Bits> {
        let Pass { cuda, geometry, slopes, wrapped, skipped: [of_x, of_y, of_g] } = self;
        let len = geometry.len();
        let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
        let mut x = filled::<T>(cuda, of_x, &ordinary.fill(&[len], 1)?)?;
        let mut g = filled::<T>(cuda, of_g, &ordinary.fill(&[len], 2)?)?;
        let mut sums = cuda.alloc::<f64>(geometry.slopes())?;

        let plan = strategy.plan(geometry, slopes)?;
        let needs_output = strategy.footprint(cuda, &plan).needs_output;
        let mut slot = GradSlot::new(cuda.alloc(len)?);
        let shared = SharedBuffer::new(cuda.alloc(len)?);
        let (x_at, g_at) = (x.address(), g.address());
        let view = if wrapped {
            // SAFETY: the elements are those of `x`, which nobody else uses before this view is spent.
            unsafe { cuda.wrap_mut(x_at + (of_x * size_of::<T>()) as u64, len) }?
        } else {
            Cuda::view_mut(&mut x, of_x + len).skip(of_x)
        };
        let saved = strategy.forward(cuda, &plan, view, &mut slot)?;
        let ready = strategy.vacate(cuda, saved, &mut slot, Some(&shared))?;
        let y = taken(cuda, &x, of_x)?;
        // The output may have been moved meanwhile.
        let moved = filled::<T>(cuda, of_y, bytemuck::cast_slice(&y))?;
        let output = needs_output.then(|| Cuda::view(&moved, of_y + len).skip(of_y));
        let view = if wrapped {
            // SAFETY: as above, for `g`.
            unsafe { cuda.wrap_mut(g_at + (of_g * size_of::<T>()) as u64, len) }?
        } else {
            Cuda::view_mut(&mut g, of_g + len).skip(of_g)
        };
        let sums_view = Cuda::view_mut(&mut sums, geometry.slopes());
        strategy.backward(cuda, slopes, ready, output, view, Some(sums_view))?;
        Ok([y, taken(cuda, &g, of_g)?, taken(cuda, &sums, 0)?])
    }
}

/// Whatever the alignment and however often: the same bits.
fn alignment_shows_nowhere<T: Element>(cuda: &Cuda) -> Result<()> {
    for (shape, axis) in SHAPES {
        let geometry = &Geometry::from_shape(shape, axis, Sharing::PerChannel)?;
        let slopes = &learned::<T>(geometry);
        for &name in StrategyName::ALL {
            let pass = |skipped, wrapped| {
                let pass = Pass { cuda, geometry, slopes, wrapped, skipped };
                with::<Cuda, T, _>(name, pass)
            };
            let aligned = pass([0, 0, 0], false)?;
            // A 16-byte access is off by one element, by some of them, or by a whole access.
            let whole = 16 / size_of::<T>();
            for (skipped, wrapped) in [
                ([0, 0, 0], false),
                ([whole; 3], true),
                ([1, 0, 0], false),
                ([0, 1, 0], true),
                ([0, 0, 1], false),
                ([3, 7, 5], true),
            ] {
                let what = format!("{name} {} {shape:?} {skipped:?}", T::DTYPE);
                let got = pass(skipped, wrapped)?;
                for (part, (got, wanted)) in got.iter().zip(&aligned).enumerate() {
                    assert!(got == wanted, "{}: {what}", ["y", "dx", "da"][part]);
                }
            }
        }
    }
    Ok(())
}

#[test]
fn alignment_and_repetition_show_nowhere() -> Result<()> {
    let Some(cuda) = cuda_or_skip("alignment_and_repetition_show_nowhere") else {
        return Ok(());
    };
    alignment_shows_nowhere::<f16>(&cuda)?;
    alignment_shows_nowhere::<bf16>(&cuda)?;
    alignment_shows_nowhere::<f32>(&cuda)?;
    alignment_shows_nowhere::<f64>(&cuda)
}

/// As on the CPU: a slope gradient that nobody is owed is left alone.
#[test]
fn frozen_slopes_leave_a_slope_gradient_as_it_was() -> Result<()> {
    let Some(cuda) = cuda_or_skip("frozen_slopes_leave_a_slope_gradient_as_it_was") else {
        return Ok(());
    };
    let geometry = Geometry::from_shape(&[2, 2, 9], 1, Sharing::PerChannel)?;
    let plan = Plan::<Identity, f32>::new(&geometry, &Slopes::frozen(vec![-0.5, 0.25]))?;
    let x = [-4.0_f32; 36];
    let mut tensor = filled(&cuda, 0, &x)?;
    let (mut words, mut kept) = (cuda.alloc::<f32>(plan.words())?, cuda.alloc::<f32>(0)?);
    assert!(plan.words() > 0 && plan.kept_elements() == 0, "both kinds of channels are there");
    let words_view = Cuda::view_mut(&mut words, plan.words());
    cuda.forward(&plan, Cuda::view_mut(&mut tensor, 36), words_view, Cuda::view_mut(&mut kept, 0))?;

    let inputs = Inputs {
        words: Cuda::view(&words, plan.words()),
        kept: Cuda::view(&kept, 0),
        output: Some(Cuda::view(&tensor, 36)),
    };
    let (mut grad, mut sums) = (filled(&cuda, 0, &[1.0_f32; 36])?, filled(&cuda, 0, &[7.0, 8.0])?);
    let sums_view = Cuda::view_mut(&mut sums, 2);
    Kernels::backward(&cuda, &plan, inputs, Cuda::view_mut(&mut grad, 36), Some(sums_view))?;
    assert_eq!(cuda.download(Cuda::view(&sums, 2))?, [7.0, 8.0]);
    let expected = [[-0.5_f32; 9], [0.25; 9]].concat().repeat(2);
    assert_eq!(cuda.download(Cuda::view(&grad, 36))?, expected);
    Ok(())
}

type Saved<T> = <DiffStash as Strategy<Cuda, T>>::Saved;

/// A stash for the geometry, and its slopes.
fn stash<T: Element>(cuda: &Cuda, geometry: &Geometry) -> Result<(Saved<T>, Slopes<T>)> {
    let (len, slopes) = (geometry.len(), learned::<T>(geometry));
    let plan = Strategy::<Cuda, T>::plan(&DiffStash, geometry, &slopes)?;
    let mut x = filled(cuda, 0, &Filler::Uniform { low: -4.0, high: 4.0 }.fill::<T>(&[len], 1)?)?;
    let mut slot = GradSlot::new(cuda.alloc(len)?);
    let x = Cuda::view_mut(&mut x, len);
    Ok((DiffStash.forward(cuda, &plan, x, &mut slot)?, slopes))
}

fn hand_over<T: Element>(cuda: &Cuda) -> Result<()> {
    for (shape, axis) in SHAPES {
        let geometry = Geometry::from_shape(shape, axis, Sharing::PerChannel)?;
        let slopes = learned::<T>(&geometry);
        let pass =
            Pass { cuda, geometry: &geometry, slopes: &slopes, wrapped: false, skipped: [0; 3] };
        let copied = with::<Cuda, T, _>(StrategyName::DiffStash, pass)?;

        let (len, count) = (geometry.len(), geometry.slopes());
        let g: Vec<T> = Filler::Uniform { low: -4.0, high: 4.0 }.fill(&[len], 2)?;
        for skipped in [0, 1] {
            let upstream = filled(cuda, skipped, &g)?;
            let mut sums = cuda.alloc::<f64>(count)?;
            let view = Cuda::view(&upstream, skipped + len).skip(skipped);
            let (stash, slopes) = stash::<T>(cuda, &geometry)?;
            assert!(stash.is_whole());
            let sums_view = Cuda::view_mut(&mut sums, count);
            let gradient = stash.backward_direct(cuda, &slopes, view, Some(sums_view))?;
            let what = format!("{} {shape:?} {skipped}", T::DTYPE);
            assert!(taken(cuda, &gradient, 0)? == copied[1], "input gradient: {what}");
            assert!(taken(cuda, &sums, 0)? == copied[2], "slope gradient: {what}");
            assert!(taken(cuda, &upstream, skipped)? == bits(&g), "upstream gradient: {what}");
        }
    }
    Ok(())
}

#[test]
fn both_ways_of_handing_over_give_the_same_bits() -> Result<()> {
    let Some(cuda) = cuda_or_skip("both_ways_of_handing_over_give_the_same_bits") else {
        return Ok(());
    };
    hand_over::<f16>(&cuda)?;
    hand_over::<bf16>(&cuda)?;
    hand_over::<f32>(&cuda)?;
    hand_over::<f64>(&cuda)
}

/// Terms that cancel, so large that a plain sum of `f64` would lose all the others.
#[test]
fn sums_of_f64_keep_what_roundings_lose() -> Result<()> {
    let Some(cuda) = cuda_or_skip("sums_of_f64_keep_what_roundings_lose") else {
        return Ok(());
    };
    const LARGE: f64 = (1_u64 << 54) as f64;
    const TERMS: [f64; 4] = [LARGE, 1.5, -LARGE, 2.25];
    const LEN: usize = 40_000;
    for shape in [[1, 1, LEN], [1, LEN / 4, 4], [LEN / 8, 8, 1]] {
        let geometry = Geometry::from_shape(&shape, 1, Sharing::Shared)?;
        let slopes = Slopes::learned(vec![0.5]);
        let plan = Strategy::<Cuda, f64>::plan(&FullCopy, &geometry, &slopes)?;
        let g: Vec<f64> = (0..LEN).map(|at| TERMS[(at + at / 9) % 4]).collect();
        let (mut x, mut grad) = (filled(&cuda, 0, &[-1.0; LEN])?, filled(&cuda, 0, &g)?);
        let mut sums = cuda.alloc::<f64>(1)?;
        let mut slot = GradSlot::none();
        let saved = FullCopy.forward(&cuda, &plan, Cuda::view_mut(&mut x, LEN), &mut slot)?;
        let ready = FullCopy.vacate(&cuda, saved, &mut slot, None)?;
        let (grad, sum) = (Cuda::view_mut(&mut grad, LEN), Cuda::view_mut(&mut sums, 1));
        FullCopy.backward(&cuda, &slopes, ready, None, grad, Some(sum))?;
        let got = cuda.download(Cuda::view(&sums, 1))?[0];
        let count = |term: f64| g.iter().filter(|&&g| g == term).count() as f64;
        let expected =
            -LARGE * (count(LARGE) - count(-LARGE)) - 1.5 * count(1.5) - 2.25 * count(2.25);
        // Of the magnitudes' sum, (3 n 2^-53)^2; the last rounding is smaller.
        let magnitudes = LEN as f64 / 2.0 * LARGE;
        let bound = (3.0 * LEN as f64 * f64::EPSILON / 2.0).powi(2) * magnitudes + 0.01;
        assert!((got - expected).abs() <= bound, "{shape:?}: {got} is not {expected} by {bound}");
    }
    Ok(())
}

/// A plan keeps its tables for one stream: with another backend it has to make them anew.
#[test]
fn a_plan_serves_several_backends() -> Result<()> {
    let Some(first) = cuda_or_skip("a_plan_serves_several_backends") else {
        return Ok(());
    };
    let second = Cuda::open(0)?;
    let geometry = Geometry::from_shape(&[3, 40, 9], 1, Sharing::PerChannel)?;
    let slopes = learned::<f32>(&geometry);
    let plan = Strategy::<Cuda, f32>::plan(&DiffStash, &geometry, &slopes)?;
    let values = vec![-1.0; geometry.len()];
    let mut outputs = Vec::new();
    for cuda in [&first, &second, &first, &first.clone()] {
        let mut x = filled(cuda, 0, &values)?;
        let mut slot = GradSlot::new(cuda.alloc(geometry.len())?);
        let view = Cuda::view_mut(&mut x, geometry.len());
        DiffStash.forward(cuda, &plan, view, &mut slot)?;
        outputs.push(taken(cuda, &x, 0)?);
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
    Ok(())
}

/// Slope gradients of several steps on other data each, with one plan: small ones end in backward's
/// last block, others in a launch. Added up they are the bits of the steps alone, added up: none takes sums that an earlier one left behind.
fn steps_add_up<T: Element, S: Strategy<Cuda, T>>(
    cuda: &Cuda,
    strategy: &S,
    shape: &[usize],
) -> Result<()> {
    let geometry = &Geometry::from_shape(shape, 1, Sharing::PerChannel)?;
    let (len, count) = (geometry.len(), geometry.slopes());
    let slopes = learned::<T>(geometry);
    let plan = strategy.plan(geometry, &slopes)?;
    let needs_output = strategy.footprint(cuda, &plan).needs_output;
    let ordinary = Filler::Uniform { low: -4.0, high: 4.0 };
    let step = |seed, sums: &mut Buffer<f64>| -> Result<()> {
        let mut x = filled::<T>(cuda, 0, &ordinary.fill(&[len], seed)?)?;
        let mut g = filled::<T>(cuda, 0, &ordinary.fill(&[len], seed + 1)?)?;
        let mut slot = GradSlot::none();
        let saved = strategy.forward(cuda, &plan, Cuda::view_mut(&mut x, len), &mut slot)?;
        let ready = strategy.vacate(cuda, saved, &mut slot, None)?;
        let output = needs_output.then(|| Cuda::view(&x, len));
        let (upstream, sums) = (Cuda::view_mut(&mut g, len), Cuda::view_mut(sums, count));
        Ok(strategy.backward(cuda, &slopes, ready, output, upstream, Some(sums))?)
    };
    let mut together = cuda.alloc::<f64>(count)?;
    let mut expected = vec![0.0; count];
    for seed in (0..10).map(|step| 2 * step) {
        step(seed, &mut together)?;
        let mut alone = cuda.alloc::<f64>(count)?;
        step(seed, &mut alone)?;
        for (sum, own) in expected.iter_mut().zip(cuda.download(Cuda::view(&alone, count))?) {
            *sum += own;
        }
        let got = cuda.download(Cuda::view(&together, count))?;
        assert!(bits(&got) == bits(&expected), "{} {shape:?}, seed {seed}", T::DTYPE);
    }
    assert!(expected.iter().any(|&sum| sum != 0.0), "{} {shape:?}", T::DTYPE);
    Ok(())
}

#[test]
fn steps_of_one_plan_add_up() -> Result<()> {
    let Some(cuda) = cuda_or_skip("steps_of_one_plan_add_up") else {
        return Ok(());
    };
    for shape in [&[3, 90, 49][..], &[9, 3, 4_321], &[250, 67], &[2, 40_000]] {
        steps_add_up::<f16, _>(&cuda, &Bitmask, shape)?;
        steps_add_up::<bf16, _>(&cuda, &FullCopy, shape)?;
        steps_add_up::<f32, _>(&cuda, &Adaptive, shape)?;
        steps_add_up::<f64, _>(&cuda, &FullCopy, shape)?;
    }
    Ok(())
}

/// Clones and other backends of the device in several threads at once.
#[test]
fn backends_work_side_by_side() -> Result<()> {
    let Some(cuda) = cuda_or_skip("backends_work_side_by_side") else {
        return Ok(());
    };
    let geometry = Geometry::from_shape(&[20, 30, 49], 1, Sharing::PerChannel)?;
    let slopes = learned::<f32>(&geometry);
    let run = |cuda: &Cuda| {
        let pass =
            Pass { cuda, geometry: &geometry, slopes: &slopes, wrapped: false, skipped: [0; 3] };
        with::<Cuda, f32, _>(StrategyName::Adaptive, pass)
    };
    let expected = run(&cuda)?;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|index| {
                let own = if index % 2 == 0 { Ok(cuda.clone()) } else { Cuda::open(0) };
                scope.spawn(move || run(&own?))
            })
            .collect();
        for worker in workers {
            assert!(worker.join().expect("the worker ends")? == expected);
        }
        Ok(())
    })
}

#[test]
fn tensors_of_another_device_are_refused() -> Result<()> {
    let test = "tensors_of_another_device_are_refused";
    let Some(driver) = driver_or_skip(test) else {
        return Ok(());
    };
    if driver.devices.len() < 2 {
        driver::skipped(test, "it takes two devices");
        return Ok(());
    }
    let (here, there) = (Cuda::open(0)?, Cuda::open(1)?);
    let geometry = Geometry::from_shape(&[2, 3, 4], 1, Sharing::PerChannel)?;
    let slopes = learned::<f32>(&geometry);
    let plan = Strategy::<Cuda, f32>::plan(&DiffStash, &geometry, &slopes)?;
    let values = vec![-1.0; geometry.len()];
    let mut x = filled(&there, 0, &values)?;
    let mut slot = GradSlot::new(here.alloc(geometry.len())?);
    let view = Cuda::view_mut(&mut x, geometry.len());
    let refused = DiffStash.forward(&here, &plan, view, &mut slot).map(drop);
    assert_eq!(refused, Err(Error::WrongDevice { what: "input", expected: 0, got: 1 }));
    assert_eq!(taken(&there, &x, 0)?, bits(&values));

    let (saved, slopes) = stash::<f32>(&here, &geometry)?;
    let upstream = filled(&there, 0, &values)?;
    let mut sums = here.alloc::<f64>(geometry.slopes())?;
    let (view, sums) = (Cuda::view(&upstream, values.len()), Cuda::view_mut(&mut sums, 3));
    let refused = saved.backward_direct(&here, &slopes, view, Some(sums)).err();
    let expected = Error::WrongDevice { what: "upstream gradient", expected: 0, got: 1 };
    assert_eq!(refused.map(|refused| refused.error), Some(expected));
    Ok(())
}

#[test]
fn on_the_shim() {
    driver::on_the_shim(&[("PRELU_MEM_SHIM_DEVICES", "2")]);
}

/// What is put in a stream happens long after the call: nothing may rely on its being done.
#[test]
fn on_the_shim_that_is_late() {
    driver::on_the_shim(&[("PRELU_MEM_SHIM_DEVICES", "2"), ("PRELU_MEM_SHIM_LATE", "1")]);
}
