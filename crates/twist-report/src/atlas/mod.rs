//! What the map shows of each image, for the script that draws it in the report and in the served page.

mod packed;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use self::packed::Packed;
use crate::classes::Classes;
use crate::map::Layout;
use crate::run::Samples;

/// Whole numbers that stand for positions and probabilities between 0 and 1.
const STEPS: f32 = 65_535.0;

/// The label that a user gave each image, where the page knows it.
pub(crate) type Own<'a> = &'a dyn Fn(usize) -> Option<&'a str>;

/// The map in the form of [`packed`]. Columns: `x`, `y` and `sure` of 65,535; `class` and `label`, places in the lists `classes`
/// and `labels` of the header, the label one more and 0 for none; `unsure`, 1 for images in no class; `path`, empty where there
/// is none; `index` in the evaluated data; `row`, left out where it is the point's own place; and where `own` is known, `mine` as
/// `label`, for the list `own`. `more` goes into the header, and `columns` beside the others.
pub(crate) fn pack(
    map: &Layout,
    samples: &Samples,
    classes: &Classes,
    own: Option<Own<'_>>,
    more: Map<String, Value>,
    columns: &[(&str, Vec<u32>)],
) -> Vec<u8> {
    let mut packed = Packed::default();
    let of_rows = |value: &dyn Fn(usize) -> u32| -> Vec<u32> {
        map.rows.iter().map(|row| value(*row as usize)).collect()
    };
    let steps = |value: f32| (value.clamp(0.0, 1.0) * STEPS).round() as u32;
    for (name, axis) in [("x", 0), ("y", 1)] {
        let positions: Vec<u32> = map.positions.iter().map(|position| steps(position[axis])).collect();
        packed.numbers(name, &positions);
    }
    packed.numbers("sure", &of_rows(&|row| steps(samples.merged.confidence[row])));
    packed.numbers("unsure", &of_rows(&|row| u32::from(samples.unsure[row])));

    let mut table = Vec::new();
    let mut places: HashMap<u32, u32> = HashMap::new();
    // By colour, so that the legend runs like that of the labels.
    let mut ordered: Vec<_> = classes.classes.iter().collect();
    ordered.sort_by_key(|class| class.color.unwrap_or(usize::MAX));
    for class in ordered {
        let note = class.majority.map(|(label, _)| true_name(samples, label));
        places.insert(class.number, table.len() as u32);
        table.push(json!({ "number": class.number, "name": class.name, "color": class.color, "note": note }));
    }
    // Unsure images may be most likely in a class that no image is in.
    for row in &map.rows {
        let number = samples.merged.cluster[*row as usize];
        places.entry(number).or_insert_with(|| {
            table.push(
                json!({ "number": number, "name": classes.title(number), "color": null, "note": null }),
            );
            table.len() as u32 - 1
        });
    }
    packed.numbers("class", &of_rows(&|row| places[&samples.merged.cluster[row]]));

    let place = |label: u32| classes.labels.binary_search(&label).map_or(0, |place| place as u32 + 1);
    packed.numbers("label", &of_rows(&|row| samples.label[row].map_or(0, place)));
    let labels: Vec<Value> = classes
        .labels
        .iter()
        .map(|label| json!({ "name": true_name(samples, *label), "color": classes.label_color(*label) }))
        .collect();

    let mut facts = more;
    if let Some(own) = own {
        let (names, column) = own_labels(map, own);
        packed.numbers("mine", &column);
        facts.insert("own".into(), names.into());
    }
    packed.texts("path", map.rows.iter().map(|row| samples.path[*row as usize].as_str()));
    packed.numbers("index", &of_rows(&|row| samples.index[row]));
    if map.rows.iter().enumerate().any(|(place, row)| place != *row as usize) {
        packed.numbers("row", &map.rows);
    }
    columns.iter().for_each(|(name, values)| packed.numbers(name, values));
    for (key, value) in [
        ("points", map.rows.len().into()),
        ("of", map.of.into()),
        ("classes", table.into()),
        ("labels", labels.into()),
        ("colors", classes.colors().into()),
    ] {
        facts.insert(key.into(), value);
    }
    packed.finish(facts)
}

