//! The names of a model's classes, from the file beside it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use torch_ext::{DeviceRequest, Machine};
use twist_io::{Refused, UpdateLock};
use twist_model::{ClassSource, Model, ModelName};
use twist_run::{ClusterNames, Group, clusters_file};

use crate::exit::Usage;

/// Names, where they are kept, and what the model is.
pub(crate) struct Named {
    pub(crate) names: ClusterNames,
    pub(crate) file: PathBuf,
    /// The run that the model belongs to.
    pub(crate) run: Option<PathBuf>,
    /// Held when the names are to be changed.
    _lock: Option<UpdateLock>,
}

impl Named {
    /// Opens MODEL for its number of classes, and their names.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::of(&model(path)?, path, None)
    }

    /// As [`Named::open`], to change the names: until this value is dropped, nobody else changes them.
    pub(crate) fn to_change(path: &Path) -> anyhow::Result<Self> {
        let model = model(path)?;
        Self::of(&model, path, Some(UpdateLock::of(names_file(path))?))
    }

    fn of(model: &Model, path: &Path, lock: Option<UpdateLock>) -> anyhow::Result<Self> {
        let (names, file) = (of_model(model, path)?, names_file(path));
        Ok(Self { names, file, run: model.folder.clone(), _lock: lock })
    }

    /// Writes the file.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        Ok(self.names.save(&self.file)?)
    }

    /// The class that an argument means, by number or by name.
    pub(crate) fn find(&self, text: &str) -> anyhow::Result<Group> {
        usage(self.names.find(text))
    }
}

/// Where the names of MODEL's classes are. A teacher has those of its student, whose classes it has.
fn names_file(path: &Path) -> PathBuf {
    clusters_file(&ModelName::of(path).path)
}

/// MODEL, which must have classes.
fn model(path: &Path) -> anyhow::Result<Model> {
    let cpu = Machine::detect(DeviceRequest::Cpu, None)?.device;
    let model = Model::load(path, cpu)?;
    if ClassSource::named(&model).is_none() {
        model.head()?;
    }
    Ok(model)
}

/// The names that belong to `model`, which was opened as `path`: those in the file beside it, else what the labels of a
/// classifier are called. None for a model without classes.
pub(crate) fn of_model(model: &Model, path: &Path) -> anyhow::Result<ClusterNames> {
    let (classes, learned) = match (ClassSource::named(model), &model.card.classifier) {
        (Some((ClassSource::Labels, classes)), Some(card)) => (classes, Some(card)),
        (Some((_, classes)), _) => (classes, None),
        (None, _) => return Ok(ClusterNames::new(0)),
    };
    let classes = u32::try_from(classes).context("the model has too many classes")?;
    let names = ClusterNames::load(names_file(path), classes)?;
    Ok(match learned {
        Some(card) if names.is_untouched() => card.cluster_names(),
        _ => names,
    })
}

/// What a person asked for and cannot be is wrong usage.
pub(crate) fn usage<T>(result: Result<T, Refused>) -> anyhow::Result<T> {
    result.map_err(|asked| Usage(asked.to_string()).into())
}

/// "class 3", or "class 3 `red circles`".
pub(crate) fn called(group: &Group) -> String {
    if group.named { format!("class {} `{}`", group.class, group.name) } else { group.name.clone() }
}
