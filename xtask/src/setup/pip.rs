//! Downloads with the user's pip, so that its index, mirrors, proxies and certificates apply.

use super::wheels::Wheel;
use anyhow::{Context, Result, bail, ensure};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The oldest pip that takes several `--platform`.
const OLDEST: (u32, u32) = (20, 3);

/// Downloads `wheels` into `folder`; pip checks their hashes, and takes those that are there already as they are.
///
/// pip holds the lock as well (it inherits it as its standard input): if this process is killed, the pip that is
/// left over cannot meet the pip of the next run in the same folder.
pub(super) fn download(
    wheels: impl Iterator<Item = &'static Wheel>,
    platforms: &[&str],
    folder: &Path,
    temporary: &Path,
    lock: &fs_err::File,
) -> Result<()> {
    let mut requirements = String::new();
    for Wheel { name, version, sha256 } in wheels {
        writeln!(requirements, "{name}=={version} --hash=sha256:{sha256}").expect("writing to a string");
    }
    let list = temporary.join("requirements.txt");
    fs_err::write(&list, requirements)?;

    let mut pip = python_with_pip(temporary)?;
    pip.args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-cache-dir",
    ]);
    pip.args(["--disable-pip-version-check", "--python-version=3.12", "--implementation=cp", "--abi=cp312"]);
    pip.arg("--abi=none");
    for platform in platforms {
        pip.arg(format!("--platform={platform}"));
    }
    pip.arg("--dest").arg(folder).arg("--requirement").arg(&list);
    // Progress is talk: stdout belongs to results.
    pip.env("TMPDIR", temporary).stdin(lock.file().try_clone()?).stdout(std::io::stderr());
    let status = pip.status().context("cannot start pip")?;
    ensure!(
        status.success(),
        "pip could not download libtorch ({status}; its own words are above). Without network, or behind a proxy: \
         connect, or set HTTPS_PROXY or pip's index-url, then run this command again; what is already here is kept. \
         On a machine that cannot download, copy {} from one that did, or set LIBTORCH",
        folder.parent().and_then(Path::parent).unwrap_or(folder).display(),
    );
    Ok(())
}

/// A `python3` that has pip: the machine's, else one in a virtual environment made for this download.
fn python_with_pip(temporary: &Path) -> Result<Command> {
    let Some(version) = answer(Command::new("python3").arg("--version")) else {
        bail!(
            "`python3` does not run, and its pip fetches libtorch: install both (Debian, Ubuntu: `sudo apt install \
             python3 python3-pip`), or set LIBTORCH to a libtorch {} of your own",
            super::VERSION
        );
    };
    if let Some(pip) = answer(Command::new("python3").args(["-m", "pip", "--version"])) {
        return match parse_version(&pip) {
            Some(found) if found < OLDEST => bail!(
                "{pip} is too old, {}.{} or later is needed: `python3 -m pip install --user --upgrade pip`",
                OLDEST.0,
                OLDEST.1
            ),
            Some(_) | None => Ok(Command::new("python3")),
        };
    }
    let environment: PathBuf = temporary.join("python");
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).stdout(Stdio::null()).status();
    let python = environment.join("bin/python3");
    if made.is_ok_and(|status| status.success())
        && answer(Command::new(&python).args(["-m", "pip", "--version"])).is_some()
    {
        return Ok(Command::new(python));
    }
    bail!(
        "{version} has no pip, which fetches libtorch: install it (Debian, Ubuntu: `sudo apt install python3-pip`; \
         Fedora: `sudo dnf install python3-pip`), then run this command again"
    )
}

/// The first line that a command prints, if it succeeds.
fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or("").to_string())
}

/// `(23, 2)` of `pip 23.2.1 from … (python 3.11)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_pip() {
        assert_eq!(parse_version("pip 23.2.1 from /usr/lib/python3 (python 3.11)"), Some((23, 2)));
        assert_eq!(parse_version("pip 20.0 from /usr"), Some((20, 0)));
        assert_eq!(parse_version("no module named pip"), None);
    }
}
