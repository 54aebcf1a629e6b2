//! The figures of a step, on the device until someone reads them.

use tch::{Kind, Tensor, no_grad};
use twist_nn::classes_in_use;
use twist_run::{Figure, Figures, figure};

use crate::TrainError;
use crate::objective::LossValue;
use crate::optim::Rates;
use crate::reading::{Answers, StepReading};

/// The figures of a step, on the device.
#[derive(Debug)]
pub struct StepMetrics {
    /// The step, from 0.
    pub step: u64,
    /// The rates that it used.
    pub rates: Rates,
    found: StepFigures,
    /// The logits `[V*B, K]`, without their graph; whoever collects metrics takes them, for they are large.
    logits: Option<Tensor>,
}

/// What a step found.
#[derive(Debug)]
enum StepFigures {
    /// Figures with their values `[figures]`, fp32.
    Discovered(Vec<&'static Figure>, Tensor),
    /// Loss and correct answers, `[2]`, fp32, of so many images.
    Labelled(Tensor, u64),
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
            let own = value.figures.iter().map(|(figure, value)| (*figure, value));
            let common = [(figure::CLASSES_IN_USE, &in_use), (figure::GRAD_NORM, grad_norm)];
            let (figures, values): (Vec<_>, Vec<_>) = own.chain(common).unzip();
            let found = StepFigures::Discovered(figures, stacked(&values)?);
            Ok(Self { step, rates, found, logits: Some(logits) })
        })
    }

    /// The figures of a step that learned from labels: the mean loss of the images with these logits `[B, C]`, 0-d, and how many
    /// of them have the right class, 0-d.
    pub(crate) fn from_labels(
        step: u64,
        rates: Rates,
        loss: &Tensor,
        correct: &Tensor,
        logits: &Tensor,
    ) -> Result<Self, TrainError> {
        no_grad(|| {
            let found = StepFigures::Labelled(stacked(&[loss, correct])?, logits.size()[0] as u64);
            Ok(Self { step, rates, found, logits: Some(logits.f_detach()?) })
        })
    }

    /// Takes the logits `[V*B, K]` out; the second time it has none.
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
        let values: Vec<&Tensor> = metrics.iter().map(|metrics| metrics.found.values()).collect();
        let values = Vec::<f32>::try_from(Tensor::f_cat(&values, 0)?)?;
        let mut values = values.into_iter().map(f64::from);
        Ok(metrics.iter().map(|metrics| metrics.reading(&mut values)).collect())
    }

    /// The reading whose numbers come next.
    fn reading(&self, values: &mut impl Iterator<Item = f64>) -> StepReading {
        let (mut figures, answers): (Figures, _) = match &self.found {
            StepFigures::Discovered(figures, _) => (figures.iter().copied().zip(values).collect(), None),
            StepFigures::Labelled(_, images) => {
                let [loss, correct] = std::array::from_fn(|_| values.next().unwrap_or(f64::NAN));
                let top1 = correct / (*images).max(1) as f64;
                let answers = Answers { correct: correct as u64, images: *images };
                ([(figure::LOSS, loss), (figure::TOP1, top1)].into_iter().collect(), Some(answers))
            }
        };
        figures.set(figure::LEARNING_RATE, self.rates.weights);
        figures.set(figure::WEIGHT_DECAY, self.rates.weight_decay);
        StepReading { step: self.step, figures, answers }
    }
}

impl StepFigures {
    fn values(&self) -> &Tensor {
        match self {
            Self::Discovered(_, values) | Self::Labelled(values, _) => values,
        }
    }
}

/// Numbers of 0 dimensions side by side, fp32.
fn stacked(figures: &[&Tensor]) -> Result<Tensor, tch::TchError> {
    let figures =
        figures.iter().map(|figure| figure.f_detach().and_then(|figure| figure.f_to_kind(Kind::Float)));
    Tensor::f_stack(&figures.collect::<Result<Vec<_>, _>>()?, 0)
}
