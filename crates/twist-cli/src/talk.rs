//! What Twist says to people: stderr, so that stdout stays data.

use std::io::{self, IsTerminal, Write};

use twist_io::{error_text, message_text, printable_lines};

use crate::screen::{self, Stdout};

/// How much is said, and whether a person is looking.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    level: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Quiet,
    Normal,
    Verbose,
}

impl Talk {
    /// `-q` leaves warnings and errors, `-v` adds detail.
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        Self {
            level: match (quiet, verbose) {
                (true, _) => Level::Quiet,
                (_, true) => Level::Verbose,
                _ => Level::Normal,
            },
        }
    }

    /// Nothing but warnings and errors.
    pub(crate) fn silent() -> Self {
        Self::new(true, false)
    }

    /// A line that a user wants to read.
    pub(crate) fn say(&self, line: impl AsRef<str>) {
        if self.level >= Level::Normal {
            to_stderr(line.as_ref());
        }
    }

    /// A line for those who asked for more.
    pub(crate) fn detail(&self, line: impl AsRef<str>) {
        if self.level >= Level::Verbose {
            to_stderr(line.as_ref());
        }
    }

    /// Something that went not as it should, but not so badly as to stop.
    pub(crate) fn warn(&self, line: impl AsRef<str>) {
        write_line(&format!("{} {}", paint("warning:", "33;1"), message_text(line.as_ref())));
    }

    /// Why the command failed: the whole chain in one line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        write_line(&format!("{} {}", paint("error:", "31;1"), error_text(error.as_ref())));
    }

    pub(crate) fn shows_progress(&self) -> bool {
        self.level >= Level::Normal
    }

    /// Whether every logged step is a line.
    pub(crate) fn is_verbose(&self) -> bool {
        self.level == Level::Verbose
    }
}

/// Writes one line, [printable](printable_lines).
pub(crate) fn to_stderr(line: &str) {
    write_line(&message_text(line));
}

/// Whether a person looks at stdout.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes one line as it is, colours included; a closed stderr is not a reason to fail.
fn write_line(line: &str) {
    screen::above(|| {
        let _ = writeln!(io::stderr().lock(), "{line}");
    });
}

/// Writes one line of data to stdout. A terminal gets it [printable](printable_lines), everything else exactly.
///
/// # Errors
/// A closed pipe, which `main` counts as success, or a full disk.
pub(crate) fn to_stdout(line: impl AsRef<str>) -> io::Result<()> {
    let line = line.as_ref();
    match io::stdout().is_terminal() {
        true => writeln!(Stdout, "{}", printable_lines(line))?,
        false => writeln!(Stdout, "{line}")?,
    }
    Stdout.flush()
}

/// Colours text on a terminal that knows colours, unless `NO_COLOR` is set (<https://no-color.org>).
fn paint(text: &str, code: &str) -> String {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    let plain = refused || dumb || !io::stderr().is_terminal();
    if plain { text.to_string() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}
