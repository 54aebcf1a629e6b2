//! The terminal: bars at its bottom, lines above them, whichever thread writes.

use std::io::{self, IsTerminal, Write};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

/// Every bar, so that a line from anywhere stands above them.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);
/// How long a terminal that takes no output may hold up the end of the process.
const PATIENCE: Duration = Duration::from_millis(200);

/// Shows `bar` at the bottom, until it is finished.
pub(crate) fn add(bar: ProgressBar) -> ProgressBar {
    BARS.add(bar)
}

/// Writes something above the bars.
pub(crate) fn above<R>(write: impl FnOnce() -> R) -> R {
    if io::stderr().is_terminal() { BARS.suspend(write) } else { write() }
}

/// Takes all bars away for good.
pub(crate) fn clear() {
    if !io::stderr().is_terminal() {
        return;
    }
    let (done, cleared) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = BARS.clear();
        BARS.set_draw_target(ProgressDrawTarget::hidden());
        let _ = done.send(());
    });
    let _ = cleared.recv_timeout(PATIENCE);
}

/// Standard output: on a terminal above the bars.
pub(crate) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout();
        if out.is_terminal() { above(|| out.write(bytes)) } else { out.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut out = io::stdout();
        if out.is_terminal() { above(|| out.flush()) } else { out.flush() }
    }
}
