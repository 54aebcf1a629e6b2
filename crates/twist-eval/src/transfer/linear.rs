//! The linear protocol: regularisation by validation, then one fit and one look at the test images.

use tch::{Device, Tensor};
use twist_data::{EvalTransform, Interpolation, OfficialSet, TransferMetric};
use twist_model::{FeatureSet, ModelError};

use super::holdout::{HoldOut, nothing_to_validate};
use super::result::{Selection, TransferMethod, TransferResult};
use crate::answers::Answers;
use crate::logistic::logarithmic;
use crate::{EvalError, Logistic, LogisticProtocol};

/// What defines the linear figure beside model and data.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearTransferProtocol {
    /// Largest and smallest strength of the regularisation that is tried.
    pub l2: (f64, f64),
    /// How many are tried, at equal factors.
    pub candidates: usize,
    /// Steps of L-BFGS for each of them, and for the last fit.
    pub iterations: usize,
    /// See [`LogisticProtocol::tolerance`].
    pub tolerance: f64,
    /// Divides the training images where the authors of a set do not.
    pub seed: u64,
}

impl Default for LinearTransferProtocol {
    fn default() -> Self {
        Self { l2: (1e5, 1e-6), candidates: 45, iterations: 500, tolerance: 1e-5, seed: 0 }
    }
}

/// The images of this protocol for a model that usually sees them by `transform`: the shorter side as long as the crop,
/// bicubic, and no margin that the crop cuts away.
pub fn transfer_transform(transform: &EvalTransform) -> EvalTransform {
    transform.with_sizes(transform.crop, transform.crop, Interpolation::Bicubic)
}

/// Measures the frozen features `train` and `test` of the images of `set`; the arithmetic is on `device`. `progress` is
/// told how many fits of how many are done.
///
/// # Errors
/// There are too few training images to hold some out, or libtorch fails.
pub fn linear_transfer(
    set: &OfficialSet,
    train: &FeatureSet,
    test: &FeatureSet,
    device: Device,
    protocol: &LinearTransferProtocol,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<TransferResult, EvalError> {
    let rows = train.rows.f_to_device(device)?;
    let tags = set.tags.as_ref();
    let answers = Answers::of(&*set.train, tags.map(|tags| &tags.train), &train.indices)?;
    let right = Answers::of(&*set.test, tags.map(|tags| &tags.test), &test.indices)?;
    let held = HoldOut::new(&train.indices, set.validation.as_deref(), &answers, protocol.seed);
    if held.fitted.is_empty() || held.validating.is_empty() {
        return Err(nothing_to_validate(set, answers.len()).into());
    }

    let chosen = choose(&rows, &answers, &held, set.metric(), protocol, progress)?;
    let targets = answers.targets(rows.kind(), device)?;
    let last = Logistic::fit(&rows, &targets, protocol.with(chosen.l2), Some(&chosen.classifier))?;
    let scores = last.scores(&test.rows)?;
    let (protocol, l2, converged) = (protocol.clone(), chosen.l2, last.converged);
    Ok(TransferResult {
        figure: right.score(&scores, set.metric())?,
        top1: right.top1(&scores)?,
        selection: Some(Selection::new(chosen.figure, held)),
        train_images: answers.len(),
        test_images: right.len(),
        unreadable: train.skipped.len() + test.skipped.len(),
        ..TransferResult::new(set, rows.size2()?.1, TransferMethod::Linear { protocol, l2, converged })
    })
}

impl LinearTransferProtocol {
    fn with(&self, l2: f64) -> LogisticProtocol {
        LogisticProtocol { l2, iterations: self.iterations, tolerance: self.tolerance }
    }
}

/// The regularisation that did best.
struct Chosen {
    l2: f64,
    figure: f64,
    classifier: Logistic,
}

/// Fits with every strength, the largest first and each from where the one before ended; of equal figures the first
/// is kept, which has the strongest regularisation.
fn choose(
    rows: &Tensor,
    answers: &Answers,
    held: &HoldOut,
    metric: TransferMetric,
    protocol: &LinearTransferProtocol,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Chosen, EvalError> {
    let select = |places: &[i64]| -> Result<(Tensor, Answers), EvalError> {
        let index = Tensor::f_from_slice(places)?.f_to_device(rows.device())?;
        Ok((rows.f_index_select(0, &index)?, answers.select(places)))
    };
    let (fitted, known) = select(&held.fitted)?;
    let (validating, right) = select(&held.validating)?;
    let targets = known.targets(fitted.kind(), fitted.device())?;
    let candidates = logarithmic(protocol.l2.0, protocol.l2.1, protocol.candidates);
    let mut best: Option<Chosen> = None;
    let mut before: Option<Logistic> = None;
    for (done, &l2) in candidates.iter().enumerate() {
        progress(done, candidates.len());
        let classifier = Logistic::fit(&fitted, &targets, protocol.with(l2), before.as_ref())?;
        let figure = right.score(&classifier.scores(&validating)?, metric)?;
        if best.as_ref().is_none_or(|best| figure > best.figure) {
            best = Some(Chosen { l2, figure, classifier: classifier.shallow_clone() });
        }
        before = Some(classifier);
    }
    progress(candidates.len(), candidates.len());
    Ok(best.ok_or(ModelError::NoFeatures)?)
}
