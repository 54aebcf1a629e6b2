//! What is done of a long evaluation, in a folder: results of finished courses, and the state of the present one.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twist_data::OfficialSet;

use super::finetune::Measured;
use crate::supervised::{Lesson, identity};
use crate::{EvalError, SupervisedPlan};

/// The folder of one data set.
pub(super) struct Kept {
    folder: PathBuf,
}

/// One course in it.
pub(super) struct KeptCourse {
    result: PathBuf,
    state: PathBuf,
    /// Model, images and every setting, in words that must be equal.
    of: String,
}

/// The result file.
#[derive(Serialize, Deserialize)]
struct ResultFile {
    of: String,
    measured: Measured,
}

impl Kept {
    pub(super) fn new(folder: &Path, set: &OfficialSet) -> Self {
        Self { folder: folder.join(set.name()) }
    }

    /// The files of a course; they are named after its rate, its weight decay and its number of images.
    pub(super) fn course(&self, plan: &SupervisedPlan, lesson: &Lesson) -> Result<KeptCourse, EvalError> {
        let unwritable = |source| EvalError::Unreadable { path: self.folder.clone(), source };
        fs_err::create_dir_all(&self.folder).map_err(unwritable)?;
        let SupervisedPlan { classifier_lr, weight_decay, .. } = plan;
        let name = format!("{}-images-rate-{classifier_lr:.2e}-decay-{weight_decay:.2e}", lesson.train.len());
        Ok(KeptCourse {
            result: self.folder.join(format!("{name}.json")),
            state: self.folder.join(format!("{name}.safetensors")),
            of: identity(plan, &lesson.identity)?,
        })
    }
}

impl KeptCourse {
    /// Where an unfinished course is saved.
    pub(super) fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// What the course reached, if it is done.
    ///
    /// # Errors
    /// The file is damaged, or another evaluation's.
    pub(super) fn measured(&self) -> Result<Option<Measured>, EvalError> {
        if !self.result.is_file() {
            return Ok(None);
        }
        let other = |reason: String| EvalError::OtherCourse { path: self.result.clone(), reason };
        let unreadable = |source| EvalError::Unreadable { path: self.result.clone(), source };
        let text = fs_err::read_to_string(&self.result).map_err(unreadable)?;
        let kept: ResultFile = serde_json::from_str(&text).map_err(|error| other(error.to_string()))?;
        match kept.of == self.of {
            true => Ok(Some(kept.measured)),
            false => Err(other("model, images or settings are not those that it was begun with".to_owned())),
        }
    }

    /// Writes the result, and removes the state, which has served its purpose.
    pub(super) fn keep(self, measured: &Measured) -> Result<(), EvalError> {
        let kept = ResultFile { of: self.of, measured: *measured };
        let text = serde_json::to_string_pretty(&kept)?;
        twist_io::write_atomic(&self.result, |file| writeln!(file, "{text}"))?;
        if self.state.is_file() {
            fs_err::remove_file(&self.state)
                .map_err(|source| EvalError::Unreadable { path: self.state, source })?;
        }
        Ok(())
    }
}
