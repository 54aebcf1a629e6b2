//! `twist eval`: what a trained model is worth, one protocol a file.

mod classifier;
mod cluster;
mod finetune;
mod knn;
mod linear;
mod transfer;

use crate::exit::Exit;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist eval knn runs/cifar10_cpu-1 --train 'cifar10/train-*.tar' --test 'cifar10/test-*.tar'
  twist eval classifier resnet20.safetensors --test 'cifar10/test-*.tar'
  twist eval cluster runs/a runs/b runs/c --test 'cifar10/test-*.tar'      mean of three seeds
  twist eval linear runs/cifar10_cpu-1 --train 'cifar10/train-*.tar' --test 'cifar10/test-*.tar'
  twist eval finetune runs/cifar10_cpu-1 --train 'cifar10/train-*.tar' --test 'cifar10/test-*.tar' \\
      --percent 1 --seeds 3
  twist eval transfer runs/cifar10_cpu-1 --data sets/

Features are computed once for each model and data set and kept, so the next evaluation of the
same model is quick. Figures of a run folder are added to its evaluations.jsonl, from which
`twist report` draws them.";

/// Measure a trained model by the protocols of the field
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    protocol: Protocol,
}

#[derive(Debug, clap::Subcommand)]
enum Protocol {
    Knn(knn::Args),
    Classifier(classifier::Args),
    Cluster(cluster::Args),
    Linear(linear::Args),
    Finetune(finetune::Args),
    Transfer(transfer::Args),
}

/// Runs what was asked for.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    match &args.protocol {
        Protocol::Knn(args) => knn::run(args, talk),
        Protocol::Classifier(args) => classifier::run(args, talk),
        Protocol::Cluster(args) => cluster::run(args, talk),
        Protocol::Linear(args) => linear::run(args, talk),
        Protocol::Finetune(args) => finetune::run(args, talk),
        Protocol::Transfer(args) => transfer::run(args, talk),
    }
}

/// What every protocol with a training and a test part takes.
#[derive(Debug, clap::Args)]
struct DataArgs {
    /// Labelled images to learn from: any DATA
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    train: String,
    /// Labelled images to measure on
    #[arg(long, value_name = "DATA", help_heading = "Images")]
    test: String,
    /// Where labels come from: auto (what DATA says), folder (sub-folders, also those called like dates), coarse, or a list file
    #[arg(long, value_name = "auto|folder|FILE", default_value = crate::sources::DEFAULT_LABELS, help_heading = "Images")]
    labels: String,
}

impl DataArgs {
    /// Opens both parts and sees to it that their labels mean the same.
    fn open(
        &self,
        talk: &Talk,
    ) -> anyhow::Result<(std::sync::Arc<dyn twist_data::Dataset>, std::sync::Arc<dyn twist_data::Dataset>)>
    {
        let train = crate::sources::open(&self.train, &self.labels, talk)?;
        let test = crate::sources::open(&self.test, &self.labels, talk)?;
        crate::sources::warn_of_same(&*train, &*test, talk);
        let data = twist_eval::EvalData::new(train, Some(test))?;
        let test = std::sync::Arc::clone(data.evaluated());
        Ok((data.train, test))
    }
}
