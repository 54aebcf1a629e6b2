//! Labels against discovered classes.

use serde::Serialize;

use crate::chart::{Heatmap, HeatmapInput};
use crate::classes::Classes;
use crate::run::Samples;
use crate::text::{count, percent, plural};

/// Labels and classes shown at most; beyond, a heat map says less than its list of errors.
const MOST_LABELS: usize = 100;
/// Classes without a label of their own that are shown beside the assigned ones.
const MOST_UNASSIGNED: usize = 20;
/// Confusions listed in words.
const LISTED: usize = 8;

#[derive(Serialize)]
pub(crate) struct Confusion {
    map: Heatmap,
    /// How many images are counted, and what is left out.
    scope: String,
    errors: Vec<Mistake>,
}

#[derive(Serialize)]
struct Mistake {
    label: String,
    class: String,
    mostly: String,
    count: String,
    share: String,
}

/// The confusion of `samples`; `None` without labels.
pub(crate) fn confusion(samples: &Samples, classes: &Classes) -> Option<Confusion> {
    if classes.labels.is_empty() {
        return None;
    }
    // Labels by frequency only decide which are shown; they keep their order.
    let total = |label: usize| classes.counts[label].values().sum::<u64>();
    let mut rows: Vec<usize> = (0..classes.labels.len()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(total(*row)));
    rows.truncate(MOST_LABELS);
    rows.sort_unstable();

    let holder =
        |row: usize| classes.classes.iter().position(|class| class.assigned == Some(classes.labels[row]));
    let mut columns: Vec<usize> = rows.iter().filter_map(|row| holder(*row)).collect();
    let spare: Vec<usize> =
        (0..classes.classes.len()).filter(|at| classes.classes[*at].assigned.is_none()).collect();
    columns.extend(spare.iter().take(MOST_UNASSIGNED));

    let counts: Vec<Vec<u64>> =
        rows.iter().map(|row| columns.iter().map(|at| classes.count(*row, *at)).collect()).collect();
    let diagonal: Vec<Option<usize>> = rows
        .iter()
        .map(|row| holder(*row).and_then(|at| columns.iter().position(|column| *column == at)))
        .collect();
    let row_names: Vec<String> = rows.iter().map(|row| samples.class_name(classes.labels[*row])).collect();
    let column_names: Vec<String> = columns.iter().map(|at| classes.classes[*at].name.clone()).collect();
    let map = Heatmap::new(&HeatmapInput {
        rows: &row_names,
        columns: &column_names,
        counts: &counts,
        diagonal: &diagonal,
    });

    let shown: u64 = counts.iter().flatten().sum();
    let mut scope = format!("{} with a label", plural(classes.labelled, "image", "images"));
    if !classes.unsure.is_empty() {
        scope += &format!("; the {} unsure ones are left out", count(classes.unsure.len() as u64));
    }
    if !classes.figures_count().is_empty() {
        scope += &format!("; ACC is counted {}", classes.figures_count());
    }
    if spare.len() > MOST_UNASSIGNED || classes.labels.len() > MOST_LABELS {
        scope += &format!(
            "; {} of them are in the {} labels and {} classes shown (of {} and {})",
            count(shown),
            rows.len(),
            columns.len(),
            count(classes.labels.len() as u64),
            count(classes.classes.len() as u64),
        );
    }
    Some(Confusion { map, scope, errors: errors(samples, classes) })
}

/// The largest counts of images that are in a class of another label: neither the one that is assigned to it, nor the one that
/// most of its images have. With more classes than labels, several classes may be right for a label.
fn errors(samples: &Samples, classes: &Classes) -> Vec<Mistake> {
    let mut wrong: Vec<(u64, usize, usize)> = Vec::new();
    for (row, counts) in classes.counts.iter().enumerate() {
        let own = Some(classes.labels[row]);
        let is_right = |at: usize| {
            let class = &classes.classes[at];
            class.assigned == own || class.majority.map(|(label, _)| label) == own
        };
        wrong.extend(counts.iter().filter(|(at, _)| !is_right(**at)).map(|(at, count)| (*count, row, *at)));
    }
    wrong.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    wrong
        .into_iter()
        .take(LISTED)
        .map(|(number, row, at)| {
            let total: u64 = classes.counts[row].values().sum();
            let class = &classes.classes[at];
            Mistake {
                label: samples.class_name(classes.labels[row]),
                class: class.name.clone(),
                mostly: class.majority.map(|(label, _)| samples.class_name(label)).unwrap_or_default(),
                count: count(number),
                share: percent(number as f64 / total as f64),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Naming, Verdicts};

    /// Two classes hold cats, one of them assigned to no label: no cat in it is an error.
    #[test]
    fn an_image_in_a_class_of_its_own_label_is_no_error() {
        let pairs = [(0, 0), (0, 0), (0, 0), (0, 1), (0, 1), (1, 1), (1, 2), (1, 2), (0, 2)];
        let mut samples = Samples {
            index: (0..9).collect(),
            label: pairs.map(|(label, _)| Some(label)).to_vec(),
            said: Verdicts {
                cluster: pairs.map(|(_, class)| class).to_vec(),
                confidence: vec![0.9; 9],
                second_cluster: vec![3; 9],
                second_confidence: vec![0.0; 9],
            },
            path: vec![String::new(); 9],
            ..Samples::default()
        };
        samples.merge(&Naming::default());
        let classes = Classes::of(&samples, &Naming::default());
        assert_eq!(
            classes.find(1).unwrap().assigned,
            None,
            "the second class of cats is assigned to nothing"
        );
        let found = errors(&samples, &classes);
        let told: Vec<_> = found.iter().map(|one| (one.label.as_str(), one.class.as_str())).collect();
        assert_eq!(told, [("label 0", "class 2"), ("label 1", "class 1")]);
    }
}
