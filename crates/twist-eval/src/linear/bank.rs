//! Many linear classifiers that learn from the same features at once.

use tch::{Kind, Tensor};

use crate::EvalError;

pub(super) const MOMENTUM: f64 = 0.9;

/// `R` classifiers of `C` classes over `D` features, each with a learning rate and a weight decay of its own: one matrix, so
/// that an update of all of them is two matrix products.
pub(super) struct Bank {
    /// `[R C, D]`, and its momentum.
    pub(super) weight: Tensor,
    weight_buffer: Tensor,
    /// `[R C]`, and its momentum.
    bias: Tensor,
    bias_buffer: Tensor,
    /// Of each row, `[R C]`.
    rates: Tensor,
    decays: Tensor,
    settings: i64,
    classes: i64,
}

impl Bank {
    /// Zero weights: the loss is convex, so where they begin decides nothing but the way.
    pub(super) fn new(
        settings: &[(f64, f64)],
        classes: i64,
        features: i64,
        device: tch::Device,
    ) -> Result<Self, EvalError> {
        let count = settings.len() as i64;
        let of_rows = |value: &dyn Fn(&(f64, f64)) -> f64| -> Result<Tensor, EvalError> {
            let each: Vec<f32> = settings.iter().map(|setting| value(setting) as f32).collect();
            Ok(Tensor::f_from_slice(&each)?
                .f_repeat_interleave_self_int(classes, 0, None)?
                .f_to_device(device)?)
        };
        let zeros = |shape: &[i64]| Tensor::f_zeros(shape, (Kind::Float, device));
        let rows = count * classes;
        Ok(Self {
            weight: zeros(&[rows, features])?,
            weight_buffer: zeros(&[rows, features])?,
            bias: zeros(&[rows])?,
            bias_buffer: zeros(&[rows])?,
            rates: of_rows(&|setting| setting.0)?,
            decays: of_rows(&|setting| setting.1)?,
            settings: count,
            classes,
        })
    }

    /// Logits `[B, R, C]` of features `[B, D]`.
    pub(super) fn logits(&self, features: &Tensor) -> Result<Tensor, EvalError> {
        let all = torch_ext::linear(features, &self.weight, Some(&self.bias))?;
        Ok(all.f_view([features.size()[0], self.settings, self.classes])?)
    }

    /// One update of every classifier with `part` (in `[0, 1]`) of its rate, from features `[B, D]` and labels `[B]` (int64).
    ///
    /// The gradient of the mean cross entropy by the logits is `(softmax - label) / B`, so nothing is recorded for backward.
    pub(super) fn update(&mut self, features: &Tensor, labels: &Tensor, part: f64) -> Result<(), EvalError> {
        let batch = features.size()[0];
        // d loss / d logits [B, R C].
        let chances = self.logits(features)?.f_softmax(-1, Kind::Float)?;
        let place = labels.f_view([-1, 1, 1])?.f_expand([-1, self.settings, 1], false)?;
        let minus_one = Tensor::f_full(place.size(), -1.0, (Kind::Float, features.device()))?;
        let gradient = chances.f_scatter_add(2, &place, &minus_one)?.f_view([batch, -1])?;
        let gradient = gradient.f_div_scalar(batch as f64)?;

        // buffer = momentum * buffer + gradient + decay * weight; weight -= rate * buffer.
        let column = |rows: &Tensor| rows.f_unsqueeze(1);
        let by_weight =
            gradient.f_tr()?.f_matmul(features)?.f_addcmul(&self.weight, &column(&self.decays)?)?;
        let by_bias = gradient.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?;
        let _ = self.weight_buffer.f_mul_scalar_(MOMENTUM)?.f_add_(&by_weight)?;
        let _ = self.bias_buffer.f_mul_scalar_(MOMENTUM)?.f_add_(&by_bias)?;
        let rates = self.rates.f_mul_scalar(part)?;
        let _ = self.weight.f_sub_(&self.weight_buffer.f_mul(&column(&rates)?)?)?;
        let _ = self.bias.f_sub_(&self.bias_buffer.f_mul(&rates)?)?;
        Ok(())
    }
}
