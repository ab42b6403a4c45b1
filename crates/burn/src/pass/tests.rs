//! Where the results lie: in place, or beside what somebody else holds.

// Linked for the loops that it has compiled: crates/strategies/registry/src/instances.rs.
use prelu_mem_registry as _;

use super::*;

const SHAPE: [usize; 3] = [2, 3, 70];

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    let layout = Layout::contiguous(Shape::from(shape.to_vec()));
    FlexTensor::new(Bytes::from_elems(values), layout, DType::F32)
}

fn ramp() -> FlexTensor {
    let elements = SHAPE.iter().product::<usize>() as i32;
    let value = |index| (index - elements / 2) as f32 + 0.5;
    tensor((0..elements).map(value).collect(), &SHAPE)
}

fn slopes() -> FlexTensor {
    tensor(vec![0.25, -0.5, 0.0], &[3])
}

fn place(tensor: &FlexTensor) -> *const u8 {
    tensor.bytes().as_ptr()
}

/// In C order.
fn elements<T: Element + BurnElement>(tensor: &FlexTensor) -> Vec<T> {
    tensor.to_contiguous().as_slice::<T>().expect("tensors of this type").to_vec()
}

fn values(tensor: &FlexTensor) -> Vec<f32> {
    elements(tensor)
}

fn run(x: FlexTensor, strategy: Strategy) -> (FlexTensor, Box<dyn Saved>) {
    forward(x, &slopes(), true, strategy, &Plans::default()).expect("three channels")
}

#[test]
fn a_tensor_of_ones_own_is_overwritten_and_one_that_is_shared_is_not() {
    for strategy in Strategy::ALL {
        let x = ramp();
        let before = place(&x);
        let (in_place, _) = run(x, strategy);
        assert_eq!(place(&in_place), before, "{strategy}");

        let x = ramp();
        let (beside, _) = run(x.clone(), strategy);
        assert_ne!(place(&beside), place(&x), "{strategy}");
        assert_eq!(values(&x), values(&ramp()), "{strategy}");
        assert_eq!(values(&beside), values(&in_place), "{strategy}");
    }
}

#[test]
fn a_gradient_of_ones_own_is_overwritten_and_one_that_is_shared_is_not() {
    for strategy in Strategy::ALL {
        let backward = |upstream| {
            let (output, saved) = run(ramp(), strategy);
            let output = saved.needs_output().then_some(output);
            saved.backward(output, upstream).expect("memory")
        };
        let g = ramp();
        let before = place(&g);
        let in_place = backward(g);
        assert_eq!(place(&in_place.input), before, "{strategy}");

        let g = ramp();
        let beside = backward(g.clone());
        assert_ne!(place(&beside.input), place(&g), "{strategy}");
        assert_eq!(values(&g), values(&ramp()), "{strategy}");
        assert_eq!(values(&beside.input), values(&in_place.input), "{strategy}");
        assert_eq!(values(&beside.slopes), values(&in_place.slopes), "{strategy}");
    }
}

#[test]
fn transposed_memory_is_worked_on_where_it_lies() {
    for axes in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        // Channels are axis 1 of what the layer is given.
        let turned = || memory_order::restored(ramp(), &axes);
        let channels = turned().shape()[1];
        let slopes =
            tensor((0..channels).map(|c| 0.25 - 0.5 * (c % 2) as f32).collect(), &[channels]);
        let run = |x| {
            forward(x, &slopes, true, Strategy::Bitmask, &Plans::default())
                .expect("one slope per channel")
        };

        let x = turned();
        let before = place(&x);
        let (y, saved) = run(x);
        assert_eq!(place(&y), before, "{axes:?}");
        let g = turned();
        let before = place(&g);
        let gradients = saved.backward(Some(y.clone()), g).expect("memory");
        assert_eq!(place(&gradients.input), before, "{axes:?}");

        let plain = turned().to_contiguous();
        let (flat, saved) = run(plain.clone());
        assert_eq!(values(&y), values(&flat), "{axes:?}");
        let expected = saved.backward(Some(flat), plain).expect("memory");
        assert_eq!(values(&gradients.input), values(&expected.input), "{axes:?}");
        assert_eq!(values(&gradients.slopes), values(&expected.slopes), "{axes:?}");
    }
}

#[test]
fn a_gradient_that_lies_otherwise_than_the_output_is_brought_into_its_order() {
    let (y, saved) = run(ramp(), Strategy::Bitmask);
    let turned = memory_order::restored(
        memory_order::permuted(ramp(), &[2, 0, 1]).to_contiguous(),
        &[2, 0, 1],
    );
    let gradients = saved.backward(Some(y.clone()), turned).expect("memory");
    let (y, saved) = {
        drop(y);
        run(ramp(), Strategy::Bitmask)
    };
    let expected = saved.backward(Some(y), ramp()).expect("memory");
    assert_eq!(values(&gradients.input), values(&expected.input));
    assert_eq!(values(&gradients.slopes), values(&expected.slopes));
}

