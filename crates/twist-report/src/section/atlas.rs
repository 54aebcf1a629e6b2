//! The map of the embeddings.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::classes::{Class, Classes};
use crate::map::layout;
use crate::pictures::{Sheet, sheet};
use crate::run::{Run, Samples, Thumbnail};
use crate::shown::embedded;
use crate::text::count;

/// Side of the map's coordinate system.
const SIDE: f32 = 1000.0;
/// Room around the points.
const EDGE: f32 = 16.0;
/// Entries of the legend.
const MOST_ENTRIES: usize = 100;

#[derive(Serialize)]
pub(crate) struct Atlas {
    /// Circles, and numbers beside those that many images share: trusted SVG, made of numbers only.
    points: String,
    shown: usize,
    scope: String,
    classes: Vec<Entry>,
    labels: Vec<Entry>,
    sheet: Option<Sheet>,
    /// For the tooltip: names and what each point is.
    data: String,
    radius: f32,
}

/// One line of a legend.
#[derive(Serialize)]
struct Entry {
    name: String,
    color: Option<usize>,
    /// What the points of this entry are marked with.
    key: u32,
    note: String,
}

/// The map of `samples`; `None` when they are too few.
pub(crate) fn atlas(run: &Run, samples: &Samples, classes: &Classes) -> Option<Atlas> {
    let thumbnail = |row: usize| run.thumbnails.get(&samples.index[row]);
    let map = layout(&samples.embedding, samples.width, &|row| thumbnail(row).is_some())?;

    let mut points = String::new();
    let slot = |color: Option<usize>| color.map_or_else(|| "x".to_owned(), |slot| slot.to_string());
    let class_color = |row: usize| {
        let class = classes.find(samples.merged.cluster[row]).filter(|_| !samples.unsure[row]);
        class.and_then(|class| class.color)
    };
    let label_color = |row: usize| samples.label[row].and_then(|label| classes.label_color(label));
    for (row, [x, y]) in map.rows.iter().zip(&map.positions) {
        let place = |value: f32| EDGE + value * (SIDE - 2.0 * EDGE);
        let (by_class, by_label) = (slot(class_color(*row)), slot(label_color(*row)));
        points += &format!(
            r#"<circle cx="{:.0}" cy="{:.0}" class="c{by_class} l{by_label}"/>"#,
            place(*x),
            place(*y)
        );
    }

    let radius = if map.rows.len() > 800 { 6.0 } else { 8.5 };
    let spots: Vec<[f32; 2]> =
        map.positions.iter().map(|spot| spot.map(|value| EDGE + value * (SIDE - 2.0 * EDGE))).collect();
    // The fullest come first; a number that would lie on one of them is left to the tooltip.
    let mut written: Vec<[f32; 2]> = Vec::new();
    for ([x, y], many) in piles(&spots, radius) {
        if written.iter().all(|other| (other[0] - x).abs() > WORD[0] || (other[1] - y).abs() > WORD[1]) {
            // At the right edge the number stands before the point.
            let (side, beside) = match x + WORD[0] > SIDE {
                true => (r#" class="before""#, x - radius - 3.0),
                false => ("", x + radius + 3.0),
            };
            points += &format!(r#"<text{side} x="{beside:.0}" y="{:.0}">×{many}</text>"#, y + 5.0);
            written.push([x, y]);
        }
    }
    let pictures: Vec<Option<&Thumbnail>> = map.rows.iter().map(|row| thumbnail(*row)).collect();
    let column = |value: &dyn Fn(usize) -> serde_json::Value| {
        map.rows.iter().map(|row| value(*row)).collect::<Vec<_>>()
    };
    let data = json!({
        "image": column(&|row| samples.index[row].into()),
        "path": column(&|row| samples.path[row].as_str().into()),
        "class": column(&|row| samples.merged.cluster[row].into()),
        "sure": column(&|row| ((f64::from(samples.merged.confidence[row]) * 1000.0).round() / 1000.0).into()),
        "label": column(&|row| samples.label[row].map_or(serde_json::Value::Null, Into::into)),
        "titles": classes.classes.iter().map(|class| (class.number.to_string(), class.name.as_str().into()))
            .collect::<serde_json::Map<_, _>>(),
        "seen": pictures.iter().map(|picture| u8::from(picture.is_some())).collect::<Vec<_>>(),
        "names": classes.labels.iter().map(|label| (label.to_string(), samples.class_name(*label).into()))
            .collect::<serde_json::Map<_, _>>(),
    });
    let scope = if map.rows.len() < map.of {
        format!("{} of {} images, chosen at random", count(map.rows.len() as u64), count(map.of as u64))
    } else {
        format!("all {} images", count(map.of as u64))
    };
    Some(Atlas {
        points,
        shown: map.rows.len(),
        scope,
        classes: legend_of_classes(samples, classes),
        labels: legend_of_labels(samples, classes),
        sheet: sheet(&pictures),
        data: embedded(&data),
        radius,
    })
}

/// Room of a number beside a point.
const WORD: [f32; 2] = [80.0, 28.0];
/// Images on one spot of the map, from which on their number is written beside it.
const PILE: usize = 10;

/// Spots that at least [`PILE`] points share, as far as one can see, with their number. Points within `radius` of each other
/// are looked for by a grid of that width; each is counted once, for the fullest spot near it.
fn piles(spots: &[[f32; 2]], radius: f32) -> Vec<([f32; 2], usize)> {
    let cell = |spot: &[f32; 2]| spot.map(|value| (value / radius) as i32);
    let mut cells: BTreeMap<[i32; 2], Vec<usize>> = BTreeMap::new();
    spots.iter().enumerate().for_each(|(i, spot)| cells.entry(cell(spot)).or_default().push(i));
    let mut fullest: Vec<([i32; 2], usize)> = cells.iter().map(|(at, inside)| (*at, inside.len())).collect();
    fullest.sort_by_key(|(at, number)| (std::cmp::Reverse(*number), *at));
    let mut piles = Vec::new();
    for ([column, row], _) in fullest {
        let Some(own) = cells.remove(&[column, row]) else { continue };
        let centre = [0, 1].map(|axis| own.iter().map(|i| spots[*i][axis]).sum::<f32>() / own.len() as f32);
        let mut number = own.len();
        for at in (-1..=1).flat_map(|x| (-1..=1).map(move |y| [column + x, row + y])) {
            let Some(inside) = cells.get_mut(&at) else { continue };
            let before = inside.len();
            inside.retain(|i| (spots[*i][0] - centre[0]).hypot(spots[*i][1] - centre[1]) > radius);
            number += before - inside.len();
        }
        if number >= PILE {
            piles.push((centre, number));
        }
    }
    piles.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    piles
}

/// Classes by colour, so that the legend runs like that of the labels.
fn legend_of_classes(samples: &Samples, classes: &Classes) -> Vec<Entry> {
    let mut ordered: Vec<&Class> = classes.classes.iter().collect();
    ordered.sort_by_key(|class| class.color.unwrap_or(usize::MAX));
    let meaning =
        |class: &Class| class.majority.map(|(label, _)| samples.class_name(label)).unwrap_or_default();
    ordered
        .into_iter()
        .take(MOST_ENTRIES)
        .map(|class| Entry {
            name: class.name.clone(),
            color: class.color,
            key: class.number,
            note: meaning(class),
        })
        .collect()
}

fn legend_of_labels(samples: &Samples, classes: &Classes) -> Vec<Entry> {
    let entry = |label: &u32| Entry {
        name: samples.class_name(*label),
        color: classes.label_color(*label),
        key: *label,
        note: String::new(),
    };
    classes.labels.iter().take(MOST_ENTRIES).map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_coincide_are_counted_once() {
        // Twenty around one spot that lies on the corner of four cells, nine on another, and a line of single ones.
        let around = (0..20).map(|i| [599.0 + (i % 3) as f32, 599.0 + (i % 2) as f32]);
        let few = (0..9).map(|_| [100.0, 100.0]);
        let line = (0..40).map(|i| [20.0 * i as f32, 300.0]);
        let spots: Vec<[f32; 2]> = around.chain(few).chain(line).collect();
        let found = piles(&spots, 6.0);
        assert_eq!(found.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [20]);
        assert!((found[0].0[0] - 600.0).abs() < 3.0 && (found[0].0[1] - 600.0).abs() < 3.0);
    }
}
