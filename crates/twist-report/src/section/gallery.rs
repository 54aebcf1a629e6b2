//! Every discovered class by its most confident and its borderline images.

use serde::Serialize;

use super::picture::{Album, Picture};
use crate::classes::Class;
use crate::text::{count, percent, plural};

/// Classes shown with images; the others are counted.
const MOST_CLASSES: usize = 100;
/// Images in all, which keeps the page to a few megabytes.
const MOST_IMAGES: usize = 900;
/// Images shown by name if none has a picture.
pub(crate) const MOST_NAMES: usize = 4;
/// Unsure images shown.
const MOST_UNSURE: usize = 24;

#[derive(Serialize)]
pub(crate) struct Gallery {
    cards: Vec<Card>,
    /// What is not shown.
    rest: Option<String>,
    unsure: Option<Unsure>,
    has_labels: bool,
}

/// Images that are in no class, because the network is less sure of them than a user asked for.
#[derive(Serialize)]
struct Unsure {
    text: String,
    pictures: Vec<Picture>,
}

#[derive(Serialize)]
struct Card {
    name: String,
    /// The outputs that were merged into it: "outputs 3, 7"; empty when it is one.
    parts: String,
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

pub(crate) fn gallery(album: &mut Album<'_>) -> Gallery {
    let classes = album.classes;
    let shown = classes.classes.len().min(MOST_CLASSES);
    let per_class = MOST_IMAGES / shown.max(1);
    let confident = (per_class * 2 / 3).clamp(4, 24);
    let borderline = (per_class / 3).clamp(2, 8);
    let cards =
        classes.classes[..shown].iter().map(|class| card(album, class, (confident, borderline))).collect();
    let hidden: usize = classes.classes[shown..].iter().map(|class| class.rows.len()).sum();
    let rest = (classes.classes.len() > shown).then(|| {
        format!(
            "The {shown} largest classes are shown. Not shown: {} with {} in all.",
            plural(classes.classes.len() - shown, "smaller class", "smaller classes"),
            plural(hidden, "image", "images"),
        )
    });
    let unsure = unsure(album);
    Gallery { cards, rest, unsure, has_labels: !classes.labels.is_empty() }
}

fn unsure(album: &mut Album<'_>) -> Option<Unsure> {
    let (rows, samples) = (&album.classes.unsure, album.samples);
    let mut shown: Vec<usize> =
        rows.iter().copied().filter(|row| album.has(*row)).take(MOST_UNSURE).collect();
    if shown.is_empty() {
        shown = rows.iter().take(MOST_NAMES).copied().collect();
    }
    let caption = |row: usize| format!("{:.2}", samples.merged.confidence[row]);
    let pictures = shown.into_iter().map(|row| album.picture(row, caption(row), false)).collect();
    let text = format!(
        "{} of {} with a probability below {} for every class",
        plural(rows.len(), "image", "images"),
        count(samples.len() as u64),
        percent(album.run.naming.unsure_below()),
    );
    (!rows.is_empty()).then_some(Unsure { text, pictures })
}

fn card(album: &mut Album<'_>, class: &Class, (most_confident, most_borderline): (usize, usize)) -> Card {
    let samples = album.samples;
    let visible = |row: &&usize| album.has(**row);
    let turns = class.rows_by_turns(samples);
    let mut confident: Vec<usize> = turns.iter().filter(visible).take(most_confident).copied().collect();
    let mut borderline: Vec<usize> =
        class.rows.iter().filter(visible).filter(|row| !confident.contains(row)).copied().collect();
    borderline.sort_by(|a, b| samples.margin(*a).total_cmp(&samples.margin(*b)));
    borderline.truncate(most_borderline);
    if confident.is_empty() {
        // Without thumbnails a few names still say what the class holds.
        confident = turns.into_iter().take(most_confident.min(MOST_NAMES)).collect();
    }

    let majority = class.majority.map(|(label, _)| label);
    let odd =
        |row: usize| samples.label[row].is_some() && majority.is_some() && samples.label[row] != majority;
    let mut show = |row: usize, caption: String| album.picture(row, caption, odd(row));
    let confidence = |row: usize| format!("{:.2}", samples.merged.confidence[row]);
    let confident = confident.into_iter().map(|row| show(row, confidence(row))).collect();
    let borderline = borderline
        .into_iter()
        .map(|row| {
            // Without the leading zeros both numbers fit below a thumbnail.
            let [first, second] = [samples.merged.confidence[row], samples.merged.second_confidence[row]]
                .map(|p| format!("{p:.2}"));
            show(row, format!("{} : {}", first.trim_start_matches('0'), second.trim_start_matches('0')))
        })
        .collect();
    let mean = class.rows.iter().map(|row| f64::from(samples.merged.confidence[*row])).sum::<f64>()
        / class.rows.len() as f64;
    Card {
        name: class.name.clone(),
        parts: match class.parts.as_slice() {
            [_] | [] => String::new(),
            parts => {
                let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
                format!("outputs {}", parts.join(", "))
            }
        },
        color: class.color,
        number: class.number,
        size: class.rows.len(),
        size_text: match class.unsure {
            0 => plural(class.rows.len(), "image", "images"),
            unsure => {
                format!("{} + {} unsure", plural(class.rows.len(), "image", "images"), count(unsure as u64))
            }
        },
        majority: majority.map(|label| samples.class_name(label)).unwrap_or_default(),
        purity: class.majority.map(|(_, share)| (share * 1000.0).round() / 10.0),
        purity_text: class.majority.map(|(_, share)| percent(share)).unwrap_or_default(),
        confidence: percent(mean),
        confident,
        borderline,
    }
}
