//! What was run, and where.

use serde::Serialize;

use crate::run::Run;
use crate::text::words;

/// The recipe, the plan and the environment.
#[derive(Serialize)]
pub(crate) struct Setup {
    /// `config.toml`, in pieces to colour; `None` when it is missing.
    recipe: Option<Vec<Piece>>,
    plan: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    path: String,
}

/// A piece of a recipe.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Piece {
    /// `head`, `key`, `note` or `text`.
    kind: &'static str,
    text: String,
}

pub(crate) fn setup(run: &Run) -> Setup {
    let environment = run.log.start.as_ref().map(|start| {
        let fields = crate::run::flatten_json(&serde_json::to_value(start).unwrap_or_default());
        // What an old log does not say is empty or 0.
        let known = fields.into_iter().filter(|(_, value)| !value.is_empty() && value != "0");
        known.map(|(key, value)| (words(&key), value)).collect()
    });
    Setup {
        recipe: run.recipe.as_ref().map(|recipe| pieces(&recipe.text)),
        plan: run.plan.clone(),
        environment: environment.unwrap_or_default(),
        path: run.path.display().to_string(),
    }
}

/// Cuts a TOML text into pieces that together are the text again. It colours, it does not parse: a `#` inside a string
/// is told from a comment by counting quotes.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for line in text.split_inclusive('\n') {
        let (code, comment) = line.split_at(comment_start(line));
        if code.trim_start().starts_with('[') {
            push(&mut pieces, "head", code);
        } else if let Some(equals) = code.find('=') {
            push(&mut pieces, "key", &code[..equals]);
            push(&mut pieces, "text", &code[equals..]);
        } else {
            push(&mut pieces, "text", code);
        }
        push(&mut pieces, "note", comment);
    }
    pieces
}

fn comment_start(line: &str) -> usize {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '#' if !quoted => return at,
            _ => {}
        }
    }
    line.len()
}

fn push(pieces: &mut Vec<Piece>, kind: &'static str, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece { kind, text: text.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text_again() {
        let text = "# claim\n[model]\narch = \"a#b\"  # note\n\n[[views]]\nmean = [\n  1,\n]";
        let cut = pieces(text);
        assert_eq!(cut.iter().map(|piece| piece.text.as_str()).collect::<String>(), text);
        let of = |kind| cut.iter().filter(|p| p.kind == kind).map(|p| p.text.trim()).collect::<Vec<_>>();
        assert_eq!(of("head"), ["[model]", "[[views]]"]);
        assert_eq!(of("key"), ["arch", "mean"]);
        assert_eq!(of("note"), ["# claim", "# note"]);
    }
}
