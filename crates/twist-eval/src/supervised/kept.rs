//! What is done of a long evaluation, in a folder: results of finished trainings, and the state of the present one.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twist_io::Refused;
use twist_train::TrainError;
use twist_train::labels::refuse_older;
use twist_train::run::Place;

use crate::EvalError;

/// One training: `NAME.safetensors` while it goes on, `NAME.json` when it is done.
pub(crate) struct Kept {
    result: PathBuf,
    state: PathBuf,
    /// Model, images and every setting, in words that must be equal.
    of: String,
}

#[derive(Serialize, Deserialize)]
struct ResultFile<T> {
    of: String,
    end: T,
}

impl Kept {
    /// What `train` gives, unless the files called `name` in `folder` have it already; without a folder nothing is kept. `of` says
    /// which training it is, and `train` gets the place of its state. `None`: it was asked to stop before its end.
    ///
    /// # Errors
    /// As [`Kept::new`], [`Kept::end`], [`Kept::place`] and [`Kept::keep`]; those of `of` and `train`.
    pub(crate) fn once<T: Serialize + DeserializeOwned>(
        (folder, name): (Option<&Path>, &str),
        of: impl FnOnce() -> Result<String, EvalError>,
        train: impl FnOnce(Option<Place>) -> Result<Option<T>, EvalError>,
    ) -> Result<Option<T>, EvalError> {
        let Some(folder) = folder else { return train(None) };
        let kept = Self::new(folder, name, of()?)?;
        if let Some(done) = kept.end()? {
            return Ok(Some(done));
        }
        let Some(done) = train(Some(kept.place()?))? else { return Ok(None) };
        kept.keep(&done)?;
        Ok(Some(done))
    }

    /// The files called `name` in `folder`, which is created. `of` says which training it is.
    ///
    /// # Errors
    /// The folder cannot be created.
    fn new(folder: &Path, name: &str, of: String) -> Result<Self, EvalError> {
        fs_err::create_dir_all(folder).map_err(|source| {
            Refused::writing(folder, source.to_string())
                .caused_by(source)
                .remedy("name another folder with --state")
        })?;
        let file = |ending: &str| folder.join(format!("{name}.{ending}"));
        let kept = Self { result: file("json"), state: file("safetensors"), of };
        twist_io::remove_leftovers_of(&kept.result)?;
        twist_io::remove_leftovers_of(&kept.state)?;
        Ok(kept)
    }

    /// Where the training keeps its state.
    ///
    /// # Errors
    /// The state there cannot be continued from: an older version of Twist wrote it.
    fn place(&self) -> Result<Place, EvalError> {
        refuse_older(&self.state)?;
        Ok(Place::file(self.state.clone()))
    }

    /// How the training ended, if it is done.
    ///
    /// # Errors
    /// The file is damaged, or another evaluation's.
    fn end<T: DeserializeOwned>(&self) -> Result<Option<T>, EvalError> {
        if !self.result.is_file() {
            return Ok(None);
        }
        let other = |reason: &str| EvalError::from(TrainError::other_run(&self.result, reason));
        let unreadable = |source| Refused::reading(&self.result, source);
        let text = twist_io::read_small_text(&self.result).map_err(unreadable)?;
        let kept: ResultFile<T> = serde_json::from_str(&text).map_err(|error| other(&error.to_string()))?;
        if kept.of != self.of {
            return Err(other("model, images or settings are not those that it was started with"));
        }
        // A process that was killed between the two left it.
        self.remove_state()?;
        Ok(Some(kept.end))
    }

    /// Writes the result, and removes the state, which has served its purpose.
    ///
    /// # Errors
    /// The disk is full or read-only.
    fn keep<T: Serialize>(self, end: T) -> Result<(), EvalError> {
        twist_io::write_json(&self.result, &ResultFile { of: self.of.clone(), end })?;
        self.remove_state()
    }

    fn remove_state(&self) -> Result<(), EvalError> {
        if !self.state.is_file() {
            return Ok(());
        }
        Ok(fs_err::remove_file(&self.state).map_err(|source| {
            Refused::writing(&self.state, source.to_string())
                .caused_by(source)
                .remedy("remove it, its training is done")
        })?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_comes_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        // Accuracies over the test images of DTD.
        let figures: Vec<f64> = (0..=1880u32).map(|right| f64::from(right) / 1880.0).collect();
        Kept::new(folder.path(), "a", "a".into()).unwrap().keep(&figures).unwrap();
        let kept = Kept::new(folder.path(), "a", "a".into()).unwrap();
        assert_eq!(kept.end::<Vec<f64>>().unwrap(), Some(figures));
    }

    #[test]
    fn what_is_kept_is_found_again_by_the_same_training_alone() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |of: &str| Kept::new(folder.path(), "a", of.into()).unwrap();
        assert!(kept("a").end::<u32>().unwrap().is_none());
        fs_err::write(folder.path().join("a.safetensors"), "state").unwrap();
        kept("a").keep(3).unwrap();
        assert_eq!(kept("a").end::<u32>().unwrap(), Some(3));
        assert!(!folder.path().join("a.safetensors").exists());
        // Killed between result and state, or while it wrote either.
        for name in ["a.safetensors", ".a.safetensors.x.twist-tmp", ".a.json.x.twist-tmp"] {
            fs_err::write(folder.path().join(name), "part").unwrap();
        }
        assert_eq!(kept("a").end::<u32>().unwrap(), Some(3));
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "the result alone");
        let refusal = |of: &str| kept(of).end::<u32>().unwrap_err().to_string();
        assert!(refusal("b").contains("cannot be resumed"));
        fs_err::write(folder.path().join("a.json"), "{").unwrap();
        assert!(refusal("a").contains("cannot be resumed"));
    }
}