#[test]
fn a_part_of_a_larger_piece_of_memory_is_copied_out_of_it() {
    let whole = ramp();
    let part = whole.narrow(0, 1, 1);
    drop(whole);
    let (y, _) = run(part.clone(), Strategy::Bitmask);
    assert_eq!(y.bytes().len(), 3 * 70 * 4, "the rest would be kept alive with it");
    assert!(values(&part).iter().all(|&x| x > 0.0), "the second half of the ramp");
    assert_eq!(values(&y), values(&part));
}

#[test]
fn the_output_is_held_only_where_backward_reads_it() {
    for strategy in Strategy::ALL {
        let (_, saved) = run(ramp(), strategy);
        assert_eq!(saved.needs_output(), strategy != Strategy::FullCopy, "{strategy}");
        let zero = tensor(vec![0.0], &[1]);
        let (_, kept) = forward(ramp(), &zero, true, strategy, &Plans::default()).expect("shared");
        assert!(!kept.needs_output(), "{strategy}: a slope of zero is kept whole");
    }
}

#[test]
fn one_plan_serves_until_slopes_shape_or_strategy_change() {
    let plans = Plans::default();
    let shape =
        |outer| Geometry::from_shape(&[outer, 2, 3], 1, Sharing::PerChannel).expect("valid");
    let bitmask = |outer, slopes: &[f32], learned| {
        plans.get::<Bitmask, f32>(&shape(outer), slopes, learned).expect("two slopes")
    };
    let first = bitmask(4, &[0.25, f32::NAN], true);
    assert!(Arc::ptr_eq(&first, &bitmask(4, &[0.25, f32::NAN], true)));
    let others = [
        first,
        bitmask(4, &[0.5, f32::NAN], true),
        bitmask(5, &[0.5, f32::NAN], true),
        bitmask(5, &[0.5, f32::NAN], false),
    ];
    assert!(others.windows(2).all(|pair| !Arc::ptr_eq(&pair[0], &pair[1])));
    plans.get::<FullCopy, f32>(&shape(5), &[0.5, 0.5], false).expect("another strategy");
    assert!(plans.get::<Bitmask, f32>(&shape(5), &[0.5], true).is_err());
}

#[test]
fn every_element_type_runs() {
    fn check<T: Element + BurnElement>() {
        let layout = || Layout::contiguous(Shape::from([1, 2, 2]));
        let make = |values: [f64; 4]| {
            FlexTensor::new(
                Bytes::from_elems(values.map(T::from_f64).to_vec()),
                layout(),
                T::dtype(),
            )
        };
        let slopes = Bytes::from_elems([0.25, -0.5].map(T::from_f64).to_vec());
        let slopes = FlexTensor::new(slopes, Layout::contiguous(Shape::from([2])), T::dtype());
        for strategy in Strategy::ALL {
            let x = make([1.0, -4.0, -2.0, 8.0]);
            let (y, saved) = forward(x, &slopes, true, strategy, &Plans::default()).expect("fits");
            let got = saved.backward(Some(y.clone()), make([1.0, 2.0, 4.0, 8.0])).expect("memory");
            let wide = |tensor: &FlexTensor| -> Vec<f64> {
                elements::<T>(tensor).into_iter().map(Element::to_f64).collect()
            };
            assert_eq!(wide(&y), [1.0, -1.0, 1.0, 8.0], "{strategy}");
            assert_eq!(wide(&got.input), [1.0, 0.5, -2.0, 8.0], "{strategy}");
            assert_eq!(wide(&got.slopes), [-8.0, -8.0], "{strategy}");
        }
    }
    check::<f32>();
    check::<f64>();
    check::<f16>();
    check::<bf16>();
}

#[test]
fn misfits_are_named() {
    let refused = |x, slopes: &FlexTensor| {
        forward(x, slopes, true, Strategy::Adaptive, &Plans::default())
            .err()
            .expect("refused")
            .to_string()
    };
    let error = refused(ramp(), &tensor(vec![0.25; 2], &[2]));
    assert!(
        error.contains("2 slopes") && error.contains("[2, 3, 70]") && error.contains("1 or 3"),
        "{error}"
    );
    let error = refused(tensor(vec![0.0; 3], &[3]), &slopes());
    assert!(error.contains("3 slopes") && error.contains("no channel axis"), "{error}");
    let doubles = FlexTensor::new(
        Bytes::from_elems(vec![0.25_f64]),
        Layout::contiguous(Shape::from([1])),
        DType::F64,
    );
    let error = refused(ramp(), &doubles);
    assert!(error.contains("F32") && error.contains("F64"), "{error}");
}
