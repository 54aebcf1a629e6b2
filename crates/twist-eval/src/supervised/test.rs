//! How many test images a student gets right.

use std::sync::Arc;

use serde::Serialize;
use tch::{Device, Kind, Tensor};
use torch_ext::Autocast;
use twist_data::{Dataset, Skipped};
use twist_io::{Refused, some_of};
use twist_model::{EvalInput, ModelError};
use twist_nn::Mode;
use twist_train::labels::Student;

use crate::EvalError;

/// Accuracy over the labelled, readable images of a test set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Accuracy {
    /// Part of the images whose label is the most probable class.
    pub top1: f64,
    /// Part of the images whose label is among the five most probable classes; `None` for five classes or fewer.
    pub top5: Option<f64>,
    /// Number of images.
    pub images: usize,
}

/// From the classes of a test set to those that training knows, by name.
#[derive(Clone, Debug)]
pub(crate) struct ClassMap(Vec<Option<i64>>);

impl ClassMap {
    /// # Errors
    /// A class with test images is none of `known`; no
    /// test image has a label.
    pub(crate) fn new(known: &[String], test: &dyn Dataset) -> Result<Self, EvalError> {
        let place = |name: &String| known.iter().position(|other| other == name).map(|place| place as i64);
        let map: Vec<Option<i64>> = test.classes().iter().map(place).collect();
        let mut inhabited = vec![false; map.len()];
        (0..test.len())
            .filter_map(|index| test.label(index))
            .for_each(|label| inhabited[label as usize] = true);
        if !inhabited.contains(&true) {
            return Err(ModelError::no_labels().into());
        }
        let unknown: Vec<String> = (0..map.len())
            .filter(|&class| inhabited[class] && map[class].is_none())
            .map(|class| test.classes()[class].clone())
            .collect();
        match unknown.is_empty() {
            true => Ok(Self(map)),
            false => {
                let what = format!(
                    "the test images have classes that none of the {} labelled classes is called",
                    known.len()
                );
                let remedy = "label an image of each, or give both data sets the same class names";
                Err(Refused::new(what).because(some_of(&unknown, 5)).remedy(remedy).into())
            }
        }
    }

    pub(super) fn labelled(&self, test: &dyn Dataset) -> Vec<u32> {
        (0..test.len() as u32).filter(|&index| self.label(test, index).is_some()).collect()
    }

    /// The class that training knows of a test image.
    pub(crate) fn label(&self, test: &dyn Dataset, index: u32) -> Option<i64> {
        self.0.get(test.label(index as usize)? as usize).copied().flatten()
    }
}

/// Tests a student on the images `indices` of `test`, which have labels.
pub(super) fn accuracy(
    student: &Student,
    input: &EvalInput,
    (test, indices): (&Arc<dyn Dataset>, &[u32]),
    map: &ClassMap,
) -> Result<Accuracy, EvalError> {
    let mut best: Vec<Tensor> = Vec::new();
    let (seen, _) = for_each_logits(student, input, test, indices, |logits| {
        let (_, classes) = logits.f_topk(5.min(logits.size()[1]), 1, true, true)?;
        best.push(classes.f_to_device(Device::Cpu)?);
        Ok(())
    })?;
    let labels: Vec<i64> = seen.iter().filter_map(|&index| map.label(&**test, index)).collect();
    of_ranking(&Tensor::f_cat(&best, 0)?, &Tensor::f_from_slice(&labels)?, student.classes())
}

/// The scores `[N, C]` (CPU) of the readable images among `indices`, which images these are, and how many could not be
/// read.
pub(crate) fn scores(
    student: &Student,
    input: &EvalInput,
    dataset: &Arc<dyn Dataset>,
    indices: &[u32],
) -> Result<(Tensor, Vec<u32>, usize), EvalError> {
    let mut rows: Vec<Tensor> = Vec::new();
    let (seen, skipped) = for_each_logits(student, input, dataset, indices, |logits| {
        rows.push(logits.f_to_device(Device::Cpu)?);
        Ok(())
    })?;
    Ok((Tensor::f_cat(&rows, 0)?, seen, skipped.len()))
}

/// Calls `use_logits` with the logits `[B, C]` of each batch, fp32 on the device.
fn for_each_logits(
    student: &Student,
    input: &EvalInput,
    dataset: &Arc<dyn Dataset>,
    indices: &[u32],
    mut use_logits: impl FnMut(&Tensor) -> Result<(), EvalError>,
) -> Result<(Vec<u32>, Vec<Skipped>), EvalError> {
    input.for_each_batch(dataset, indices, |bytes| {
        let images = input.normalised(bytes)?;
        let _autocast = input.autocast.map(|kind| Autocast::scope(input.device, kind)).transpose()?;
        let logits = student.logits(&images, Mode::Eval)?.f_to_kind(Kind::Float)?;
        match bool::try_from(&logits.f_isfinite()?.f_all()?)? {
            true => use_logits(&logits),
            false => Err(ModelError::not_finite("the network that learns").into()),
        }
    })
}

/// Accuracy of the most probable ones of `classes` classes `[N, up to 5]` (best first) against `labels` `[N]`.
pub(crate) fn of_ranking(best: &Tensor, labels: &Tensor, classes: i64) -> Result<Accuracy, EvalError> {
    let hits = best.f_eq_tensor(&labels.f_unsqueeze(1)?)?;
    let images = labels.size()[0];
    let part = |hits: Tensor| -> Result<f64, EvalError> {
        Ok(i64::try_from(&hits.f_sum(Kind::Int64)?)? as f64 / images.max(1) as f64)
    };
    let top1 = part(hits.f_select(1, 0)?)?;
    let top5 = if classes > 5 { Some(part(hits.shallow_clone())?) } else { None };
    Ok(Accuracy { top1, top5, images: images as usize })
}
