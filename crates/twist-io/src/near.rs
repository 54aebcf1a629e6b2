//! "Did you mean …?" for paths that do not exist.

use std::path::{Path, PathBuf};

/// Most names suggested.
const MOST: usize = 3;

/// Existing paths that look like `missing`, best first: the first component that does not exist is compared with its
/// neighbours. Empty when nothing is close, or the folder cannot be listed.
pub fn near_paths(missing: &Path) -> Vec<String> {
    if let Some(at_home) = below_tilde(missing) {
        return vec![format!("{} (the shell does not expand `~` within quotes)", at_home.display())];
    }
    let mut below = PathBuf::new();
    let mut absent = missing.to_path_buf();
    while let Some(parent) = absent.parent() {
        let folder = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        if folder.is_dir() {
            return neighbours(folder, parent, &absent, &below);
        }
        below = Path::new(absent.file_name().unwrap_or_default()).join(below);
        absent = parent.to_path_buf();
    }
    Vec::new()
}

/// The path that `missing` means where a component of it is `~`.
fn below_tilde(missing: &Path) -> Option<PathBuf> {
    let mut parts = missing.components();
    parts.find(|part| part.as_os_str() == "~")?;
    let home = std::env::var_os("HOME").unwrap_or_else(|| "$HOME".into());
    Some(Path::new(&home).join(parts.as_path()))
}

/// `; did you mean a or b?`, or nothing where nothing is close.
pub fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(" or ")) }
}

/// The names in `folder` nearest to the last component of `absent`; the rest of the path is appended where it exists.
fn neighbours(folder: &Path, written: &Path, absent: &Path, below: &Path) -> Vec<String> {
    let Some(wanted) = absent.file_name().map(|n| n.to_string_lossy().to_lowercase()) else {
        return Vec::new();
    };
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut near: Vec<(usize, String)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let distance = strsim::levenshtein(&wanted, &name.to_lowercase());
            let length = wanted.chars().count();
            let close = distance <= 1 + length / 3 && 2 * distance <= length;
            close.then(|| {
                let whole = written.join(&name).join(below);
                let shown = if whole.exists() { whole } else { written.join(&name) };
                (distance, shown.to_string_lossy().trim_end_matches('/').to_owned())
            })
        })
        .collect();
    near.sort();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_folder_in_the_middle() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("cifar10/train")).unwrap();
        let suggestions = near_paths(&folder.path().join("cifar01/train"));
        assert_eq!(suggestions, [folder.path().join("cifar10/train").to_string_lossy()]);
        assert!(near_paths(&folder.path().join("something-else")).is_empty());
        fs_err::create_dir(folder.path().join("v")).unwrap();
        assert!(
            near_paths(&folder.path().join("w")).is_empty(),
            "one letter has nothing in common with another"
        );
    }

    #[test]
    fn a_tilde_that_the_shell_left_is_the_home_folder() {
        for missing in ["~/photos", "/somewhere/~/photos"] {
            let [meant] = &near_paths(Path::new(missing))[..] else { panic!("{missing}") };
            assert!(meant.contains("/photos (the shell does not expand `~`"), "{meant}");
        }
    }
}
