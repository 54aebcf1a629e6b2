//! The figures of a step, on the device until someone reads them.

use serde::Serialize;
use tch::{Kind, Tensor, no_grad};
use twist_nn::classes_in_use;
use twist_run::{ClassFigures, StepFigures};

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
    figures: Figures,
    /// The logits `[V*B, K]`, without their graph; whoever collects metrics takes them, for they are large.
    logits: Option<Tensor>,
}

/// What a step found.
#[derive(Debug)]
enum Figures {
    /// Loss, consistency, sharpness, diversity, gradient norm, classes in use, share of confident images (-1 unless
    /// self-labelling): `[7]`, fp32.
    Discovered(Tensor),
    /// Loss and correct answers, `[2]`, fp32, of so many images.
    Labelled(Tensor, u64),
}

/// The figures of a step, read from the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepReading {
    /// The step, from 0.
    pub step: u64,
    /// The loss in nats.
    pub loss: f64,
    /// How the classes that are discovered are used.
    #[serde(flatten)]
    pub classes: Option<ClassFigures>,
    /// The answers of the network, where labels say which are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
    /// L2 norm of all gradients before clipping, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// Learning rate of weights.
    pub learning_rate: f64,
    /// Weight decay of weights.
    pub weight_decay: f64,
}

/// What a network answers to the images of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Answers {
    /// Images whose most probable class was right.
    pub correct: u64,
    /// All images.
    pub images: u64,
}

impl StepReading {
    /// The reading as it stands in the log.
    pub(crate) fn figures(&self, images_per_second: f64) -> StepFigures {
        StepFigures {
            loss: self.loss,
            classes: self.classes,
            top1: self.answers.map(|answers| answers.correct as f64 / answers.images.max(1) as f64),
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
            let figures = Figures::Discovered(stacked(&figures)?);
            Ok(Self { step, rates, figures, logits: Some(logits) })
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
            let figures = Figures::Labelled(stacked(&[loss, correct])?, logits.size()[0] as u64);
            Ok(Self { step, rates, figures, logits: Some(logits.f_detach()?) })
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
        let figures: Vec<&Tensor> = metrics.iter().map(|metrics| metrics.figures.tensor()).collect();
        let values = Vec::<f32>::try_from(Tensor::f_cat(&figures, 0)?)?;
        let mut values = values.into_iter().map(f64::from);
        Ok(metrics.iter().map(|metrics| metrics.reading(&mut values)).collect())
    }

    /// The reading whose numbers come next.
    fn reading(&self, values: &mut impl Iterator<Item = f64>) -> StepReading {
        let mut next = || values.next().unwrap_or(f64::NAN);
        let reading = StepReading {
            step: self.step,
            loss: next(),
            learning_rate: self.rates.weights,
            weight_decay: self.rates.weight_decay,
            ..StepReading::default()
        };
        match self.figures {
            Figures::Discovered(_) => {
                let [kl, sharpness, diversity, grad_norm, in_use, confident] =
                    std::array::from_fn(|_| next());
                let confident = (confident >= 0.0).then_some(confident);
                let classes =
                    ClassFigures { kl, sharpness, diversity, classes_in_use: in_use as u64, confident };
                StepReading { classes: Some(classes), grad_norm: Some(grad_norm), ..reading }
            }
            Figures::Labelled(_, images) => {
                StepReading { answers: Some(Answers { correct: next() as u64, images }), ..reading }
            }
        }
    }
}

impl Figures {
    fn tensor(&self) -> &Tensor {
        match self {
            Self::Discovered(tensor) | Self::Labelled(tensor, _) => tensor,
        }
    }
}

/// Numbers of 0 dimensions side by side, fp32.
fn stacked(figures: &[&Tensor]) -> Result<Tensor, tch::TchError> {
    let figures =
        figures.iter().map(|figure| figure.f_detach().and_then(|figure| figure.f_to_kind(Kind::Float)));
    Tensor::f_stack(&figures.collect::<Result<Vec<_>, _>>()?, 0)
}
