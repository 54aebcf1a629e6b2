//! From members to samples: the WebDataset convention.
//!
//! Members whose names agree up to the first dot of the file name belong to one sample: `0001.jpg`, `0001.cls`. An
//! archive without label members is read as a packed folder, where each image is a sample. Names with further dots fall
//! together by this convention, so several labels of one kind for one sample are an error.

use std::collections::HashMap;

use super::scan::Member;
use crate::dataset::classes::small_number;
use crate::dataset::kinds::{Kind, base_name, has_extension};
use crate::dataset::left_out::{Leftovers, add_kind};
use crate::dataset::names::readable;

/// One image of a shard, with what is written beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) name: Vec<u8>,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// A class number or name.
    pub(super) label: Option<String>,
    /// Name of the class, where `label` is its number.
    pub(super) class: Option<String>,
}

/// What label members say about one key.
#[derive(Debug, Default)]
struct Written {
    cls: Option<String>,
    json: Option<String>,
    class: Option<String>,
    /// Names of the members that these are from.
    cls_of: Option<String>,
    json_of: Option<String>,
    /// Position of the image taken for the key, and how far its name is from that of the label.
    image: Option<(usize, Distance)>,
}

impl Written {
    /// The label of the sample, and the name of that class where the label is its number.
    ///
    /// # Errors
    /// The two members contradict each other.
    fn decide(&self, leftovers: &mut Leftovers) -> Result<(Option<String>, Option<String>), String> {
        let (Some(cls), Some(json)) = (&self.cls, &self.json) else {
            return Ok((self.cls.clone().or_else(|| self.json.clone()), self.class.clone()));
        };
        let is_number = |label: &str| label.parse::<f64>().is_ok();
        let number = small_number(cls);
        if cls == json || (number.is_some() && number == small_number(json)) {
            return Ok((Some(cls.clone()), self.class.clone()));
        }
        match (is_number(cls), is_number(json)) {
            // One has the number and the other the name.
            (true, false) => Ok((Some(cls.clone()), Some(json.clone()))),
            (false, true) if self.class.as_ref() == Some(cls) => Ok((Some(cls.clone()), None)),
            (false, true) => {
                let kind = [
                    "label in .json beside one in .cls, which is used",
                    "labels in .json beside those in .cls, which are used",
                ];
                leftovers.add(kind, self.json_of.clone().unwrap_or_default());
                Ok((Some(cls.clone()), None))
            }
            _ => Err(format!(
                "{} says {cls} and {} says {json}, and both are labels of one sample: pack the archive again with one of \
                 them",
                self.cls_of.as_deref().unwrap_or_default(),
                self.json_of.as_deref().unwrap_or_default()
            )),
        }
    }
}

/// Whether the name of an image without its ending is another than that of the label, and the dots in its extension.
type Distance = (bool, usize);

/// A damaged label member: where it is and what is wrong.
pub(super) type BadMember = (u64, String);

/// Groups the members of one shard.
pub(super) fn group(members: Vec<Member>, leftovers: &mut Leftovers) -> Result<Vec<Sample>, BadMember> {
    refuse_copies(&members)?;
    let mut keys: HashMap<Vec<u8>, Written> = HashMap::new();
    for member in &members {
        let Some(content) = &member.label else { continue };
        let written = keys.entry(key(&member.name).to_vec()).or_default();
        read_label(member, content, written, leftovers)?;
    }
    // Of several images of one key (`0001.jpg`, `0001.seg.png`), the one that is called like the label is the image, or else
    // the one with the plainest extension.
    for (position, member) in
        members.iter().enumerate().filter(|(_, m)| m.kind == Kind::Image && !is_hidden(&m.name))
    {
        if let Some(written) = keys.get_mut(key(&member.name)) {
            let label = written.cls_of.as_ref().or(written.json_of.as_ref());
            let is_other = label.is_none_or(|label| stem(label.as_bytes()) != stem(&member.name));
            let dots = member.name[key(&member.name).len()..].iter().filter(|&&b| b == b'.').count();
            if written.image.is_none_or(|(_, nearest)| (is_other, dots) < nearest) {
                written.image = Some((position, (is_other, dots)));
            }
        }
    }
    let mut samples = Vec::new();
    for (position, member) in members.into_iter().enumerate() {
        let Member { name, header, offset, size, kind, label: content } = member;
        if content.is_some() {
            continue;
        }
        if is_hidden(&name) {
            leftovers.add(["hidden member", "hidden members"], readable(&name));
            continue;
        }
        if let Kind::Other(kind) = kind {
            add_kind(leftovers, "member", &name, kind);
            continue;
        }
        let written = keys.get(key(&name));
        if written.is_some_and(|w| w.image.is_some_and(|(chosen, _)| chosen != position)) {
            leftovers.add(["further image of a sample", "further images of a sample"], readable(&name));
            continue;
        }
        let (label, class) = match written {
            Some(written) => written.decide(leftovers).map_err(|reason| (header, reason))?,
            None => (None, None),
        };
        samples.push(Sample { name, offset, size, label, class });
    }
    Ok(samples)
}

