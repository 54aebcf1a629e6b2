//! Text from files, made safe to show.

use std::borrow::Cow;

/// A name or text from a file, on one line: characters that a terminal would act upon, or that change how the text
/// around them is read, are written as in source code (`\n`, `\u{1b}`). All other text stays as it is.
///
/// Escaped are control characters, line and paragraph separators, the marks that change the direction of writing, the
/// byte order mark, and the invisible tag characters. The joiners inside of emoji and of Indic words stay.
///
/// ```
/// assert_eq!(twist_io::printable("Zürich 🏔.jpg"), "Zürich 🏔.jpg");
/// assert_eq!(twist_io::printable("\u{1b}]0;owned\u{7}.jpg"), "\\u{1b}]0;owned\\u{7}.jpg");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, acts)
}

/// As [`printable`], for a message of several lines: line breaks and tabs stay.
///
/// ```
/// assert_eq!(twist_io::printable_lines("2 missing:\n  a\r\n  b"), "2 missing:\n  a\\r\n  b");
/// ```
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !matches!(c, '\n' | '\t') && acts(c))
}

fn escaped(text: &str, must_be: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&must_be) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if must_be(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something other than show itself.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Longest text from a file that an error shows, in characters: names of tensors are shorter.
const SHOWN: usize = 160;

/// A name or text from a file as an error shows it: on one line, without what a terminal would act upon, its middle left
/// out where it is long.
pub fn shown(text: &str) -> Cow<'_, str> {
    match shortened(text, SHOWN) {
        Cow::Borrowed(text) => printable(text),
        Cow::Owned(text) => Cow::Owned(printable(&text).into_owned()),
    }
}

/// A text without its middle where it has more than `most` bytes.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let cut = |at: usize| (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (head, tail) = (&text[..cut(most / 2)], &text[cut(text.len() - most / 2)..]);
    Cow::Owned(format!("{head} … {tail} ({} bytes)", text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out() {
        for (text, shown) in [
            ("a\nb\u{1b}[31m ä.jpg", "a\\nb\\u{1b}[31m ä.jpg"),
            ("photo\u{202e}gpj.exe", "photo\\u{202e}gpj.exe"),
            ("\u{9b}2J\r\t\u{7f}\0", "\\u{9b}2J\\r\\t\\u{7f}\\u{0}"),
            ("a\u{2028}b\u{feff}\u{2066}\u{e0041}", "a\\u{2028}b\\u{feff}\\u{2066}\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
            assert!(!printable(text).chars().any(acts));
        }
    }

    #[test]
    fn other_text_is_borrowed() {
        for text in ["", "cat.jpg", "日本語", "👩\u{200d}🚀", "क्\u{200d}ष", "C:\\x\\u{1b}"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
        assert!(matches!(printable_lines("a\nb"), Cow::Borrowed("a\nb")));
        assert_eq!(printable_lines("a\nb\u{1b}c"), "a\nb\\u{1b}c");
    }
}
