//! Fine-tuning: backbone and classifier learn from labels, by the protocol of the released `evaluate.py`.
//!
//! SGD with momentum 0.9 and no weight decay, fp32, batches of 256, train-mode batch norm over 32 images at a time, random crops
//! and flips, a cosine to 0 by epoch. The classifier begins at 0.2; how fast the backbone learns and for how long depends on the labels: with 1 % of
//! them at 0.04 and 20 epochs, with 10 % at 0.02 and 20, with all at 0.01 and 30. The paper's figures are the best epoch on
//! the test set; here the last epoch is the result, and the best one stands beside it under its own name.
//!
//! One thing is added: a handful of images makes so few updates in 20 epochs that nothing is learned, so where nobody says
//! how many epochs there are at least as many as give [`LEAST_UPDATES`] updates.

mod calibration;
mod config;
mod outcome;
mod run;
mod seeds;

use std::sync::Arc;

use serde_json::{Value, json};
use torch_ext::{Machine, Precision};
use twist_data::Dataset;
use twist_model::{Model, ModelCard};
use twist_nn::FeatureKind;
use twist_run::figure::{self, Tested};
use twist_run::{Figures, Metrics};
use twist_train::labels::{EpochFigures, Order, Student, SupervisedConfig, SupervisedPlan, crop_and_flip};

pub use config::{FinetuneConfig, Kind};
pub use run::{FinetuneRun, FinetuneTrainer};
pub use seeds::finetune_seeds;

use crate::supervised::{FromLabels, Surroundings, model_of};
use crate::{EvalError, LabelledImages};

/// Least updates of a training whose number of epochs nobody said.
pub const LEAST_UPDATES: u64 = 500;
/// Tests of a training, where nobody says how often.
const TESTS: u64 = 20;
/// Released values.
const BATCH_SIZE: usize = 256;
const CLASSIFIER_LR: f64 = 0.2;
const MOMENTUM: f64 = 0.9;
/// A batch of 256 on eight GPUs, whose norms know nothing of each other.
const NORM_BATCH: usize = 32;

/// What is said otherwise than the released protocol says; `None` leaves a value to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FinetuneOptions {
    /// Passes over the labelled images.
    pub epochs: Option<u64>,
    /// Most images of an update.
    pub batch_size: Option<usize>,
    /// First rate of the classifier.
    pub lr: Option<f64>,
    /// First rate of the backbone.
    pub backbone_lr: Option<f64>,
    /// Weight decay of weights.
    pub weight_decay: Option<f64>,
    /// Epochs between two tests; the last one is always tested.
    pub test_every: Option<u64>,
    /// Arithmetic; `None`: fp32, as published.
    pub precision: Option<Precision>,
    /// Images whose statistics the backbone's batch norms take together.
    pub norm_batch: Option<usize>,
    /// Begin with random weights instead of the model's.
    pub from_scratch: bool,
    /// Of the classifier's first weights, the order and the crops.
    pub seed: u64,
}

/// A model that learned from labels, and how it went.
#[derive(Debug)]
pub struct Finetuned {
    /// Backbone and classifier of the last epoch.
    pub model: Model,
    /// The figures of every epoch.
    pub epochs: Vec<EpochFigures>,
    /// The figures of the test, if there is one, and of the last epoch.
    pub metrics: Metrics,
}

