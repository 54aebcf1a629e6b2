//! The map of all images: made beside the server, so that the page stays usable, and sent as columns of numbers.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use serde_json::{Map, json};

use super::message::{Answer, Reply};
use super::site::Site;
use crate::atlas::pack;
use crate::map::{Done, Layout, layout_of};
use crate::run::Samples;
use crate::section::scope;

/// How far the map of the site is.
pub(super) enum MapState {
    /// Nobody has asked for it.
    Unasked,
    /// A thread makes it, or reads the one that the run folder has.
    Working {
        done: Arc<Done>,
        result: Receiver<Made>,
    },
    Ready(Made),
    /// The thread ended without a result.
    Failed,
}

/// What the thread gives.
pub(super) struct Made {
    /// `None`: there are too few images.
    layout: Option<Layout>,
    /// Why it could not be kept in the run folder.
    not_kept: Option<String>,
}

impl MapState {
    /// Begins if nobody has, and takes over what is finished. The thread ends with the process.
    fn go_on(&mut self, folder: &Path, samples: &Samples, seen: &dyn Fn(usize) -> bool) {
        match self {
            Self::Unasked => *self = Self::begin(folder, samples, seen),
            Self::Working { result, .. } => match result.try_recv() {
                Ok(made) => *self = Self::Ready(made),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => *self = Self::Failed,
            },
            Self::Ready(_) | Self::Failed => {}
        }
    }

    fn begin(folder: &Path, samples: &Samples, seen: &dyn Fn(usize) -> bool) -> Self {
        let (sender, result) = channel();
        let done = Arc::new(Done::default());
        let (told, folder) = (Arc::clone(&done), folder.to_owned());
        let (points, width) = (Arc::clone(&samples.embedding), samples.width);
        let seen: Vec<bool> = (0..samples.len()).map(seen).collect();
        let work = move || {
            let (layout, error) = layout_of(&folder, &points, width, &|row| seen[row], &told);
            // The server may have ended meanwhile.
            let _ = sender.send(Made { layout, not_kept: error.map(|error| error.to_string()) });
        };
        match std::thread::Builder::new().name("map".into()).spawn(work) {
            Ok(_) => Self::Working { done, result },
            Err(_) => Self::Failed,
        }
    }
}

/// How far the map is, and which images are on it. The first who asks sets it going.
pub(super) fn state(site: &mut Site) -> Answer {
    let archive = &site.archive;
    let index = &site.samples.index;
    site.map.go_on(&site.folder, &site.samples, &|row| archive.has(index[row]));
    Ok(Reply::json(&match &site.map {
        MapState::Ready(Made { layout: Some(layout), not_kept }) => {
            json!({ "state": "ready", "scope": scope(layout), "not_kept": not_kept })
        }
        MapState::Ready(Made { layout: None, .. }) => json!({ "state": "none" }),
        MapState::Working { done, .. } => json!({ "state": "working", "done": done.share() }),
        MapState::Unasked | MapState::Failed => {
            return Err(Reply::refuse(500, "the map could not be made; there may be too little memory"));
        }
    }))
}

/// The map itself, in the form of [`crate::atlas`].
pub(super) fn points(site: &Site) -> Answer {
    let MapState::Ready(Made { layout: Some(layout), .. }) = &site.map else {
        return Err(Reply::refuse(409, "the map is not ready: ask for api/map first"));
    };
    let own = |row: usize| site.labels.of(&site.samples.path[row]);
    let seen = |row: &u32| u32::from(site.has_picture(*row as usize));
    let seen: Vec<u32> = layout.rows.iter().map(seen).collect();
    let bytes = pack(layout, &site.samples, &site.classes, Some(&own), Map::new(), &[("seen", seen)]);
    Ok(Reply::bytes("application/octet-stream", bytes))
}
