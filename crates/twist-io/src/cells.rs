//! Text in the cells of CSV files that people open in spreadsheets.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, so a file's name can become a program
//! (<https://owasp.org/www-community/attacks/CSV_Injection>). The rule of every CSV file that Twist writes: such text gets
//! an apostrophe in front, which spreadsheets take for "this is text". So does text with a tab or a line break in front, and
//! text that looks as if the apostrophe had been put there already. Reading takes it away again, so what was written
//! comes back. Numbers stay numbers.

use std::borrow::Cow;

/// The mark of text.
const MARK: char = '\'';

/// Whether text that begins with this could be taken for something else than text.
fn is_special(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n')
}

/// Whether the text needs the mark, or looks as if it had it.
fn needs_mark(text: &str) -> bool {
    let rest = text.trim_start_matches(MARK);
    rest.starts_with(is_special)
}

/// Text as it stands in a cell of a CSV file.
pub fn text_to_cell(text: &str) -> Cow<'_, str> {
    if needs_mark(text) { Cow::Owned(format!("{MARK}{text}")) } else { Cow::Borrowed(text) }
}

/// The text that [`text_to_cell`] made a cell of. Cells from elsewhere stay as they are, unless they have the mark.
pub fn text_of_cell(cell: &str) -> &str {
    match cell.strip_prefix(MARK) {
        Some(text) if needs_mark(text) => text,
        _ => cell,
    }
}

/// Whether a cell holds further lines of its table: a quote that opens and does not close takes in everything up to the next
/// quote. A name may have a line break, but hardly a comma as well.
pub fn has_further_lines(cell: &str) -> bool {
    cell.contains(['\n', '\r']) && cell.contains(',')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_marked_as_text() {
        for (text, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("-2.png", "'-2.png"),
            ("+1", "'+1"),
            ("@eaDir/a.jpg", "'@eaDir/a.jpg"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("cats/1.png", "cats/1.png"),
            ("'tis", "'tis"),
            ("", ""),
        ] {
            assert_eq!((&*text_to_cell(text), text_of_cell(cell)), (cell, text));
        }
    }

    #[test]
    fn a_quote_that_does_not_close_is_seen() {
        for (cell, torn) in
            [("cat\nb.png,dog\n", true), ("a.png,cat\r\nb.png", true), ("two\nlines", false), ("a, b", false)]
        {
            assert_eq!(has_further_lines(cell), torn, "{cell:?}");
        }
    }

    proptest! {
        #[test]
        fn text_comes_back_and_is_never_a_formula(text in "['=+@\\-\t a]{0,6}") {
            let cell = text_to_cell(&text);
            prop_assert!(!cell.starts_with(is_special));
            prop_assert_eq!(text_of_cell(&cell), text.as_str());
        }
    }
}
