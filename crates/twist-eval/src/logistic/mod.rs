//! Logistic regression with L2 regularisation, by L-BFGS: the linear classifier on frozen features of the transfer
//! protocols.
//!
//! Minimised is scikit-learn's objective with `C = 1 / l2`:
//!
//! ```text
//! Σᵢ loss(W xᵢ + b, target of i) + l2/2 · ‖W‖²
//! ```
//!
//! where the loss is the cross entropy of the softmax over classes, or, for images that show several classes, the sum of
//! the logistic losses of all classes (one against the rest); biases are not regularised. The problem is convex, so the
//! answer does not depend on where it starts, and nothing in it is drawn by chance. Numbers are of the kind of the rows:
//! float32 on features, float64 where a test asks for more digits; sums over images are float64.

mod lbfgs;
mod objective;

use tch::{Kind, Tensor};
use twist_model::ModelError;
use twist_train::labels::Targets;

use self::objective::Objective;
use crate::EvalError;

/// What defines a fit beside its data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticProtocol {
    /// Weight of the regularisation, against the sum of the losses of all images.
    pub l2: f64,
    /// Steps of L-BFGS at most.
    pub iterations: usize,
    /// The fit is done when no component of the gradient of the mean loss is larger.
    pub tolerance: f64,
}

impl Default for LogisticProtocol {
    fn default() -> Self {
        Self { l2: 1.0, iterations: 500, tolerance: 1e-5 }
    }
}

/// A linear classifier.
#[derive(Debug)]
pub struct Logistic {
    /// `[C, D]`.
    pub weight: Tensor,
    /// `[C]`.
    pub bias: Tensor,
    /// Steps taken.
    pub iterations: usize,
    /// Whether the fit ended because nothing was left to gain, and not because its steps were used up.
    pub converged: bool,
    /// The objective reached, divided by the number of images.
    pub objective: f64,
}

impl Logistic {
    /// Fits rows `[N, D]` (float32 or float64, on any device) to their targets, which lie on the same device. It
    /// begins at `start`, or at zero; a classifier of nearly the same `l2` is a good start.
    ///
    /// # Errors
    /// No rows, targets of another number of rows, or libtorch fails.
    pub fn fit(
        rows: &Tensor,
        targets: &Targets,
        protocol: LogisticProtocol,
        start: Option<&Logistic>,
    ) -> Result<Self, EvalError> {
        let _no_grad = tch::no_grad_guard();
        let (images, width) = rows.size2()?;
        if images == 0 {
            return Err(ModelError::NoFeatures.into());
        }
        let objective = Objective::new(rows, targets, protocol.l2)?;
        let classes = targets.classes()?;
        let point = match start {
            Some(start) => Tensor::f_cat(&[start.weight.f_flatten(0, 1)?, start.bias.shallow_clone()], 0)?,
            None => Tensor::f_zeros([classes * (width + 1)], (rows.kind(), rows.device()))?,
        };
        let found = lbfgs::minimise(point, protocol.iterations, protocol.tolerance, |point| {
            objective.evaluate(point)
        })?;
        let (weight, bias) = objective.parts(&found.point)?;
        Ok(Self {
            weight,
            bias,
            iterations: found.iterations,
            converged: found.converged,
            objective: found.value,
        })
    }

    pub(crate) fn shallow_clone(&self) -> Self {
        Self { weight: self.weight.shallow_clone(), bias: self.bias.shallow_clone(), ..*self }
    }

    /// Scores (logits) `[N, C]` of rows `[N, D]`, on the device of the classifier.
    ///
    /// # Errors
    /// Shapes that do not fit, or libtorch fails.
    pub fn scores(&self, rows: &Tensor) -> Result<Tensor, EvalError> {
        let rows = rows.f_to_device(self.weight.device())?.f_to_kind(self.weight.kind())?;
        Ok(tch::no_grad(|| self.bias.f_addmm(&rows, &self.weight.f_tr()?))?)
    }

    /// The class with the highest score of each row, `[N]`.
    ///
    /// # Errors
    /// As [`Self::scores`].
    pub fn predictions(&self, rows: &Tensor) -> Result<Vec<u32>, EvalError> {
        let best = self.scores(rows)?.f_argmax(1, false)?.f_to_kind(Kind::Int64)?;
        Ok(Vec::<i64>::try_from(best)?.into_iter().map(|class| class as u32).collect())
    }
}

/// `count` values from `first` to `last`, each by the same factor from the one before.
pub(crate) fn logarithmic(first: f64, last: f64, count: usize) -> Vec<f64> {
    let step = (last / first).ln() / count.saturating_sub(1).max(1) as f64;
    (0..count).map(|place| first * (step * place as f64).exp()).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn logarithmic_values_are_numpys() {
        let values = logarithmic(1e5, 1e-6, 45);
        assert_eq!(values.len(), 45);
        assert!((values[4] / 1e4 - 1.0).abs() < 1e-12 && (values[44] / 1e-6 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn rows_that_say_nothing_leave_the_frequencies() {
        // Biases are not regularised, and alone they fit exactly: softmax(b) is the share of each class.
        let rows = Tensor::zeros([6, 1], (Kind::Double, Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 0, 0, 1, 1, 2]);
        let protocol = LogisticProtocol { l2: 1.0, iterations: 200, tolerance: 1e-12 };
        let fit = Logistic::fit(&rows, &Targets::Classes { labels, classes: 3 }, protocol, None).unwrap();
        let shares = Vec::<f64>::try_from(fit.bias.softmax(0, Kind::Double)).unwrap();
        for (share, expected) in shares.iter().zip([3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0]) {
            assert!((share - expected).abs() < 1e-9, "{shares:?}");
        }
    }

    #[test]
    fn no_rows_are_an_error() {
        let rows = Tensor::zeros([0, 3], (Kind::Float, Device::Cpu));
        let labels = Tensor::zeros([0], (Kind::Int64, Device::Cpu));
        let targets = Targets::Classes { labels, classes: 2 };
        assert!(matches!(
            Logistic::fit(&rows, &targets, LogisticProtocol::default(), None),
            Err(EvalError::Model(ModelError::NoFeatures))
        ));
    }
}
