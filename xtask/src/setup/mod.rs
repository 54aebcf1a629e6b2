//! Brings libtorch to the clone: downloaded once per user, linked as `libtorch` into each clone.
//!
//! ```text
//! own LIBTORCH / LIBTORCH_USE_PYTORCH ──── checked, used as it is
//! else  ~/.cache/twist/libtorch-2.11.0-cpu ── checked against its MANIFEST ── <clone>/libtorch -> …/torch
//!         ▲ renamed into place when finished
//!       pip download (pinned, hashes checked) ── the few files that are needed are taken out of the wheels
//! ```
//!
//! A process that is killed at any moment leaves either nothing or finished wheels, which the next run picks up. A
//! lock lets several clones set up at once: the first one fetches, the others wait and link.

mod own;

mod cache;
mod fetch;
mod pip;
mod unpack;
mod wheels;

mod link;
mod manifest;

use anyhow::Result;
use cache::Cache;
pub(crate) use wheels::Flavour;

/// Version of libtorch that the bindings are made for.
const VERSION: &str = "2.11.0";

/// How closely a folder that is there already is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    /// Names and sizes: milliseconds, before every build.
    Sizes,
    /// Names, sizes and SHA-256: seconds.
    Hashes,
}

/// Sets up for another command: at once when everything is in place, the CPU part otherwise.
pub(crate) fn quick() -> Result<()> {
    set_up(Flavour::Cpu, Check::Sizes)
}

/// `cargo xtask setup`: also reads every file of a folder that is there already, and repairs it if it was damaged.
pub(crate) fn thorough(flavour: Flavour) -> Result<()> {
    set_up(flavour, Check::Hashes)
}

fn set_up(wanted: Flavour, check: Check) -> Result<()> {
    own::compiler()?;
    let clone = crate::cargo::root()?;
    if own::libtorch(&clone)? {
        return Ok(());
    }
    let cache = Cache::open()?;
    if link::is_foreign(&clone, &cache)? {
        return Ok(());
    }
    // What the clone is linked to already may hold more than what is asked for: the CUDA folder has the CPU part.
    let flavour = match link::flavour(&clone, &cache) {
        Some(Flavour::Cuda) => Flavour::Cuda,
        Some(Flavour::Cpu) | None => wanted,
    };
    let folder = fetch::ensure(&cache, flavour, check)?;
    link::link(&clone, &folder)?;
    if check == Check::Hashes {
        eprintln!("libtorch {VERSION} ({}) is in place: {}", flavour.words(), folder.display());
        if flavour == Flavour::Cpu && own::nvidia_driver() {
            eprintln!(
                "This machine has an NVIDIA driver: `cargo xtask setup --cuda` fetches the CUDA part (2.5 GB)."
            );
        }
    }
    Ok(())
}
