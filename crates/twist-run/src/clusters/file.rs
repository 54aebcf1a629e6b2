//! The file beside a model.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use twist_io::{Refused, read_if_there, write_json};

use super::names::{ClusterNames, Merge};
use super::weights::NamedWeights;
use crate::{RunError, files};

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// The file as it is written. Unknown keys are errors: a misspelt one would be lost without a word.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    clusters: u32,
    #[serde(default, deserialize_with = "once_each")]
    names: BTreeMap<u32, String>,
    #[serde(default)]
    merges: Vec<WrittenMerge>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsure: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<NamedWeights>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMerge {
    of: Vec<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unnamed: bool,
}

impl From<Merge> for WrittenMerge {
    fn from(Merge { of, name, cut, unnamed }: Merge) -> Self {
        Self { of, name, cut, unnamed }
    }
}

impl From<WrittenMerge> for Merge {
    fn from(WrittenMerge { of, name, cut, unnamed }: WrittenMerge) -> Self {
        Self { of, name, cut, unnamed }
    }
}

/// Names by class. Of a class that is named twice, one name would be lost without a word.
fn once_each<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u32, String>, D::Error> {
    struct OnceEach;
    impl<'de> Visitor<'de> for OnceEach {
        type Value = BTreeMap<u32, String>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            to.write_str("names by class number")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut names = BTreeMap::new();
            while let Some((class, name)) = entries.next_entry::<u32, String>()? {
                if let Some(first) = names.insert(class, name) {
                    return Err(A::Error::custom(format!("class {class} is named twice, first `{first}`")));
                }
            }
            Ok(names)
        }
    }
    from.deserialize_map(OnceEach)
}

/// How many classes a model has, for its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterCount {
    /// As many as training discovered.
    pub trained: u32,
    /// With those that splits added. Names that were written before a split are names of the same classes.
    pub now: u32,
}

impl From<u32> for ClusterCount {
    fn from(clusters: u32) -> Self {
        Self { trained: clusters, now: clusters }
    }
}

/// Where the names of a model's classes are: `clusters.json` in a run folder, `FILE.clusters.json` beside a weight file.
pub fn clusters_file(model: &Path) -> PathBuf {
    of_model(model, files::CLUSTERS)
}

/// Where the file `name` of a model is: in its run folder, or as `FILE.name` beside a weight file.
pub(super) fn of_model(model: &Path, name: &str) -> PathBuf {
    if model.is_dir() {
        return model.join(name);
    }
    let mut beside: OsString = model.as_os_str().to_owned();
    beside.push(format!(".{name}"));
    beside.into()
}

impl ClusterNames {
    /// Reads the file at `path` for a model with `clusters` classes and these `weights`, where that is known; without a file,
    /// nobody said anything yet. What is written later is said of these weights.
    ///
    /// # Errors
    /// As [`ClusterNames::load`]; [`RunError::OtherWeights`] when its names were given to the classes of others.
    pub fn load_for(
        path: impl AsRef<Path>,
        clusters: impl Into<ClusterCount>,
        weights: Option<NamedWeights>,
    ) -> Result<Self, RunError> {
        let mut names = Self::load(&path, clusters)?;
        match (&names.weights, weights) {
            (Some(given), Some(now)) if !given.are(&now) && names.names_classes() => {
                let path = path.as_ref().display();
                let what = format!("the names in {path} were given to the classes of {}", given.beside(&now));
                let what = format!("{what}, and these are the classes of {now}, which may hold other images");
                let remedy = "`twist clusters MODEL keep` takes them over if they still fit; or move the file away to start \
                              without names";
                Err(RunError::OtherWeights(Refused::new(what).remedy(remedy)))
            }
            (_, Some(now)) => {
                names.weights = Some(now);
                Ok(names)
            }
            (_, None) => Ok(names),
        }
    }

    /// Reads the file at `path` for a model with `clusters` classes, whatever its weights; without a file, nobody said anything
    /// yet.
    ///
    /// # Errors
    /// It is of a model with another number of classes, or there is something in it that could not have been written.
    pub fn load(path: impl AsRef<Path>, clusters: impl Into<ClusterCount>) -> Result<Self, RunError> {
        let (path, ClusterCount { trained, now }) = (path.as_ref(), clusters.into());
        let Some(bytes) = read_if_there(path)? else { return Ok(Self::new(now)) };
        let damaged = |reason: String| {
            let remedy = "correct it, or move it away to start without names";
            Refused::new(format!("{} cannot be used", path.display())).because(reason).remedy(remedy)
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if written.version != VERSION {
            let why = format!("it has version {}, but only version {VERSION} is known", written.version);
            return Err(damaged(why).into());
        }
        // Splits add classes behind the others, whose numbers stay.
        if !(trained..=now).contains(&written.clusters) {
            let what = format!(
                "{} belongs to a model with {} classes, but this one has {now}",
                path.display(),
                written.clusters
            );
            let remedy = "move it away, or give the model that it belongs to";
            return Err(Refused::new(what).remedy(remedy).into());
        }
        Ok(Written { clusters: now, ..written }.into_names().map_err(|error| damaged(error.to_string()))?)
    }

    /// Writes the file, atomically.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), RunError> {
        let path = path.as_ref();
        let merges = self.merges.iter().cloned();
        let written = Written {
            version: VERSION,
            clusters: self.clusters(),
            names: self.names.clone(),
            merges: merges.map(WrittenMerge::from).collect(),
            unsure: self.unsure,
            weights: self.weights.clone(),
        };
        Ok(write_json(path, &written)?)
    }
}

impl Written {
    /// Makes names and merges anew, one after the other, so that the file can hold nothing that commands refuse.
    fn into_names(self) -> Result<ClusterNames, Refused> {
        let mut names = ClusterNames::new(self.clusters);
        for (cluster, name) in &self.names {
            names.rename(*cluster, name)?;
        }
        for merge in self.merges.into_iter().map(Merge::from) {
            names.merge_by(&merge.of, merge.name.as_deref(), merge.made_by())?;
        }
        names.set_unsure(self.unsure)?;
        names.weights = self.weights;
        Ok(names)
    }
}
