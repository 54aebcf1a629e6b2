//! Every discovered class by its most confident and its borderline images.

use serde::Serialize;

use super::picture::{Picture, picture};
use crate::classes::{Class, Classes};
use crate::pictures::Book;
use crate::run::{Run, Samples};
use crate::text::{percent, plural};

/// Classes shown with images; the others are counted.
const MOST_CLASSES: usize = 100;
/// Images in all, which keeps the page to a few megabytes.
const MOST_IMAGES: usize = 900;

/// The gallery.
#[derive(Serialize)]
pub(crate) struct Gallery {
    cards: Vec<Card>,
    /// What is not shown.
    rest: Option<String>,
    has_labels: bool,
}

#[derive(Serialize)]
struct Card {
    name: String,
    /// Colour slot; `None` is gray.
    color: Option<usize>,
    number: u32,
    size: usize,
    size_text: String,
    majority: String,
    purity: Option<f64>,
    purity_text: String,
    /// Mean probability of the class over its images.
    confidence: String,
    confident: Vec<Picture>,
    borderline: Vec<Picture>,
}

/// The classes of `samples`.
pub(crate) fn gallery(run: &Run, samples: &Samples, classes: &Classes, book: &mut Book) -> Gallery {
    let shown = classes.classes.len().min(MOST_CLASSES);
    let per_class = MOST_IMAGES / shown.max(1);
    let confident = (per_class * 2 / 3).clamp(4, 24);
    let borderline = (per_class / 3).clamp(2, 8);
    let cards = classes.classes[..shown]
        .iter()
        .map(|class| card(run, samples, classes, class, book, (confident, borderline)))
        .collect();
    let hidden: usize = classes.classes[shown..].iter().map(|class| class.rows.len()).sum();
    let rest = (classes.classes.len() > shown).then(|| {
        format!(
            "The {shown} largest classes are shown; {} with together {} are not.",
            plural(classes.classes.len() - shown, "smaller class", "smaller classes"),
            plural(hidden, "image", "images"),
        )
    });
    Gallery { cards, rest, has_labels: !classes.labels.is_empty() }
}

fn card(
    run: &Run,
    samples: &Samples,
    classes: &Classes,
    class: &Class,
    book: &mut Book,
    (most_confident, most_borderline): (usize, usize),
) -> Card {
    let visible = |row: &&usize| run.thumbnails.contains_key(&samples.index[**row]);
    let mut confident: Vec<usize> = class.rows.iter().filter(visible).take(most_confident).copied().collect();
    let mut borderline: Vec<usize> =
        class.rows.iter().filter(visible).filter(|row| !confident.contains(row)).copied().collect();
    borderline.sort_by(|a, b| samples.margin(*a).total_cmp(&samples.margin(*b)));
    borderline.truncate(most_borderline);
    if confident.is_empty() {
        // Without thumbnails a few names still say what the class holds.
        confident = class.rows.iter().take(most_confident.min(4)).copied().collect();
    }

    let majority = class.majority.map(|(label, _)| label);
    let odd =
        |row: usize| samples.label[row].is_some() && majority.is_some() && samples.label[row] != majority;
    let mut show =
        |row: usize, caption: String| picture(run, samples, classes, book, (row, caption, odd(row)));
    let confidence = |row: usize| format!("{:.2}", samples.confidence[row]);
    let confident = confident.into_iter().map(|row| show(row, confidence(row))).collect();
    let borderline = borderline
        .into_iter()
        .map(|row| {
            // Without the leading zeros both numbers fit below a thumbnail.
            let [first, second] =
                [samples.confidence[row], samples.second_confidence[row]].map(|p| format!("{p:.2}"));
            show(row, format!("{} : {}", first.trim_start_matches('0'), second.trim_start_matches('0')))
        })
        .collect();
    let mean = class.rows.iter().map(|row| f64::from(samples.confidence[*row])).sum::<f64>()
        / class.rows.len() as f64;
    Card {
        name: class.name(),
        color: class.color,
        number: class.number,
        size: class.rows.len(),
        size_text: plural(class.rows.len(), "image", "images"),
        majority: majority.map(|label| samples.class_name(label)).unwrap_or_default(),
        purity: class.majority.map(|(_, share)| (share * 1000.0).round() / 10.0),
        purity_text: class.majority.map(|(_, share)| percent(share)).unwrap_or_default(),
        confidence: percent(mean),
        confident,
        borderline,
    }
}
