//! Probabilities that can be believed after learning from few labels.
//!
//! A network that learned a handful of images by heart is sure of every other image as well. How often it is right can be
//! estimated from the labels alone: a linear classifier on the features that the training began with, fitted without a part
//! of the labels, is asked for that part. The logits of the finished classifier are then divided by the temperature T at
//! which its mean probability, on images that it did not learn from, is that accuracy.
//!
//! The features are those *before* the training, because the finished backbone has seen every label. With many labels
//! fine-tuning gets far better than a linear classifier on frozen features, and the estimate would be too low: there the
//! probabilities stay as they are.

use std::collections::HashSet;
use std::sync::Arc;

use tch::{Kind, Tensor};
use torch_ext::Machine;
use twist_data::Dataset;
use twist_io::splitmix;
use twist_model::{EvalInput, FeatureCache, FeatureSet, Model, ModelCard};
use twist_nn::FeatureKind;
use twist_run::Calibration;
use twist_train::labels::Targets;

use crate::labels::label_tensor;
use crate::{EvalError, LabelledImages, Logistic, LogisticProtocol};

/// Up to so many labels a class on average, labels are few.
const FEW: usize = 50;
/// Parts of the labels, of which each is held out once.
const FOLDS: usize = 5;
/// Divisions into parts, over which the accuracy is averaged.
const DIVISIONS: u64 = 5;
/// With fewer images that were not learned from, the mean is taken over all images.
const ENOUGH: usize = 20;
/// Least and greatest temperature. The estimate is that of another classifier, so it never makes this one surer.
const TEMPERATURES: (f64, f64) = (1.0, 100.0);

/// Calibrates `model`, which learned from `labelled` and began as `source`; `outputs` are its features of `images`. Labels
/// that are many, or of which no class has two, leave it as it is: `None`.
///
/// # Errors
/// libtorch fails; no labelled image can be read.
pub(super) fn calibrate(
    model: &mut Model,
    source: &Model,
    labelled: &LabelledImages,
    (images, outputs): (&Arc<dyn Dataset>, &FeatureSet),
    machine: &Machine,
    seed: u64,
) -> Result<Option<Calibration>, EvalError> {
    let Some(card) = &model.card.classifier else { return Ok(None) };
    if labelled.images.len() > FEW * card.classes as usize {
        return Ok(None);
    }
    // As the training saw them: the same transform and arithmetic.
    let seen = ModelCard { transform: model.card.transform.clone(), ..source.card.clone() };
    let input = EvalInput::of_card(&seen, Some(model.card.precision), machine)?;
    let cache = FeatureCache::off();
    let known = cache.features(source, &input, FeatureKind::Last, &labelled.images, &mut |_| ())?;
    let labels = Vec::<i64>::try_from(&label_tensor(&*labelled.images, &known.indices))?;
    let Some(estimate) = cross_validate(&known.rows, &labels, card.classes, seed)? else { return Ok(None) };

    let learned: HashSet<String> =
        (0..labelled.images.len()).map(|index| labelled.images.path(index)).collect();
    let others: Vec<i64> = (0i64..)
        .zip(&outputs.indices)
        .filter(|(_, index)| !learned.contains(&images.path(**index as usize)))
        .map(|(row, _)| row)
        .collect();
    let labelled_among_them = others.len() < ENOUGH;
    let rows = match labelled_among_them {
        true => outputs.rows.shallow_clone(),
        false => outputs.rows.f_index_select(0, &Tensor::f_from_slice(&others)?)?,
    };
    let logits =
        model.classifier_logits(&rows.f_to_device(machine.device)?)?.f_to_device(tch::Device::Cpu)?;
    let temperature = temperature_for(&logits, estimate.top1)?;
    if let Some(card) = &mut model.card.classifier {
        card.temperature = Some(temperature);
    }
    Ok(Some(Calibration {
        cross_validated_top1: estimate.top1,
        labels: estimate.labels,
        folds: estimate.folds,
        temperature,
        mean_probability_before: mean_probability(&logits, 1.0)?,
        mean_probability: mean_probability(&logits, temperature)?,
        images: logits.size()[0] as usize,
        labelled_among_them,
    }))
}

/// How well held-out labels were met.
struct Estimate {
    top1: f64,
    labels: usize,
    folds: usize,
}

/// Fits logistic regression to all parts of `rows` `[N, D]` but one and asks it for that one, part by part; `None` where no
/// class has two rows. Each part has the classes in equal shares. The only row of a class is never held out, for nothing
/// would be left to learn the class from.
fn cross_validate(
    rows: &Tensor,
    labels: &[i64],
    classes: i64,
    seed: u64,
) -> Result<Option<Estimate>, EvalError> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); classes as usize];
    labels.iter().enumerate().for_each(|(row, &label)| members[label as usize].push(row));
    let folds = members.iter().map(Vec::len).max().unwrap_or(0).min(FOLDS);
    if folds < 2 {
        return Ok(None);
    }
    let held_out: usize = members.iter().map(Vec::len).filter(|&count| count > 1).sum();
    let mut right = 0;
    for division in 0..DIVISIONS {
        let mut fold_of: Vec<Option<usize>> = vec![None; labels.len()];
        for class in members.iter().filter(|class| class.len() > 1) {
            let mut class = class.clone();
            class.sort_by_key(|&row| chance(seed, division, row));
            class.iter().enumerate().for_each(|(place, &row)| fold_of[row] = Some(place % folds));
        }
        for fold in 0..folds {
            let (asked, known): (Vec<usize>, Vec<usize>) =
                (0..labels.len()).partition(|&row| fold_of[row] == Some(fold));
            right += right_of(rows, labels, classes, &asked, &known)?;
        }
    }
    let top1 = right as f64 / (held_out as u64 * DIVISIONS) as f64;
    Ok(Some(Estimate { top1, labels: held_out, folds }))
}

