//! Command lines whose words are right and stand in another order, or lack one: what to type instead.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use twist_io::shell_word;

/// What is done to classes.
const OF_CLUSTERS: [&str; 7] = ["show", "rename", "merge", "unmerge", "unsure", "keep", "export"];
/// What is done to data.
const OF_DATA: [&str; 3] = ["info", "verify", "pack"];

/// What to say of `args` in place of the parser's `error`; `None` where the cause is another one.
pub(crate) fn instead_of(error: &clap::Error, args: &[OsString]) -> Option<String> {
    if ![ErrorKind::InvalidSubcommand, ErrorKind::UnknownArgument].contains(&error.kind()) {
        return None;
    }
    let words: Vec<String> = args.iter().map(|word| shell_word(Path::new(word))).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["clusters", action, model, rest @ ..] if OF_CLUSTERS.contains(action) => {
            let typed = ["twist clusters", model, action].into_iter().chain(rest.iter().copied());
            Some(format!("MODEL stands before `{action}`: `{}`", typed.collect::<Vec<_>>().join(" ")))
        }
        [action, ..] if OF_DATA.contains(action) => {
            Some(format!("`{action}` is a part of `twist data`: `twist data {}`", words.join(" ")))
        }
        _ => None,
    }
}
