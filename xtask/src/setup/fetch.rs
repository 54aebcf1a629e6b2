//! A finished folder in the cache: the one that is there, or a new one.

use super::{Check, Flavour, cache::Cache, manifest, pip, unpack, wheels};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The folder to link clones to; fetched if it is missing or was damaged.
pub(super) fn ensure(cache: &Cache, flavour: Flavour, check: Check) -> Result<PathBuf> {
    let folder = cache.folder(flavour);
    let torch = folder.join("torch");
    if folder.is_dir() && manifest::verify(&folder, check).is_ok() {
        return Ok(torch);
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        "libtorch is fetched for Linux on x86-64 with glibc only: install PyTorch {} for python3 and set \
         LIBTORCH_USE_PYTORCH=1, or set LIBTORCH to a folder with include/ and lib/",
        super::VERSION
    );
    let lock = cache.lock()?;
    // Another set-up may have finished while this one waited.
    if folder.exists() {
        match manifest::verify(&folder, check) {
            Ok(()) => return Ok(torch),
            Err(error) => eprintln!("libtorch in the cache is damaged, fetching it again: {error:#}"),
        }
    }
    let staging = cache.staging(flavour);
    let present = clear(&staging)?;
    cache.check_space(flavour, present as f64 / 1e9)?;
    fetch(flavour, &staging, &lock)?;
    put_in_place(&staging.join("ready"), &folder)?;
    fs_err::remove_dir_all(&staging)?;
    Ok(torch)
}

/// Removes what an interrupted run left half done; its finished wheels stay, and their size in bytes is returned.
fn clear(staging: &Path) -> Result<u64> {
    for stale in [staging.join("tmp"), staging.join("ready")] {
        if stale.exists() {
            fs_err::remove_dir_all(&stale)?;
        }
        fs_err::create_dir_all(&stale)?;
    }
    let wheels = staging.join("wheels");
    fs_err::create_dir_all(&wheels)?;
    let mut bytes = 0;
    for entry in fs_err::read_dir(&wheels)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// Fills `staging/ready`.
fn fetch(flavour: Flavour, staging: &Path, lock: &fs_err::File) -> Result<()> {
    let (wheels, temporary, ready) = (staging.join("wheels"), staging.join("tmp"), staging.join("ready"));
    eprintln!(
        "fetching libtorch {} ({}): {} GB, once for all clones …",
        super::VERSION,
        flavour.words(),
        flavour.download_gb()
    );
    pip::download(flavour.wheels(), wheels::PLATFORMS, &wheels, &temporary, lock)?;
    eprintln!("taking out what is needed …");
    unpack::unpack(flavour, &wheels, &ready).and_then(|()| manifest::write(&ready)).map_err(|error| {
        crate::remedy(error, "make room or repair what is named, then run this command again")
    })
}

/// Moves a finished folder to its place, a damaged one out of the way. A reader sees the old or the new one.
fn put_in_place(ready: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        let damaged = ready.with_file_name("damaged");
        fs_err::rename(folder, damaged)?;
    }
    fs_err::rename(ready, folder)?;
    Ok(())
}
