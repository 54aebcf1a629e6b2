//! `twist`: discovers classes in images that nobody labelled.
//!
//! This crate is the only one that parses arguments, prints, and decides exit codes. Data goes to stdout, talk and
//! progress to stderr. Each command is one file in [`commands`]; the libraries do the work.
//!
//! What it deliberately is not: a place for logic that another program could want. That belongs to a library crate.

mod args;
mod commands;

mod asked;
mod folder_auto;
mod head_auto;
mod place;
mod settings;
mod sources;

mod model;
mod named_model;
mod names;
mod results;
mod stream;

mod relocation;

mod estimate;
mod label_lines;
mod page_helpers;

mod job;

mod head_source;

mod bar;
mod digits;
mod progress;
mod signals;
mod summary;

mod contention;
mod exit;
mod machine;
mod out_file;
mod screen;
mod shell_pattern;
mod short_waits;
mod talk;
mod word_order;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::talk::Talk;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        let args: Vec<_> = std::env::args_os().skip(1).collect();
        match shell_pattern::instead_of(&error, &args).or_else(|| word_order::instead_of(&error, &args)) {
            Some(words) => {
                Talk::new(false, false).error(&exit::Usage(words).into());
                std::process::exit(2)
            }
            None => exit::with_clap(&error),
        }
    });
    short_waits::begin(&cli.command);
    let talk = Talk::new(cli.quiet, cli.verbose);
    match signals::listen().and_then(|()| commands::run(cli.command, &talk)) {
        Ok(end) => end.code(),
        Err(error) => {
            if !exit::is_broken_pipe(&error) {
                talk.error(&error);
            }
            exit::of_error(&error)
        }
    }
}
