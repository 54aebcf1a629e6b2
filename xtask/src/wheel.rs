//! Builds the wheel: the binary and the Python module, for the libtorch of an installed PyTorch.
//!
//! maturin builds the module and packs. It runs in a virtual environment below `target`, which pip fills.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{build_twist, root};

/// What packs.
const MATURIN: &str = "maturin==1.16.0";

/// Makes the build scripts of the binary and of the module look for libtorch beside the package (`rpath.rs`).
const FOR_WHEEL: (&str, &str) = ("TWIST_WHEEL", "1");

const MOST_MB: f64 = 40.0;

/// Builds the wheel; with `test` it is installed into an environment of its own and tested there.
pub(crate) fn wheel(test: bool) -> Result<()> {
    let root = root()?;
    let target = root.join("target/wheel");
    let tools = environment(&target.join("tools"))?;
    pip(&tools, &["install", "--quiet", MATURIN])?;
    stage(&build_twist(&[FOR_WHEEL])?, &root.join("crates/twist-py/python/twist/bin"))?;

    let out = target.join("out");
    if out.exists() {
        fs_err::remove_dir_all(&out)?;
    }
    let mut maturin = Command::new(tools.join("bin/maturin"));
    maturin.args(["build", "--release", "--manifest-path", "crates/twist-py/Cargo.toml", "--out"]).arg(&out);
    run(maturin.envs([FOR_WHEEL]).current_dir(&root))?;

    let wheel = fs_err::read_dir(&out)?.next().context("maturin wrote no wheel")??.path();
    let mb = fs_err::metadata(&wheel)?.len() as f64 / 1e6;
    ensure!(mb < MOST_MB, "{} has {mb:.1} MB, and a wheel has less than {MOST_MB}", wheel.display());
    if test {
        tested(&wheel, &target.join("test"), &root)?;
    }
    eprintln!("{mb:.1} MB; install it with: python3 -m pip install {}", wheel.display());
    println!("{}", wheel.display());
    Ok(())
}

/// Puts the binary, without what only a debugger reads, into `folder`.
fn stage(binary: &Path, folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    let mut strip = Command::new("strip");
    run(strip.arg("--strip-all").arg("-o").arg(folder.join("twist")).arg(binary))
}

/// Installs the wheel into a new environment and runs the tests of the module there.
fn tested(wheel: &Path, place: &Path, root: &Path) -> Result<()> {
    if place.exists() {
        fs_err::remove_dir_all(place)?;
    }
    let environment = environment(place)?;
    pip(&environment, &["install", "--quiet", "pillow", &wheel.to_string_lossy()])?;
    let mut python = Command::new(environment.join("bin/python"));
    python.args(["-m", "unittest", "discover", "--verbose"]).current_dir(root.join("crates/twist-py/tests"));
    // The libtorch under test is that of PyTorch, wherever this process has its own.
    run(python.env_remove("LD_LIBRARY_PATH"))
}

/// A virtual environment in `place`, made where there is none.
fn environment(place: &Path) -> Result<PathBuf> {
    if !place.join("bin/python").is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(place))?;
    }
    Ok(place.to_owned())
}

fn pip(environment: &Path, words: &[&str]) -> Result<()> {
    run(Command::new(environment.join("bin/python"))
        .args(["-m", "pip", "--disable-pip-version-check"])
        .args(words))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if status.success() { Ok(()) } else { bail!("{command:?} failed ({status}): its messages are above") }
}