/// How many of the rows `asked` a classifier that knows the rows `known` gets right.
fn right_of(
    rows: &Tensor,
    labels: &[i64],
    classes: i64,
    asked: &[usize],
    known: &[usize],
) -> Result<usize, EvalError> {
    let part = |places: &[usize]| -> Result<Tensor, EvalError> {
        let places: Vec<i64> = places.iter().map(|&row| row as i64).collect();
        Ok(rows.f_index_select(0, &Tensor::f_from_slice(&places)?)?)
    };
    let of = |places: &[usize]| -> Vec<i64> { places.iter().map(|&row| labels[row]).collect() };
    let targets = Targets::Classes { labels: Tensor::f_from_slice(&of(known))?, classes };
    let fit = Logistic::fit(&part(known)?, &targets, LogisticProtocol::default(), None)?;
    let guesses = fit.predictions(&part(asked)?)?;
    Ok(guesses.iter().zip(of(asked)).filter(|(guess, label)| i64::from(**guess) == *label).count())
}

/// A number that decides the place of a row in a division.
fn chance(seed: u64, division: u64, row: usize) -> u64 {
    splitmix(splitmix(splitmix(seed) ^ division) ^ row as u64)
}

/// The temperature at which the mean probability of the most probable class of `logits` `[N, C]` is `wanted`, by bisection:
/// the mean falls while the temperature rises.
fn temperature_for(logits: &Tensor, wanted: f64) -> Result<f64, EvalError> {
    let (mut low, mut high) = (TEMPERATURES.0.ln(), TEMPERATURES.1.ln());
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        match mean_probability(logits, middle.exp())? > wanted {
            true => low = middle,
            false => high = middle,
        }
    }
    Ok(((low + high) / 2.0).exp())
}

/// The mean probability of the most probable class of `logits` `[N, C]` divided by `temperature`.
fn mean_probability(logits: &Tensor, temperature: f64) -> Result<f64, EvalError> {
    let probabilities =
        (logits.f_to_kind(Kind::Double)?.f_div_scalar(temperature)?).f_softmax(-1, Kind::Double)?;
    Ok(f64::try_from(&probabilities.f_amax([-1i64], false)?.f_mean(Kind::Double)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_temperature_takes_the_mean_probability_where_it_belongs() {
        // Of two classes whose logits differ by 4, the greater has 1 / (1 + exp(-4 / T)): 0.7 at T = 4 / ln(0.7 / 0.3).
        let logits = Tensor::from_slice(&[4.0f32, 0.0, 0.0, 4.0]).view([2, 2]);
        let temperature = temperature_for(&logits, 0.7).unwrap();
        assert!((temperature - 4.0 / (0.7f64 / 0.3).ln()).abs() < 1e-6, "{temperature}");
        assert!((mean_probability(&logits, temperature).unwrap() - 0.7).abs() < 1e-9);
        // What two classes cannot have: the probabilities come as near as they can.
        let most = temperature_for(&logits, 0.1).unwrap();
        assert!((most - TEMPERATURES.1).abs() < 1e-6, "{most}");
        // A classifier that hesitates more than it is wrong is left as it is.
        assert!((temperature_for(&logits, 0.999).unwrap() - 1.0).abs() < 1e-6);
        assert!(mean_probability(&logits, most).unwrap() < 0.52);
    }

    #[test]
    fn held_out_labels_are_asked_for_and_lonely_ones_are_not() {
        // Two classes far apart, four rows each, and one row of a third.
        let rows: Vec<f32> =
            (0..9).flat_map(|row| [if row < 4 { 9.0 } else { -9.0 }, row as f32 * 0.01]).collect();
        let rows = Tensor::from_slice(&rows).view([9, 2]);
        let estimate = cross_validate(&rows, &[0, 0, 0, 0, 1, 1, 1, 1, 2], 3, 0).unwrap().unwrap();
        assert_eq!((estimate.top1, estimate.labels, estimate.folds), (1.0, 8, 4));
        assert!(cross_validate(&rows.narrow(0, 0, 2), &[0, 1], 2, 0).unwrap().is_none(), "one label a class");
    }

    #[test]
    fn labels_that_say_nothing_are_met_by_chance() {
        // The same row a hundred times under labels that alternate.
        let rows = Tensor::ones([100, 3], (Kind::Float, tch::Device::Cpu));
        let labels: Vec<i64> = (0..100).map(|row| row % 4).collect();
        let estimate = cross_validate(&rows, &labels, 4, 0).unwrap().unwrap();
        assert!((estimate.top1 - 0.25).abs() < 1e-9, "{}", estimate.top1);
    }
}
