//! A finished folder in the cache: the one that is there, or a new one.

use super::{Check, Flavour, cache::Cache, manifest, pip, unpack, wheels};
use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The folder to link clones to; fetched if it is missing or was damaged.
pub(super) fn ensure(cache: &Cache, flavour: Flavour, check: Check) -> Result<PathBuf> {
    ensure_by(cache, flavour, check, fetch)
}

/// [`ensure()`] with another way to fill `staging/ready`.
fn ensure_by(
    cache: &Cache,
    flavour: Flavour,
    check: Check,
    fetch: impl FnOnce(Flavour, &Path, &fs_err::File) -> Result<()>,
) -> Result<PathBuf> {
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
    pip::download(&pip::requirements(flavour.wheels()), wheels::PLATFORMS, &wheels, &temporary, lock)?;
    eprintln!("unpacking the files that are needed …");
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

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    const FILE: &str = "torch/lib/libtorch_cpu.so";

    /// Fills a folder as a finished download does.
    fn filled(_: Flavour, staging: &Path, _: &fs_err::File) -> Result<()> {
        let file = staging.join("ready").join(FILE);
        fs_err::create_dir_all(file.parent().unwrap())?;
        fs_err::write(&file, "library")?;
        manifest::write(&staging.join("ready"))
    }

    fn never(_: Flavour, _: &Path, _: &fs_err::File) -> Result<()> {
        bail!("nothing is to be fetched")
    }

    #[test]
    fn an_interrupted_download_keeps_its_wheels_and_is_finished_by_the_next_run() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let staging = cache.staging(Flavour::Cpu);
        let interrupted = ensure_by(&cache, Flavour::Cpu, Check::Sizes, |_, staging, _| {
            fs_err::write(staging.join("wheels/a.whl"), "a whole wheel")?;
            fs_err::write(staging.join("tmp/b.whl"), "half of")?;
            fs_err::write(staging.join("ready/libc10.so"), "half of")?;
            bail!("killed")
        });
        assert!(interrupted.is_err() && !cache.folder(Flavour::Cpu).exists());

        let folder = ensure_by(&cache, Flavour::Cpu, Check::Sizes, |flavour, staging, lock| {
            assert!(staging.join("wheels/a.whl").is_file(), "what was downloaded is not fetched again");
            for empty in ["tmp", "ready"] {
                assert_eq!(fs_err::read_dir(staging.join(empty))?.count(), 0, "{empty}");
            }
            filled(flavour, staging, lock)
        })
        .unwrap();
        assert_eq!(folder, cache.folder(Flavour::Cpu).join("torch"));
        assert!(!staging.exists(), "nothing is left over");
        assert_eq!(
            ensure_by(&cache, Flavour::Cpu, Check::Hashes, never).unwrap(),
            folder,
            "the next clone's run"
        );
    }

    #[test]
    fn a_damaged_folder_is_fetched_again() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        ensure_by(&cache, Flavour::Cpu, Check::Sizes, filled).unwrap();
        let file = cache.folder(Flavour::Cpu).join(FILE);
        fs_err::write(&file, "Library").unwrap();
        ensure_by(&cache, Flavour::Cpu, Check::Sizes, never).expect("sizes alone do not tell");
        ensure_by(&cache, Flavour::Cpu, Check::Hashes, filled).unwrap();
        assert_eq!(fs_err::read_to_string(&file).unwrap(), "library");
    }
}
