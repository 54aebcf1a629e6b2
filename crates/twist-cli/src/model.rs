//! From `MODEL` and its flags to a model that can be used.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use torch_ext::{Machine, Precision};
use twist_data::{Dataset, Skipped};
use twist_io::Refused;
use twist_model::{
    EvalInput, FeatureCache, FeatureFile, FeatureSet, FeatureTable, Model, ModelCard, ModelError, ModelName,
    STARTER,
};
use twist_nn::FeatureKind;

use crate::args::{ModelArgs, PrecisionArg, UseArgs};
use crate::bar::Busy;
use crate::exit::Usage;
use crate::machine;
use crate::named_model;
use crate::progress::Counting;
use crate::talk::Talk;

/// Unreadable images that are named; the others are counted.
const SKIPPED_NAMED: usize = 5;

/// A model with all that decides its numbers.
pub(crate) struct Opened {
    pub(crate) model: Model,
    pub(crate) input: EvalInput,
    pub(crate) cache: FeatureCache,
    pub(crate) machine: Machine,
}

impl ModelArgs {
    pub(crate) fn open(&self, talk: &Talk) -> anyhow::Result<Opened> {
        self.machine.open(&self.model, talk)
    }

    pub(crate) fn open_as_published(&self, talk: &Talk) -> anyhow::Result<Opened> {
        let mut opened = self.open(talk)?;
        opened.use_as_published(self.machine.precision.is_some())?;
        Ok(opened)
    }
}

impl UseArgs {
    pub(crate) fn open(&self, path: &Path, talk: &Talk) -> anyhow::Result<Opened> {
        let machine = machine::detect(self.device, self.threads, talk)?;
        machine.prepare()?;
        let path = named_model::resolved(path, talk)?;
        let path = if self.teacher { ModelName::teacher_of(&path) } else { path };
        let busy = Busy::new(&format!("opening {}", path.display()), talk);
        let model = Model::load(&path, machine.device)?;
        drop(busy);
        for reason in &model.left_out {
            talk.warn(format!("{reason}. {} is used instead", model.path.display()));
        }
        let whose = format!("{}: {}", model.path.display(), model.card.origin);
        // What it learned from labels is said each time, not only to those who ask.
        if STARTER.is_meant(&path) {
            talk.say(whose)
        } else {
            talk.detail(whose)
        }
        let input = EvalInput::of_card(&model.card, self.precision(&machine)?, &machine)?;
        let cache = if self.no_cache { FeatureCache::off() } else { FeatureCache::of_user() };
        Ok(Opened { model, input, cache, machine })
    }

    /// What `--precision` says; `None`: the model's own.
    fn precision(&self, machine: &Machine) -> anyhow::Result<Option<Precision>> {
        Ok(match self.precision {
            None => None,
            Some(PrecisionArg::Auto) if machine.fast_bf16 => Some(Precision::Bf16),
            Some(PrecisionArg::Auto | PrecisionArg::Fp32) => Some(Precision::Fp32),
            Some(PrecisionArg::Bf16) => Some(Precision::Bf16),
            Some(PrecisionArg::Fp16) => {
                return Err(Usage(
                    "--precision fp16 is not there: bf16 is as fast and needs no loss scaling".into(),
                )
                .into());
            }
        })
    }
}

impl Opened {
    /// What published protocols have in common: the filter of the released code, and fp32 unless the arithmetic was `stated`.
    fn use_as_published(&mut self, stated: bool) -> anyhow::Result<()> {
        let card = ModelCard { transform: self.model.card.released_transform(), ..self.model.card.clone() };
        let reduced = stated && self.input.autocast.is_some();
        let precision = if reduced { Precision::Bf16 } else { Precision::Fp32 };
        self.input = EvalInput::of_card(&card, Some(precision), &self.machine)?;
        Ok(())
    }

    /// The features of all readable images of `dataset`, from the cache when they are there; what cannot be read is told.
    pub(crate) fn features(
        &self,
        kind: FeatureKind,
        dataset: &Arc<dyn Dataset>,
        what: &str,
        talk: &Talk,
    ) -> anyhow::Result<FeatureSet> {
        let mut counting = Counting::new(talk, what).on(&self.machine);
        let mut progress = |done, all| counting.at(done, all);
        let features = self.cache.features(&self.model, &self.input, kind, dataset, &mut progress)?;
        drop(counting);
        tell_skipped(&features.skipped, talk);
        Ok(features)
    }

