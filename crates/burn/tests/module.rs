//! The layer as a module: configuration, records, what it refuses.

use std::panic::catch_unwind;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::store::ModuleRecord;
use burn::tensor::quantization::QuantScheme;
use burn::tensor::{Bytes, DType, Device, FloatDType, Tensor};
use prelu_mem_burn::{Error, PRelu, PReluConfig, Strategy};

fn device() -> Device {
    Device::flex().autodiff()
}

fn slopes(layer: &PRelu) -> Vec<f32> {
    layer.alpha.val().into_data().try_into_vec().expect("a tensor of f32")
}

fn trained(device: &Device) -> PRelu {
    let mut layer = PReluConfig::new().with_num_parameters(3).init(device);
    layer.alpha = Param::from_data([0.5_f32, -0.125, 0.0], device);
    layer
}

#[test]
fn the_defaults_are_burns_and_the_strategy_is_adaptive() {
    let (ours, stock) = (PReluConfig::new(), burn::nn::PReluConfig::new());
    assert_eq!((ours.num_parameters, ours.alpha), (stock.num_parameters, stock.alpha));
    assert_eq!(ours.strategy, Strategy::Adaptive);
    let layer = ours.with_num_parameters(2).with_alpha(0.1).init(&device());
    assert_eq!(slopes(&layer), [0.1; 2]);
    let shown = layer.to_string();
    for part in ["num_parameters: 2", "alpha_value: 0.1", "strategy: adaptive", "params: 2"] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn a_configuration_is_written_and_read() {
    let config = PReluConfig::new().with_num_parameters(7).with_strategy(Strategy::Int8Mask);
    let json = serde_json::to_string(&config).expect("a configuration");
    assert!(json.contains("\"int8-mask\""), "{json}");
    let read = PReluConfig::load_binary(json.as_bytes()).expect("what was written");
    assert_eq!((read.num_parameters, read.strategy), (7, Strategy::Int8Mask));
}

#[test]
fn records_go_through_bytes_and_files() {
    let device = device();
    let layer = trained(&device);
    let bytes = layer.clone().into_record().into_bytes().expect("a record");
    let record = ModuleRecord::from_bytes(bytes).expect("what was written");
    let config = PReluConfig::new().with_num_parameters(3).with_strategy(Strategy::Bitmask);
    let loaded = config.init(&device).load_record(record);
    assert_eq!(slopes(&loaded), slopes(&layer));
    assert_eq!(loaded.strategy, Strategy::Bitmask, "a strategy is no part of a record");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("layer.bpk");
    layer.clone().save_file(&path).expect("written");
    let loaded = config.init(&device).load_file(&path);
    assert_eq!(slopes(&loaded), slopes(&layer));
    assert_eq!(loaded.alpha.id, layer.alpha.id);
}

/// A network, once with Burn's layer and once with ours under the same name.
#[derive(Module, Debug)]
struct Net<P> {
    first: burn::nn::Linear,
    prelu: P,
}

impl<P> Net<P> {
    fn new(prelu: P, device: &Device) -> Self {
        Net { first: burn::nn::LinearConfig::new(2, 3).init(device), prelu }
    }
}

#[test]
fn records_of_burns_own_layer_load_and_the_other_way_round() {
    let device = device();
    let mut stock = burn::nn::PReluConfig::new().with_num_parameters(3).init(&device);
    stock.alpha = Param::from_data([0.75_f32, -2.0, 0.0], &device);
    let config = PReluConfig::new().with_num_parameters(3);

    let net = Net::new(stock.clone(), &device);
    let record = net.into_record().into_bytes().expect("a record");
    let record = ModuleRecord::from_bytes(record).expect("what was written");
    let net = Net::new(config.init(&device), &device).load_record(record);
    assert_eq!(slopes(&net.prelu), [0.75, -2.0, 0.0]);
    assert_eq!(net.prelu.alpha.id, stock.alpha.id);

    let stock_again = burn::nn::PReluConfig::new().with_num_parameters(3).init(&device);
    let net = Net::new(stock_again, &device).load_record(net.into_record());
    assert_eq!(net.prelu.alpha.id, stock.alpha.id);
    assert_eq!(slopes(&PRelu::from(net.prelu)), [0.75, -2.0, 0.0]);
}

#[test]
fn a_configuration_names_the_strategies_that_there_are() {
    let read = |strategy: &str| {
        let json = format!(r#"{{"num_parameters":1,"alpha":0.25{strategy}}}"#);
        PReluConfig::load_binary(json.as_bytes()).map(|config| config.strategy)
    };
    assert_eq!(read(r#","strategy":"output-sign""#).expect("a name"), Strategy::OutputSign);
    let error = read(r#","strategy":"bits""#).expect_err("no such name").to_string();
    for part in ["bits", "adaptive", "bitmask", "int8-mask", "output-sign", "full-copy"] {
        assert!(error.contains(part), "{error}");
    }
    let error = read("").expect_err("a configuration of Burn's own layer").to_string();
    assert!(error.contains("strategy"), "{error}");
}

#[test]
fn a_damaged_record_is_refused() {
    let bytes = trained(&device()).into_record().into_bytes().expect("a record").to_vec();
    for length in 0..bytes.len() {
        let part = Bytes::from_bytes_vec(bytes[..length].to_vec());
        assert!(ModuleRecord::from_bytes(part).is_err(), "{length} of {} bytes", bytes.len());
    }
    let other = burn::nn::LinearConfig::new(2, 3).init(&device()).into_record();
    let error = trained(&device()).try_load_record(other).expect_err("no slopes in it");
    assert!(error.to_string().contains("alpha"), "{error}");
}

#[test]
fn a_record_of_another_number_of_slopes_is_refused() {
    let device = device();
    let record = trained(&device).into_record();
    let error = PReluConfig::new().init(&device).try_load_record(record).expect_err("3 for 1");
    assert!(error.to_string().contains("alpha"), "{error}");
}

#[test]
fn a_layer_works_in_the_element_type_that_it_is_cast_to() {
    let device = device();
    for (wide, dtype) in [
        (FloatDType::F16, DType::F16),
        (FloatDType::BF16, DType::BF16),
        (FloatDType::F64, DType::F64),
    ] {
        let mut layer = trained(&device);
        layer.alpha = Param::from_tensor(layer.alpha.val().cast(wide).detach());
        let x = Tensor::<2>::from_floats([[-2.0, -4.0, -8.0]], &device);
        let x = x.cast(wide).detach().require_grad();
        let y = layer.forward(x.clone());
        assert_eq!(y.dtype(), dtype);
        let gradients = (y * 2.0).backward();
        let dx = x.grad(&gradients).expect("tracked");
        let da = layer.alpha.val().grad(&gradients).expect("tracked");
        assert_eq!((dx.dtype(), da.dtype()), (dtype, dtype));
        assert_eq!(dx.into_data().iter::<f64>().collect::<Vec<_>>(), [1.0, -0.25, 0.0]);
        assert_eq!(da.into_data().iter::<f64>().collect::<Vec<_>>(), [-4.0, -8.0, -16.0]);
    }
}

#[test]
fn quantized_inputs_are_refused_with_their_type() {
    let device = Device::flex();
    let x = Tensor::<2>::from_floats([[-1.0, 2.0]], &device);
    let x = x.quantize_dynamic(&QuantScheme::default());
    let error = PReluConfig::new().init(&device).try_forward(x).expect_err("no float");
    let error = error.to_string();
    assert!(error.contains("QFloat") && error.contains("F32, F64, F16 and BF16"), "{error}");
}

#[test]
fn inputs_that_do_not_fit_are_refused_with_their_shape_and_type() {
    let device = device();
    let layer = trained(&device);
    let error = layer.try_forward(Tensor::<3>::ones([2, 4, 5], &device)).expect_err("4 channels");
    assert_eq!(error, Error::SlopeCount { slopes: 3, shape: vec![2, 4, 5] });
    assert!(error.to_string().contains("1 or 4"), "{error}");
    let error = layer.try_forward(Tensor::<1>::ones([3], &device)).expect_err("no channels");
    assert!(error.to_string().contains("no channel axis"), "{error}");

    let doubles = Tensor::<2>::ones([2, 3], (&device, DType::F64));
    let error = layer.try_forward(doubles).expect_err("slopes of f32");
    assert_eq!(error, Error::SlopeDtype { input: DType::F64, slopes: DType::F32 });

    let panic = catch_unwind(|| {
        let device = Device::flex();
        trained(&device).forward(Tensor::<2>::ones([2, 5], &device))
    });
    let message = panic.expect_err("5 channels").downcast::<String>().expect("a message");
    assert!(message.contains("3 slopes") && message.contains("[2, 5]"), "{message}");
}

#[test]
fn a_layer_for_training_and_for_use_has_the_same_slopes() {
    let layer = trained(&device());
    let used = layer.clone().valid();
    assert_eq!(slopes(&used), slopes(&layer));
    let x = Tensor::<2>::from_floats([[-1.0, -1.0, -1.0]], &Device::flex());
    let y: Vec<f32> = used.forward(x).into_data().try_into_vec().expect("f32");
    assert_eq!(y, [-0.5, 0.125, 0.0]);
}

#[test]
fn slopes_that_change_after_a_pass_serve_the_next_one() {
    let device = device();
    let mut layer = trained(&device);
    for slopes in [[0.5_f32, -0.125, 0.0], [0.0, 0.5, -0.125], [-0.125, 0.0, 0.5]] {
        layer.alpha = Param::from_data(slopes, &device);
        let x = Tensor::<2>::from_floats([[-1.0, -1.0, -1.0]], &device).require_grad();
        let y = layer.forward(x.clone() * 1.0);
        let gradients = y.clone().sum().backward();
        let values =
            |tensor: Tensor<2>| -> Vec<f32> { tensor.into_data().try_into_vec().expect("f32") };
        assert_eq!(values(y), slopes.map(|slope| -slope));
        assert_eq!(values(x.grad(&gradients).expect("tracked")), slopes);
    }
}
