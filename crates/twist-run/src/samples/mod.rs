//! What the network said of every evaluated image: `embeddings.parquet`, and the same for people in `images.csv`.
//!
//! [`column`](mod@column) names the columns. Older tables have the number of the label as `label` and its name and the path in
//! `images.csv` (`index,path,label,class`), `confidence` for `probability`, the second class as `second_cluster` and `second_confidence`, and
//! perhaps no lists. Other widths of the same kind are read as well.

mod cells;
mod read;

use crate::Groups;

/// The columns of `embeddings.parquet`.
pub mod column {
    /// Text: the image's path.
    pub const PATH: &str = "path";
    /// i32: the most probable class.
    pub const CLUSTER: &str = "cluster";
    /// Text: what that class is called.
    pub const NAME: &str = "name";
    /// Text: the name of the class that the data set gives the image, null where it gives none.
    pub const LABEL: &str = "label";
    /// f32: the probability of the class.
    pub const PROBABILITY: &str = "probability";
    /// i32: the image's place in the data set.
    pub const INDEX: &str = "index";
    /// i32: the number of the label among the data set's classes, two of which may have one name.
    pub const LABEL_INDEX: &str = "label_index";
    /// Lists of i32: the most probable classes, best first. What the probability of merged ones is added up from.
    pub const CLUSTERS: &str = "clusters";
    /// Lists of f32: their probabilities.
    pub const PROBABILITIES: &str = "probabilities";
    /// Lists of f32: L2-normalised backbone features.
    pub const EMBEDDING: &str = "embedding";

    /// The columns that every table of images for people begins with.
    pub const FOR_PEOPLE: [&str; 5] = [PATH, CLUSTER, NAME, LABEL, PROBABILITY];
}

/// The key of the file's metadata below which facts about all rows stand, as a JSON object.
pub const FACTS_KEY: &str = "twist";
/// Of these, and of the protocol of the figures, the finished steps of the network that was evaluated.
pub const STEPS: &str = "steps";

/// Classes that a network of a run can have: every one of them is named and counted, so a damaged number must not be believed.
pub const MOST_CLASSES: u64 = 1 << 20;

/// One entry for each evaluated image in each vector, in file order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The image's index in the evaluation data.
    pub index: Vec<u32>,
    /// Its path; empty when no file names it.
    pub path: Vec<String>,
    /// The number of its label, where it has one.
    pub label: Vec<Option<u32>>,
    /// The name of its label, where that is known.
    pub label_name: Vec<Option<String>>,
    /// Its most probable classes with their probabilities, best first: [`Samples::each`] of every image.
    pub ranked: Vec<(u32, f32)>,
    /// How many of them each image has, two at least.
    pub each: usize,
    /// `[N, width]`, row-major; empty when it was not asked for.
    pub embedding: Vec<f32>,
    /// Numbers per embedding.
    pub width: usize,
    /// Finished steps of the network that said it; older tables do not say it.
    pub steps: Option<u64>,
}

/// One image of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Index in the evaluated data set.
    pub index: u32,
    /// Its path; empty when no file names it.
    pub path: String,
    /// The name of the class that the data set gives it.
    pub label: Option<String>,
    /// The most probable clusters with their probabilities, best first; two at least.
    pub clusters: Vec<(u32, f32)>,
}

impl Sample {
    /// Its class among `groups` by number, with its probability.
    pub fn class(&self, groups: &Groups) -> (u32, f32) {
        groups.best_two(self.clusters.iter().copied())[0]
    }
}

impl Samples {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it has no samples.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The most probable classes of image `row`, best first.
    pub fn clusters(&self, row: usize) -> &[(u32, f32)] {
        &self.ranked[row * self.each..(row + 1) * self.each]
    }

    /// The images one by one.
    pub fn rows(&self) -> Vec<Sample> {
        let row = |row: usize| Sample {
            index: self.index[row],
            path: self.path[row].clone(),
            label: self.label_name[row].clone(),
            clusters: self.clusters(row).to_vec(),
        };
        (0..self.len()).map(row).collect()
    }
}
