//! The interactive page: a run folder behind a small server on the loopback address.
//!
//! The static report is for reading; this page is for working. One walks through the classes, searches by example, looks at
//! the map, names and merges classes, and labels images. Everything that a user says is in a file of the run folder before the page says that it
//! is done: names and merges in `clusters.json`, which `twist predict` and the static report use, and labels in `labels.csv`,
//! which `twist finetune --labels` reads.
//!
//! Nothing leaves the machine and nothing is loaded from elsewhere; `guard` says who may ask.
//!
//! # How a request passes
//!
//! `socket` → `guard` → `routes` → one function in `browse`, `map`, `pictures`, `search`, `cut` or `edit` over the `site`.
//! All of them but the first are plain functions from data to data, and are tested as such.

mod helpers;

mod connections;
mod socket;

mod guard;
mod message;
mod routes;

mod site;

mod browse;
mod cut;
mod edit;
mod map;
mod merge;
mod not_changed;
mod page;
mod pictures;
mod search;

mod archive;

#[cfg(test)]
mod tests;

use std::path::Path;

use twist_io::Refused;

pub use self::helpers::{Embed, Helpers, Pictures};

use self::guard::Guard;
use self::site::Site;
use crate::error::ReportError;

/// Serves the run in `folder` on 127.0.0.1 until `stop` says so. `port` 0 is any free one; `announce` gets the address to
/// open, which holds a secret, and a sentence about each damaged file of the run.
///
/// # Errors
/// The folder is not a run or has no embeddings, one of its files cannot be used, or the port is taken.
pub fn serve(
    folder: &Path,
    port: u16,
    helpers: Helpers,
    announce: impl FnOnce(&str, &[String]) -> std::io::Result<()>,
    stop: &dyn Fn() -> bool,
) -> Result<(), ReportError> {
    let site = Site::open(folder, helpers)?;
    let (listener, taken) = socket::listen(port).map_err(|source| ReportError::Port { port, source })?;
    let failed = |source: std::io::Error| Refused::new("the server failed").caused_by(source);
    let guard = Guard::new(taken).map_err(failed)?;
    announce(&guard.url(), &site.damaged).map_err(failed)?;
    Ok(socket::run(listener, guard, site, stop).map_err(failed)?)
}
