//! A course in the middle: on disk so that it can go on.
//!
//! One safetensors file with the student's tensors, the figures so far as 64-bit floats, and as metadata the step and what
//! the course is. It is replaced as a whole at the ends of epochs ([`super::Session::save_every`]) and when the course stops.

use std::path::Path;

use serde_json::{Value, json};
use tch::{Kind, Tensor};
use twist_io::{HostTensor, StateDict, load_safetensors, save_safetensors};

use super::course::Lesson;
use super::step::StepFigures;
use super::{EpochFigures, Student, SupervisedPlan};
use crate::EvalError;

/// Where a course is.
#[derive(Default)]
pub(super) struct Progress {
    /// Finished steps.
    pub(super) step: u64,
    /// Figures of finished epochs.
    pub(super) epochs: Vec<EpochFigures>,
    /// Figures of the current epoch that are still on the device.
    pub(super) pending: Vec<StepFigures>,
    /// Sums over the current epoch's images: cross entropy, correct ones, all of them.
    sums: [f64; 3],
}

impl Progress {
    /// Reads what is pending from the device.
    pub(super) fn read(&mut self) -> Result<(), EvalError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let stacked = |each: Vec<&Tensor>| -> Result<Vec<f64>, EvalError> {
            Ok(Vec::try_from(&Tensor::f_stack(&each, 0)?.f_to_kind(Kind::Double)?)?)
        };
        let losses = stacked(self.pending.iter().map(|figures| &figures.loss).collect())?;
        let correct = stacked(self.pending.iter().map(|figures| &figures.correct).collect())?;
        for ((figures, loss), correct) in self.pending.drain(..).zip(losses).zip(correct) {
            let images = figures.images as f64;
            self.sums[0] += loss * images;
            self.sums[1] += correct;
            self.sums[2] += images;
        }
        Ok(())
    }

    pub(super) fn loss_is_finite(&self) -> bool {
        self.sums[0].is_finite()
    }

    /// The figures of the epoch that ended; the sums start again.
    pub(super) fn take_epoch(&mut self, epochs: u64, [lr, backbone_lr]: [f64; 2]) -> EpochFigures {
        let [loss, correct, images] = std::mem::take(&mut self.sums);
        let (train_loss, train_top1) = (loss / images, correct / images);
        EpochFigures { epochs, train_loss, train_top1, lr, backbone_lr, ..EpochFigures::default() }
    }
}

/// What a state belongs to, in words that must be equal.
pub(crate) fn identity(plan: &SupervisedPlan, lesson: &str) -> Result<String, EvalError> {
    Ok(format!("{lesson}: {}", serde_json::to_string(plan)?))
}

/// Whether the state in `file`, if there is one, belongs to this course.
///
/// # Errors
/// [`EvalError::OtherCourse`] when it does not; the file is damaged.
pub(crate) fn check_state(file: &Path, plan: &SupervisedPlan, lesson: &str) -> Result<(), EvalError> {
    if file.is_file() {
        let (_, facts) = read(file)?;
        of_course(file, facts.as_ref(), plan, lesson)?;
    }
    Ok(())
}

/// A state as it was saved. There is none before it, so a damaged one ends the course.
fn read(file: &Path) -> Result<(StateDict, Option<Value>), EvalError> {
    load_safetensors(file).map_err(|error| wrong(file, &error.to_string()))
}

/// The step of a state that belongs to this course.
fn of_course(
    file: &Path,
    facts: Option<&Value>,
    plan: &SupervisedPlan,
    lesson: &str,
) -> Result<u64, EvalError> {
    let course = facts.and_then(|facts| facts.get("course"));
    let course = course.ok_or_else(|| wrong(file, "it says no course"))?;
    if course["of"].as_str() != Some(&identity(plan, lesson)?) {
        let reason = "model, labelled images or settings are not those that it was begun with";
        return Err(wrong(file, reason));
    }
    course["step"].as_u64().ok_or_else(|| wrong(file, "it says no step"))
}

fn wrong(file: &Path, reason: &str) -> EvalError {
    EvalError::OtherCourse { path: file.to_owned(), reason: reason.to_owned() }
}

pub(super) fn save(
    file: &Path,
    student: &Student,
    plan: &SupervisedPlan,
    lesson: &Lesson,
    progress: &Progress,
) -> Result<(), EvalError> {
    let mut state = student.state_dict()?;
    let row = |figures: &EpochFigures| {
        let images = figures.test_images.map(|images| images as f64);
        let test = [figures.test_top1, figures.test_top5, images].map(|value| value.unwrap_or(f64::NAN));
        [figures.train_loss, figures.train_top1, test[0], test[1], test[2]]
    };
    let figures: Vec<f64> = progress.epochs.iter().flat_map(row).collect();
    state.push("figures.epochs", table(vec![progress.epochs.len(), 5], &figures));
    state.push("figures.sums", table(vec![3], &progress.sums));
    let facts = json!({ "course": { "step": progress.step, "of": identity(plan, &lesson.identity)? } });
    Ok(save_safetensors(file, &state, Some(&facts))?)
}

/// Puts the state of `file` into the student; `None` where there is no file.
pub(super) fn load(
    file: &Path,
    student: &mut Student,
    plan: &SupervisedPlan,
    lesson: &Lesson,
) -> Result<Option<Progress>, EvalError> {
    if !file.is_file() {
        return Ok(None);
    }
    let (mut state, facts) = read(file)?;
    let step = of_course(file, facts.as_ref(), plan, &lesson.identity)?;
    let numbers = state.split_prefix("figures.");
    let numbers = |name: &str| -> Result<Vec<f64>, EvalError> {
        let found = numbers.get(name).and_then(|tensor| tensor.to_vec().ok());
        found.ok_or_else(|| wrong(file, "its figures are missing"))
    };
    let (figures, sums) = (numbers("epochs")?, numbers("sums")?);
    let sums = <[f64; 3]>::try_from(sums).map_err(|_| wrong(file, "its figures are incomplete"))?;
    let known = |value: f64| (!value.is_nan()).then_some(value);
    let epochs = (1..).zip(figures.chunks_exact(5)).map(|(epochs, row)| {
        let [lr, backbone_lr] = plan.rates(epochs - 1);
        EpochFigures {
            epochs,
            train_loss: row[0],
            train_top1: row[1],
            lr,
            backbone_lr,
            test_top1: known(row[2]),
            test_top5: known(row[3]),
            test_images: known(row[4]).map(|images| images as usize),
        }
    });
    let epochs = epochs.collect();
    state.check_finite(file).map_err(|error| wrong(file, &error.to_string()))?;
    student.load(state)?;
    Ok(Some(Progress { step, epochs, pending: Vec::new(), sums }))
}

/// A table of 64-bit floats. Its shape is that of its values, so that there is nothing to go wrong.
fn table(shape: Vec<usize>, values: &[f64]) -> HostTensor {
    let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    HostTensor { dtype: twist_io::Dtype::F64, shape, data }
}
