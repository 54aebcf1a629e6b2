//! The checkpoints of one run on disk.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use twist_io::{Refused, StateDict, load_safetensors, save_safetensors, second_name};

use super::{Measured, Standing};
use crate::{RunError, files};

/// Writes, finds and retires the checkpoints of a folder.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
    /// The one file that every checkpoint replaces, if only one is kept.
    file: Option<PathBuf>,
    /// What `best.safetensors` was measured by.
    best: Option<Measured>,
}

/// A checkpoint that was read, with its facts `F`.
#[derive(Debug)]
pub struct Loaded<F> {
    /// The file.
    pub path: PathBuf,
    /// Network and optimizer.
    pub state: StateDict,
    /// Everything else.
    pub facts: F,
    /// Newer files that could not be used.
    pub rejected: Vec<Rejected>,
}

/// A checkpoint that could not be read.
#[derive(Debug)]
pub struct Rejected {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

impl CheckpointStore {
    /// The checkpoints of `folder`, of which the last `keep` stay.
    pub fn new(folder: PathBuf, keep: usize) -> Self {
        Self { folder, keep, file: None, best: None }
    }

    /// One file that every checkpoint replaces.
    pub fn file(path: PathBuf) -> Self {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        Self { folder, keep: 1, file: Some(path), best: None }
    }

    /// Writes a checkpoint, and only when it is safe removes those that are no longer among the last.
    ///
    /// # Errors
    /// When the file cannot be written; the older checkpoints are untouched then.
    pub fn write(&self, step: u64, facts: &impl Serialize, state: &StateDict) -> Result<PathBuf, RunError> {
        let path = self.file.clone().unwrap_or_else(|| self.folder.join(files::checkpoint(step)));
        let metadata = serde_json::to_value(facts).map_err(std::io::Error::from)?;
        save_safetensors(&path, state, Some(&metadata))?;
        self.retire(step)?;
        Ok(path)
    }

    /// Removes the checkpoints before that of `step` which are not among the last.
    ///
    /// # Errors
    /// When the folder cannot be listed, or a file not removed.
    pub fn retire(&self, step: u64) -> Result<(), RunError> {
        if self.file.is_some() {
            return Ok(());
        }
        let older: Vec<PathBuf> =
            self.list()?.into_iter().filter(|(older, _)| *older < step).map(|(_, path)| path).collect();
        for path in older.iter().rev().skip(self.keep.saturating_sub(1)) {
            fs_err::remove_file(path)?;
        }
        Ok(())
    }

    /// Finds out what the best checkpoint of a run that goes on was measured by. One that cannot be read is reported, and
    /// gives way to the next one that is offered.
    pub fn recall_best(&mut self) -> Option<Rejected> {
        let path = self.folder.join(files::BEST);
        if !path.is_file() {
            return None;
        }
        match read::<Standing>(&path) {
            Ok((_, standing)) => {
                self.best = standing.measured;
                None
            }
            Err(reason) => Some(Rejected { path, reason }),
        }
    }

    /// Makes a written checkpoint the best one if the figure that it was measured by beats that of the best so far. It says
    /// itself what that figure is, so file and figure cannot part.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn offer_best(&mut self, path: &Path, measured: &Measured) -> Result<bool, RunError> {
        if !measured.beats(self.best.as_ref()) {
            return Ok(false);
        }
        second_name(path, self.folder.join(files::BEST))?;
        self.best = Some(measured.clone());
        Ok(true)
    }

    /// Keeps a written checkpoint under a name of its own, beyond the last ones: [`files::BEFORE_SELF_LABEL`].
    ///
    /// # Errors
    /// When the name cannot be given.
    pub fn keep_before_self_label(&self, path: &Path) -> Result<(), RunError> {
        Ok(second_name(path, self.folder.join(files::BEFORE_SELF_LABEL))?)
    }

