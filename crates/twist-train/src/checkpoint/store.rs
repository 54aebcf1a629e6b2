//! The checkpoints of one run on disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twist_io::{StateDict, load_safetensors, save_safetensors, write_atomic};

use super::CheckpointFacts;
use crate::TrainError;

/// Writes, finds and retires the checkpoints of a folder.
#[derive(Clone, Debug)]
pub struct CheckpointStore {
    folder: PathBuf,
    keep: usize,
}

/// A checkpoint that was read, with its facts `F`.
#[derive(Debug)]
pub struct Loaded<F = CheckpointFacts> {
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

/// What `best.json` says about `best.safetensors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Best {
    metric: String,
    value: f64,
    step: u64,
}

impl CheckpointStore {
    /// The checkpoints of `folder`, of which the last `keep` stay.
    pub fn new(folder: PathBuf, keep: usize) -> Self {
        Self { folder, keep }
    }

    /// Writes a checkpoint, and only when it is safe removes those that are no longer among the last.
    ///
    /// # Errors
    /// When the file cannot be written; the older checkpoints are untouched then.
    pub fn save(&self, facts: &CheckpointFacts, state: &StateDict) -> Result<PathBuf, TrainError> {
        self.write(facts.step, facts, state)
    }

    /// As [`CheckpointStore::save`], with facts of any kind.
    pub(crate) fn write(
        &self,
        step: u64,
        facts: &impl Serialize,
        state: &StateDict,
    ) -> Result<PathBuf, TrainError> {
        let path = self.folder.join(format!("step-{step:08}.safetensors"));
        let metadata = serde_json::to_value(facts).map_err(std::io::Error::from)?;
        save_safetensors(&path, state, Some(&metadata))?;
        let older: Vec<PathBuf> =
            self.list()?.into_iter().filter(|(older, _)| *older < step).map(|(_, path)| path).collect();
        for path in older.iter().rev().skip(self.keep.saturating_sub(1)) {
            fs_err::remove_file(path)?;
        }
        Ok(path)
    }

    /// Makes a written checkpoint the best one if `value` beats the best so far (`higher`: more is better). A first
    /// value of another metric always does.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn offer_best(
        &self,
        path: &Path,
        metric: &str,
        value: f64,
        higher: bool,
    ) -> Result<bool, TrainError> {
        let record = self.folder.join("best.json");
        let known: Option<Best> = match fs_err::read(&record) {
            Ok(text) => serde_json::from_slice(&text).ok(),
            Err(_) => None,
        };
        let beaten = |best: &Best| {
            best.metric != metric || if higher { value > best.value } else { value < best.value }
        };
        if !value.is_finite() || !known.as_ref().is_none_or(beaten) {
            return Ok(false);
        }
        link_or_copy(path, &self.folder.join("best.safetensors"))?;
        let step = path.file_name().and_then(|name| step_of(&name.to_string_lossy())).unwrap_or(0);
        let best = Best { metric: metric.into(), value, step };
        let text = serde_json::to_string_pretty(&best).map_err(std::io::Error::from)?;
        write_atomic(&record, |file| writeln!(file, "{text}"))?;
        Ok(true)
    }

    /// Steps and paths of the checkpoints, oldest first.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<(u64, PathBuf)>, TrainError> {
        let mut found = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            if let Some(step) = step_of(&entry.file_name().to_string_lossy()) {
                found.push((step, entry.path()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// The newest checkpoint that can be read, with the newer ones that cannot; `None` when there is no checkpoint.
    ///
    /// # Errors
    /// [`TrainError::NoGoodCheckpoint`] when there are checkpoints and none can be read.
    pub fn newest_good(&self) -> Result<Option<Loaded>, TrainError> {
        self.newest()
    }

    /// As [`CheckpointStore::newest_good`], with facts of any kind.
    pub(crate) fn newest<F: DeserializeOwned>(&self) -> Result<Option<Loaded<F>>, TrainError> {
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
                Err(TrainError::NoGoodCheckpoint { folder: self.folder.clone(), count: list.len(), newest })
            }
        }
    }
}

