//! What Twist says to people: stderr, so that stdout stays data.

use std::io::{self, IsTerminal, Write};

use twist_io::{printable_lines, shortened};

/// Longest message, in bytes.
const LONGEST: usize = 1 << 14;

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
        write_line(&format!("{} {}", paint("warning:", "33;1"), for_people(line.as_ref())));
    }

    /// Why the command failed: the whole chain in one line.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        write_line(&format!("{} {}", paint("error:", "31;1"), for_people(&chain(error))));
    }

    /// Whether progress is shown at all.
    pub(crate) fn shows_progress(&self) -> bool {
        self.level >= Level::Normal
    }

    /// Whether every logged step is a line.
    pub(crate) fn is_verbose(&self) -> bool {
        self.level == Level::Verbose
    }
}

/// The error and its causes, without a cause whose words the line has already: many errors quote what the operating
/// system said, and `failed to open file …` in front of it says no more.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |line, cause| {
        let cause = cause.to_string();
        let news = if cause.starts_with("failed to ") {
            cause.rsplit(": ").next().unwrap_or(&cause)
        } else {
            &cause
        };
        if line.contains(news) { line } else { format!("{line}: {cause}") }
    })
}

/// Writes one line, [printable](printable_lines).
pub(crate) fn to_stderr(line: &str) {
    write_line(&for_people(line));
}

/// A message that a terminal shows as it is, and that nobody has to scroll through: it may quote a file without line breaks.
fn for_people(line: &str) -> String {
    printable_lines(&shortened(line, LONGEST)).into_owned()
}

/// Writes one line as it is, colours included; a closed stderr is not a reason to fail.
fn write_line(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes one line of data to stdout. A terminal gets it [printable](printable_lines), everything else exactly.
///
/// # Errors
/// A closed pipe, which `main` counts as success, or a full disk.
pub(crate) fn to_stdout(line: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let line = line.as_ref();
    match out.is_terminal() {
        true => writeln!(out, "{}", printable_lines(line))?,
        false => writeln!(out, "{line}")?,
    }
    out.flush()
}

/// Colours text on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
fn paint(text: &str, code: &str) -> String {
    let plain =
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || !io::stderr().is_terminal();
    if plain { text.to_string() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::chain;

    #[test]
    fn a_cause_is_said_once() {
        let denied = || std::io::Error::other("denied");
        let quoting = anyhow::Error::new(denied()).context("cannot list a: denied. Ask for the right");
        assert_eq!(chain(&quoting), "cannot list a: denied. Ask for the right");
        let io = fs_err::read("/no/such/file").unwrap_err();
        let said = format!("cannot read /no/such/file: {}", std::io::Error::from_raw_os_error(2));
        assert_eq!(chain(&anyhow::Error::new(io).context(said.clone())), said);
        let silent = Err::<(), _>(denied()).context("cannot list a").unwrap_err();
        assert_eq!(chain(&silent), "cannot list a: denied");
    }
}
