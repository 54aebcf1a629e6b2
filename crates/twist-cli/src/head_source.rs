//! Where the features come from that heads are trained on: a file, or images through a model.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use twist_data::Dataset;
use twist_model::{FeatureFile, FeatureTable, Model};
use twist_nn::FeatureKind;
use twist_run::Sources;
use twist_train::frozen::FeatureFacts;

use crate::args::UseArgs;
use crate::exit::Usage;
use crate::model::Opened;
use crate::sources::open_both;
use crate::talk::Talk;

/// Opened, but not yet computed.
pub(crate) enum HeadSource {
    /// Features that were computed elsewhere.
    Files { train: FeatureTable, held_out: Option<FeatureTable> },
    /// Images and the model that makes features of them.
    Images {
        model: Box<Opened>,
        train: Arc<dyn Dataset>,
        held_out: Option<Arc<dyn Dataset>>,
        /// The features of `train`, once they are computed: without a cache, they are needed twice.
        computed: OnceCell<FeatureTable>,
    },
}

pub(crate) struct Tables {
    pub(crate) train: FeatureTable,
    pub(crate) held_out: Option<FeatureTable>,
}

impl HeadSource {
    /// Opens what the command line names, both parts of the same kind.
    ///
    /// # Errors
    /// A file, image or model that cannot be read; features and images mixed.
    pub(crate) fn open(sources: &Sources, args: &UseArgs, talk: &Talk) -> anyhow::Result<Self> {
        let with_labels = sources.labels != "none";
        let file = FeatureFile::recognise(&sources.train);
        let eval_file = sources.held_out.as_deref().and_then(FeatureFile::recognise);
        match (file, &sources.frozen, &sources.held_out, eval_file) {
            (Some(_), _, Some(held_out), None) => Err(Usage(format!(
                "DATA is a file of features, so --eval-data must be one as well; {held_out} is not"
            ))
            .into()),
            (None, _, Some(held_out), Some(_)) => Err(Usage(format!(
                "DATA are images, so --eval-data must be images as well; {held_out} is a file of features"
            ))
            .into()),
            (Some(file), _, _, eval_file) => {
                let train = file.read(with_labels)?;
                let held_out =
                    eval_file.map(|file| file.read(with_labels)).transpose().context("--eval-data")?;
                if let Some(other) = &held_out
                    && other.width()? != train.width()?
                {
                    return Err(Usage(format!(
                        "rows of {} have {} numbers, those of --eval-data {}: they come from different models",
                        sources.train,
                        train.width()?,
                        other.width()?
                    ))
                    .into());
                }
                Ok(Self::Files { train, held_out })
            }
            (None, Some(model), _, _) => {
                let model = Box::new(args.open(Path::new(model), talk).context("--frozen")?);
                model.model.backbone()?;
                let data = open_both(sources, talk)?;
                let (train, held_out) = (data.train, data.held_out);
                Ok(Self::Images { model, train, held_out, computed: OnceCell::new() })
            }
            (None, None, _, _) => {
                Err(Usage("give --frozen MODEL, or a file of features as DATA".into()).into())
            }
        }
    }

    /// What a plan needs to know; images are taken to be readable.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn facts(&self) -> anyhow::Result<FeatureFacts> {
        match self {
            Self::Files { train, .. } => facts_of(train, train.dataset.fingerprint()),
            Self::Images { model, train, .. } => Ok(FeatureFacts {
                rows: train.len(),
                width: model.model.card.feature_dim,
                classes: train.classes().to_vec(),
                fingerprint: fingerprint(&model.model, &**train),
                origin: model.model.card.origin.clone(),
            }),
        }
    }

    /// The features, from the cache where they are there.
    ///
    /// # Errors
    /// No image can be read, or with `strict` one cannot; no classes can be found in them.
    pub(crate) fn tables(&self, strict: bool, talk: &Talk) -> anyhow::Result<(Tables, FeatureFacts)> {
        let (tables, facts) = self.computed(strict, talk)?;
        match tables.train.without_classes()? {
            Some(reason) => anyhow::bail!("these features cannot be learned from: {reason}"),
            None => Ok((tables, facts)),
        }
    }

    fn computed(&self, strict: bool, talk: &Talk) -> anyhow::Result<(Tables, FeatureFacts)> {
        match self {
            Self::Files { train, held_out } => {
                let facts = self.facts()?;
                Ok((Tables { train: train.clone(), held_out: held_out.clone() }, facts))
            }
            Self::Images { model, train, held_out, computed } => {
                let table = |dataset: &Arc<dyn Dataset>, what: &str| -> anyhow::Result<FeatureTable> {
                    let set = model.features(FeatureKind::Last, dataset, what, talk)?;
                    if let (Some(image), true) = (set.skipped.first(), strict) {
                        anyhow::bail!(
                            "{} cannot be read, and --strict was given: {}",
                            image.path,
                            image.reason
                        );
                    }
                    Ok(FeatureTable::of_images(set, Arc::clone(dataset)))
                };
                let train = match computed.get() {
                    Some(table) => table.clone(),
                    None => computed
                        .get_or_init({
                            let table = table(train, "features")?;
                            || table
                        })
                        .clone(),
                };
                let held_out = held_out.as_ref().map(|data| table(data, "held-out features")).transpose()?;
                let facts = facts_of(&train, fingerprint(&model.model, &*train.dataset))?;
                let facts = FeatureFacts { origin: model.model.card.origin.clone(), ..facts };
                Ok((Tables { train, held_out }, facts))
            }
        }
    }

    /// The model whose backbone makes the features.
    pub(crate) fn backbone(&self) -> Option<&Model> {
        match self {
            Self::Files { .. } => None,
            Self::Images { model, .. } => Some(&model.model),
        }
    }
}

fn facts_of(table: &FeatureTable, fingerprint: String) -> anyhow::Result<FeatureFacts> {
    let classes = table.dataset.classes().to_vec();
    Ok(FeatureFacts { rows: table.len(), width: table.width()?, classes, fingerprint, origin: String::new() })
}

/// Identity of features: whose they are, and of which images.
fn fingerprint(model: &Model, dataset: &dyn Dataset) -> String {
    format!("{} by {}", dataset.fingerprint(), model.hash)
}
