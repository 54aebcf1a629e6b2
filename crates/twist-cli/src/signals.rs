//! Ctrl-C and SIGTERM: they end the process, or the first one asks for something instead. And SIGXFSZ, the limit of file
//! sizes: a file that is too large is an error of the write, which says the file's name.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::screen;
use crate::talk::to_stderr;

type Request = Box<dyn FnOnce(i32) + Send>;

/// What the next signal asks for.
static REQUEST: Mutex<Option<Request>> = Mutex::new(None);

fn ask_for(request: Option<Request>) -> Option<Request> {
    std::mem::replace(&mut *REQUEST.lock().unwrap_or_else(PoisonError::into_inner), request)
}

/// Lets a signal that ends the process take the bars away first, and a write beyond the limit of file sizes (`ulimit -f`) fail
/// instead of ending the process without a word.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn listen() -> anyhow::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).context("cannot handle SIGXFSZ")?;
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot handle Ctrl-C")?;
    let listen = move || {
        for signal in signals.forever() {
            if let Some(request) = ask_for(None) {
                request(signal);
                continue;
            }
            screen::clear();
            twist_io::remove_unfinished();
            if let Err(error) = emulate_default_handler(signal) {
                to_stderr(&format!("cannot end the process: {error}"));
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into()).spawn(listen);
    thread.context("cannot start the thread that waits for Ctrl-C")?;
    Ok(())
}

/// While this lives, the first signal is a request.
pub(crate) struct Asking;

impl Asking {
    /// The first signal calls `request` with its number; the next one ends the process.
    pub(crate) fn to(request: impl FnOnce(i32) + Send + 'static) -> Self {
        ask_for(Some(Box::new(request)));
        Self
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        ask_for(None);
    }
}
