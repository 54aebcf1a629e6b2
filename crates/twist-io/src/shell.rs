//! Paths in commands that are printed for people to run.

use std::path::Path;

/// `path` as one word of a command for the shell: quoted where it has spaces or other characters that mean something there,
/// and never taken for a flag.
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(twist_io::shell_word(Path::new("runs/demo-1")), "runs/demo-1");
/// assert_eq!(twist_io::shell_word(Path::new("my run")), "'my run'");
/// assert_eq!(twist_io::shell_word(Path::new("-x")), "./-x");
/// ```
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    // Only a NUL is refused, and no path has one.
    shlex::try_quote(&text).map_or_else(|_| text.clone(), |quoted| quoted.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_every_path_as_one_word() {
        let paths =
            ["runs/a-1", "my runs/it's", "$HOME/`x`", "a\\b", "a\nb", "~", "!1", "a*", "ä ö", "", "--out x"];
        for path in paths {
            let words = shlex::split(&shell_word(Path::new(path))).unwrap();
            let [word] = &words[..] else { panic!("{path}: {words:?}") };
            assert_eq!(word.strip_prefix("./").unwrap_or(word), path);
            assert!(!word.starts_with('-'));
        }
    }
}
