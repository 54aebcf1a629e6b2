//! `twist completions`: tab completion for a shell.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::{Cli, ShellArg};

const EXAMPLES: &str = "\
Examples:
  twist completions bash > ~/.local/share/bash-completion/completions/twist
  twist completions zsh > ~/.zfunc/_twist
  twist completions fish > ~/.config/fish/completions/twist.fish";

/// Print tab completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: ShellArg,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut script = Vec::new(); // clap_complete panics where a pipe closes early
    clap_complete::generate(args.shell, &mut Cli::command(), "twist", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(())
}
