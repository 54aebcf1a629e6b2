//! The list of files of a finished folder, in the format of `sha256sum` with a size before the name:
//! `<sha256>  <bytes>  <path>`. It is written last, so a folder without one is not finished.

use super::Check;
use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    io::{self, Read},
    path::{Path, PathBuf},
};

const NAME: &str = "MANIFEST";

/// Lists every file under `folder` in its `MANIFEST`.
pub(super) fn write(folder: &Path) -> Result<()> {
    let mut paths = Vec::new();
    walk(folder, Path::new(""), &mut paths)?;
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let file = folder.join(&path);
        let (hash, bytes) = (hash(&file)?, fs_err::metadata(&file)?.len());
        writeln!(text, "{hash}  {bytes}  {}", path.display()).expect("writing to a string");
    }
    fs_err::write(folder.join(NAME), text)?;
    Ok(())
}

/// Compares the files of `folder` with its `MANIFEST`; the error names the first that differs.
pub(super) fn verify(folder: &Path, check: Check) -> Result<()> {
    let manifest = folder.join(NAME);
    let text = fs_err::read_to_string(&manifest)?;
    let mut files = 0;
    for line in text.lines() {
        let mut fields = line.splitn(3, "  ");
        let (Some(expected), Some(Ok(bytes)), Some(path)) =
            (fields.next(), fields.next().map(str::parse::<u64>), fields.next())
        else {
            bail!("{} has the line `{line}`", manifest.display());
        };
        let file = folder.join(path);
        let found = fs_err::metadata(&file)?.len();
        ensure!(found == bytes, "{} has {found} bytes, {bytes} were written", file.display());
        ensure!(check == Check::Sizes || hash(&file)? == expected, "{} was changed", file.display());
        files += 1;
    }
    ensure!(files > 0, "{} is empty", manifest.display());
    Ok(())
}

fn walk(root: &Path, below: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() { walk(root, &path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

fn hash(path: &Path) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => hasher.update(&buffer[..bytes]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("cannot read back what was written"),
        }
    }
    Ok(hasher.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib/a b.so");
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, "abc").unwrap();
        assert!(verify(folder.path(), Check::Sizes).is_err(), "a folder without a manifest is not finished");
        write(folder.path()).unwrap();
        let manifest = fs_err::read_to_string(folder.path().join(NAME)).unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(manifest, format!("{sha256}  3  lib/a b.so\n"));
        verify(folder.path(), Check::Hashes).unwrap();

        fs_err::write(&file, "abd").unwrap();
        verify(folder.path(), Check::Sizes).unwrap();
        assert!(verify(folder.path(), Check::Hashes).unwrap_err().to_string().contains("was changed"));
        fs_err::write(&file, "ab").unwrap();
        assert!(verify(folder.path(), Check::Sizes).unwrap_err().to_string().contains("has 2 bytes"));
        fs_err::remove_file(&file).unwrap();
        assert!(verify(folder.path(), Check::Sizes).is_err());
    }
}
