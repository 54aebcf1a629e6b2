//! What CI runs, in the order in which the answers come fastest.

use crate::cargo::{cargo, cargo_with, root, test};
use crate::fuzz::fuzz;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Lints, then tests.
pub(crate) fn check() -> Result<()> {
    lint()?;
    test(&[])
}

/// Seconds that each fuzz target runs.
pub(crate) const FUZZED: u32 = 60;

/// Format, circles of imports, lints, documentation; then every fuzz target for a minute.
pub(crate) fn lint() -> Result<()> {
    cargo(&["fmt", "--version"]).and_then(|()| cargo(&["clippy", "--version"])).context(
        "rustfmt and clippy are needed: `rustup component add rustfmt clippy`, then run this again",
    )?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])?;
    circles()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--no-deps"])?;
    fuzz(FUZZED)
}

/// No circle of imports has more than three files.
fn circles() -> Result<()> {
    let status = Command::new("python3").arg(root()?.join("tools/circles/circles.py")).status();
    ensure!(
        status.context("cannot start python3")?.success(),
        "files use each other in circles, as listed above"
    );
    Ok(())
}
