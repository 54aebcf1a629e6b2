//! What is done of a long evaluation, in a folder: results of finished courses, and the state of the present one.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twist_data::OfficialSet;

use super::finetune::CourseEnd;
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
    end: CourseEnd,
}

impl Kept {
    pub(super) fn new(folder: &Path, set: &OfficialSet) -> Self {
        Self { folder: folder.join(set.name()) }
    }

    /// The files of a course over `lesson` that ends with a look at the images `asked`. They are named after its number of
    /// images, its rate and its weight decay.
    pub(super) fn course(
        &self,
        plan: &SupervisedPlan,
        (lr, weight_decay): (f64, f64),
        lesson: &Lesson,
        asked: &str,
    ) -> Result<KeptCourse, EvalError> {
        fs_err::create_dir_all(&self.folder).map_err(|source| EvalError::Output {
            path: self.folder.clone(),
            reason: format!("{source}; name another folder with --state"),
        })?;
        let name = format!("{}-images-rate-{lr:e}-decay-{weight_decay:e}", lesson.train.len());
        Ok(KeptCourse {
            result: self.folder.join(format!("{name}.json")),
            state: self.folder.join(format!("{name}.safetensors")),
            of: format!("{}; asked {asked}", identity(plan, &lesson.identity)?),
        })
    }
}

impl KeptCourse {
    /// Where an unfinished course is saved.
    pub(super) fn state(&self) -> PathBuf {
        self.state.clone()
    }

    /// How the course ended, if it is done.
    ///
    /// # Errors
    /// The file is damaged, or another evaluation's.
    pub(super) fn end(&self) -> Result<Option<CourseEnd>, EvalError> {
        if !self.result.is_file() {
            return Ok(None);
        }
        let other = |reason: String| EvalError::OtherCourse { path: self.result.clone(), reason };
        let unreadable = |source| EvalError::Unreadable { path: self.result.clone(), source };
        let text = fs_err::read_to_string(&self.result).map_err(unreadable)?;
        let kept: ResultFile = serde_json::from_str(&text).map_err(|error| other(error.to_string()))?;
        match kept.of == self.of {
            true => Ok(Some(kept.end)),
            false => Err(other("model, images or settings are not those that it was begun with".to_owned())),
        }
    }

    /// Writes the result, and removes the state, which has served its purpose.
    pub(super) fn keep(self, end: CourseEnd) -> Result<(), EvalError> {
        let text = serde_json::to_string_pretty(&ResultFile { of: self.of, end })?;
        twist_io::write_atomic(&self.result, |file| writeln!(file, "{text}"))?;
        if self.state.is_file() {
            fs_err::remove_file(&self.state).map_err(|error| EvalError::Output {
                path: self.state,
                reason: format!("{error}; remove it, its course is done"),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::finetune::Measured;
    use super::*;

    #[test]
    fn every_figure_comes_back_to_the_last_bit() {
        // Accuracies over the test images of DTD.
        for right in 0..=1880u32 {
            let figure = f64::from(right) / 1880.0;
            let measured =
                Measured { figure, top1: None, images: 1880, unreadable: 0, unread_in_training: 0 };
            let text = serde_json::to_string(&CourseEnd::Measured(measured)).unwrap();
            assert_eq!(serde_json::from_str::<CourseEnd>(&text).unwrap(), CourseEnd::Measured(measured));
        }
    }

    #[test]
    fn what_is_kept_is_found_again_by_the_same_course_alone() {
        let folder = tempfile::tempdir().unwrap();
        let course = |of: &str| KeptCourse {
            result: folder.path().join("a.json"),
            state: folder.path().join("a.safetensors"),
            of: of.into(),
        };
        assert!(course("a").end().unwrap().is_none());
        fs_err::write(folder.path().join("a.safetensors"), "state").unwrap();
        let end = CourseEnd::NotFinite { epoch: 3 };
        course("a").keep(end).unwrap();
        assert_eq!(course("a").end().unwrap(), Some(end));
        assert!(!folder.path().join("a.safetensors").exists());
        assert!(matches!(course("b").end(), Err(EvalError::OtherCourse { .. })));
        fs_err::write(folder.path().join("a.json"), "{").unwrap();
        assert!(matches!(course("a").end(), Err(EvalError::OtherCourse { .. })));
    }
}
