//! Which images to label next, and the table in which to write the labels.
//!
//! A label tells most where the network hesitates, and a classifier needs some of every kind. So the classes take turns, the
//! largest first, and each offers its image of the smallest margin; an image that is nearly the same as one that was chosen
//! already is passed over.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;

use twist_io::read_small;
use twist_run::{files, labels_in};

use crate::classes::Classes;
use crate::error::ReportError;
use crate::map::similarity;
use crate::people;
use crate::run::Samples;

/// Images proposed of each class …
const PER_CLASS: usize = 10;
/// … and in all.
const MOST: usize = 300;
/// An image this similar to a chosen one adds nothing.
const SAME: f32 = 0.98;
/// The least hesitant images of a large class are not candidates: at most this many of each are looked at.
const CANDIDATES: usize = 400;

/// Rows of `samples` to label, the most useful first. `known` are rows whose label a user gave already.
pub(crate) fn propose(samples: &Samples, known: &HashSet<usize>) -> Vec<usize> {
    let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for row in 0..samples.len() {
        groups.entry(samples.merged.cluster[row]).or_default().push(row);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut queues: Vec<_> = groups
        .into_iter()
        .map(|mut rows| {
            rows.sort_by(|a, b| samples.margin(*a).total_cmp(&samples.margin(*b)).then(a.cmp(b)));
            rows.into_iter().take(CANDIDATES)
        })
        .collect();

    let point = |row: usize| &samples.embedding[row * samples.width..(row + 1) * samples.width];
    let same = |a: usize, b: usize| similarity(point(a), point(b)) >= SAME;
    // A selection of the map may have labelled thousands: a candidate is compared with those of its own class, where a copy would be.
    let mut labelled: HashMap<u32, Vec<usize>> = HashMap::new();
    known.iter().for_each(|row| labelled.entry(samples.merged.cluster[*row]).or_default().push(*row));
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..PER_CLASS {
        for queue in &mut queues {
            let new = queue.find(|row| {
                let like = |others: &[usize]| others.iter().any(|other| same(*row, *other));
                let own = labelled.get(&samples.merged.cluster[*row]).map_or(&[][..], Vec::as_slice);
                !known.contains(row) && !like(&chosen) && !like(own)
            });
            if let Some(row) = new.filter(|_| chosen.len() < MOST) {
                chosen.push(row);
            }
        }
    }
    chosen
}

/// Rows of `samples` whose image has a label in the table of the served page or in a filled-in table of proposals, both in the
/// folder `run`. A file that is not such a table has none.
pub(crate) fn labelled(samples: &Samples, run: &Path) -> HashSet<usize> {
    let read = |name: &str| labels_in(&read_small(run.join(name)).ok()?).ok();
    let given: Vec<_> = [files::LABELS, files::LABEL_NEXT].into_iter().filter_map(read).collect();
    let has = |row: &usize| given.iter().any(|given| given.of(&samples.path[*row]).is_some());
    (0..samples.len()).filter(has).collect()
}

/// Whether a user has begun to fill in the table at `path`, which then must not be overwritten.
pub(crate) fn is_filled_in(path: &Path) -> bool {
    // What cannot be read may be filled in.
    let bytes = match read_small(path) {
        Ok(bytes) => bytes,
        Err(error) => return error.kind() != ErrorKind::NotFound,
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes.as_slice());
    let Ok(header) = reader.byte_headers().cloned() else { return true };
    let Some(at) = header.iter().position(|name| name == b"label") else { return true };
    reader.byte_records().any(|record| match record {
        Ok(record) => record.get(at).is_some_and(|label| !label.trim_ascii().is_empty()),
        Err(_) => true,
    })
}

/// Writes `path,cluster,name,label,probability,margin`, one row an image; `label` is empty, for a person to fill in.
///
/// # Errors
/// The disk is full or read-only.
pub(crate) fn write(
    path: &Path,
    samples: &Samples,
    classes: &Classes,
    rows: &[usize],
) -> Result<(), ReportError> {
    let row = |row: &usize| {
        let margin = format!("{:.4}", samples.margin(*row));
        (people::row(samples, classes, *row, ""), [margin])
    };
    people::write(path, ["margin"], rows.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Naming, Verdicts};

    /// Six images of two classes; the first two of class 0 have the same features.
    fn samples() -> Samples {
        let margins = [0.1, 0.15, 0.5, 0.3, 0.2, 0.9];
        let points = [[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]];
        let mut samples = Samples {
            index: (0..6).collect(),
            label: vec![None; 6],
            said: Verdicts {
                cluster: vec![0, 0, 0, 0, 1, 1],
                confidence: margins.iter().map(|margin| 0.05 + margin).collect(),
                second_cluster: vec![2; 6],
                second_confidence: vec![0.05; 6],
            },
            embedding: points.concat().into(),
            width: 2,
            path: (0..6).map(|i| format!("a,{i}.png")).collect(),
            ..Samples::default()
        };
        samples.merge(&Naming::default());
        samples
    }

    #[test]
    fn images_with_a_label_in_the_folder_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let samples = samples();
        let write = |name: &str, text: String| fs_err::write(folder.path().join(name), text).unwrap();
        assert!(labelled(&samples, folder.path()).is_empty());
        write("labels.csv", format!("path,label\n\"{}\",red\nelsewhere.png,red\n", samples.path[4]));
        let [first, second] = [0, 3].map(|row: usize| &samples.path[row]);
        write("label_next.csv", format!("path,label,margin\n\"{first}\",,0.1\n\"{second}\",blue,0.2\n"));
        assert_eq!(labelled(&samples, folder.path()), HashSet::from([3, 4]));
        write("labels.csv", "no table".into());
        assert_eq!(labelled(&samples, folder.path()), HashSet::from([3]));
    }

    #[test]
    fn classes_take_turns_and_copies_are_passed_over() {
        assert_eq!(propose(&samples(), &HashSet::new()), [0, 4, 3, 5, 2]);
        assert_eq!(propose(&samples(), &HashSet::from([4])), [0, 5, 3, 2]);
    }

    #[test]
    fn a_table_that_someone_filled_in_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("label_next.csv");
        assert!(!is_filled_in(&path));
        let samples = samples();
        let classes = Classes::of(&samples, &Naming::default());
        write(&path, &samples, &classes, &[0, 4]).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "path,cluster,name,label,probability,margin\n\"a,0.png\",0,class 0,,0.1500,0.1000\n\"a,4.png\",1,class 1,,0.2500,0.2000\n"
        );
        assert!(!is_filled_in(&path));
        fs_err::write(&path, text.replace("class 1,,", "class 1,cat,")).unwrap();
        assert!(is_filled_in(&path));
        fs_err::write(&path, "other\n1\n").unwrap();
        assert!(is_filled_in(&path), "what is not ours stays");
    }
}
