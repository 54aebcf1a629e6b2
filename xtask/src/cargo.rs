//! Runs cargo in the clone, and the binary that it builds.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// The root of the clone, where cargo found this crate.
pub(crate) fn root() -> Result<PathBuf> {
    let here = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    Ok(Path::new(&here).parent().context("xtask lies in the workspace")?.to_path_buf())
}

/// Runs `cargo ARGS` in the root of the clone; an exit status other than 0 is an error.
pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    cargo_with(&[], args)
}

/// The same with variables added to the environment.
pub(crate) fn cargo_with(environment: &[(&str, &str)], args: &[&str]) -> Result<()> {
    let shown = environment.iter().map(|(name, value)| format!("{name}='{value}' ")).collect::<String>();
    let words = args.join(" ");
    eprintln!("$ {shown}cargo {words}");
    let status =
        command()?.args(args).envs(environment.iter().copied()).status().context("cannot start cargo")?;
    ensure!(status.success(), "`cargo {words}` failed ({status}): its messages are above");
    Ok(())
}

/// `cargo test` over the workspace, or over the packages that `args` name.
pub(crate) fn test(args: &[String]) -> Result<()> {
    let mut flags = args.iter().take_while(|arg| *arg != "--");
    let chosen = flags.any(|flag| flag.starts_with("-p") || flag.starts_with("--package"));
    let mut words = if chosen { vec!["test"] } else { vec!["test", "--workspace"] };
    words.extend(args.iter().map(String::as_str));
    cargo(&words)
}

/// Builds the binary in release mode and runs `twist demo ARGS`, with its exit code.
pub(crate) fn demo(args: &[String]) -> Result<ExitCode> {
    let twist = build_twist(&[])?;
    let status = Command::new(&twist)
        .arg("demo")
        .args(args)
        .status()
        .with_context(|| format!("cannot start {}", twist.display()))?;
    match status.code() {
        Some(code) => Ok(ExitCode::from(u8::try_from(code).unwrap_or(1))),
        None => bail!("{} demo was ended by a signal ({status})", twist.display()),
    }
}

/// Builds `twist` in release mode, with variables added to the environment; the path is what cargo says it is, whatever target folder the user configured.
pub(crate) fn build_twist(environment: &[(&str, &str)]) -> Result<PathBuf> {
    let args = ["build", "--release", "--package", "twist-cli", "--bin", "twist"];
    eprintln!("$ cargo {}", args.join(" "));
    let output = command()?
        .args(args)
        .envs(environment.iter().copied())
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the build failed ({}): its messages are above", output.status);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no binary `twist`")
}

fn command() -> Result<Command> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()?);
    // What cargo told this process about itself is not for the build that it starts.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    Ok(command)
}
