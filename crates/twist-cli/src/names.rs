//! The names of a model's classes, from the file beside it.

use std::path::{Path, PathBuf};

use torch_ext::{DeviceRequest, Machine};
use twist_io::{Refused, UpdateLock};
use twist_model::{
    ClassSource, Model, ModelName, is_of_labels, load_names, named_weights, names_file, names_of_model,
    usable_names,
};
use twist_run::samples::Sample;
use twist_run::{
    ClassTree, ClusterNames, Group, NamedWeights, RunError, Samples, clusters_file, files, tree_file,
};

use crate::exit::Usage;
use crate::named_model;
use crate::out_file;
use crate::talk::Talk;

/// Names, where they are kept, and what the model is.
pub(crate) struct Named {
    pub(crate) names: ClusterNames,
    pub(crate) file: PathBuf,
    pub(crate) run: Option<PathBuf>,
    /// The weights of the model.
    pub(crate) own: Option<NamedWeights>,
    /// The weights whose classes are shown and named: those that the run was evaluated with, else those of the model.
    pub(crate) shown: Option<NamedWeights>,
    /// Whether labels taught the classes.
    of_labels: bool,
    /// Held when the names are to be changed.
    _lock: Option<UpdateLock>,
}

impl Named {
    /// Opens MODEL for its number of classes, and their names. Names of the classes of other weights are warned of and not used.
    pub(crate) fn open(path: &Path, talk: &Talk) -> anyhow::Result<Self> {
        let (model, file) = (model(path)?, names_file(path));
        let (own, shown) = (named_weights(&model, path), shown_weights(&model, path));
        let names = warned(usable_names(load_names(&model, &file, shown.clone()), &model)?, talk);
        Ok(Self { names, file, of_labels: is_of_labels(&model), run: model.folder, own, shown, _lock: None })
    }

    /// As [`Named::open`], to change the names: until this value is dropped, nobody else changes them.
    ///
    /// # Errors
    /// Names of the classes of other weights: a change would mix both.
    pub(crate) fn to_change(path: &Path) -> anyhow::Result<Self> {
        let (model, file) = (model(path)?, names_file(path));
        let lock = Some(UpdateLock::of(&file)?);
        let (own, shown) = (named_weights(&model, path), shown_weights(&model, path));
        let names = load_names(&model, &file, shown.clone())?;
        Ok(Self { names, file, of_labels: is_of_labels(&model), run: model.folder, own, shown, _lock: lock })
    }

    /// As [`Named::to_change`], with names of the classes of any weights. They are said of these from now on.
    pub(crate) fn to_keep(path: &Path) -> anyhow::Result<(Self, Option<NamedWeights>)> {
        let (model, file) = (model(path)?, names_file(path));
        let lock = Some(UpdateLock::of(&file)?);
        let (own, shown) = (named_weights(&model, path), shown_weights(&model, path));
        let mut names = load_names(&model, &file, None)?;
        let before = names.weights().cloned();
        shown.iter().for_each(|now| names.set_weights(now.clone()));
        Ok((
            Self { names, file, of_labels: is_of_labels(&model), run: model.folder, own, shown, _lock: lock },
            before,
        ))
    }

    /// What the network said of the images that its run was evaluated on; `None` where it was not, or is not of a run.
    ///
    /// # Errors
    /// The table is damaged or cannot be read.
    pub(crate) fn images(&self) -> Result<Option<Vec<Sample>>, RunError> {
        let samples = self.run.as_ref().map(|folder| Samples::read(folder, false)).transpose()?.flatten();
        Ok(samples.map(|samples| samples.rows()))
    }

    /// The merge tree of the classes of MODEL, which was opened as `path`.
    ///
    /// # Errors
    /// It has none, or that of other classes, or the file is damaged.
    pub(crate) fn tree(&self, path: &Path) -> anyhow::Result<ClassTree> {
        if self.of_labels {
            let what = Refused::new("the classes of this model have no tree");
            let why = "they are those of labels, and a tree is of discovered classes";
            return Err(what
                .because(why)
                .remedy("`twist clusters MODEL merge` merges classes without it")
                .into());
        }
        let model = &ModelName::of(path).path;
        Ok(ClassTree::of_classes(model, self.names.clusters(), self.shown.as_ref())?)
    }

