//! Features as earlier versions kept them: `KEY.npy` and `KEY.json` for each data set. They say nothing about single images, so
//! they are removed.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// What the old `KEY.json` had, as far as it tells such a file from others.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only whether they are there counts")]
struct Entry {
    rows: usize,
    width: usize,
    checksum: u32,
    features: String,
    transform: serde_json::Value,
}

/// Removes the tables of earlier versions in `folder`, and says so.
pub(super) fn remove(folder: &Path) -> Option<String> {
    let (mut tables, mut bytes) = (0, 0);
    for file in fs_err::read_dir(folder).ok()?.flatten() {
        let path = file.path();
        if let Some(size) = table_of(&path) {
            // The description goes first: without it the table is never taken for one.
            let removed =
                fs_err::remove_file(&path).and_then(|()| fs_err::remove_file(path.with_extension("npy")));
            if removed.is_ok() {
                tables += 1;
                bytes += size;
            }
        }
    }
    (tables > 0).then(|| {
        let (named, mib) = (if tables == 1 { "table" } else { "tables" }, bytes as f64 / f64::from(1 << 20));
        format!(
            "{tables} {named} of an earlier version ({mib:.1} MiB) went out of the cache: features are kept for each image now"
        )
    })
}

/// Bytes of the table that a file of an earlier version describes; `None` for other files.
fn table_of(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let is_key = stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_key || path.extension()? != "json" {
        return None;
    }
    let table: PathBuf = path.with_extension("npy");
    let size = fs_err::symlink_metadata(&table).ok().filter(std::fs::Metadata::is_file)?.len();
    serde_json::from_slice::<Entry>(&twist_io::read_small(path).ok()?).ok()?;
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_earlier_versions_go_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let key = "0123456789abcdef0123456789abcdef";
        let entry = r#"{"rows":1,"width":2,"checksum":3,"skipped":[],"model":"m","features":"last","images":1,"transform":{}}"#;
        let others = ["own.npy", "own.json", "fedcba9876543210fedcba9876543210.json", "0123.npy"];
        fs_err::write(path(&format!("{key}.npy")), [0; 1 << 20]).unwrap();
        fs_err::write(path(&format!("{key}.json")), entry).unwrap();
        others.iter().for_each(|name| fs_err::write(path(name), "{}").unwrap());
        let note = remove(folder.path()).unwrap();
        assert!(note.starts_with("1 table of an earlier version (1.0 MiB)"), "{note}");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), others.len());
        assert_eq!(remove(folder.path()), None);
    }
}
