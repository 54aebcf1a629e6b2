//! Names of folders and files for classes and images, whatever those are called.
//!
//! A name from here is a file on every common file system: no separators, no control characters, none of the characters and names
//! that Windows reserves, and not hidden. Names that only differ in case or Unicode form count as one, because many file systems take them
//! for one.

use std::collections::HashSet;

use twist_io::{composed, printable};

use super::record::{DONE, PLANNED};

/// Most bytes of a name: file systems allow 255, and a class folder may get a number, a file a prefix.
const MOST: usize = 200;

/// The folder of images whose class is unsure.
pub(super) const UNSURE: &str = "unsure";

/// A folder for each class, in the order of the classes: numbers and names.
pub(super) fn folders_of<'a>(classes: impl Iterator<Item = (i32, &'a str)>) -> Vec<String> {
    let mut taken = Taken::default();
    for name in [UNSURE, DONE, PLANNED] {
        taken.take(name);
    }
    let folder = |(number, name): (i32, &str)| {
        let plain = safe(name);
        let numbered = || format!("{plain} (class {number})");
        [plain.clone(), numbered()].into_iter().find(|name| taken.take(name)).unwrap_or_else(|| {
            // Somebody called another class so.
            let further = (2..).map(|count: u32| format!("{} {count}", numbered()));
            further.into_iter().find(|name| taken.take(name)).unwrap_or_else(numbered)
        })
    };
    classes.map(folder).collect()
}

/// Names in one folder, of which no two are one to a file system that does not tell case apart.
#[derive(Debug, Default)]
pub(super) struct Taken(HashSet<String>);

impl Taken {
    /// Takes the name; whether it was free.
    pub(super) fn take(&mut self, name: &str) -> bool {
        self.0.insert(folded(name))
    }

    /// The name of the image `path`: its file name; where that is taken or `is_shared` with others, its whole path with `__`
    /// for each `/`; where that is taken as well, with a number.
    pub(super) fn name_of(&mut self, path: &str, is_shared: bool) -> String {
        let plain = safe(file_name(path));
        if !is_shared && self.take(&plain) {
            return plain;
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        let whole = safe(&parts.join("__"));
        if self.take(&whole) {
            return whole;
        }
        let (stem, extension) = split(&whole);
        let numbered = (2..).map(|count: u32| format!("{stem} ({count}){extension}"));
        numbered.into_iter().find(|name| self.take(name)).unwrap_or(whole)
    }
}

/// What a file system that does not tell case apart makes of a name.
pub(super) fn folded(name: &str) -> String {
    composed(&name.to_lowercase()).into_owned()
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A name as a file can have it.
pub(super) fn safe(name: &str) -> String {
    let acts = |c: char| printable(c.encode_utf8(&mut [0; 4])).len() > c.len_utf8();
    let reserved = |c: char| matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|') || acts(c);
    let mut safe: String = name.chars().map(|c| if reserved(c) { '_' } else { c }).collect();
    // Windows removes dots and blanks at the end, and a dot at the beginning hides the file.
    let kept = safe.trim_end_matches(['.', ' ']).len();
    let ending = "_".repeat(safe.len() - kept);
    safe.replace_range(kept.., &ending);
    if safe.starts_with(['.', ' ']) {
        safe.replace_range(..1, "_");
    }
    let (stem, extension) = split(&safe);
    let device = stem.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let numbered = |prefix: &str| {
        device.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']))
    };
    let is_device =
        matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT");
    if safe.is_empty() || is_device {
        return format!("_{safe}");
    }
    match safe.len() > MOST {
        true => {
            let room = MOST.saturating_sub(extension.len());
            let cut = (0..=room).rev().find(|&at| stem.is_char_boundary(at)).unwrap_or(0);
            format!("{}{extension}", stem[..cut].trim_end_matches(['.', ' ']))
        }
        false => safe,
    }
}

/// A name before its extension, and the extension with its dot: of a few letters, as those of images are.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 6 => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_files_everywhere() {
        for (name, file) in [
            ("red circles", "red circles"),
            ("Zürich 🏔", "Zürich 🏔"),
            ("a/b\\c:d", "a_b_c_d"),
            ("a\nb\u{202e}c\0", "a_b_c_"),
            (".hidden", "_hidden"),
            ("..", "__"),
            ("", "_"),
            ("ends. ", "ends__"),
            ("con", "_con"),
            ("LPT1.txt", "_LPT1.txt"),
            ("COM10", "COM10"),
            ("-1", "-1"),
        ] {
            assert_eq!(safe(name), file);
            assert_eq!(safe(file), file, "a safe name stays");
        }
        let long = safe(&format!("{}.jpg", "ä".repeat(300)));
        assert!(long.len() <= MOST && long.ends_with("ä.jpg"), "{long}");
    }

    #[test]
    fn each_class_has_its_folder() {
        let classes = [
            (0, "cat"),
            (1, "Cat"),
            (3, "a/b"),
            (4, "a:b"),
            (5, "unsure"),
            (7, "class 7"),
            (8, "sorted.csv"),
        ];
        assert_eq!(
            folders_of(classes.into_iter()),
            [
                "cat",
                "Cat (class 1)",
                "a_b",
                "a_b (class 4)",
                "unsure (class 5)",
                "class 7",
                "sorted.csv (class 8)"
            ]
        );
        let classes = [(0, "a (class 2)"), (1, "a"), (2, "A")];
        assert_eq!(folders_of(classes.into_iter()), ["a (class 2)", "a", "A (class 2) 2"]);
    }

    #[test]
    fn images_of_one_name_are_told_apart() {
        let mut taken = Taken::default();
        let names =
            [("x/a.jpg", true), ("y/a.jpg", true), ("x__a.jpg", false), ("b.jpg", false), ("z/B.JPG", false)]
                .map(|(path, is_shared)| taken.name_of(path, is_shared));
        assert_eq!(names, ["x__a.jpg", "y__a.jpg", "x__a (2).jpg", "b.jpg", "z__B.JPG"]);
    }
}
