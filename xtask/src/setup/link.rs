//! `<clone>/libtorch`, the link that the build reads (`.cargo/config.toml`) and the binary's RUNPATH goes through.

use super::{Flavour, cache::Cache, own};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

const NAME: &str = "libtorch";

/// Whether the clone holds a libtorch that somebody put there by hand; it is checked and left alone.
pub(super) fn is_foreign(clone: &Path, cache: &Cache) -> Result<bool> {
    let path = clone.join(NAME);
    let foreign = match fs_err::read_link(&path) {
        // A link that leads nowhere is one of ours whose cache was emptied or moved.
        Ok(target) => path.exists() && !cache.holds(&target),
        Err(_) => path.exists(),
    };
    if foreign {
        own::folder(&path).map_err(|error| {
            crate::remedy(error, format!("remove {}, then run this command again", path.display()))
        })?;
        eprintln!("using {}, which was put there by hand", path.display());
    }
    Ok(foreign)
}

/// What the clone is linked to, if it is one of ours.
pub(super) fn flavour(clone: &Path, cache: &Cache) -> Option<Flavour> {
    let target = fs_err::read_link(clone.join(NAME)).ok()?;
    [Flavour::Cuda, Flavour::Cpu].into_iter().find(|&flavour| target.starts_with(cache.folder(flavour)))
}

/// Links the clone to `target`, in one step: a build that runs meanwhile sees the old or the new one.
pub(super) fn link(clone: &Path, target: &Path) -> Result<()> {
    let path = clone.join(NAME);
    if fs_err::read_link(&path).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let fresh: PathBuf = clone.join(format!("{NAME}.{}", std::process::id()));
    if let Err(error) = fs_err::os::unix::fs::symlink(target, &fresh) {
        bail!("{error}; this clone cannot hold a link: set LIBTORCH={} instead", target.display());
    }
    fs_err::rename(&fresh, &path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_folder_and_what_is_put_there_by_hand_stays() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let torch = cache.folder(Flavour::Cpu).join("torch");
        fs_err::create_dir_all(&torch).unwrap();
        let clones = ["one", "two"].map(|name| place.path().join("clones").join(name));
        for clone in &clones {
            fs_err::create_dir_all(clone).unwrap();
            assert!(!is_foreign(clone, &cache).unwrap() && flavour(clone, &cache).is_none());
            // The second time finds the link in place.
            for _ in 0..2 {
                link(clone, &torch).unwrap();
                assert_eq!(fs_err::read_link(clone.join(NAME)).unwrap(), torch);
                assert_eq!(fs_err::read_dir(clone).unwrap().count(), 1, "nothing is left beside the link");
            }
            assert!(
                matches!(flavour(clone, &cache), Some(Flavour::Cpu)) && !is_foreign(clone, &cache).unwrap()
            );
        }
        let cuda = cache.folder(Flavour::Cuda).join("torch");
        link(&clones[0], &cuda).unwrap();
        assert!(matches!(flavour(&clones[0], &cache), Some(Flavour::Cuda)));
        assert!(matches!(flavour(&clones[1], &cache), Some(Flavour::Cpu)), "the other clone keeps its own");

        let by_hand = place.path().join("clones/three");
        fs_err::create_dir_all(by_hand.join(NAME)).unwrap();
        let error = is_foreign(&by_hand, &cache).unwrap_err();
        assert!(format!("{error:#}").contains("remove "), "{error:#}");
    }
}
