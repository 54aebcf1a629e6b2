//! `config.toml` of a run of fine-tuning: what was asked for, so that `--resume` needs no more than the folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use torch_ext::Precision;
use twist_io::Refused;
use twist_run::files;
use twist_train::{RecipeOf, TrainError};

use super::FinetuneOptions;
use crate::{EvalError, LabelBudget};

/// As written; what is silent has the released value. `plan.json` beside it has every number in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinetuneConfig {
    /// Marks the kind of run.
    pub kind: Kind,
    /// MODEL.
    pub model: PathBuf,
    /// DATA with the labelled images.
    pub train: String,
    /// DATA to test on.
    pub test: Option<String>,
    /// Hundredths of the labels, where no file names them.
    pub percent: Option<f64>,
    /// The file that names the labelled images.
    pub labels: Option<PathBuf>,
    /// Random weights instead of the model's.
    #[serde(default)]
    pub from_scratch: bool,
    /// See [`FinetuneOptions`], as are the others.
    pub epochs: Option<u64>,
    /// Most images of an update.
    pub batch_size: Option<usize>,
    /// First rate of the classifier.
    pub lr: Option<f64>,
    /// First rate of the backbone.
    pub backbone_lr: Option<f64>,
    /// Weight decay of weights.
    pub weight_decay: Option<f64>,
    /// Epochs between two tests.
    pub test_every: Option<u64>,
    /// Images whose statistics the batch norms take together.
    pub norm_batch: Option<usize>,
    /// Arithmetic of the network.
    pub precision: Option<Precision>,
    /// Of draws, first weights, order and crops.
    #[serde(default)]
    pub seed: u64,
}

/// The one kind of run that this file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Fine-tuning.
    Finetune,
}

/// A run folder of another kind.
fn not_finetuning(path: &Path, why: &str) -> Refused {
    let what = format!("{} does not describe a run of `twist finetune`", path.display());
    Refused::new(what).because(why).remedy("name another folder with --out")
}

impl FinetuneConfig {
    /// What the run in `folder` was started with; `None` without a run.
    ///
    /// # Errors
    /// The file is another run's, or damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, EvalError> {
        let path = folder.join(files::CONFIG);
        if !path.is_file() {
            return Ok(None);
        }
        let unreadable = |source| Refused::reading(&path, source);
        let text = twist_io::read_small_text(&path).map_err(unreadable)?;
        // A text that is not TOML says nothing of the kind of run.
        RecipeOf::<toml::Table>::read(&path.display().to_string(), &text, &[]).map_err(TrainError::from)?;
        let config = toml::from_str(&text).map_err(|error| not_finetuning(&path, error.message()))?;
        Ok(Some(config))
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn write(&self, folder: &Path) -> Result<(), EvalError> {
        let path = folder.join(files::CONFIG);
        let text = toml::to_string(self).map_err(|error| not_finetuning(&path, &error.to_string()))?;
        Ok(twist_io::write_atomic(path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Which labels may be seen.
    pub fn budget(&self) -> LabelBudget {
        match &self.labels {
            Some(file) => LabelBudget::File(file.clone()),
            None => LabelBudget::Percent(self.percent.unwrap_or(100.0)),
        }
    }

    /// What is said otherwise than the released protocol says.
    pub fn options(&self) -> FinetuneOptions {
        FinetuneOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            lr: self.lr,
            backbone_lr: self.backbone_lr,
            weight_decay: self.weight_decay,
            test_every: self.test_every,
            precision: self.precision,
            norm_batch: self.norm_batch,
            from_scratch: self.from_scratch,
            seed: self.seed,
        }
    }
}