/// Two members of one name are two states of a file, as `tar -r` leaves them: which label belongs to which image cannot be told.
fn refuse_copies(members: &[Member]) -> Result<(), BadMember> {
    let counts =
        |member: &&Member| (member.label.is_some() || member.kind == Kind::Image) && !is_hidden(&member.name);
    let mut seen: HashMap<&[u8], u64> = HashMap::with_capacity(members.len());
    for member in members.iter().filter(counts) {
        if let Some(first) = seen.insert(&member.name, member.header) {
            let (name, key) = (readable(&member.name), readable(key(&member.name)));
            return Err((
                member.header,
                format!(
                    "{name} of the sample {key} is in the archive twice, first at byte {first}: `tar -r` adds a file and does \
                     not replace the old one. Unpack the archive, which keeps the last copy, and pack it again"
                ),
            ));
        }
    }
    Ok(())
}

/// The name up to the first dot of its last component.
fn key(name: &[u8]) -> &[u8] {
    let base = name.len() - base_name(name).len();
    let dot = name[base..].iter().position(|&b| b == b'.').map_or(name.len(), |d| base + d);
    &name[..dot]
}

/// The name without its ending.
fn stem(name: &[u8]) -> &[u8] {
    let dot = name.iter().rposition(|&b| b == b'.').unwrap_or(name.len());
    &name[..dot]
}

/// Whether a component starts with a dot (or is the folder that macOS puts beside), as the files it leaves everywhere.
fn is_hidden(name: &[u8]) -> bool {
    name.split(|&b| b == b'/').any(|part| part.first() == Some(&b'.') || part == b"__MACOSX")
}

/// `.cls` is the label as text. `.json` may have `label` (number or text) and `class` (its name).
fn read_label(
    member: &Member,
    content: &[u8],
    written: &mut Written,
    leftovers: &mut Leftovers,
) -> Result<(), BadMember> {
    let name = readable(&member.name);
    let bad = |reason: String| (member.header, format!("{name} {reason}"));
    let twice = |first: &Option<String>| match first {
        Some(first) => Err(bad(format!(
            "and {first} are both labels of the sample {}: the name of a sample ends at the first dot. Pack \
             the archive again with names whose only dot is that of the extension",
            readable(key(&member.name))
        ))),
        None => Ok(()),
    };
    if has_extension(&member.name, "cls") {
        let text = std::str::from_utf8(content).map_err(|_| bad("is not text".into()))?.trim();
        if text.is_empty() {
            return Err(bad("is empty: it should hold a class".into()));
        }
        twice(&written.cls_of)?;
        (written.cls, written.cls_of) = (Some(text.to_owned()), Some(name));
        return Ok(());
    }
    let json = parse(content).map_err(|e| bad(format!("is not JSON: {e}")))?;
    let mut text = |key: &str| match json.get(key) {
        Some(serde_json::Value::Number(number)) => Some(number.to_string()),
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Bool(flag)) => Some(flag.to_string()),
        Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
            let kind = [
                "label in .json that is neither a number nor text",
                "labels in .json that are neither a number nor text",
            ];
            leftovers.add(kind, name.clone());
            None
        }
        Some(serde_json::Value::Null) | None => None,
    };
    let (class, label) = (text("class"), text("label"));
    if let Some(label) = label.or_else(|| class.clone()) {
        twice(&written.json_of)?;
        (written.json, written.class, written.json_of) = (Some(label), class, Some(name));
    }
    Ok(())
}

