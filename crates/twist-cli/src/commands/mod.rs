//! One file for each command of `twist`.

pub(crate) mod demo;
pub(crate) mod train;
mod train_head;

pub(crate) mod finetune;

pub(crate) mod eval;

pub(crate) mod embed;
pub(crate) mod neighbors;
pub(crate) mod predict;

pub(crate) mod clusters;

pub(crate) mod report;

pub(crate) mod import;

pub(crate) mod export;

pub(crate) mod audit;
pub(crate) mod data;

pub(crate) mod bench;

pub(crate) mod recipes;

pub(crate) mod doctor;

pub(crate) mod completions;

use crate::args::Command;
use crate::exit::Exit;
use crate::talk::Talk;

pub(crate) fn run(command: Command, talk: &Talk) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(args) => return demo::run(&args, talk),
        Command::Train(args) => return train::run(&args, talk),
        Command::Finetune(args) => return finetune::run(&args, talk),
        Command::Eval(args) => eval::run(&args, talk)?,
        Command::Predict(args) => predict::run(&args, talk)?,
        Command::Embed(args) => embed::run(&args, talk)?,
        Command::Neighbors(args) => neighbors::run(&args, talk)?,
        Command::Clusters(args) => clusters::run(&args, talk)?,
        Command::Report(args) => report::run(&args, talk)?,
        Command::Import(args) => import::run(&args, talk)?,
        Command::Export(args) => return export::run(&args, talk),
        Command::Audit(args) => return audit::run(&args, talk),
        Command::Data(args) => data::run(&args, talk)?,
        Command::Bench(args) => return bench::run(&args),
        Command::Recipes(args) => recipes::run(&args)?,
        Command::Doctor(args) => doctor::run(&args)?,
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(Exit::Done)
}
