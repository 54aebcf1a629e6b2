//! Which labels training may see.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use twist_data::{Dataset, listed, subset};
use twist_io::{Refused, some_of};
use twist_model::ModelError;

use super::balanced::draw;
use super::in_memory;
use crate::EvalError;

/// How many lines of a list that fit no image are named.
const NAMED: usize = 3;

/// How many labels, or which.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelBudget {
    /// This many hundredths of the labelled images, drawn class-balanced by the seed; 100 takes them all.
    Percent(f64),
    /// The images that a file names: a published list, or what a person labelled; see [`twist_data::listed()`].
    File(PathBuf),
}

/// The images that are learned from, each with a label.
#[derive(Clone)]
pub struct LabelledImages {
    /// Nothing but labelled images.
    pub images: Arc<dyn Dataset>,
    /// Their part of the labelled images of the data set (of all its images where it has no labels), in hundredths.
    pub percent: f64,
    /// How they were chosen, for `protocol`.
    pub chosen: Value,
    /// What a person should know, such as lines of a list that fit no image.
    pub notes: Vec<String>,
}

impl LabelledImages {
    /// Chooses from `dataset`; `seed` decides draws.
    ///
    /// # Errors
    /// The images have no labels or fewer than two classes, or the file of labels does not fit.
    pub fn choose(dataset: &Arc<dyn Dataset>, budget: &LabelBudget, seed: u64) -> Result<Self, EvalError> {
        match budget {
            LabelBudget::Percent(percent) => Self::drawn(dataset, *percent, seed),
            LabelBudget::File(file) => Self::from_file(dataset, file),
        }
    }

    fn drawn(dataset: &Arc<dyn Dataset>, percent: f64, seed: u64) -> Result<Self, EvalError> {
        if !(percent > 0.0 && percent <= 100.0) {
            return Err(EvalError::Percent(percent));
        }
        let all = labelled(&**dataset);
        if all.is_empty() {
            return Err(ModelError::no_labels().into());
        }
        let wanted = (all.len() as f64 * percent / 100.0).round() as usize;
        let classes = dataset.classes();
        let images = draw(&all, classes.len(), wanted, seed);
        let chosen = json!({
            "percent": percent, "draw": "class-balanced, at least one image per class", "seed": seed,
        });
        Self::of(dataset, &images, classes.to_vec(), all.len(), chosen, Vec::new())
    }

    fn from_file(dataset: &Arc<dyn Dataset>, file: &std::path::Path) -> Result<Self, EvalError> {
        let found = listed(&**dataset, file)?;
        let of = match labelled(&**dataset).len() {
            0 => dataset.len(),
            labelled => labelled,
        };
        let mut notes = Vec::new();
        if let some @ [_, ..] = &found.unmatched[..] {
            let lines: Vec<String> =
                some.iter().take(NAMED).map(|(line, text)| format!("line {line}: {text}")).collect();
            let more = if some.len() > NAMED { ", …" } else { "" };
            notes.push(format!(
                "{}: {} of {} lines name no image of the data set ({}{more})",
                file.display(),
                some.len(),
                some.len() + found.images.len(),
                lines.join(", ")
            ));
        }
        if found.of_its_own {
            notes.push(format!(
                "{}: its labels are numbers and classes of their own; the classes of the data set ({}) are meant by their names",
                file.display(),
                some_of(dataset.classes(), NAMED)
            ));
        }
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
        let chosen = json!({ "file": name, "unmatched_lines": found.unmatched.len() });
        Self::of(dataset, &found.images, found.classes, of, chosen, notes)
    }

    fn of(
        dataset: &Arc<dyn Dataset>,
        images: &[(u32, u32)],
        classes: Vec<String>,
        of: usize,
        mut chosen: Value,
        mut notes: Vec<String>,
    ) -> Result<Self, EvalError> {
        let mut counts = vec![0usize; classes.len()];
        images.iter().for_each(|(_, class)| counts[*class as usize] += 1);
        let inhabited: Vec<usize> = (0..classes.len()).filter(|&class| counts[class] > 0).collect();
        if inhabited.len() < 2 {
            let named = inhabited
                .first()
                .map_or("no class".into(), |&class| format!("one class, {}", classes[class]));
            let remedy = "a classifier needs images of at least two classes";
            return Err(Refused::new(format!("the labels name {named}; {remedy}")).into());
        }
        let mut lower: BTreeMap<String, &str> = BTreeMap::new();
        for name in inhabited.iter().map(|&class| &classes[class]) {
            if let Some(other) = lower.insert(name.to_lowercase(), name) {
                notes.push(format!(
                    "the classes {other} and {name} differ only in case and are learned apart"
                ));
            }
        }
        chosen["images"] = images.len().into();
        chosen["of"] = of.into();
        chosen["classes"] = inhabited.len().into();
        chosen["images_per_class"] =
            json!([counts.iter().filter(|&&count| count > 0).min(), counts.iter().max()]);
        let members: Vec<(u32, Option<u32>)> =
            images.iter().map(|&(index, class)| (index, Some(class))).collect();
        let percent = 100.0 * images.len() as f64 / of.max(1) as f64;
        if chosen.get("percent").is_none() {
            chosen["percent"] = ((percent * 100.0).round() / 100.0).into();
        }
        Ok(Self { images: subset(Arc::clone(dataset), &members, classes)?, percent, chosen, notes })
    }

    /// The same; decoded images stay in memory, for a rehearsal and its run.
    pub fn in_memory(self) -> Self {
        Self { images: in_memory(&self.images), ..self }
    }
}

/// Index and class of every labelled image.
fn labelled(dataset: &dyn Dataset) -> Vec<(u32, u32)> {
    (0..dataset.len()).filter_map(|index| Some((index as u32, dataset.label(index)?))).collect()
}
