//! The folder that all clones of a user share.

use super::{Flavour, VERSION};
use anyhow::{Context, Result, ensure};
use std::{
    env,
    path::{Path, PathBuf},
};

/// `$XDG_CACHE_HOME/twist`, else `~/.cache/twist`.
pub(super) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Finds the folder and creates it.
    pub(super) fn open() -> Result<Self> {
        // The XDG specification has relative paths ignored.
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let root = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME says where to keep libtorch: set one of them")?
            .join("twist");
        fs_err::create_dir_all(&root).map_err(|error| {
            crate::remedy(
                error.into(),
                "make the cache folder writable, or set XDG_CACHE_HOME to another one",
            )
        })?;
        Ok(Self { root })
    }

    #[cfg(test)]
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where the finished folder of a flavour is.
    pub(super) fn folder(&self, flavour: Flavour) -> PathBuf {
        self.root.join(format!("libtorch-{VERSION}-{}", flavour.tag()))
    }

    /// Where a flavour's wheels are collected and taken apart, on the same file system as [`Cache::folder`].
    pub(super) fn staging(&self, flavour: Flavour) -> PathBuf {
        self.root.join(format!("unfinished-{VERSION}-{}", flavour.tag()))
    }

    /// Whether `path` lies in the cache.
    pub(super) fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    /// Takes the lock of the cache, waiting for another set-up to end. It is held until the file and every copy of
    /// its descriptor are closed, by a process that dies too.
    pub(super) fn lock(&self) -> Result<fs_err::File> {
        let path = self.root.join("lock");
        let file =
            fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
        if file.file().try_lock().is_err() {
            eprintln!("another set-up is at work ({} is locked): waiting for it …", path.display());
            file.file().lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(file)
    }

    /// Fails with the remedy if the disk has not enough space to download and take apart a flavour's wheels, of which
    /// `present_gb` are there already.
    pub(super) fn check_space(&self, flavour: Flavour, present_gb: f64) -> Result<()> {
        let stat = rustix::fs::statvfs(&self.root)
            .with_context(|| format!("cannot ask for the free space of {}", self.root.display()))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize) as f64 / 1e9;
        let needed = flavour.space_gb(present_gb);
        ensure!(
            free >= needed,
            "{} has {free:.1} GB free, and fetching libtorch takes {needed:.1} GB for a while ({:.1} GB stay): make \
             room, or set XDG_CACHE_HOME to a folder on another disk",
            self.root.display(),
            flavour.size_gb(),
        );
        Ok(())
    }
}
