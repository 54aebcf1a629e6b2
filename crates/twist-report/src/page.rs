//! Puts the sections into the template.
//!
//! Everything that comes from files goes through the template engine's HTML escaping. Only what this crate made itself is
//! passed as it is: SVG of numbers, the style, the script, and [JSON](crate::shown).

use minijinja::value::Serde;
use minijinja::{HtmlEscape, Value, context};
use serde::Serialize;
use twist_io::printable_lines;

use crate::classes::{Classes, MOST_COLORS};
use crate::error::ReportError;
use crate::pictures::Book;
use crate::run::Run;
use crate::section::{RunView, compare};
use crate::shown;
use crate::study::Study;

const TEMPLATES: [(&str, &str); 8] = [
    ("page.html", include_str!("../templates/page.html")),
    ("run.html", include_str!("../templates/run.html")),
    ("pieces.html", include_str!("../templates/pieces.html")),
    ("compare.html", include_str!("../templates/compare.html")),
    ("style.css", include_str!("../templates/style.css")),
    ("nodes.js", include_str!("../templates/nodes.js")),
    ("map.js", include_str!("../templates/map.js")),
    ("script.js", include_str!("../templates/script.js")),
];

pub(crate) struct Page {
    pub(crate) html: String,
    /// Different pictures in it.
    pub(crate) pictures: usize,
}

#[derive(Serialize)]
struct Color {
    slot: usize,
    /// Degrees on the colour circle.
    hue: usize,
    /// Which of three strengths.
    tier: usize,
}

/// Renders the page of `runs`, of which `studies` were made.
pub(crate) fn render(runs: &[Run], studies: &[Study]) -> Result<Page, ReportError> {
    let mut environment = shown::environment();
    environment.add_filter("prose", prose);
    environment.add_filter("breakable", breakable);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    let names = distinct_names(runs);
    let mut book = Book::default();
    let views: Vec<RunView> =
        runs.iter().zip(studies).map(|(run, study)| RunView::new(run, study, &mut book)).collect();
    let comparison = (runs.len() > 1).then(|| compare(runs, &names));
    let slots =
        studies.iter().filter_map(|study| study.classes.as_ref()).map(Classes::colors).max().unwrap_or(0);
    let html = environment.get_template("page.html")?.render(context! {
        title => if let [name] = names.as_slice() { name.clone() } else { format!("{} runs", runs.len()) },
        names => names,
        runs => Value::from(Serde(&views)),
        comparison => Value::from(Serde(&comparison)),
        symbols => Value::from_safe_string(book.symbols.clone()),
        colors => Value::from(Serde(colors(slots))),
        version => env!("CARGO_PKG_VERSION"),
    })?;
    Ok(Page { html, pictures: book.len() })
}

/// A sentence whose `code` stands between backticks, as HTML: everything is escaped, code gets its element.
fn prose(sentence: &str) -> Value {
    let sentence = printable_lines(sentence);
    let pieces: Vec<&str> = sentence.split('`').collect();
    let paired = pieces.len() % 2 == 1;
    let mut html = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let escaped = HtmlEscape(piece);
        html += &match (paired, i % 2) {
            (true, 1) => format!("<code>{escaped}</code>"),
            (false, _) if i > 0 => format!("`{escaped}"),
            _ => escaped.to_string(),
        };
    }
    Value::from_safe_string(html)
}

/// A key as HTML, whose words may stand on lines of their own.
fn breakable(key: &str) -> Value {
    let escaped = HtmlEscape(&printable_lines(key)).to_string();
    Value::from_safe_string(escaped.replace('.', ".<wbr>").replace('_', "_<wbr>"))
}

/// Folder names, with a number behind those that occur twice.
fn distinct_names(runs: &[Run]) -> Vec<String> {
    runs.iter()
        .enumerate()
        .map(|(i, run)| {
            let twice = runs.iter().filter(|other| other.name == run.name).count() > 1;
            if twice { format!("{} ({})", run.name, i + 1) } else { run.name.clone() }
        })
        .collect()
}

/// Colours around the circle; neighbours differ in strength as well, which tells them apart when there are many.
fn colors(slots: usize) -> Vec<Color> {
    let slots = slots.clamp(1, MOST_COLORS);
    let tiers = match slots {
        0..=7 => 1,
        8..=20 => 2,
        _ => 3,
    };
    (0..slots).map(|slot| Color { slot, hue: (25 + slot * 360 / slots) % 360, tier: slot % tiers }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_sentences_gets_its_element_and_nothing_else_does() {
        let html = |text: &str| prose(text).to_string();
        assert_eq!(html("use `--resume` <b>"), "use <code>--resume</code> &lt;b&gt;");
        assert_eq!(html("a ` b"), "a ` b");
        assert_eq!(html("`<i>`"), "<code>&lt;i&gt;</code>");
    }

    #[test]
    fn a_key_breaks_between_its_words() {
        assert_eq!(breakable("knn.k_asked<").to_string(), "knn.<wbr>k_<wbr>asked&lt;");
    }

    #[test]
    fn colours_differ() {
        let all = colors(100);
        assert_eq!(all.len(), 100);
        let mut pairs: Vec<(usize, usize)> = all.iter().map(|color| (color.hue, color.tier)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), 100);
    }
}
