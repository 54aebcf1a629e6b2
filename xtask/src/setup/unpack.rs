//! Takes the files that are needed out of the wheels.

use super::{Flavour, VERSION};
use anyhow::{Context, Result, ensure};
use std::{io, path::Path};
use zip::ZipArchive;

/// Fills `target` with the files of every wheel in `wheels` that `flavour` needs.
pub(super) fn unpack(flavour: Flavour, wheels: &Path, target: &Path) -> Result<()> {
    let mut files = 0;
    for entry in fs_err::read_dir(wheels)? {
        let path = entry?.path();
        let wheel = io::BufReader::new(fs_err::File::open(&path)?);
        let mut wheel = ZipArchive::new(wheel).with_context(|| format!("{} is damaged", path.display()))?;
        for index in 0..wheel.len() {
            let mut member = wheel.by_index(index)?;
            let Some(name) = member.enclosed_name() else { continue };
            let Some(text) = name.to_str() else { continue };
            if !member.is_file() || !flavour.needs(text) {
                continue;
            }
            let place = target.join(&name);
            fs_err::create_dir_all(place.parent().context("a member of a wheel has no folder")?)?;
            let mut out = fs_err::File::create(&place)?;
            // Reading to the end also compares the checksum of the member.
            io::copy(&mut member, &mut out).with_context(|| format!("cannot unpack {}", path.display()))?;
            files += 1;
        }
    }
    ensure!(files > 0, "no wheel in {} holds a library", wheels.display());

    // The bindings link `-ltorch`. The wheel's own libtorch.so is an empty library that pulls in CUDA; this text, which
    // the linker reads in its place, means the CPU library alone.
    let torch = target.join("torch");
    fs_err::write(torch.join("lib/libtorch.so"), "INPUT(-ltorch_cpu)\n")?;
    fs_err::write(torch.join("build-version"), format!("{VERSION}\n"))?;
    super::own::folder(&torch).context("the wheels do not hold what they should")
}
