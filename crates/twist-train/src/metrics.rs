//! The figures of a step, on the device until someone reads them.

use serde::Serialize;
use tch::{Kind, Tensor, no_grad};
use twist_nn::classes_in_use;
use twist_run::StepFigures;

use crate::TrainError;
use crate::objective::LossValue;
use crate::optim::Rates;

/// The figures of a step, on the device.
#[derive(Debug)]
pub struct StepMetrics {
    /// The step, from 0.
    pub step: u64,
    /// The rates that it used.
    pub rates: Rates,
    /// Loss, consistency, sharpness, diversity, gradient norm, classes in use, share of confident images (-1 unless
    /// self-labelling): `[7]`, fp32.
    figures: Tensor,
    /// The logits `[V*B, K]`, without their graph; whoever collects metrics takes them, for they are large.
    logits: Option<Tensor>,
}

/// The figures of a step, read from the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepReading {
    /// The step, from 0.
    pub step: u64,
    /// The loss in nats.
    pub loss: f64,
    /// Disagreement of the views (the KL term), in nats.
    pub kl: f64,
    /// Mean entropy of an image's distribution, in nats.
    pub sharpness: f64,
    /// Entropy of the mean distribution, in nats.
    pub diversity: f64,
    /// L2 norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Classes that win at least one view of the batch.
    pub classes_in_use: u64,
    /// Share of the images that are confident, while self-labelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confident: Option<f64>,
    /// Learning rate of weights.
    pub learning_rate: f64,
    /// Weight decay of weights.
    pub weight_decay: f64,
}

impl StepReading {
    /// The reading as it stands in the log.
    pub(crate) fn figures(&self, images_per_second: f64) -> StepFigures {
        StepFigures {
            loss: self.loss,
            kl: self.kl,
            sharpness: self.sharpness,
            diversity: self.diversity,
            classes_in_use: self.classes_in_use,
            confident: self.confident,
            learning_rate: self.learning_rate,
            weight_decay: self.weight_decay,
            grad_norm: self.grad_norm,
            images_per_second,
        }
    }
}

impl StepMetrics {
    pub(crate) fn new(
        step: u64,
        rates: Rates,
        value: &LossValue,
        grad_norm: &Tensor,
        logits: &Tensor,
    ) -> Result<Self, TrainError> {
        no_grad(|| {
            let logits = logits.f_detach()?;
            let in_use = classes_in_use(&logits)?;
            let confident = match &value.confident {
                Some(share) => share.shallow_clone(),
                None => Tensor::f_full([], -1.0, (Kind::Float, logits.device()))?,
            };
            let terms = &value.terms;
            let figures =
                [&terms.total, &terms.kl, &terms.sharpness, &terms.diversity, grad_norm, &in_use, &confident];
            let figures =
                figures.map(|figure| figure.f_detach().and_then(|figure| figure.f_to_kind(Kind::Float)));
            let figures = Tensor::f_stack(&figures.into_iter().collect::<Result<Vec<_>, _>>()?, 0)?;
            Ok(Self { step, rates, figures, logits: Some(logits) })
        })
    }

    /// Takes the logits `[V*B, K]` out; the second time there are none.
    pub fn take_logits(&mut self) -> Option<Tensor> {
        self.logits.take()
    }

    /// Reads the figures of several steps in one transfer. **This is the one place of a run where the host waits for
    /// the device.**
    ///
    /// # Errors
    /// libtorch's: on CUDA, errors of earlier kernels appear here.
    pub fn read(metrics: &[Self]) -> Result<Vec<StepReading>, TrainError> {
        if metrics.is_empty() {
            return Ok(Vec::new());
        }
        let figures: Vec<&Tensor> = metrics.iter().map(|metrics| &metrics.figures).collect();
        let values = Vec::<f32>::try_from(Tensor::f_stack(&figures, 0)?.f_flatten(0, -1)?)?;
        let reading = |(metrics, values): (&Self, &[f32])| StepReading {
            step: metrics.step,
            loss: f64::from(values[0]),
            kl: f64::from(values[1]),
            sharpness: f64::from(values[2]),
            diversity: f64::from(values[3]),
            grad_norm: f64::from(values[4]),
            classes_in_use: values[5] as u64,
            confident: (values[6] >= 0.0).then(|| f64::from(values[6])),
            learning_rate: metrics.rates.weights,
            weight_decay: metrics.rates.weight_decay,
        };
        Ok(metrics.iter().zip(values.chunks_exact(7)).map(reading).collect())
    }
}
