//! What the commands on data sets share: which data, and lines about single images.

use std::sync::Arc;

use indicatif::ProgressBar;
use twist_data::{Dataset, Remark, Unreadable};
use twist_io::printable;

use crate::args::at_least;
use crate::talk::Talk;

/// What all three take.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Folder, image, pattern, list, - (paths on stdin), tar shards, zip, parquet, CIFAR batches or shapes:train
    #[arg(value_name = "DATA")]
    pub(super) data: String,
    /// Where labels come from: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), none, or a list file
    #[arg(long, value_name = "auto|folder|none|FILE", default_value = crate::sources::DEFAULT_LABELS)]
    pub(super) labels: String,
    /// Threads that decode [default: one for each core]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1), help_heading = "Machine")]
    threads: Option<u16>,
}

impl Common {
    pub(super) fn open(&self, talk: &Talk) -> anyhow::Result<Arc<dyn Dataset>> {
        crate::sources::open_all(&self.data, &self.labels, talk)
    }

    /// The same for a command that says itself what is left out.
    pub(super) fn look(&self) -> anyhow::Result<Arc<dyn Dataset>> {
        crate::sources::opened(&self.data, &self.labels, twist_data::Splits::Together)
    }

    /// 0 means one for each core.
    pub(super) fn threads(&self) -> usize {
        self.threads.map_or(0, usize::from)
    }
}

/// A bar over `images` on a terminal, nothing elsewhere.
pub(super) fn bar(images: usize, talk: &Talk) -> ProgressBar {
    crate::bar::counting(images as u64, "", talk)
}

/// One line for each damaged image.
pub(super) fn damaged(unreadable: &[Unreadable]) -> impl Iterator<Item = String> {
    unreadable.iter().map(|image| format!("{}: {}", printable(&image.path), printable(&image.reason)))
}

/// One line for each image that is odd and was read all the same.
pub(super) fn remarked(remarks: &[Remark]) -> impl Iterator<Item = String> {
    remarks.iter().map(|remark| format!("{}: {}", printable(&remark.path), printable(&remark.what)))
}
