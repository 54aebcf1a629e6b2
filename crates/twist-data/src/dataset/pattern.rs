//! Patterns that name several shards: `a-{000..004}.tar`, `{train,extra}-*.tar`.

use std::path::{Path, PathBuf};

use twist_io::near_paths;

use crate::DataError;

/// Most names a pattern may stand for.
const MOST: usize = 1 << 20;
/// Most bytes of all those names.
const MOST_BYTES: usize = 1 << 28;
/// Longest name of a file, in bytes.
const LONGEST_NAME: usize = 255;

pub(crate) fn is_pattern(spec: &str) -> bool {
    spec.contains(['{', '*', '?', '['])
}

/// The files that a pattern names, in the order of its braces and, for wildcards, sorted by name.
///
/// # Errors
/// When the pattern is malformed, when a name spelt out by braces is missing (a gap in the shards must not go
/// unnoticed), or when a wildcard fits nothing.
pub(crate) fn expand(spec: &str) -> Result<Vec<PathBuf>, DataError> {
    let bad = |reason: String| DataError::pattern(spec, reason);
    let names = braces(spec).map_err(bad)?;
    let mut files = Vec::new();
    for name in &names {
        if !name.contains(['*', '?', '[']) {
            let path = PathBuf::from(name);
            if !path.exists() {
                return Err(DataError::not_found(format!("{name} (of {spec})"), near_paths(&path)));
            }
            files.push(path);
            continue;
        }
        let found = glob::glob(name).map_err(|e| bad(e.to_string()))?;
        let before = files.len();
        for path in found {
            let path = path.map_err(|e| {
                let folder = e.path().to_owned();
                DataError::folder(folder, e.into())
            })?;
            if path.is_file() {
                files.push(path);
            }
        }
        if files.len() == before {
            let folder =
                Path::new(name).parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let reason = match folder.to_string_lossy().contains(['*', '?', '[']) || folder.is_dir() {
                true => format!("no file matches {name}"),
                false => {
                    return Err(DataError::not_found(folder.display(), near_paths(folder)));
                }
            };
            return Err(bad(reason));
        }
    }
    Ok(files)
}

/// Expands the braces of a shell: lists `{a,b}` and ranges `{000..127}`, whose numbers keep the width they are written
/// with.
fn braces(text: &str) -> Result<Vec<String>, String> {
    let too_many =
        || format!("it stands for more than {MOST} files, or for names of more than {MOST_BYTES} bytes");
    let plain = |text: &str| match text.contains('}') {
        true => Err("a closing brace has no opening one".to_owned()),
        false => Ok(text.to_owned()),
    };
    let (mut names, mut rest) = (vec![String::new()], text);
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}').ok_or("an opening brace has no closing one")?;
        let (before, inside) = (plain(&rest[..open])?, &rest[open + 1..close]);
        rest = &rest[close + 1..];
        if inside.contains('{') {
            return Err("braces inside braces are not supported".to_owned());
        }
        let choices = match inside.split_once("..") {
            Some((from, to)) => range(from, to)?,
            None => inside.split(',').map(str::to_owned).collect(),
        };
        let count = names.len().saturating_mul(choices.len());
        if count > MOST || count.saturating_mul(text.len()) > MOST_BYTES {
            return Err(too_many());
        }
        if let [only] = choices.as_slice() {
            names.iter_mut().for_each(|name| name.extend([before.as_str(), only.as_str()]));
        } else {
            let with = |name: &String| {
                choices.iter().map(|choice| format!("{name}{before}{choice}")).collect::<Vec<_>>()
            };
            names = names.iter().flat_map(with).collect();
        }
    }
    let after = plain(rest)?;
    if names.len().saturating_mul(text.len()) > MOST_BYTES {
        return Err(too_many());
    }
    names.iter_mut().for_each(|name| name.push_str(&after));
    Ok(names)
}

/// The numbers of `{from..to}`, as wide as the wider of both.
fn range(from: &str, to: &str) -> Result<Vec<String>, String> {
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("{{{from}..{to}}} is not a range of numbers"));
    let (first, last) = (number(from)?, number(to)?);
    if first > last {
        return Err(format!("{{{from}..{to}}} is empty"));
    }
    if last - first >= MOST as u64 {
        return Err(format!("it stands for more than {MOST} files"));
    }
    let padded = from.starts_with('0') && from.len() > 1 || to.starts_with('0') && to.len() > 1;
    let width = if padded { from.len().max(to.len()) } else { 0 };
    if width > LONGEST_NAME {
        return Err(format!("its numbers have {width} digits, and a name has at most {LONGEST_NAME} bytes"));
    }
    Ok((first..=last).map(|n| format!("{n:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_as_in_a_shell() {
        assert_eq!(braces("a-{000..002}.tar").unwrap(), ["a-000.tar", "a-001.tar", "a-002.tar"]);
        assert_eq!(braces("{8..10}").unwrap(), ["8", "9", "10"]);
        assert_eq!(braces("{a,b}-{1..2}").unwrap(), ["a-1", "a-2", "b-1", "b-2"]);
        assert_eq!(braces("plain").unwrap(), ["plain"]);
        assert_eq!(braces("a{1,2}b{x}c").unwrap(), ["a1bxc", "a2bxc"]);
        // As deep as it is long, and as large as it is wide.
        assert_eq!(braces(&"{a}".repeat(40_000)).unwrap(), ["a".repeat(40_000)]);
        assert!(braces(&format!("{{0..1000000}}{}", "x".repeat(1_000))).is_err());
        for bad in [
            "a{1",
            "a}1",
            "a}{1}",
            "{1}a}",
            "{2..1}",
            &format!("{{0..{}1}}", "0".repeat(70_000)),
            "{a..c}",
            "{{1,2},3}",
            "{0..99999999}",
            "{0..9999}{0..9999}",
        ] {
            assert!(braces(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_missing_shard_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a-000.tar", "a-002.tar"] {
            fs_err::write(folder.path().join(name), b"").unwrap();
        }
        let spec = |pattern: &str| folder.path().join(pattern).to_string_lossy().into_owned();
        let error = expand(&spec("a-{000..002}.tar")).unwrap_err().to_string();
        assert!(error.contains("a-001.tar"), "{error}");
        assert_eq!(expand(&spec("a-*.tar")).unwrap().len(), 2);
        let refusal = |name: &str| expand(&spec(name)).unwrap_err().to_string();
        assert!(refusal("b-*.tar").starts_with("the pattern "));
        assert!(refusal("nothing/b-*.tar").contains(" does not exist"));
    }
}