impl FinetuneOptions {
    /// The plan for the images `labelled` and a model of `card`.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn plan(
        &self,
        card: &ModelCard,
        labelled: &LabelledImages,
        machine: &Machine,
    ) -> Result<SupervisedPlan, EvalError> {
        let (backbone_lr, released) = released(labelled.percent);
        let batch_size = self.batch_size.unwrap_or(BATCH_SIZE);
        let steps = Order::new(labelled.images.len(), batch_size, 0).steps_per_epoch();
        let epochs = self.epochs.unwrap_or_else(|| released.max(LEAST_UPDATES.div_ceil(steps)));
        let config = SupervisedConfig {
            epochs,
            batch_size,
            classifier_lr: self.lr.unwrap_or(CLASSIFIER_LR),
            backbone_lr: Some(self.backbone_lr.unwrap_or(backbone_lr)),
            momentum: MOMENTUM,
            nesterov: false,
            weight_decay: self.weight_decay.unwrap_or(0.0),
            features: FeatureKind::Last,
            view: crop_and_flip(card.transform.crop, card.released_filter()),
            transform: card.released_transform(),
            precision: self.precision.unwrap_or(Precision::Fp32),
            norm_batch: Some(self.norm_batch.unwrap_or(NORM_BATCH)),
            test_every: self.test_every.unwrap_or((epochs / TESTS).max(1)),
            seed: self.seed,
        };
        let (images, classes) = (labelled.images.len(), labelled.images.classes().len());
        Ok(SupervisedPlan::new(config, images, classes, machine)?)
    }
}

/// Released rate of the backbone and number of epochs for this many hundredths of the labels: those of the next larger
/// part that was released.
fn released(percent: f64) -> (f64, u64) {
    // A class-balanced draw of whole images may come out a little above its part.
    const SLACK: f64 = 1.05;
    if percent <= 1.0 * SLACK {
        (0.04, 20)
    } else if percent <= 10.0 * SLACK {
        (0.02, 20)
    } else {
        (0.01, 30)
    }
}

/// Fine-tunes a copy of `source` on `labelled` and tests it on `test`; `source` is not changed. `None`: it was asked to stop, and
/// its state is saved.
///
/// # Errors
/// No backbone; a test class that no label names; the first error of data, network or disk; a loss that is not finite.
pub fn finetune(
    source: &Model,
    labelled: &LabelledImages,
    test: Option<&Arc<dyn Dataset>>,
    options: &FinetuneOptions,
    machine: &Machine,
    around: &mut Surroundings<'_>,
) -> Result<Option<Finetuned>, EvalError> {
    let training = training(source, labelled, test, options, machine)?;
    let trained = training.train(around)?;
    trained.map(|(student, epochs)| finetuned(&training, labelled, &student, epochs)).transpose()
}

fn training<'a>(
    source: &'a Model,
    labelled: &LabelledImages,
    test: Option<&Arc<dyn Dataset>>,
    options: &FinetuneOptions,
    machine: &Machine,
) -> Result<FromLabels<'a>, EvalError> {
    Ok(FromLabels {
        name: "finetune",
        source,
        from_scratch: options.from_scratch,
        plan: options.plan(&source.card, labelled, machine)?,
        images: Arc::clone(&labelled.images),
        classes: labelled.images.classes().len(),
        tags: None,
        test: test.cloned(),
    })
}

fn finetuned(
    training: &FromLabels<'_>,
    labelled: &LabelledImages,
    student: &Student,
    epochs: Vec<EpochFigures>,
) -> Result<Finetuned, EvalError> {
    let (source, plan) = (training.source, &training.plan);
    let metrics = metrics(training, labelled, &epochs);
    let from = if training.from_scratch { "trained from scratch on" } else { "fine-tuned on" };
    let origin = format!(
        "{from} {} labelled images, {} epochs; network: {}",
        labelled.images.len(),
        plan.run.epochs,
        source.card.origin
    );
    let model = model_of(student, source, labelled.images.classes().to_vec(), plan, origin)?;
    Ok(Finetuned { model, epochs, metrics })
}

/// The figures with the protocol that defines them.
fn metrics(training: &FromLabels<'_>, labelled: &LabelledImages, epochs: &[EpochFigures]) -> Metrics {
    let (source, plan) = (training.source, &training.plan);
    let mut protocol = plan.config.protocol(plan.run.total_steps);
    protocol["name"] = "finetune".into();
    protocol["labels"] = labelled.chosen.clone();
    protocol["begins_with"] =
        if training.from_scratch { "random weights".into() } else { json!({ "weights": source.hash }) };
    protocol["model"] = source.card.origin.clone().into();
    (protocol["mean"], protocol["std"]) = (json!(source.card.mean), json!(source.card.std));
    protocol["twist"] = env!("CARGO_PKG_VERSION").into();
    say_selection(&mut protocol, figure::FINETUNE, epochs);
    let alone = training.test.as_deref().and_then(most_frequent);
    let baselines = alone.map(|part| (figure::MOST_FREQUENT_TOP1, part)).into_iter().collect();
    Metrics { figures: tested(figure::FINETUNE, epochs), baselines, protocol, ..Metrics::default() }
}

