//! The images of a protocol with a training and a test part.

use std::sync::Arc;

use twist_data::Dataset;
use twist_eval::EvalData;

use crate::sources;
use crate::talk::Talk;

/// What every protocol with a training and a test part takes.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    /// Labelled images to learn from: any DATA
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    train: String,
    /// Labelled images to measure on
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: String,
    /// Where labels come from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), or a list file
    #[arg(long, value_name = "auto|folder|FILE", default_value = sources::DEFAULT_LABELS, help_heading = "Images")]
    labels: String,
}

impl DataArgs {
    /// Opens both parts and sees to it that their labels mean the same.
    pub(super) fn open(&self, talk: &Talk) -> anyhow::Result<(Arc<dyn Dataset>, Arc<dyn Dataset>)> {
        let train = sources::open(&self.train, &self.labels, talk)?;
        let test = sources::open(&self.test, &self.labels, talk)?;
        sources::warn_of_same(&*train, &*test, talk);
        let data = EvalData::new(train, Some(test))?;
        let test = Arc::clone(data.evaluated());
        twist_model::check_labels(&*data.train, &*test)?;
        Ok((data.train, test))
    }
}
