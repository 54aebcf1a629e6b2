//! Downloads with the user's pip, so that its index, mirrors, proxies and certificates apply.

use super::wheels::Wheel;
use anyhow::{Context, Result, bail, ensure};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The oldest pip that takes several `--platform`.
const OLDEST: (u32, u32) = (20, 3);

/// The lines of a list for pip: each wheel with the one version and hash that are taken.
pub(super) fn requirements(wheels: impl Iterator<Item = &'static Wheel>) -> String {
    wheels
        .map(|Wheel { name, version, sha256 }| format!("{name}=={version} --hash=sha256:{sha256}\n"))
        .collect()
}

/// Downloads what `requirements` list into `folder`; pip checks the hashes, and takes what is there already as it is.
///
/// pip holds the lock as well (it inherits it as its standard input): if this process is killed, the pip that is
/// left over cannot meet the pip of the next run in the same folder.
pub(super) fn download(
    requirements: &str,
    platforms: &[&str],
    folder: &Path,
    temporary: &Path,
    lock: &fs_err::File,
) -> Result<()> {
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
    use sha2::{Digest, Sha256};
    use std::io::Write as _;

    /// A wheel with one file.
    fn wheel(folder: &Path) -> Vec<u8> {
        let path = folder.join("twist_probe-1.0-py3-none-any.whl");
        let mut zip = zip::ZipWriter::new(fs_err::File::create(&path).unwrap());
        for (name, text) in [
            ("twist_probe.py", ""),
            (
                "twist_probe-1.0.dist-info/METADATA",
                "Metadata-Version: 2.1\nName: twist-probe\nVersion: 1.0\n",
            ),
            (
                "twist_probe-1.0.dist-info/WHEEL",
                "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            ),
            ("twist_probe-1.0.dist-info/RECORD", ""),
        ] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        fs_err::read(path).unwrap()
    }

    #[test]
    fn a_wheel_with_another_hash_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = place.path().join(name);
            fs_err::create_dir_all(&folder).unwrap();
            folder
        };
        let (index, temporary) = (folder("index"), folder("tmp"));
        let right: String = Sha256::digest(wheel(&index)).iter().map(|byte| format!("{byte:02x}")).collect();
        let lock = fs_err::File::create(place.path().join("lock")).unwrap();
        let fetch = |sha256: &str, into: &Path| {
            let list = format!(
                "--no-index\n--find-links {}\ntwist-probe==1.0 --hash=sha256:{sha256}\n",
                index.display()
            );
            download(&list, &["any"], into, &temporary, &lock)
        };
        let (good, bad) = (folder("good"), folder("bad"));
        fetch(&right, &good).unwrap();
        assert_eq!(fs_err::read_dir(&good).unwrap().count(), 1);
        let error = fetch(&"0".repeat(64), &bad).unwrap_err().to_string();
        assert!(error.contains("pip could not download libtorch"), "{error}");
        assert_eq!(fs_err::read_dir(&bad).unwrap().count(), 0, "nothing of another hash is kept");
    }

    #[test]
    fn versions_of_pip() {
        assert_eq!(parse_version("pip 23.2.1 from /usr/lib/python3 (python 3.11)"), Some((23, 2)));
        assert_eq!(parse_version("pip 20.0 from /usr"), Some((20, 0)));
        assert_eq!(parse_version("no module named pip"), None);
    }
}