/// The name of a label as it is in the data: the script writes out what must not act on the page, tables keep it.
fn true_name(samples: &Samples, label: u32) -> String {
    samples.class_names.get(&label).cloned().unwrap_or_else(|| samples.class_name(label))
}

/// The labels that a user gave, in the order in which they appear, and their places in this list, one more; 0 for none.
fn own_labels(map: &Layout, own: Own<'_>) -> (Vec<Value>, Vec<u32>) {
    let mut names: Vec<Value> = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    let place = |row: &u32| {
        let Some(label) = own(*row as usize) else { return 0 };
        *places.entry(label).or_insert_with(|| {
            names.push(label.into());
            names.len() as u32
        })
    };
    let column = map.rows.iter().map(place).collect();
    (names, column)
}

#[cfg(test)]
mod tests {
    use super::packed::tests::Read;
    use super::*;
    use crate::run::{Naming, Verdicts};

    #[test]
    fn every_point_says_what_it_is() {
        let mut samples = Samples {
            index: vec![10, 11, 12, 13],
            label: vec![Some(5), None, Some(2), Some(5)],
            said: Verdicts {
                cluster: vec![3, 3, 1, 7],
                confidence: vec![1.0, 0.5, 0.75, 0.2],
                second_cluster: vec![0; 4],
                second_confidence: vec![0.0; 4],
            },
            embedding: vec![0.0; 4].into(),
            width: 1,
            path: ["a/0.png", "a/1.png", "", "b.png"].map(String::from).to_vec(),
            class_names: [(5, "dog\u{202e}".to_owned())].into(),
            ..Samples::default()
        };
        let mut names = twist_run::ClusterNames::new(8);
        names.set_unsure(Some(0.3)).unwrap();
        names.rename(3, "barkers").unwrap();
        let naming = Naming::from(names);
        samples.merge(&naming);
        let classes = Classes::of(&samples, &naming);
        let map = Layout { rows: vec![0, 2, 3], positions: vec![[0.0, 1.0], [0.5, 0.25], [1.0, 0.0]], of: 4 };
        let own: [Option<&str>; 4] = [None, Some("x"), Some("cat"), Some("cat")];
        let bytes = pack(&map, &samples, &classes, Some(&|row| own[row]), Map::new(), &[("tiles", vec![2])]);
        let read = Read::of(&bytes);
        assert_eq!((&read.header["points"], &read.header["of"]), (&json!(3), &json!(4)));
        assert_eq!(read.numbers("x"), [0, 32_768, 65_535]);
        assert_eq!(read.numbers("y"), [65_535, 16_384, 0]);
        assert_eq!(read.numbers("sure"), [65_535, 49_151, 13_107]);
        let class = read.numbers("class");
        let title = |place: usize| read.header["classes"][class[place] as usize]["name"].clone();
        assert_eq!([title(0), title(1), title(2)], [json!("barkers"), json!("class 1"), json!("class 7")]);
        assert_eq!((read.numbers("unsure"), read.numbers("label")), (vec![0, 0, 1], vec![2, 1, 2]));
        assert_eq!(read.header["labels"][1]["name"], "dog\u{202e}", "the script writes it out");
        assert_eq!(read.header["labels"][0]["name"], "label 2");
        assert_eq!((read.numbers("mine"), &read.header["own"]), (vec![0, 1, 1], &json!(["cat"])));
        assert_eq!(read.texts("path"), ["a/0.png", "", "b.png"]);
        assert_eq!((read.numbers("index"), read.numbers("row")), (vec![10, 12, 13], vec![0, 2, 3]));
        assert_eq!(read.numbers("tiles"), [2]);
    }
}