    /// How images become numbers, for `protocol`.
    pub(crate) fn protocol(&self) -> serde_json::Value {
        let card = &self.model.card;
        serde_json::json!({
            "weights": card.origin,
            "weights_sha256": self.model.hash,
            "transform": self.input.transform,
            "mean": card.mean,
            "std": card.std,
            "precision": self.input.autocast.map_or(Precision::Fp32, |_| Precision::Bf16),
            "twist": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// DATA of a command that works on features: images, or a file of features from elsewhere.
pub(crate) enum Input {
    Images(Arc<dyn Dataset>),
    Features(FeatureTable),
}

impl Input {
    /// Opens DATA, to measure on it, with its labels. A file of features brings its own, or has none.
    pub(crate) fn open(data: &str, labels: &str, talk: &Talk) -> anyhow::Result<Self> {
        Ok(match FeatureFile::recognise(data) {
            Some(file) => Self::Features(features_in(&file, labels)?),
            None => Self::Images(crate::sources::open(data, labels, talk)?),
        })
    }

    /// Opens DATA, to look at it whole, with its labels.
    pub(crate) fn open_all(data: &str, labels: &str, talk: &Talk) -> anyhow::Result<Self> {
        Ok(match FeatureFile::recognise(data) {
            Some(file) => Self::Features(features_in(&file, labels)?),
            None => Self::Images(crate::sources::open_all(data, labels, talk)?),
        })
    }

    /// Names and labels of what there is.
    pub(crate) fn dataset(&self) -> &Arc<dyn Dataset> {
        match self {
            Self::Images(dataset) => dataset,
            Self::Features(table) => &table.dataset,
        }
    }

    /// The images, to do something with them.
    ///
    /// # Errors
    /// [`Usage`] for features, which have none.
    pub(crate) fn images(&self) -> Result<&Arc<dyn Dataset>, Usage> {
        match self {
            Self::Images(dataset) => Ok(dataset),
            Self::Features(_) => {
                Err(Usage("DATA holds features, and the command needs images; name those".into()))
            }
        }
    }

    /// The features of what can be read: those of the images by the model, or those in the file.
    pub(crate) fn features(
        &self,
        opened: &Opened,
        what: &str,
        talk: &Talk,
    ) -> anyhow::Result<Rc<FeatureSet>> {
        match self {
            Self::Images(dataset) => Ok(Rc::new(opened.features(FeatureKind::Last, dataset, what, talk)?)),
            Self::Features(table) => {
                opened.accepts(table)?;
                Ok(Rc::clone(&table.features))
            }
        }
    }
}

/// Reads a file of features, which brings its labels with it.
fn features_in(file: &FeatureFile, labels: &str) -> anyhow::Result<FeatureTable> {
    own_labels(labels)?;
    Ok(file.read(labels != "none")?)
}

/// Features have their own labels or none.
///
/// # Errors
/// [`Usage`] where `--labels` names others.
pub(crate) fn own_labels(labels: &str) -> Result<(), Usage> {
    match labels {
        "auto" | "folder" | "none" => Ok(()),
        other => Err(Usage(format!(
            "--labels {other} is for images; labels of features are the column `label`, or x.labels.npy beside x.npy"
        ))),
    }
}

impl Opened {
    /// Checks that the model can take what there is: images want a backbone, features the width of its head.
    pub(crate) fn takes(&self, source: &Input) -> Result<(), ModelError> {
        match source {
            Input::Images(_) => self.model.backbone().map(drop),
            Input::Features(table) => self.accepts(table),
        }
    }

    /// Checks that a table has the features that the model's head takes.
    pub(crate) fn accepts(&self, table: &FeatureTable) -> Result<(), ModelError> {
        let (got, expected) = (table.width()?, self.model.card.feature_dim);
        if got == expected {
            return Ok(());
        }
        let what = format!(
            "{} takes features of {expected} numbers, and these have {got}",
            self.model.path.display()
        );
        Err(Refused::new(what).because("they come from another backbone").into())
    }
}

/// One line for each of the first unreadable images.
pub(crate) fn tell_skipped(skipped: &[Skipped], talk: &Talk) {
    for image in skipped.iter().take(SKIPPED_NAMED) {
        talk.warn(format!("skipped {}: {}", image.path, image.reason));
    }
    if skipped.len() > SKIPPED_NAMED {
        talk.warn(format!("{} images could not be read; `twist data verify` names them all", skipped.len()));
    }
}
