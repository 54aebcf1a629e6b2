//! How the process ends.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::builder::StyledStr;
use twist_data::DataError;
use twist_eval::EvalError;
use twist_io::{printable, printable_lines};
use twist_run::RunError;
use twist_train::TrainError;

/// The end of a command that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// Training collapsed or its numbers stopped being finite; the offending step is saved.
    Collapsed,
    /// Something was found that should not be there, and it was asked to say so.
    Found,
    /// A signal asked to stop; the state is saved.
    Signal(i32),
}

impl Exit {
    /// 0, 3, 4, or 128 + the signal's number as shells count it.
    pub(crate) fn code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Collapsed => ExitCode::from(3),
            Self::Found => ExitCode::from(4),
            Self::Signal(number) => ExitCode::from(u8::try_from(128 + number).unwrap_or(1)),
        }
    }
}

/// A mistake in how the command was called, as opposed to a job that failed: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Whether the command asks for what must not be: by [`Usage`], or by what a library says of the place of `--out` and of the
/// run in it.
fn is_usage(cause: &(dyn Error + 'static)) -> bool {
    let of_run = matches!(cause.downcast_ref(), Some(RunError::Exists(_) | RunError::NotARun(_)));
    let of_network = matches!(cause.downcast_ref(), Some(TrainError::OtherNetwork(_)));
    let of_shards = matches!(cause.downcast_ref(), Some(DataError::Exists(_)));
    let of_flag = matches!(cause.downcast_ref(), Some(EvalError::Percent { .. }));
    cause.is::<Usage>() || of_run || of_network || of_shards || of_flag
}

/// Prints help or what is wrong with the command line, and exits with 0 or 2. A shell puts names of files there, so where the words
/// would act upon a terminal they are written out, without colours.
pub(crate) fn with_clap(error: &clap::Error) -> ! {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let acting: Vec<String> = words.filter(|word| printable(word) != *word).collect();
    if acting.is_empty() {
        error.exit();
    }
    let text = error.render().to_string();
    let shown = acting.iter().fold(text, |text, word| {
        // Without colours, the text has lost the escape sequences of the word as well.
        let rendered = StyledStr::from(word.clone()).to_string();
        text.replace(&rendered, &printable(word))
    });
    let _ = write!(std::io::stderr().lock(), "{}", printable_lines(&shown));
    std::process::exit(error.exit_code())
}

/// What a failed command exits with: success when the reader of our output went away (`twist … | head`), 2 for wrong
/// usage, else 1.
pub(crate) fn of_error(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        ExitCode::SUCCESS
    } else if error.chain().any(is_usage) {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// Whether nobody reads our output any more.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
