//! The file or folder of `--out`: one rule for every command that writes one.
//!
//! What has the name already is not replaced, unless `--force` is given. A run's own files (`RUN/report.html`) are not
//! named by `--out` and follow the run.

use std::path::Path;

use crate::exit::Usage;

/// Whether `out` can become a file, found out before any work is done for it.
///
/// # Errors
/// [`Usage`] where `out` is `-`, is a folder, lies in none, or is a file that is there already and `force` is not given.
pub(crate) fn check(out: &Path, force: bool) -> Result<(), Usage> {
    let shown = out.display();
    is_name(out)?;
    if out.is_dir() {
        return Err(Usage(format!("--out {shown}: it is a folder; give the name of a file in it")));
    }
    check_parent(out)?;
    twist_io::check_place(&twist_io::followed(out))
        .map_err(|error| Usage(format!("--out {shown}: {error}")))?;
    // A device has no content that could be lost.
    if out.is_file() && !force {
        return Err(Usage(format!("--out {shown}: the file exists; --force replaces it")));
    }
    Ok(())
}

/// Whether `out` can become a folder that is written as a whole.
///
/// # Errors
/// [`Usage`] where `out` is `-`, is a file, lies in no folder, or is a folder that is there already and `force` is not given.
pub(crate) fn check_folder(out: &Path, force: bool) -> Result<(), Usage> {
    let shown = out.display();
    is_name(out)?;
    check_parent(out)?;
    if out.is_dir() && !force {
        return Err(Usage(format!("--out {shown}: the folder exists; --force replaces it")));
    }
    if !out.is_dir() && out.exists() {
        return Err(Usage(format!("--out {shown}: it is a file; give the name of a folder")));
    }
    Ok(())
}

/// Other programs write to standard output where they are told `-`.
pub(crate) fn is_name(out: &Path) -> Result<(), Usage> {
    match out.to_str() {
        Some("-") => {
            let message = "--out -: `-` does not stand for standard output here; give a name (./- is a file that is called so)";
            Err(Usage(message.into()))
        }
        _ => Ok(()),
    }
}

/// Whether what `out` is to lie in is there.
fn check_parent(out: &Path) -> Result<(), Usage> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let (out, folder) = (out.display(), folder.display());
        return Err(Usage(format!("--out {out}: the folder {folder} does not exist; create it first")));
    }
    Ok(())
}
