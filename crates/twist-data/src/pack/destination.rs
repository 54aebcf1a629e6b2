//! Names of the shards.

use std::path::{Path, PathBuf};

use crate::error::DataError;

/// Where shards go: `folder/prefix<number>suffix`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) folder: PathBuf,
    prefix: String,
    width: usize,
    suffix: String,
}

impl Destination {
    /// From `folder/name-%06d.tar` or `folder/name.tar`.
    pub(super) fn parse(out: &str) -> Result<Self, DataError> {
        let bad = |reason: &str| DataError::pattern(out, reason);
        let path = Path::new(out);
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let stem = name.strip_suffix(".tar").filter(|stem| !stem.is_empty());
        let stem = stem.ok_or_else(|| bad("name shards like train-%06d.tar or train.tar"))?;
        if out.contains(['*', '?', '[', '{']) {
            return Err(bad(
                "the number of shards is not known yet; write %06d where the number of a shard belongs",
            ));
        }
        let folder =
            path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf();
        let Some((prefix, rest)) = stem.split_once('%') else {
            return Ok(Self { folder, prefix: format!("{stem}-"), width: 6, suffix: ".tar".to_owned() });
        };
        let (digits, suffix) = rest.split_once('d').ok_or_else(|| bad("write the number as %06d"))?;
        let width =
            if digits.is_empty() { Some(1) } else { digits.parse().ok().filter(|w| (1..=12).contains(w)) };
        let width = width.filter(|_| !suffix.contains('%')).ok_or_else(|| bad("write one number as %06d"))?;
        Ok(Self { folder, prefix: prefix.to_owned(), width, suffix: format!("{suffix}.tar") })
    }

    pub(super) fn shard(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{}{number:0width$}{}", self.prefix, self.suffix, width = self.width))
    }

    /// What names exactly these shards.
    pub(super) fn pattern(&self, shards: usize) -> String {
        if shards == 1 {
            return self.shard(0).display().to_string();
        }
        let (last, width) = (shards - 1, self.width);
        let name = format!("{}{{{:0width$}..{last:0width$}}}{}", self.prefix, 0, self.suffix);
        self.folder.join(name).display().to_string()
    }

    /// Fails when any shard of this name exists: old and new ones would be read together.
    pub(super) fn refuse_existing(&self) -> Result<(), DataError> {
        let Ok(entries) = fs_err::read_dir(&self.folder) else {
            return Ok(());
        };
        let is_ours = |name: &str| {
            let middle = name.strip_prefix(&self.prefix).and_then(|n| n.strip_suffix(&self.suffix));
            middle.is_some_and(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .filter(|e| is_ours(&e.file_name().to_string_lossy()))
            .map(|e| self.folder.join(e.file_name()))
            .collect();
        found.sort();
        found.into_iter().next().map_or(Ok(()), |path| Err(DataError::Exists(path)))
    }

    /// Makes the folder if it is not there.
    pub(super) fn create_folder(&self) -> Result<(), DataError> {
        fs_err::create_dir_all(&self.folder).map_err(|source| DataError::write(self.folder.clone(), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let plain = Destination::parse("out/train.tar").unwrap();
        assert_eq!(plain.shard(3), Path::new("out/train-000003.tar"));
        assert_eq!(plain.pattern(2), "out/train-{000000..000001}.tar");
        assert_eq!(plain.pattern(1), "out/train-000000.tar");
        let numbered = Destination::parse("a%03db.tar").unwrap();
        assert_eq!(numbered.shard(12), Path::new("./a012b.tar"));
        for bad in ["train", ".tar", "a-*.tar", "a-{0..3}.tar", "a-%x.tar", "a-%06d%d.tar", "a-%099d.tar"] {
            assert!(Destination::parse(bad).is_err(), "{bad}");
        }
    }
}
