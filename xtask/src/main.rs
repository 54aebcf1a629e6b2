//! The commands of a developer of Twist, as `cargo xtask COMMAND`.
//!
//! This crate is a thin layer over `cargo` and the binary `twist`: it sets up libtorch and then runs commands that one
//! could run by hand. It builds without libtorch and contains no logic of the product: the demo trains in `twist demo`,
//! and the tests are those of `cargo test`.
//!
//! In reading order: [`setup`] fetches and links libtorch, [`cargo`] runs cargo and the binary, [`check`] is what CI
//! runs, [`fuzz`] runs the fuzz targets, [`accept`] checks the accuracies and times that the demos promise, [`browser`]
//! clicks through the page that the report serves, [`wheel`] builds the Python package.
#![expect(clippy::print_stderr, reason = "a command line tool: talk goes to stderr")]
#![expect(clippy::print_stdout, reason = "a command line tool: results go to stdout")]

mod setup;

mod accept;
mod browser;
mod cargo;
mod check;
mod fuzz;
mod wheel;

use anyhow::{Result, anyhow, bail};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  setup [--cuda]   download libtorch 2.11 and link it into this clone (once per user; --cuda: with the CUDA part)
  demo  [ARGS]     set up, build in release mode, run `twist demo ARGS`
  test  [ARGS]     set up, run every test; ARGS go to `cargo test`
  lint             check format, imports, lints and documentation; run every fuzz target for a minute
  fuzz  [SECONDS]  run every fuzz target for SECONDS (default 60), two at a time, with memory and time limits
  check            what CI runs: lint, then test
  accept           run three seeds of each demo; check the accuracies and times that the demos promise
  browser          click through the page of `twist report --serve` in a headless Chromium (needs node, npm, chromium)
  wheel [--test]   build the Python package with the binary in it (--test: install it into an environment and test it)

If LIBTORCH (a folder with include/ and lib/) or LIBTORCH_USE_PYTORCH=1 (the PyTorch 2.11 of python3) is set, it is
used and nothing is downloaded. The cache is $XDG_CACHE_HOME/twist, or ~/.cache/twist.";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Puts the remedy behind the cause, where a reader looks for it.
fn remedy(error: anyhow::Error, remedy: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error:#}\n  {remedy}")
}

fn run(mut args: Vec<String>) -> Result<ExitCode> {
    if args.is_empty() || matches!(args[0].as_str(), "-h" | "--help" | "help") {
        println!("{USAGE}");
        return Ok(if args.is_empty() { ExitCode::from(2) } else { ExitCode::SUCCESS });
    }
    let command = args.remove(0);
    let flag = |flag: &str| match args.as_slice() {
        [] => Ok(false),
        [given] if given == flag => Ok(true),
        _ => Err(anyhow!("`{command}` takes nothing but {flag}\n\n{USAGE}")),
    };
    let ready = setup::quick;
    match command.as_str() {
        "setup" => {
            let flavour = if flag("--cuda")? { setup::Flavour::Cuda } else { setup::Flavour::Cpu };
            setup::thorough(flavour)?;
        }
        "demo" => {
            ready()?;
            return cargo::demo(&args);
        }
        "test" => ready().and_then(|()| cargo::test(&args))?,
        "lint" => ready().and_then(|()| check::lint())?,
        "fuzz" => {
            let seconds = match args.as_slice() {
                [] => check::FUZZED,
                [seconds] => {
                    seconds.parse().map_err(|_| anyhow!("`fuzz` takes a number of seconds\n\n{USAGE}"))?
                }
                _ => bail!("`fuzz` takes one number of seconds\n\n{USAGE}"),
            };
            fuzz::fuzz(seconds)?;
        }
        "check" => ready().and_then(|()| check::check())?,
        "accept" => ready().and_then(|()| accept::accept())?,
        "browser" => ready().and_then(|()| browser::browser())?,
        "wheel" => {
            let test = flag("--test")?;
            ready()?;
            wheel::wheel(test)?;
        }
        _ => bail!("command `{command}` does not exist\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
