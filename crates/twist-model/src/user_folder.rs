//! Where Twist keeps things of the user.

use std::path::PathBuf;

/// The path in a variable of the environment, where it has one.
pub(crate) fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A folder of the user's that Twist keeps things in: `$TWIST_CACHE/NAME`, else `$XDG_CACHE_HOME/twist/NAME`, else
/// `~/.cache/twist/NAME`.
pub(crate) fn user_folder(name: &str) -> Option<PathBuf> {
    let base = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let folder = variable("TWIST_CACHE").or_else(|| Some(base()?.join("twist")))?;
    Some(folder.join(name))
}