/// The step in a checkpoint's file name.
pub(crate) fn step_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("step-")?.strip_suffix(".safetensors")?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn read<F: DeserializeOwned>(path: &Path) -> Result<(StateDict, F), String> {
    let (state, metadata) = load_safetensors(path).map_err(|error| error.to_string())?;
    let metadata = metadata.ok_or_else(|| format!("{}: no metadata of Twist in it", path.display()))?;
    let facts =
        serde_json::from_value(metadata).map_err(|error| format!("{}: metadata: {error}", path.display()))?;
    Ok((state, facts))
}

/// Gives a file a second name, atomically: by a hard link, or where there are none by a copy.
fn link_or_copy(from: &Path, to: &Path) -> Result<(), TrainError> {
    let beside = to.with_extension("tmp");
    if beside.exists() {
        fs_err::remove_file(&beside)?;
    }
    if fs_err::hard_link(from, &beside).is_err() {
        fs_err::copy(from, &beside)?;
    }
    Ok(fs_err::rename(&beside, to)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Recipe;

    fn facts(step: u64) -> CheckpointFacts {
        let text = "model = { arch = \"resnet18_cifar\" }\noptim = { name = \"sgd\", lr = 0.1 }\n\
                    schedule = { epochs = 1 }\ntrain = { batch_size = 2 }\nviews = []\n";
        CheckpointFacts {
            step,
            epoch: 0.0,
            total_steps: 100,
            recipe_name: "x".into(),
            recipe: Recipe::read("x", text, &[]).unwrap().config().clone(),
            precision: None,
            guard_streaks: Default::default(),
            class_names: vec![],
            data_fingerprint: String::new(),
            mean: [0.5; 3],
            std: [0.5; 3],
            resize: 32,
            crop: 32,
            twist: "0".into(),
            libtorch: "2".into(),
        }
    }

    fn state(value: f32) -> StateDict {
        let mut state = StateDict::default();
        state.push("model.a", twist_io::HostTensor::from_slice(vec![4], &[value; 4]).unwrap());
        state
    }

    fn steps(store: &CheckpointStore) -> Vec<u64> {
        store.list().unwrap().into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn the_last_n_stay_and_the_best_survives_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::new(folder.path().into(), 2);
        let scores = [0.2, 0.5, 0.4, 0.3];
        for (step, score) in (1..).zip(scores) {
            let path = store.save(&facts(step), &state(step as f32)).unwrap();
            store.offer_best(&path, "knn_top1", score, true).unwrap();
        }
        assert_eq!(steps(&store), [3, 4]);
        let (best, best_facts): (_, CheckpointFacts) = read(&folder.path().join("best.safetensors")).unwrap();
        assert_eq!((best, best_facts.step), (state(2.0), 2));
        assert!(store.offer_best(&store.list().unwrap()[1].1, "loss", 9.0, false).unwrap(), "another metric");
    }

    #[test]
    fn a_cut_newest_checkpoint_is_reported_and_the_one_before_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::new(folder.path().into(), 3);
        assert!(store.newest_good().unwrap().is_none());
        let paths = [10, 20, 30].map(|step| store.save(&facts(step), &state(step as f32)).unwrap());
        let whole = fs_err::read(&paths[2]).unwrap();
        fs_err::write(&paths[2], &whole[..whole.len() / 2]).unwrap();
        let loaded = store.newest_good().unwrap().unwrap();
        assert_eq!((loaded.facts.step, &loaded.state), (20, &state(20.0)));
        assert_eq!(loaded.rejected.len(), 1);
        assert!(loaded.rejected[0].path == paths[2] && !loaded.rejected[0].reason.is_empty());
        paths.iter().for_each(|path| fs_err::write(path, "nonsense").unwrap());
        let message = store.newest_good().unwrap_err().to_string();
        assert!(message.contains("none of the 3 checkpoints") && message.contains("--force"), "{message}");
    }

    #[test]
    fn equal_states_give_equal_bytes() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let bytes = folders.map(|folder| {
            let store = CheckpointStore::new(folder.path().into(), 1);
            fs_err::read(store.save(&facts(7), &state(0.5)).unwrap()).unwrap()
        });
        assert_eq!(bytes[0], bytes[1]);
    }

    #[test]
    fn only_checkpoints_have_a_step() {
        assert_eq!(step_of("step-00000012.safetensors"), Some(12));
        for name in
            ["best.safetensors", "step-12.safetensors", "step-0000001x.safetensors", "step-00000012.tmp"]
        {
            assert_eq!(step_of(name), None, "{name}");
        }
    }
}
