//! Ctrl-C and SIGTERM: the first asks the trainer to save and stop, the second ends the process at once. And SIGXFSZ, the
//! limit of file sizes: a file that is too large is an error of the write, which says the file's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use twist_train::StopFlag;

use crate::talk::{Talk, to_stderr};

/// Signals are turned into requests while this lives; afterwards they end the process again.
pub(crate) struct Handling {
    /// Whether there is something to save, so that the first signal is a request.
    polite: Arc<AtomicBool>,
}

/// Lets a write beyond the limit of file sizes (`ulimit -f`) fail instead of ending the process without a word.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn survive_file_limit() -> anyhow::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default()).context("cannot handle SIGXFSZ")?;
    Ok(())
}

/// Begins to turn signals into requests on `stop`.
///
/// # Errors
/// The operating system refuses.
pub(crate) fn handle(stop: &StopFlag, talk: &Talk) -> anyhow::Result<Handling> {
    let polite = Arc::new(AtomicBool::new(true));
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot handle Ctrl-C")?;
    let (stop, talk, first) = (stop.clone(), talk.clone(), Arc::clone(&polite));
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if first.swap(false, Ordering::SeqCst) {
                    stop.raise(signal);
                    talk.say("stopping after this step, then saving; once more ends at once, without saving");
                } else if let Err(error) = emulate_default_handler(signal) {
                    to_stderr(&format!("cannot end the process: {error}"));
                }
            }
        })
        .context("cannot start the thread that waits for Ctrl-C")?;
    Ok(Handling { polite })
}

impl Drop for Handling {
    /// Nothing is left to save: the next signal ends the process.
    fn drop(&mut self) {
        self.polite.store(false, Ordering::SeqCst);
    }
}
