//! The file of a tree: `tree.json` in a run folder, `FILE.tree.json` beside a weight file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twist_io::{Refused, read_if_there, write_json};

use super::file::of_model;
use super::tree::{ClassTree, TreeParts};
use super::weights::NamedWeights;
use crate::{Metrics, RunError, files};

/// The version of the format that is written and read.
const VERSION: u32 = 1;

/// What helps where a tree is damaged, missing or old.
const IN_RUN: &str = "remove metrics.json, and --resume evaluates the run again";
const BESIDE: &str = "give the run folder, or export or import the model again from one that has its tree";

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    parts: &'a TreeParts,
}

/// Where the tree of a model's classes is: `tree.json` in a run folder, `FILE.tree.json` beside a weight file.
pub fn tree_file(model: &Path) -> PathBuf {
    of_model(model, files::TREE)
}

impl ClassTree {
    /// Reads the tree of `model`, a run folder or a weight file; `None` where it has none.
    ///
    /// # Errors
    /// The file cannot be read, is of another version, or is not a tree.
    pub fn read(model: &Path) -> Result<Option<Self>, RunError> {
        let path = tree_file(model);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let damaged = |why: String| {
            Refused::new(format!("{} cannot be used", path.display())).because(why).remedy(remedy(model))
        };
        parse(&bytes).map(Some).map_err(|why| damaged(why).into())
    }

    /// As [`ClassTree::read`], for a model whose classes are `clusters` of these `weights`.
    ///
    /// # Errors
    /// As [`ClassTree::read`]; it has no tree, or that of other classes.
    pub fn of_classes(model: &Path, clusters: u32, weights: Option<&NamedWeights>) -> Result<Self, RunError> {
        let path = tree_file(model);
        let Some(tree) = Self::read(model)? else { return Err(missing(model).into()) };
        let parts = tree.parts();
        if parts.clusters != clusters {
            let what =
                format!("{} is of {} classes, but the model has {clusters}", path.display(), parts.clusters);
            return Err(Refused::new(what).remedy(remedy(model)).into());
        }
        match weights {
            Some(now) => tree.checked_for(model, now),
            None => Ok(tree),
        }
    }

    /// The tree that was read for `model`, whose weights are these.
    ///
    /// # Errors
    /// It is that of the classes of others.
    pub fn checked_for(self, model: &Path, weights: &NamedWeights) -> Result<Self, RunError> {
        let own = &self.parts().weights;
        if own.are(weights) {
            return Ok(self);
        }
        let what = format!("{} is of the classes of {}", tree_file(model).display(), own.beside(weights));
        let why = format!("these are the classes of {weights}, which may hold other images");
        Err(Refused::new(what).because(why).remedy(remedy(model)).into())
    }

    /// Writes the tree of `model`, a run folder or a weight file, atomically.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn save(&self, model: &Path) -> Result<(), RunError> {
        Ok(write_json(tree_file(model), &Written { version: VERSION, parts: self.parts() })?)
    }

    /// Removes the tree of `model`, if it has one: that of former classes must not stay where the present ones have none.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(model: &Path) -> Result<(), RunError> {
        let path = tree_file(model);
        if path.is_file() { Ok(fs_err::remove_file(path)?) } else { Ok(()) }
    }
}

fn missing(model: &Path) -> Refused {
    let what = Refused::new(format!("the tree of the classes is missing ({})", tree_file(model).display()));
    if !model.is_dir() {
        return what.because("the file was written without it").remedy(remedy(model));
    }
    match Metrics::read(model) {
        Ok(Some(metrics)) => match metrics.no_tree() {
            Some(why) => what.because(why).remedy("`twist clusters RUN merge` merges classes without it"),
            None => what.because("an older version of Twist evaluated the run").remedy(remedy(model)),
        },
        // Whoever reads the figures says what is wrong with them.
        Err(_) => what.remedy(remedy(model)),
        Ok(None) => {
            what.because("it is made when the run is evaluated").remedy("finish the run with --resume")
        }
    }
}

fn remedy(model: &Path) -> &'static str {
    if model.is_dir() { IN_RUN } else { BESIDE }
}

/// The version first: a file of a later one is not called damaged for its new fields.
fn parse(bytes: &[u8]) -> Result<ClassTree, String> {
    let Versioned { version } = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("it has version {version}, but only version {VERSION} is known"));
    }
    let mut fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    fields.remove("version");
    let parts: TreeParts = serde_json::from_value(fields.into()).map_err(|error| error.to_string())?;
    ClassTree::new(parts).map_err(|error| error.to_string())
}
