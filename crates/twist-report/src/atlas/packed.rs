//! Columns of numbers and texts as one run of bytes, which the page's script reads in place: a hundred thousand points are two
//! megabytes and no text to parse.
//!
//! The bytes are `TWISTMAP`, the length of the header (u32), the header, and the columns; everything is little-endian, and each
//! column begins at a multiple of 4 bytes from the beginning. The header is a JSON object, padded with spaces. Its `columns` say
//! of each column its kind, its first byte counted from the end of the header, and its number of elements:
//! `{"x":["u16",0,1000]}`. Numbers are `u8`, `u16` or `u32`, the narrowest that holds the column. Texts (`text`) are UTF-8, one after another
//! with NUL between them, and what each shares with the one before is left out: its first character says how many UTF-16 units
//! these are, `!` none, `"` one and so on. Neighbouring paths share most of their letters. Their elements are bytes.

use serde_json::{Map, Value, json};

/// What the bytes begin with.
const MAGIC: &[u8; 8] = b"TWISTMAP";
/// The character that says "none is shared", and the most that one character says.
const NONE_SHARED: u8 = b'!';
const MOST_SHARED: usize = 90;

/// Columns so far.
#[derive(Default)]
pub(super) struct Packed {
    columns: Map<String, Value>,
    bytes: Vec<u8>,
}

impl Packed {
    /// Adds a column of numbers.
    pub(super) fn numbers(&mut self, name: &str, values: &[u32]) {
        let largest = values.iter().copied().max().unwrap_or(0);
        let (kind, width) = match largest {
            0..=0xff => ("u8", 1),
            0x100..=0xffff => ("u16", 2),
            _ => ("u32", 4),
        };
        self.begin(name, kind, values.len());
        self.bytes.reserve(values.len() * width);
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes()[..width]);
        }
    }

    /// Adds a column of texts.
    pub(super) fn texts<'a>(&mut self, name: &str, texts: impl Iterator<Item = &'a str>) {
        let mut packed: Vec<u8> = Vec::new();
        let mut before = String::new();
        for (place, text) in texts.enumerate() {
            // NUL is between texts, and no path has it.
            let text = text.replace('\0', "\u{fffd}");
            if place > 0 {
                packed.push(0);
            }
            let (mut units, mut bytes) = (0, 0);
            for (own, other) in text.chars().zip(before.chars()) {
                if own != other || units + own.len_utf16() > MOST_SHARED {
                    break;
                }
                (units, bytes) = (units + own.len_utf16(), bytes + own.len_utf8());
            }
            packed.push(NONE_SHARED + units as u8);
            packed.extend_from_slice(&text.as_bytes()[bytes..]);
            before = text;
        }
        self.begin(name, "text", packed.len());
        self.bytes.extend_from_slice(&packed);
    }

    fn begin(&mut self, name: &str, kind: &str, elements: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.columns.insert(name.to_owned(), json!([kind, self.bytes.len(), elements]));
    }

    /// All of it, with these facts in the header.
    pub(super) fn finish(self, mut facts: Map<String, Value>) -> Vec<u8> {
        facts.insert("columns".into(), self.columns.into());
        let mut header = Value::from(facts).to_string();
        let padding = header.len().next_multiple_of(4) - header.len();
        header.extend(std::iter::repeat_n(' ', padding));
        let length = header.len() as u32;
        [MAGIC.as_slice(), &length.to_le_bytes(), header.as_bytes(), &self.bytes].concat()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Reads the bytes as the script does.
    pub(in crate::atlas) struct Read {
        pub(in crate::atlas) header: Value,
        columns: Vec<u8>,
    }

    impl Read {
        pub(in crate::atlas) fn of(bytes: &[u8]) -> Self {
            assert_eq!(&bytes[..8], MAGIC);
            let length = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
            assert_eq!(length % 4, 0, "columns begin at a multiple of 4");
            let header = serde_json::from_slice(&bytes[12..12 + length]).unwrap();
            Self { header, columns: bytes[12 + length..].to_vec() }
        }

        fn place(&self, name: &str) -> (&str, usize, usize) {
            let column = &self.header["columns"][name];
            let number = |at: usize| column[at].as_u64().unwrap() as usize;
            assert_eq!(number(1) % 4, 0);
            (column[0].as_str().unwrap(), number(1), number(2))
        }

        pub(in crate::atlas) fn numbers(&self, name: &str) -> Vec<u32> {
            let (kind, at, count) = self.place(name);
            let width = kind[1..].parse::<usize>().unwrap() / 8;
            let value = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            self.columns[at..at + count * width].chunks(width).map(value).collect()
        }

        pub(in crate::atlas) fn texts(&self, name: &str) -> Vec<String> {
            let (kind, at, count) = self.place(name);
            assert_eq!(kind, "text");
            let all = String::from_utf8(self.columns[at..at + count].to_vec()).unwrap();
            let mut before: Vec<u16> = Vec::new();
            all.split('\0')
                .map(|text| {
                    let units: Vec<u16> = text.encode_utf16().collect();
                    let shared = usize::from(units[0] - u16::from(NONE_SHARED));
                    before = [&before[..shared], &units[1..]].concat();
                    String::from_utf16(&before).unwrap()
                })
                .collect()
        }
    }

    #[test]
    fn numbers_come_back_from_the_narrowest_kind() {
        let mut packed = Packed::default();
        let columns =
            [("narrow", vec![255, 0, 3]), ("wide", vec![256]), ("widest", vec![7, 65_536]), ("none", vec![])];
        columns.iter().for_each(|(name, values)| packed.numbers(name, values));
        let read = Read::of(&packed.finish(Map::from_iter([("points".to_owned(), 3.into())])));
        assert_eq!(read.header["points"], 3);
        for (name, values) in &columns {
            assert_eq!(&read.numbers(name), values, "{name}");
        }
        let kinds = ["narrow", "wide", "widest", "none"].map(|name| read.place(name).0.to_owned());
        assert_eq!(kinds, ["u8", "u16", "u32", "u8"]);
    }

    #[test]
    fn texts_come_back_and_share_what_they_begin_with() {
        let long = "a/".repeat(60);
        let texts = [
            "",
            "train/cat/001.jpg",
            "train/cat/002.jpg",
            "train/🏔/é.png",
            "train/🏔🏔/é.png",
            "",
            &long,
            &long,
        ];
        let mut packed = Packed::default();
        packed.texts("path", texts.into_iter());
        let read = Read::of(&packed.finish(Map::new()));
        assert_eq!(read.texts("path"), texts);

        let mut packed = Packed::default();
        let paths: Vec<String> = (0..1000).map(|i| format!("data/train/n01440764/{i:08}.jpg")).collect();
        packed.texts("path", paths.iter().map(String::as_str));
        packed.texts("odd", ["a\0b"].into_iter());
        assert!(packed.bytes.len() < 10_000, "{} bytes", packed.bytes.len());
        let read = Read::of(&packed.finish(Map::new()));
        assert_eq!((read.texts("path"), read.texts("odd")), (paths, vec!["a\u{fffd}b".to_owned()]));
    }
}
