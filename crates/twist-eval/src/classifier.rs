//! A model's own classifier on labelled images.

use std::collections::BTreeSet;

use serde::Serialize;
use tch::{Device, Kind, Tensor};
use twist_data::Dataset;
use twist_io::Refused;
use twist_model::{ClassifierCard, FeatureSet, Model, ModelError};

use crate::EvalError;

/// Rows that go through the classifier at once.
const ROWS: i64 = 4096;

/// What a model's own classifier reaches; fractions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassifierScores {
    /// Images whose most probable class is right.
    pub top1: f64,
    /// Images whose class is among the five most probable ones; of five classes or fewer, every one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top5: Option<f64>,
    /// Labelled images.
    #[serde(skip)]
    pub images: usize,
    /// Number of them whose most probable class is right.
    #[serde(skip)]
    pub right: usize,
    /// How labels and outputs were matched.
    #[serde(skip)]
    pub matched_by: MatchedBy,
}

/// How the classes of a data set and the outputs of a classifier were matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchedBy {
    /// By their names.
    Names,
    /// By their place: one side has no names.
    Numbers,
}

/// Scores the classifier of `model` on the labelled rows of `features`, which are those of `dataset`.
///
/// # Errors
/// No classifier, no labels, or classes that cannot be matched.
pub fn classifier_scores(
    model: &Model,
    features: &FeatureSet,
    dataset: &dyn Dataset,
) -> Result<ClassifierScores, EvalError> {
    model.classifier()?;
    let Some(card) = &model.card.classifier else {
        return Err(ModelError::no_classifier(&model.path).into());
    };
    let (rows, labels) = features.labelled(dataset)?;
    let inhabited: BTreeSet<u32> =
        features.indices.iter().filter_map(|&i| dataset.label(i as usize)).collect();
    let (outputs, matched_by) = outputs_of(card, dataset.classes(), |class| inhabited.contains(&class))?;
    let wanted = Tensor::f_from_slice(&outputs)?.f_index_select(0, &labels)?;

    let (images, best) = (rows.size()[0], card.classes.min(5));
    let (mut first, mut among) = (0i64, 0i64);
    for begin in (0..images).step_by(ROWS as usize) {
        let count = ROWS.min(images - begin);
        let part = rows.f_narrow(0, begin, count)?.f_to_device(model.store.device())?;
        let (_, guesses) = model.classifier_logits(&part)?.f_topk(best, 1, true, true)?;
        let wanted = wanted.f_narrow(0, begin, count)?.f_unsqueeze(1)?;
        let right = guesses.f_to_device(Device::Cpu)?.f_eq_tensor(&wanted)?;
        first += i64::try_from(&right.f_select(1, 0)?.f_sum(Kind::Int64)?)?;
        among += i64::try_from(&right.f_sum(Kind::Int64)?)?;
    }
    let share = |count: i64| count as f64 / images as f64;
    let (images, right) = (images as usize, first as usize);
    let top5 = (card.classes > 5).then(|| share(among));
    Ok(ClassifierScores { top1: share(first), top5, images, right, matched_by })
}

/// The output that stands for each class of a data set: the one of the same name, also where that is a number. Where one
/// side has no names, or the data set numbers from 0 on that are the names of nothing, the one of the same number. Classes without
/// images (of which `has_images` is false) need no output.
fn outputs_of(
    card: &ClassifierCard,
    classes: &[String],
    has_images: impl Fn(u32) -> bool,
) -> Result<(Vec<i64>, MatchedBy), EvalError> {
    let place = |name: &String| card.names.iter().position(|known| known == name).map(|place| place as i64);
    let are_numbers = (0..).zip(classes).all(|(place, name): (u32, _)| *name == place.to_string());
    let wanted = || (0..).zip(classes).filter(|(class, _)| has_images(*class)).map(|(_, name)| name);
    let is_named = wanted().any(|name| place(name).is_some());
    if card.names.is_empty() || (are_numbers && !is_named) {
        if card.classes != classes.len() as i64 {
            return Err(ModelError::class_count(card.classes, classes.len()).into());
        }
        return Ok(((0..card.classes).collect(), MatchedBy::Numbers));
    }
    let unknown: Vec<String> = wanted().filter(|name| place(name).is_none()).cloned().collect();
    if !unknown.is_empty() {
        let first = |names: &[String]| names[..names.len().min(3)].join(", ");
        let what = format!(
            "the classifier does not know {} of the data set's classes, such as {}; it knows {} and others",
            unknown.len(),
            first(&unknown),
            first(&card.names)
        );
        return Err(Refused::new(what).into());
    }
    // A class without images and without an output is asked for by no label.
    Ok((classes.iter().map(|name| place(name).unwrap_or(0)).collect(), MatchedBy::Names))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn classes_are_matched_by_name_or_by_number() {
        let named = ClassifierCard { classes: 3, names: names(&["cat", "dog", "fox"]), temperature: None };
        let nameless = ClassifierCard { classes: 3, names: Vec::new(), temperature: None };
        let matched = |card: &ClassifierCard, classes: &[&str]| outputs_of(card, &names(classes), |_| true);
        assert_eq!(matched(&named, &["fox", "cat"]).unwrap(), (vec![2, 0], MatchedBy::Names));
        assert_eq!(matched(&nameless, &["fox", "cat", "ant"]).unwrap(), (vec![0, 1, 2], MatchedBy::Numbers));
        assert_eq!(matched(&named, &["0", "1", "2"]).unwrap(), (vec![0, 1, 2], MatchedBy::Numbers));
        // Names that look like numbers are names.
        let folders = ClassifierCard { classes: 3, names: names(&["1", "10", "2"]), temperature: None };
        assert_eq!(matched(&folders, &["1", "2", "10"]).unwrap(), (vec![0, 2, 1], MatchedBy::Names));
        // And only names that say their own place stand for it.
        let padded = ClassifierCard { classes: 3, names: names(&["001", "002", "010"]), temperature: None };
        assert!(matched(&padded, &["1", "10", "2"]).unwrap_err().to_string().contains("010"));
        let counted = outputs_of(&folders, &names(&["0", "1", "2"]), |class| class > 0).unwrap();
        assert_eq!(counted, (vec![0, 0, 2], MatchedBy::Names));
        let error = |card, classes| matched(card, classes).unwrap_err().to_string();
        let message = error(&nameless, &["fox", "cat"]);
        assert!(message.contains("3 classes") && message.contains('2'), "{message}");
        let message = error(&named, &["fox", "emu"]);
        assert!(message.contains("emu") && message.contains("cat"), "{message}");
    }
}
