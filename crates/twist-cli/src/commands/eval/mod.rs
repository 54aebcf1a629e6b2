//! `twist eval`: what a trained model is worth, one protocol a file.

mod classifier;
mod cluster;
mod data_args;
mod finetune;
mod knn;
mod linear;
mod transfer;

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

Features are computed once for each model and data set and cached, so the next evaluation of the
same model is quick. The figures of a run are added to its evaluations.jsonl, and `twist report`
shows them.";

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

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    match &args.protocol {
        Protocol::Knn(args) => knn::run(args, talk),
        Protocol::Classifier(args) => classifier::run(args, talk),
        Protocol::Cluster(args) => cluster::run(args, talk),
        Protocol::Linear(args) => linear::run(args, talk),
        Protocol::Finetune(args) => finetune::run(args, talk),
        Protocol::Transfer(args) => transfer::run(args, talk),
    }
}
