//! Command lines in which the shell put names of files in the place of a pattern: what to type instead.
//!
//! DATA is one argument. `twist predict RUN *.jpg` gives as many as there are files, and the parser only sees an
//! argument too many.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use twist_io::shell_word;

/// What to say of `args` in place of the parser's `error`; `None` where the cause is another one.
pub(crate) fn instead_of(error: &clap::Error, args: &[OsString]) -> Option<String> {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(surplus))) =
        (error.kind(), error.get(ContextKind::InvalidArg))
    else {
        return None;
    };
    let surplus = args.iter().rposition(|arg| *arg == **surplus)?;
    let is_path = |arg: &OsString| Path::new(arg).exists();
    // DATA itself is the argument before the first that is too many.
    let begin = surplus.checked_sub(1).filter(|&before| is_path(&args[before]))?;
    let end = surplus + args[surplus..].iter().take_while(|arg| is_path(arg)).count();
    let paths: Vec<&Path> = args[begin..end].iter().map(Path::new).collect();
    let [first, second, ..] = paths[..] else { return None };

    let typed = |data: &str| {
        let word = |arg: &OsString| shell_word(Path::new(arg)).replacen("./-", "-", 1);
        let (before, behind) = (args[..begin].iter().map(word), args[end..].iter().map(word));
        let words: Vec<String> = before.chain([data.to_owned()]).chain(behind).collect();
        format!("twist {}", words.join(" "))
    };
    let example = match pattern_of(&paths) {
        Some(pattern) => typed(&shell_word(&pattern)),
        None => {
            let lines: Vec<String> = paths.iter().take(2).map(|path| shell_word(path)).collect();
            let more = if paths.len() > 2 { " …" } else { "" };
            format!("printf '%s\\n' {}{more} | {}", lines.join(" "), typed("-"))
        }
    };
    Some(format!(
        "got {} paths ({}, {}{}) in the place of one. Put a pattern in quotes, so that the shell leaves it to Twist, or give \
         paths on standard input:\n  {example}",
        paths.len(),
        first.display(),
        second.display(),
        if paths.len() > 2 { ", …" } else { "" }
    ))
}

/// The pattern that fits these paths and no other.
fn pattern_of(paths: &[&Path]) -> Option<PathBuf> {
    let parts: Vec<Vec<Component>> = paths.iter().map(|path| path.components().collect()).collect();
    let first = parts.first()?;
    if parts.iter().any(|other| other.len() != first.len()) {
        return None;
    }
    let same = |place: usize| parts.iter().all(|other| other[place] == first[place]);
    let extension = paths[0].extension().filter(|own| paths.iter().all(|path| path.extension() == Some(own)));
    let star = |place: usize| match extension {
        Some(extension) if place + 1 == first.len() => format!("*.{}", extension.display()),
        _ => "*".to_owned(),
    };
    let part = |place: usize| match same(place) {
        true => first[place].as_os_str().to_owned(),
        false => star(place).into(),
    };
    let pattern: PathBuf = (0..first.len()).map(part).collect();
    let fits = glob::glob(pattern.to_str()?).ok()?.take(paths.len() + 1).count();
    (fits == paths.len()).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_was_given_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/3.png"] {
            fs_err::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs_err::write(at(name), "").unwrap();
        }
        let pattern = |names: &[&str]| {
            let paths: Vec<PathBuf> = names.iter().map(|name| at(name)).collect();
            pattern_of(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
        };
        assert_eq!(pattern(&["cats/1.jpg", "cats/2.jpg"]), Some(at("cats/*.jpg")));
        assert_eq!(pattern(&["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg"]), Some(at("*/*.jpg")));
        assert_eq!(pattern(&["dogs/1.jpg", "dogs/3.png"]), Some(at("dogs/*")));
        assert_eq!(pattern(&["cats/1.jpg", "dogs/3.png"]), None, "it fits two others");
        assert_eq!(pattern(&["cats", "dogs/1.jpg"]), None);
    }
}
