//! Runs the fuzz targets on stable Rust.

use crate::cargo::{cargo_with, root};
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

/// The binaries of `fuzz/`, the slowest to learn first.
const TARGETS: [&str; 5] = ["image", "dataset", "pickle", "safetensors", "mat"];

/// Targets that run at a time: runners of CI have two cores.
const AT_A_TIME: usize = 2;

/// Has the compiler put in the counters and tables that libFuzzer learns from, as cargo-fuzz does.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing";

/// Limits: MB in all and at a time, seconds for one input, bytes of one input. With one seed a run can be repeated.
const LIMITS: [&str; 5] =
    ["-rss_limit_mb=1024", "-malloc_limit_mb=512", "-timeout=20", "-max_len=65536", "-seed=1"];

/// Lines of a failed target's messages that are shown.
const SHOWN: usize = 40;

/// Builds every target and runs each for so many seconds, with the limits.
pub(crate) fn fuzz(seconds: u32) -> Result<()> {
    let host = host()?;
    let build =
        ["build", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "fuzz/target", "--target", &host];
    cargo_with(&[("RUSTFLAGS", FLAGS)], &build)?;
    let folder = root()?.join("fuzz");
    let binaries = folder.join("target").join(host).join("debug");
    let waiting = Mutex::new(TARGETS.into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || -> Result<()> {
        while let Some(target) = next() {
            run(&binaries.join(target), target, &folder, seconds)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread that ran fuzz targets ended early"),
        })
    })
}

/// Runs one target from its corpus, to which it adds its seeds and what it learns.
fn run(binary: &Path, target: &str, folder: &Path, seconds: u32) -> Result<()> {
    let (corpus, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    fs_err::create_dir_all(&corpus)?;
    fs_err::create_dir_all(&artifacts)?;
    let output = Command::new(binary)
        .arg(&corpus)
        .args(LIMITS)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .env("TWIST_FUZZ_SEEDS", &corpus)
        .output()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    ensure!(
        output.status.success(),
        "the fuzz target {target} failed ({}); its input is in {}\n{}",
        output.status,
        artifacts.display(),
        lines[lines.len().saturating_sub(SHOWN)..].join("\n")
    );
    eprintln!("fuzz {target}: {}", lines.last().unwrap_or(&"nothing was said"));
    Ok(())
}

/// The triple that this machine compiles for. Naming it keeps the flags from build scripts and macros.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}
