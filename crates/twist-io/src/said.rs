//! What people read of an error or a message.

use std::error::Error;

use crate::{printable, shortened};

/// Longest message, in bytes.
const LONGEST: usize = 1 << 14;

/// An error and its causes in one text, without a cause whose words the text has already: many errors quote what the
/// operating system said, and `failed to open file …` in front of it says no more.
pub fn error_text(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let text = causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        let news = if cause.starts_with("failed to ") {
            cause.rsplit(": ").next().unwrap_or(&cause)
        } else {
            &cause
        };
        if text.contains(news) { text } else { format!("{text}: {cause}") }
    });
    message_text(&text)
}

/// A message that a terminal shows as it is, and that nobody has to scroll through: it may quote a file without line breaks.
/// Further lines of a message are indented; every other line break is one of a name, and is written out.
pub fn message_text(message: &str) -> String {
    let mut shown = String::new();
    for (number, line) in shortened(message, LONGEST).split('\n').enumerate() {
        let is_further = line.starts_with(' ');
        shown += match number {
            0 => "",
            _ if is_further => "\n",
            _ => "\\n",
        };
        shown += &printable(line);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{error_text, message_text};
    use crate::Refused;

    #[test]
    fn no_name_begins_a_line() {
        assert_eq!(
            message_text("skipped a\nerror: b\u{1b}[2J\t.png: damaged"),
            "skipped a\\nerror: b\\u{1b}[2J\\t.png: damaged"
        );
        assert_eq!(message_text("2 tensors\n  1 missing:\n    a"), "2 tensors\n  1 missing:\n    a");
    }

    #[test]
    fn a_cause_is_said_once() {
        let denied = || std::io::Error::other("denied");
        let quoting = Refused::new("cannot list a").because("denied. Ask for the right").caused_by(denied());
        assert_eq!(error_text(&quoting), "cannot list a: denied. Ask for the right");
        let io = fs_err::read("/no/such/file").unwrap_err();
        let said = format!("cannot read /no/such/file: {}", std::io::Error::from_raw_os_error(2));
        assert_eq!(error_text(&Refused::new("x").because(&said).caused_by(io)), format!("x: {said}"));
        let silent = Refused::new("cannot list a").because("it is so").caused_by(denied());
        assert_eq!(error_text(&silent), "cannot list a: it is so: denied");
    }
}
