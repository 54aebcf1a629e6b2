//! Which runs can be judged by their figures.
//!
//! Figures can be held against each other when the runs are finished, learned from the same images and were measured on the
//! same images in the same way. What they cost can when, on top of that, recipe and machine are the same, the seed aside.

use crate::run::{Origin, Run};

pub(super) struct Comparable {
    /// Their positions: the largest group of at least two, of groups of one size the first; empty without such a group.
    pub(super) runs: Vec<usize>,
    /// Whether time, speed and memory are comparable too.
    pub(super) costs: bool,
    /// How many runs have come to their end and say how they were measured.
    pub(super) judged: usize,
    pub(super) differences: Vec<&'static str>,
}

pub(super) fn comparable(runs: &[Run]) -> Comparable {
    let measured: Vec<Option<Vec<String>>> = runs.iter().map(measured).collect();
    let differ = |at: usize| {
        let mut values = measured.iter().flatten().map(|own| &own[at]);
        let first = values.next();
        values.any(|other| Some(other) != first)
    };
    let differences = (0..CONDITIONS.len()).filter(|at| differ(*at)).map(|at| CONDITIONS[at]).collect();
    let judged = measured.iter().flatten().count();
    let alike = |own: &Vec<String>| -> Vec<usize> {
        (0..runs.len()).filter(|at| measured[*at].as_ref() == Some(own)).collect()
    };
    let groups = measured.iter().flatten().map(alike).filter(|group| group.len() > 1);
    // Of equally large ones the last is taken, hence the first from behind.
    let group = groups.rev().max_by_key(Vec::len).unwrap_or_default();
    let mut costs = group.iter().map(|at| trained(&runs[*at]));
    let first = costs.next().flatten();
    let costs = first.is_some() && costs.all(|other| other == first);
    Comparable { runs: group, costs, judged, differences }
}

/// What has to be the same for figures to be comparable, in the order of [`measured`].
const CONDITIONS: [&str; 7] = [
    "the training images",
    "the images that they were measured on",
    "the number of images that they were measured on",
    "the number of classes",
    "how k-NN was measured",
    "how images were resized and cropped",
    "the arithmetic",
];

/// What has to be the same for figures to be comparable; `None` for a run whose figures are not to be judged.
fn measured(run: &Run) -> Option<Vec<String>> {
    let last = run.measured.as_ref().filter(|measured| measured.origin == Origin::Final);
    let protocol = &last.filter(|_| run.log.is_finished())?.metrics.protocol;
    let trained_on = run.data_fingerprint()?;
    let evaluated_on = protocol.get("evaluated_on")?.as_str()?;
    let held_out = if evaluated_on == "training images" { "" } else { run.held_out.as_deref()? };
    let values = ["evaluated_images", "clusters", "knn", "transform", "precision"]
        .map(|key| protocol.get(key).map(ToString::to_string).unwrap_or_default());
    Some([trained_on, held_out].map(str::to_owned).into_iter().chain(values).collect())
}

/// What has to be the same for costs to be comparable: recipe and machine.
fn trained(run: &Run) -> Option<Vec<(String, String)>> {
    let start = run.log.start.as_ref()?;
    let recipe = run.recipe.as_ref()?.entries.iter().filter(|(key, _)| key != "train.seed").cloned();
    let machine = [("device", start.device.clone()), ("threads", start.threads.to_string())]
        .map(|(key, value)| (key.to_owned(), value));
    Some(recipe.chain(machine).collect())
}
