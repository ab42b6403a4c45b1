//! The layer, as a module of Burn.

use burn::backend::{Dispatch, DispatchDevice};
use burn::config::Config;
use burn::module::{Content, DisplaySettings, Initializer, Module, ModuleDisplay, Param};
use burn::tensor::{DType, Device, Tensor};

use crate::error::Error;
use crate::operation::PReluOps;
use crate::planned::Plans;
use crate::strategy::Strategy;

/// PReLU: `y = x` where `x > 0`, `y = alpha x` elsewhere. Made by [`PReluConfig`].
///
/// A drop-in for [`burn::nn::PRelu`]: the same parameter under the same name, so that either loads the
/// other's records. What differs is memory and time, and `x = 0` (and NaN), which lies on the slope's branch
/// here as in Caffe and PyTorch: its input gradient is `alpha` times the upstream one, in Burn's own 1 times.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use prelu_mem_burn::PReluConfig;
///
/// let device = Device::flex().autodiff();
/// let prelu = PReluConfig::new().with_num_parameters(2).init(&device);
/// let x = Tensor::<2>::from_floats([[1.0, -1.0], [-2.0, 4.0]], &device).require_grad();
/// let y = prelu.forward(x.clone());
/// assert_eq!(y.to_data().try_to_vec::<f32>().unwrap(), [1.0, -0.25, -0.5, 4.0]);
///
/// let gradients = y.backward();
/// let dx = x.grad(&gradients).unwrap();
/// assert_eq!(dx.to_data().try_to_vec::<f32>().unwrap(), [1.0, 0.25, 0.25, 1.0]);
/// let dalpha = prelu.alpha.grad(&gradients).unwrap();
/// assert_eq!(dalpha.to_data().try_to_vec::<f32>().unwrap(), [-2.0, -1.0]);
/// ```
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct PRelu {
    /// The slopes: one shared, or one per channel, which is the input's axis 1.
    pub alpha: Param<Tensor<1>>,
    /// The slopes' initial value.
    pub alpha_value: f64,
    /// What is saved for backward. May be changed between passes.
    #[module(skip)]
    pub strategy: Strategy,
    #[module(skip)]
    plans: Plans,
}

impl ModuleDisplay for PRelu {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let [num_parameters] = self.alpha.shape().dims();
        content
            .add("num_parameters", &num_parameters)
            .add("alpha_value", &self.alpha_value)
            .add_debug_attribute("strategy", &format_args!("{}", self.strategy))
            .optional()
    }
}

/// How a [`PRelu`] is made: [`burn::nn::PReluConfig`] with a strategy.
#[derive(Config, Debug)]
pub struct PReluConfig {
    /// Slopes: 1, shared by all channels, or the number of channels.
    #[config(default = "1")]
    pub num_parameters: usize,
    /// The initial value of every slope.
    #[config(default = "0.25")]
    pub alpha: f64,
    /// What is saved for backward.
    #[config(default = "Strategy::Adaptive")]
    pub strategy: Strategy,
}

impl PReluConfig {
    /// Makes the layer on a device.
    pub fn init(&self, device: &Device) -> PRelu {
        let fill = Initializer::Constant { value: self.alpha };
        PRelu {
            alpha: fill.init([self.num_parameters], device),
            alpha_value: self.alpha,
            strategy: self.strategy,
            plans: Plans::default(),
        }
    }
}

/// Burn's own layer, with its slopes, as one that saves less. The strategy is the default one.
impl From<burn::nn::PRelu> for PRelu {
    fn from(stock: burn::nn::PRelu) -> Self {
        PRelu {
            alpha: stock.alpha,
            alpha_value: stock.alpha_value,
            strategy: Strategy::default(),
            plans: Plans::default(),
        }
    }
}

impl PRelu {
    /// Applies the layer to an input of any shape, or with one slope per channel to one of shape
    /// `[batch, channels, ..]`. Overwrites the input's memory unless somebody else holds it too.
    ///
    /// # Panics
    /// On what [`PRelu::try_forward`] refuses, with its message.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        self.try_forward(input).unwrap_or_else(|error| panic!("prelu: {error}"))
    }

    /// The same, and a misfit between input and layer is an error.
    ///
    /// # Errors
    /// [`Error::SlopeCount`], [`Error::Dtype`], [`Error::SlopeDtype`], [`Error::Device`]; no threads to
    /// work with.
    ///
    /// # Panics
    /// Where memory runs out, now or in backward; where input and slopes are under different gradient
    /// checkpointing strategies, as Burn's own operations do.
    pub fn try_forward<const D: usize>(&self, input: Tensor<D>) -> Result<Tensor<D>, Error> {
        let slopes = self.alpha.val();
        fits(&input, &slopes)?;
        crate::pass::cpu()?;
        let output = <Dispatch as PReluOps>::prelu_in_place(
            input.into_dispatch(),
            slopes.into_dispatch(),
            self.strategy,
            self.plans.clone(),
        );
        Ok(Tensor::from_dispatch(output))
    }
}

/// Whether the loops can work on these.
fn fits<const D: usize>(input: &Tensor<D>, slopes: &Tensor<1>) -> Result<(), Error> {
    on_flex("input", &input.device())?;
    on_flex("slopes", &slopes.device())?;
    let dtype = input.dtype();
    if !matches!(dtype, DType::F32 | DType::F64 | DType::F16 | DType::BF16) {
        return Err(Error::Dtype { dtype });
    }
    if slopes.dtype() != dtype {
        return Err(Error::SlopeDtype { input: dtype, slopes: slopes.dtype() });
    }
    let (shape, [count]) = (input.shape(), slopes.dims());
    if count != 1 && (D < 2 || shape[1] != count) {
        return Err(Error::SlopeCount { slopes: count, shape: shape.to_vec() });
    }
    Ok(())
}

fn on_flex(what: &'static str, device: &Device) -> Result<(), Error> {
    let device = device.clone().without_autodiff();
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => Ok(()),
        #[allow(
            unreachable_patterns,
            reason = "other backends are there where a user enables them"
        )]
        other => Err(Error::Device { what, device: format!("{other:?}") }),
    }
}
