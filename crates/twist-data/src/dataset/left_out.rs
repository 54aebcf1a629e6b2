//! Files that a reader found and left out.

use std::collections::BTreeMap;

use twist_io::shown;

use super::kinds::extension;
use super::names::readable;
use crate::foreign::Foreign;

/// Something found beside the images and left out, so that nothing vanishes silently.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// What it is, in the plural: `hidden files`, `broken links` ….
    pub what: String,
    /// What one of it is.
    #[serde(skip)]
    one: String,
    /// How many there are.
    pub count: u64,
    /// The first few of them.
    pub examples: Vec<String>,
    /// What each of them is, where that is known.
    #[serde(skip)]
    pub(crate) kind: Option<&'static Foreign>,
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.count > self.examples.len() as u64 { ", …" } else { "" };
        let examples: Vec<_> = self.examples.iter().map(|name| shown(name)).collect();
        let (what, each) = if self.count == 1 { (&self.one, "it") } else { (&self.what, "each") };
        write!(f, "{} {} ({}{more})", self.count, shown(what), examples.join(", "))?;
        match self.kind {
            Some(Foreign { name, remedy, .. }) => write!(f, ": {each} is {name}; {remedy}"),
            None => Ok(()),
        }
    }
}

/// Names kept of each kind.
const EXAMPLES: usize = 3;

/// Collects what is left out while a reader goes over its source.
#[derive(Debug, Default)]
pub(crate) struct Leftovers(BTreeMap<(String, &'static str), LeftOut>);

impl Leftovers {
    /// Notes another of a kind, which is called so where there is one and where there are many.
    pub(crate) fn add(&mut self, words: [&str; 2], example: String) {
        self.add_known(words, None, example);
    }

    /// Notes another of a kind that is known.
    fn add_known(&mut self, [one, what]: [&str; 2], kind: Option<&'static Foreign>, example: String) {
        let key = (what.to_owned(), kind.map_or("", |kind| kind.name));
        let entry = self.0.entry(key).or_insert_with(|| LeftOut {
            what: what.to_owned(),
            one: one.to_owned(),
            count: 0,
            examples: Vec::new(),
            kind,
        });
        entry.count += 1;
        if entry.examples.len() < EXAMPLES {
            entry.examples.push(example);
        }
    }

    /// Takes over what another collected.
    pub(crate) fn append(&mut self, other: Self) {
        for (what, left_out) in other.0 {
            match self.0.get_mut(&what) {
                None => {
                    self.0.insert(what, left_out);
                }
                Some(mine) => {
                    mine.count += left_out.count;
                    mine.examples.extend(left_out.examples);
                    mine.examples.truncate(EXAMPLES);
                }
            }
        }
    }

    /// Everything noted, by kind; the most frequent first.
    pub(crate) fn finish(self) -> Vec<LeftOut> {
        let mut all: Vec<_> = self.0.into_values().collect();
        all.sort_by_key(|l| std::cmp::Reverse(l.count));
        all
    }
}

/// Notes a file or member (`what`) that is not an image, by its extension and what it is.
pub(crate) fn add_kind(leftovers: &mut Leftovers, what: &str, name: &[u8], kind: Option<&'static Foreign>) {
    let called = |what: &str| match extension(name) {
        Some(extension) => format!(".{extension} {what}"),
        None => format!("{what} without extension"),
    };
    leftovers.add_known([&called(what), &called(&format!("{what}s"))], kind, readable(name));
}

/// One phrase for an error message about a place without images.
pub(crate) fn found(left_out: &[LeftOut]) -> String {
    match left_out {
        [] => "it is empty".to_owned(),
        some => format!("found {}", some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::kinds::Kind;

    #[test]
    fn counts_all_and_names_some() {
        let mut leftovers = Leftovers::default();
        leftovers.add(["hidden file", "hidden files"], ".x".into());
        for i in 0..5 {
            leftovers.add([".txt file", ".txt files"], format!("{i}.txt"));
        }
        let all = leftovers.finish();
        assert_eq!(found(&all), "found 5 .txt files (0.txt, 1.txt, 2.txt, …), 1 hidden file (.x)");
        assert_eq!(found(&[]), "it is empty");
    }

    #[test]
    fn files_of_a_known_kind_come_with_a_command() {
        let mut leftovers = Leftovers::default();
        let name = b"a\x1b.heic";
        let Kind::Other(kind) = Kind::of(name, Vec::new) else { panic!("an image") };
        add_kind(&mut leftovers, "file", name, kind);
        let text = leftovers.finish()[0].to_string();
        assert!(text.starts_with("1 .heic file (a\\u{1b}.heic): it is a HEIC image; convert it"), "{text}");
        assert!(text.contains("heif-convert"), "{text}");
    }
}