/// Reads JSON, also as Python's `json` writes it: with `NaN`, `Infinity` and `-Infinity`, which count as null.
fn parse(content: &[u8]) -> Result<serde_json::Value, serde_json::Error> {
    let strict = serde_json::from_slice(content);
    if strict.is_ok() {
        return strict;
    }
    let (mut plain, mut rest, mut in_text) = (Vec::with_capacity(content.len()), content, false);
    while let Some((&byte, after)) = rest.split_first() {
        let word = [&b"NaN"[..], b"-Infinity", b"Infinity"].into_iter().find(|word| rest.starts_with(word));
        match (byte, word) {
            (_, Some(word)) if !in_text => {
                plain.extend_from_slice(b"null");
                rest = &rest[word.len()..];
                continue;
            }
            (b'\\', _) if in_text => {
                plain.push(byte);
                plain.extend(after.first());
                rest = after.get(1..).unwrap_or_default();
                continue;
            }
            (b'"', _) => in_text = !in_text,
            _ => {}
        }
        plain.push(byte);
        rest = after;
    }
    // What is wrong otherwise is said of the text as it stands.
    serde_json::from_slice(&plain).or(strict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, label: Option<&str>) -> Member {
        let label = label.map(|l| l.as_bytes().to_vec());
        let kind = Kind::of(name.as_bytes(), Vec::new);
        Member { name: name.into(), header: 0, offset: 512, size: 10, kind, label }
    }

    fn names(samples: &[Sample]) -> Vec<(String, Option<&str>)> {
        samples.iter().map(|s| (readable(&s.name), s.label.as_deref())).collect()
    }

    #[test]
    fn keys() {
        assert_eq!(key(b"a.b/0001.seg.png"), b"a.b/0001");
        assert_eq!(key(b"0001"), b"0001");
    }

    #[test]
    fn samples_with_labels_in_any_order() {
        let mut leftovers = Leftovers::default();
        let members = vec![
            member("0001.cls", Some("3\n")),
            member("0001.seg.png", None),
            member("0001.jpg", None),
            member("0001.txt", None),
            member("0002.jpg", None),
            member("0002.json", Some(r#"{"label": 4, "class": "cat"}"#)),
            member("0003.jpg", None),
        ];
        let samples = group(members, &mut leftovers).unwrap();
        assert_eq!(
            names(&samples),
            [("0001.jpg".into(), Some("3")), ("0002.jpg".into(), Some("4")), ("0003.jpg".into(), None)]
        );
        assert_eq!(samples[1].class.as_deref(), Some("cat"));
        let left: Vec<_> = leftovers.finish().into_iter().map(|l| l.what).collect();
        assert_eq!(left, [".txt members", "further images of a sample"]);
    }

    #[test]
    fn a_packed_folder() {
        let members =
            vec![member("cat/a.1.png", None), member("cat/a.2.png", None), member("cat/._a.png", None)];
        let samples = group(members, &mut Leftovers::default()).unwrap();
        assert_eq!(names(&samples), [("cat/a.1.png".into(), None), ("cat/a.2.png".into(), None)]);
    }

    #[test]
    fn several_labels_of_one_sample_are_an_error_that_names_them() {
        for (one, other, content) in
            [("a 10.05.cls", "a 10.15.cls", "1"), ("b.x.json", "b.json", r#"{"label": 1}"#)]
        {
            let members = vec![member(one, Some(content)), member(other, Some(content))];
            let (_, reason) = group(members, &mut Leftovers::default()).unwrap_err();
            assert!(reason.contains(one) && reason.contains(other), "{reason}");
            assert!(reason.contains("ends at the first dot"), "{reason}");
        }
        // The label is that of the image that is called like it.
        let members = vec![member("a.0.png", None), member("a.1.png", None), member("a.1.cls", Some("1"))];
        let samples = group(members, &mut Leftovers::default()).unwrap();
        assert_eq!(names(&samples), [("a.1.png".into(), Some("1"))]);
        // Only one of these says anything about the class.
        let members = vec![
            member("1.png", None),
            member("1.json", Some(r#"{"label": 1}"#)),
            member("1.boxes.json", Some(r#"{"boxes": []}"#)),
        ];
        assert_eq!(group(members, &mut Leftovers::default()).unwrap()[0].label.as_deref(), Some("1"));
    }

    #[test]
    fn two_kinds_of_labels_agree_or_are_an_error() {
        let decided = |cls: &str, json: &str| {
            let members =
                vec![member("1.cls", Some(cls)), member("1.json", Some(json)), member("1.png", None)];
            let mut leftovers = Leftovers::default();
            let samples = group(members, &mut leftovers).map_err(|(_, reason)| reason)?;
            let Sample { label, class, .. } = &samples[0];
            Ok((label.clone(), class.clone(), leftovers.finish().iter().map(ToString::to_string).collect()))
        };
        let is = |label: &str, class: Option<&str>, notes: &[&str]| {
            let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
            Ok((Some(label.to_string()), class.map(str::to_string), notes))
        };
        assert_eq!(decided("3", r#"{"label": 3, "class": "cat"}"#), is("3", Some("cat"), &[]));
        assert_eq!(decided("3", r#"{"label": 3.0}"#), is("3", None, &[]));
        assert_eq!(decided("3", r#"{"label": "cat"}"#), is("3", Some("cat"), &[]));
        assert_eq!(decided("cat", r#"{"label": 3, "class": "cat"}"#), is("cat", None, &[]));
        let note = "1 label in .json beside one in .cls, which is used (1.json)";
        assert_eq!(decided("cat", r#"{"label": 3}"#), is("cat", None, &[note]));
        for (cls, json) in
            [("3", r#"{"label": 4}"#), ("-1", r#"{"label": 4}"#), ("dog", r#"{"label": "cat"}"#)]
        {
            let reason: String = decided(cls, json).unwrap_err();
            assert!(
                reason.contains(&format!("1.cls says {cls}")) && reason.contains("1.json says"),
                "{reason}"
            );
        }
    }

    #[test]
    fn json_as_python_writes_it() {
        let content = r#"{"score": NaN, "range": [-Infinity, Infinity], "label": 2, "text": "a \"NaN\" \\"}"#;
        let value = parse(content.as_bytes()).unwrap();
        assert_eq!((&value["score"], &value["label"]), (&serde_json::Value::Null, &2.into()));
        assert_eq!((&value["range"][0], &value["text"]), (&serde_json::Value::Null, &"a \"NaN\" \\".into()));
        assert!(parse(b"{\"label\": Nan}").is_err());
    }

    #[test]
    fn bad_labels_are_errors() {
        for (name, content) in [("1.cls", ""), ("1.json", "{"), ("1.cls", "\u{fffd}")] {
            let members = vec![member(name, Some(content)), member("1.png", None)];
            let outcome = group(members, &mut Leftovers::default());
            assert_eq!(outcome.is_err(), content != "\u{fffd}", "{name} {content:?}");
        }
    }

    /// As `tar -r` leaves them: beside each other, or one after all others.
    #[test]
    fn copies_of_a_member_are_refused_by_name() {
        let one = |label| [member("a/1.png", None), member("a/1.cls", Some(label))].to_vec();
        let other = [member("2.png", None), member("2.cls", Some("0"))].to_vec();
        let image_alone = [member("a/1.png", None), other[0].clone(), member("a/1.png", None)].to_vec();
        let label_alone = [one("0"), other.clone(), [member("a/1.cls", Some("0"))].to_vec()].concat();
        for (members, copy) in [
            ([one("0"), one("1"), other.clone()].concat(), "a/1.png"),
            ([one("0"), other, one("1")].concat(), "a/1.png"),
            (image_alone, "a/1.png"),
            (label_alone, "a/1.cls"),
        ] {
            let (_, reason) = group(members, &mut Leftovers::default()).unwrap_err();
            let begin = format!("{copy} of the sample a/1 is in the archive twice, first at byte 0");
            assert!(reason.starts_with(&begin) && reason.contains("pack it again"), "{reason}");
        }
        let ignored = [member("1.png", None), member("1.txt", None), member("1.txt", None)].to_vec();
        assert_eq!(group(ignored, &mut Leftovers::default()).unwrap().len(), 1);
    }
}
