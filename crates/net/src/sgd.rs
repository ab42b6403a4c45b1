//! Stochastic gradient descent with momentum, as Caffe's solver does it.

use crate::number::Number;
use crate::param::Param;

/// ```text
/// momentum = self.momentum * momentum + rate * lr_mult * (gradient + decay * decay_mult * value)
/// value    = value - momentum
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Learning rate.
    pub rate: f64,
    /// Share of the last step that is taken again.
    pub momentum: f64,
    /// Weight decay: pulls towards zero.
    pub decay: f64,
}

impl Sgd {
    /// Updates a parameter; one without gradient stays.
    pub(crate) fn update<T: Number>(&self, param: &mut Param<T>) {
        let multipliers = param.multipliers();
        let rate = T::from_f64(self.rate * multipliers.lr_mult);
        let decay = T::from_f64(self.decay * multipliers.decay_mult);
        let share = T::from_f64(self.momentum);
        if let Some((values, gradient, momentum)) = param.update_parts() {
            for ((value, &gradient), momentum) in values.iter_mut().zip(gradient).zip(momentum) {
                *momentum = share * *momentum + rate * (gradient + decay * *value);
                *value -= *momentum;
            }
        }
    }
}