    /// Says so when the run has not been evaluated: later classes are found again by the images that the named ones hold.
    pub(crate) fn warn_of_classes_that_change(&self, talk: &Talk) {
        if let Some(run) = self.run.as_ref().filter(|run| !run.join(files::METRICS).is_file()) {
            talk.warn(format!(
                "{} has not been evaluated yet: its classes change while it trains, and names that are given now do not follow them",
                run.display()
            ));
        }
    }

    pub(crate) fn save(&self) -> anyhow::Result<()> {
        Ok(self.names.save(&self.file)?)
    }

    /// The class that an argument means, by number or by name.
    pub(crate) fn find(&self, text: &str) -> anyhow::Result<Group> {
        usage(self.names.find(text))
    }
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

/// The weights whose classes people see: a run shows those of its last evaluation, which may be older than its newest
/// checkpoint.
fn shown_weights(model: &Model, path: &Path) -> Option<NamedWeights> {
    let run = model.folder.as_deref().filter(|_| ModelName::of(path).path.is_dir());
    let own = named_weights(model, path);
    // Of the same weights, those of the model have a hash; the figures of older versions do not.
    run.and_then(NamedWeights::evaluated)
        .filter(|evaluated| !own.as_ref().is_some_and(|own| own.are(evaluated)))
        .or(own)
}

/// The names of the classes that `model`, opened as `path`, itself has. Names of the classes of other weights are warned of and
/// not used.
pub(crate) fn of_model(model: &Model, path: &Path, talk: &Talk) -> anyhow::Result<ClusterNames> {
    Ok(warned(names_of_model(model, &named_model::resolved(path, talk)?)?, talk))
}

/// The merge tree of the classes that `model`, opened as `path`, itself has; `None` where there is none. One that is damaged or of
/// the classes of other weights is warned of.
pub(crate) fn tree_of_model(model: &Model, path: &Path, talk: &Talk) -> anyhow::Result<Option<ClassTree>> {
    let path = &named_model::resolved(path, talk)?;
    let (weights, model_path) = (named_weights(model, path), ModelName::of(path).path);
    let tree = ClassTree::read(&model_path).and_then(|tree| match &weights {
        Some(weights) => tree.map(|tree| tree.checked_for(&model_path, weights)).transpose(),
        None => Ok(None),
    });
    Ok(tree.unwrap_or_else(|unusable| {
        talk.warn(format!("the tree of the classes is left out: {unusable}"));
        None
    }))
}

/// What lies beside a weight file: what people said of its classes, and their merge tree.
pub(crate) struct Beside {
    pub(crate) names: Option<ClusterNames>,
    pub(crate) tree: Option<ClassTree>,
}

impl Beside {
    /// Writes it for the model that was written to `out`, and returns the files.
    pub(crate) fn save_for(self, out: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        if self.names.is_none() && self.tree.is_none() {
            return Ok(files);
        }
        let written = Model::load(out, Machine::detect(DeviceRequest::Cpu, None)?.device)?;
        let weights = named_weights(&written, out);
        if let Some(mut names) = self.names {
            weights.iter().for_each(|weights| names.set_weights(weights.clone()));
            names.save(clusters_file(out))?;
            files.push(clusters_file(out));
        }
        if let (Some(tree), Some(weights)) = (self.tree, weights) {
            tree.of_weights(weights).save(out)?;
            files.push(tree_file(out));
        }
        Ok(files)
    }

    /// Whether the files beside `out` can be written.
    ///
    /// # Errors
    /// [`Usage`] where one exists and `force` is not given.
    pub(crate) fn check(&self, out: &Path, force: bool) -> Result<(), Usage> {
        let names = self.names.iter().map(|_| clusters_file(out));
        let mut files = names.chain(self.tree.iter().map(|_| tree_file(out)));
        files.try_for_each(|file| out_file::check(&file, force))
    }
}

/// The names, with the warning said that came along.
fn warned((names, warning): (ClusterNames, Option<RunError>), talk: &Talk) -> ClusterNames {
    warning.iter().for_each(|other| talk.warn(format!("classes appear without their names: {other}")));
    names
}

/// What a person asked for and cannot be is wrong usage.
pub(crate) fn usage<T>(result: Result<T, Refused>) -> anyhow::Result<T> {
    result.map_err(|asked| Usage(asked.to_string()).into())
}

/// "class 3", or "class 3 `red circles`".
pub(crate) fn called(group: &Group) -> String {
    if group.named { format!("class {} `{}`", group.class, group.name) } else { group.name.clone() }
}