    /// Steps and paths of the checkpoints, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, RunError> {
        if let Some(file) = &self.file {
            // The step stands in it.
            return Ok(file.is_file().then(|| (0, file.clone())).into_iter().collect());
        }
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            if let Some(step) = files::checkpoint_step(&entry.file_name().to_string_lossy()) {
                found.push((step, entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// The finished steps of the newest checkpoint that can be read, whatever it is of; 0 without a checkpoint.
    ///
    /// # Errors
    /// As [`CheckpointStore::newest`].
    pub fn newest_step(&self) -> Result<u64, RunError> {
        Ok(self.newest::<Standing>()?.map_or(0, |loaded| loaded.facts.step))
    }

    /// The newest checkpoint that can be read, with facts of this kind and the newer ones that cannot; `None` without a
    /// checkpoint.
    ///
    /// # Errors
    /// Checkpoints exist, and none can be read.
    pub fn newest<F: DeserializeOwned>(&self) -> Result<Option<Loaded<F>>, RunError> {
        let list = self.list()?;
        let mut rejected = Vec::new();
        for (_, path) in list.iter().rev() {
            match read(path) {
                Ok((state, facts)) => return Ok(Some(Loaded { path: path.clone(), state, facts, rejected })),
                Err(reason) => rejected.push(Rejected { path: path.clone(), reason }),
            }
        }
        match rejected.into_iter().next() {
            None => Ok(None),
            Some(Rejected { reason: newest, .. }) => {
                let why = format!("none of the {} checkpoints can be read", list.len());
                let remedy = format!("start again with --force. The newest says: {newest}");
                Err(Refused::new(self.folder.display().to_string()).because(why).remedy(remedy).into())
            }
        }
    }
}

fn read<F: DeserializeOwned>(path: &Path) -> Result<(StateDict, F), String> {
    let (state, metadata) = load_safetensors(path).map_err(|error| error.to_string())?;
    state.check_finite(path).map_err(|error| error.to_string())?;
    let metadata = metadata.ok_or_else(|| format!("{}: no metadata of Twist in it", path.display()))?;
    let facts =
        serde_json::from_value(metadata).map_err(|error| format!("{}: metadata: {error}", path.display()))?;
    Ok((state, facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure;

    fn facts(step: u64) -> Standing {
        Standing { step, ..Standing::default() }
    }

    fn state(value: f32) -> StateDict {
        let mut state = StateDict::default();
        state.push("model.a", twist_io::HostTensor::from_slice(vec![4], &[value; 4]).unwrap());
        state
    }

    fn steps(store: &CheckpointStore) -> Vec<u64> {
        store.list().unwrap().into_iter().map(|(step, _)| step).collect()
    }

    fn knn(value: f64) -> Measured {
        Measured::by(figure::KNN_TOP1, value)
    }

    fn save(store: &mut CheckpointStore, step: u64, score: f64) -> bool {
        let facts = Standing { measured: Some(knn(score)), ..facts(step) };
        let path = store.write(step, &facts, &state(step as f32)).unwrap();
        store.offer_best(&path, &knn(score)).unwrap()
    }

    #[test]
    fn the_last_n_stay_and_the_best_survives_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = CheckpointStore::new(folder.path().into(), 2);
        for (step, score) in (1..).zip([0.2, 0.5, 0.4, f64::NAN, 0.5]) {
            save(&mut store, step, score);
        }
        assert_eq!(steps(&store), [4, 5]);
        let (best, best_facts): (_, Standing) = read(&folder.path().join(files::BEST)).unwrap();
        assert_eq!((best, best_facts.step, best_facts.measured), (state(2.0), 2, Some(knn(0.5))));
        let other = Measured::by(figure::LOSS, 9.0);
        assert!(store.offer_best(&store.list().unwrap()[1].1, &other).unwrap(), "another metric");
    }

    #[test]
    fn a_resumed_run_knows_the_best_of_before_and_only_a_better_one_beats_it() {
        let folder = tempfile::tempdir().unwrap();
        save(&mut CheckpointStore::new(folder.path().into(), 2), 1, 0.5);
        let resumed = || {
            let mut store = CheckpointStore::new(folder.path().into(), 2);
            assert!(store.recall_best().is_none());
            store
        };
        assert!(!save(&mut resumed(), 2, 0.4));
        assert!(!save(&mut resumed(), 2, 0.5), "the first of equals");
        assert!(save(&mut resumed(), 3, 0.6));
        let best = folder.path().join(files::BEST);
        fs_err::write(&best, "nonsense").unwrap();
        let mut store = CheckpointStore::new(folder.path().into(), 2);
        assert_eq!(store.recall_best().unwrap().path, best);
        assert!(save(&mut store, 4, 0.1), "what cannot be read gives way");
    }

    #[test]
    fn a_checkpoint_too_many_goes_when_the_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let keeps_all = CheckpointStore::new(folder.path().into(), 9);
        (1..=4).for_each(|step| drop(keeps_all.write(step, &facts(step), &state(0.0)).unwrap()));
        let store = CheckpointStore::new(folder.path().into(), 2);
        store.retire(4).unwrap();
        assert_eq!(steps(&store), [3, 4]);
        store.retire(3).unwrap();
        assert_eq!(steps(&store), [3, 4], "newer ones are nobody's to remove");
    }

    #[test]
    fn a_cut_newest_checkpoint_is_reported_and_the_one_before_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::new(folder.path().into(), 3);
        assert!(store.newest::<Standing>().unwrap().is_none());
        let paths = [10, 20, 30].map(|step| store.write(step, &facts(step), &state(step as f32)).unwrap());
        let whole = fs_err::read(&paths[2]).unwrap();
        fs_err::write(&paths[2], &whole[..whole.len() / 2]).unwrap();
        let loaded = store.newest::<Standing>().unwrap().unwrap();
        assert_eq!((loaded.facts.step, &loaded.state), (20, &state(20.0)));
        assert_eq!(loaded.rejected.len(), 1);
        assert!(loaded.rejected[0].path == paths[2] && !loaded.rejected[0].reason.is_empty());

        // One bit of one number is enough: the exponent of the last one.
        let mut flipped = whole;
        *flipped.last_mut().unwrap() ^= 0x40;
        fs_err::write(&paths[2], flipped).unwrap();
        let loaded = store.newest::<Standing>().unwrap().unwrap();
        assert_eq!(loaded.facts.step, 20);
        assert!(loaded.rejected[0].reason.contains("tensor `model.a`"), "{}", loaded.rejected[0].reason);

        paths.iter().for_each(|path| fs_err::write(path, "nonsense").unwrap());
        let message = store.newest::<Standing>().unwrap_err().to_string();
        assert!(message.contains("none of the 3 checkpoints") && message.contains("--force"), "{message}");
    }

    #[test]
    fn equal_states_give_equal_bytes() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let bytes = folders.map(|folder| {
            let store = CheckpointStore::new(folder.path().into(), 1);
            fs_err::read(store.write(7, &facts(7), &state(0.5)).unwrap()).unwrap()
        });
        assert_eq!(bytes[0], bytes[1]);
    }
}
