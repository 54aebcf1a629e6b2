//! A headless Chromium clicks through the page that `twist report --serve` serves (`tools/browser`).
//!
//! It needs `node`, `npm` and a Chromium, which nothing else here does; so it is a command of its own.

use crate::cargo::{build_twist, root};
use anyhow::{Context, Result, ensure};
use std::{ffi::OsStr, path::Path, process::Command};

/// A demo of seconds: bad classes, and everything that the page shows.
const SHORT_DEMO: &str = "--device cpu --threads 1 --epochs 2 --batch-size 256 --set model.width=8 \
     --set model.hidden_dim=64 --set model.bunch=256 --set schedule.warmup_epochs=0 --force";

/// Trains a short demo and clicks.
pub(crate) fn browser() -> Result<()> {
    let twist = build_twist(&[])?;
    let tools = root()?.join("tools/browser");
    let place = twist.parent().context("the binary lies in a folder")?.join("browser");
    let run = place.join("run");
    fs_err::create_dir_all(&place)?;
    start(&tools, "npm", ["ci", "--no-audit", "--no-fund"])?;
    let demo = ["demo", "--out"].into_iter().map(OsStr::new).chain([run.as_os_str()]);
    start(&tools, &twist, demo.chain(SHORT_DEMO.split_whitespace().map(OsStr::new)))?;
    // Any image will do to search by; this one is there after every demo.
    let picture = run.join("augmentation.png");
    let script = [OsStr::new("clicks.mjs"), twist.as_os_str(), run.as_os_str(), picture.as_os_str()];
    start(&tools, "node", script)
}

fn start<S: AsRef<OsStr>>(
    folder: &Path,
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
) -> Result<()> {
    let program = program.as_ref();
    let shown = program.display();
    let status = Command::new(program).args(args).current_dir(folder).status().with_context(|| {
        format!("cannot start {shown}: this needs node, npm and a Chromium (see tools/browser/README.md)")
    })?;
    ensure!(status.success(), "{shown} failed ({status}): its messages are above");
    Ok(())
}