/// The part of the labelled images that are of the most frequent class.
fn most_frequent(test: &dyn Dataset) -> Option<f64> {
    let mut counts = vec![0u64; test.classes().len()];
    (0..test.len()).filter_map(|index| test.label(index)).for_each(|class| counts[class as usize] += 1);
    let (most, all) = (counts.iter().max()?, counts.iter().sum::<u64>());
    (all > 0).then(|| *most as f64 / all as f64)
}

/// Accuracy of the last epoch; that of the best one, which the test set chose, as a figure that says so; and the training's own
/// figures.
pub(crate) fn tested(of: &Tested, epochs: &[EpochFigures]) -> Figures {
    let Some(last) = epochs.last() else { return Figures::default() };
    let figures = [
        (of.top1, last.test_top1),
        (of.top5, last.test_top5),
        (of.best_epoch, best(epochs).and_then(|best| best.test_top1)),
        (figure::TRAIN_LOSS, Some(last.train_loss)),
        (figure::TRAIN_TOP1, Some(last.train_top1)),
    ];
    figures.into_iter().filter_map(|(figure, value)| Some((figure, value?))).collect()
}

/// Says in `protocol` what was tested, and which figure the test set selected.
pub(crate) fn say_selection(protocol: &mut Value, of: &Tested, epochs: &[EpochFigures]) {
    if let Some(best) = best(epochs) {
        protocol["test_images"] = best.test_images.into();
        protocol["reported"] = format!("{} is the last epoch's", of.top1.key).into();
        protocol["test_set_selection"] =
            format!("{} is the best of the tested epochs, chosen on the test set", of.best_epoch.key).into();
        protocol["best_epoch"] = best.epochs.into();
    }
}

/// The tested epoch with the highest accuracy, the first of equals.
fn best(epochs: &[EpochFigures]) -> Option<&EpochFigures> {
    let tested = epochs.iter().filter(|figures| figures.test_top1.is_some());
    tested.reduce(|best, next| if next.test_top1 > best.test_top1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_released_values_belong_to_their_parts() {
        for (percent, expected) in [
            (0.2, (0.04, 20)),
            (1.0, (0.04, 20)),
            (1.02, (0.04, 20)),
            (2.0, (0.02, 20)),
            (10.0, (0.02, 20)),
            (50.0, (0.01, 30)),
            (100.0, (0.01, 30)),
        ] {
            assert_eq!(released(percent), expected, "{percent} %");
        }
    }

    #[test]
    fn the_last_epoch_is_reported_and_the_best_one_is_called_selected() {
        let epoch = |epochs, top1| EpochFigures { epochs, test_top1: top1, ..EpochFigures::default() };
        let epochs = [epoch(1, Some(0.5)), epoch(2, Some(0.7)), epoch(3, None), epoch(4, Some(0.6))];
        let figures = tested(figure::FINETUNE, &epochs);
        let found = [figure::FINETUNE_TOP1, figure::FINETUNE_TOP1_BEST_EPOCH].map(|of| figures.get(of));
        assert_eq!(found, [Some(0.6), Some(0.7)]);
        let mut protocol = json!({});
        say_selection(&mut protocol, figure::FINETUNE, &epochs);
        assert_eq!(protocol["best_epoch"], 2);
        assert!(protocol["test_set_selection"].as_str().unwrap().contains("chosen on the test set"));
        assert_eq!(tested(figure::FINETUNE, &[epoch(1, None)]).get(figure::FINETUNE_TOP1), None);
    }
}
