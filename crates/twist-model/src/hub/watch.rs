//! Waits for a transfer, and not for ever: the hub's client has no limit to how long a server may be silent.

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use super::settings::Settings;
use super::transfer::Transfer;
use super::{HubError, HubName, Progress};

/// What the transferring thread tells.
enum News {
    /// File, bytes that are there, bytes of the whole file.
    Part(String, u64, u64),
    End(Result<PathBuf, HubError>),
}

/// Transfers what is not there, in a thread of its own; the folder of the snapshot.
///
/// # Errors
/// Those of the transfer; the hub said nothing for longer than the settings allow. The thread then waits on until the process
/// ends, or until the hub speaks again.
pub(super) fn transferred(
    name: &HubName,
    settings: &Settings,
    progress: Progress<'_>,
) -> Result<PathBuf, HubError> {
    let transfer = Transfer::new(name.clone(), settings.clone())?;
    let (tell, told) = channel();
    thread::Builder::new().name("hub".into()).spawn(move || {
        let mut part = |file: &str, done, all| drop(tell.send(News::Part(file.to_owned(), done, all)));
        let end = transfer.run(&mut part);
        drop(tell.send(News::End(end)));
    })?;
    loop {
        match told.recv_timeout(settings.silence) {
            Ok(News::Part(file, done, all)) => progress(&file, done, all),
            Ok(News::End(end)) => return end,
            Err(RecvTimeoutError::Timeout) => return Err(HubError::silent(name, settings.silence)),
            Err(RecvTimeoutError::Disconnected) => return Err(HubError::answer(name, "what can be read")),
        }
    }
}
