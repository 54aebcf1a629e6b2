//! The recipe that `twist train` makes for a head when none is named: every value follows from the features by a rule that
//! is said beside it.
//!
//! A head needs some hundred updates, however many rows there are: the rules count steps, and epochs follow.
//! [docs/frozen.md](../../../docs/frozen.md) says what was tried.

use twist_eval::ClassCount;
use twist_train::frozen::FeatureFacts;

use crate::asked::UserChoices;
use crate::digits::counted;
use crate::folder_auto::AutoRecipe;

/// What the recipe is called in run folders and logs.
pub(crate) const NAME: &str = "frozen_auto";

/// Updates, at least; and passes over the rows, at least.
const STEPS: u64 = 600;
const PASSES: u64 = 3;
/// Rows of a batch: at least, and at most as long as the clusters do not ask for more.
const LEAST_BATCH: usize = 256;
const USUAL_BATCH: usize = 1_024;
const MOST_BATCH: usize = 16_384;
/// Clusters of rows that are too few to count classes in.
const FEWEST_CLUSTERS: i64 = 2;
/// Most neighbours of a row.
const NEIGHBOURS: usize = 20;
/// With fewer rows than this for a cluster, a head follows k-means to the end: what it finds alone is mostly chance.
const FEW_ROWS: usize = 20;
/// That k-means sees each row averaged with so many neighbours.
const AVERAGED: usize = 10;
/// The same for the k-means that mixtures start from.
const AVERAGED_FOR_MIXTURE: usize = 5;
/// Heads that follow a mixture, and its share from `guide.part` of the run on.
const HEADS: usize = 2;
const SHARE: f64 = 0.5;

/// What the rules look at.
#[derive(Clone, Copy, Debug)]
struct Facts {
    rows: usize,
    width: i64,
    /// Classes of the labels, 0 without labels.
    classes: usize,
    asked: UserChoices,
    /// `None` where the number of classes is given, or cannot be counted.
    found: Option<ClassCount>,
}

/// `found` is how many classes the features show, where that was counted.
pub(crate) fn recipe_for(
    features: &FeatureFacts,
    asked: UserChoices,
    found: Option<ClassCount>,
) -> AutoRecipe {
    let FeatureFacts { rows, width, classes, .. } = features;
    make(Facts { rows: *rows, width: *width, classes: classes.len(), asked, found })
}

/// The estimate with its range.
pub(crate) fn estimate_in_words(found: ClassCount) -> String {
    let ClassCount { estimate, range: (least, most), rows } = found;
    let range = match least == most {
        true => format!("every count of {rows} rows says so"),
        false => format!("counts of {rows} rows range from {least} to {most}"),
    };
    format!("{estimate} clusters: estimated from the features, {range}")
}

impl Facts {
    fn clusters(self) -> i64 {
        let found = self.found.map_or(FEWEST_CLUSTERS, |found| found.estimate as i64);
        self.asked.clusters.unwrap_or(found)
    }

    /// Rows for each cluster, if they were spread evenly.
    fn rows_each(self) -> usize {
        self.rows / self.clusters().max(1) as usize
    }

    /// Whether k-means leads to the end.
    fn is_led(self) -> bool {
        self.rows_each() < FEW_ROWS
    }

    fn batch_size(self) -> usize {
        let for_clusters = (4 * self.clusters().clamp(1, MOST_BATCH as i64) as usize).next_power_of_two();
        let for_rows = 1 << (self.rows / 50).clamp(1, USUAL_BATCH).ilog2();
        let usual = LEAST_BATCH.max(for_rows).max(for_clusters.min(MOST_BATCH));
        self.asked.batch_size.unwrap_or(usual).min(self.rows).max(2)
    }

    fn steps_per_epoch(self) -> u64 {
        (self.rows / self.batch_size()).max(1) as u64
    }

    fn epochs(self) -> u64 {
        // Clusters that are given are learned sooner than they are found.
        let steps = if self.is_led() { STEPS / 2 } else { STEPS };
        self.asked.epochs.unwrap_or_else(|| steps.div_ceil(self.steps_per_epoch()).max(PASSES))
    }

    fn neighbours(self) -> usize {
        (self.rows_each() / 2).clamp(1, NEIGHBOURS)
    }

    fn heads(self) -> usize {
        self.asked.heads.unwrap_or(if self.is_led() { 1 } else { HEADS })
    }

    /// `[guide]`, for all heads.
    fn guide(self) -> String {
        let (by, averaged, rest) = match self.is_led() {
            true => ("k-means", AVERAGED, 1.0),
            false => ("mixture", AVERAGED_FOR_MIXTURE, SHARE),
        };
        format!("heads = {}\nby = \"{by}\"\nneighbours = {averaged}\nrest = {rest:?}", self.heads())
    }
}

/// The number of clusters, and why.
fn clusters_in_words(facts: Facts) -> String {
    let clusters = facts.clusters();
    let labels = match facts.classes {
        0 => String::new(),
        classes => format!(" (the labels have {classes} classes; labels only measure)"),
    };
    match (facts.asked.clusters, facts.found) {
        (Some(_), _) => format!("{clusters} clusters: as asked for"),
        (None, Some(found)) => format!("{}; --clusters sets it{labels}", estimate_in_words(found)),
        (None, None) => format!(
            "{clusters} clusters: {} rows are too few to count classes in; --clusters sets it{labels}",
            facts.rows
        ),
    }
}

fn make(facts: Facts) -> AutoRecipe {
    let Facts { rows, width, asked, .. } = facts;
    let (clusters, batch, epochs) = (facts.clusters(), facts.batch_size(), facts.epochs());
    let (neighbours, heads, each) = (facts.neighbours(), facts.heads(), facts.rows_each());
    let steps = epochs.saturating_mul(facts.steps_per_epoch());
    let mut reasons = vec![
        format!("made for {rows} rows of {width} numbers; --recipe names another"),
        clusters_in_words(facts),
        match asked.batch_size {
            Some(_) => format!("batches of {batch}: as asked for"),
            None if batch == rows => format!("batches of {batch}: all rows"),
            None => format!(
                "batches of {batch}: four rows for a cluster, at least {LEAST_BATCH}, and up to {USUAL_BATCH} where there are many rows"
            ),
        },
        match asked.epochs {
            Some(_) => format!("{}: as asked for, {steps} steps in all", counted(epochs, "epoch")),
            None => format!(
                "{}: {steps} steps, what a head needs {} however many rows there are; --epochs sets it",
                counted(epochs, "epoch"),
                if facts.is_led() { "to learn given clusters," } else { "to find clusters," }
            ),
        },
        format!("{neighbours} neighbours: half of the rows of a cluster ({each}), at most {NEIGHBOURS}"),
    ];
    let counted_heads = counted(heads as u64, "head");
    reasons.push(match facts.is_led() {
        true => format!(
            "{counted_heads}, guided to the end by k-means on rows averaged with {AVERAGED} neighbours: with {each} rows for a \
             cluster, fewer than {FEW_ROWS}, what a head finds alone is mostly chance"
        ),
        false => format!(
            "{counted_heads}, guided by the most probable mixture of clusters of different sizes, which keeps {:.0} % of the \
             gradient: the one with the lowest loss is kept, without labels",
            SHARE * 100.0
        ),
    });
    reasons.push("AdamW at 0.002, dropout 0.2: as in the recipe frozen; --set changes any value".into());
    let warmup = if epochs < 4 { 0 } else { (epochs / 20).max(1) };
    let guide = facts.guide();
    let head: String = reasons.iter().map(|reason| format!("#   {reason}\n")).collect();
    let text = format!(
        "# Chosen for these features.\n#\n{head}\n\
         [model]\ndim = {clusters}\nhidden_dim = 256\nheads = {heads}\n\n\
         [guide]\n{guide}\n\n\
         [pairs]\nneighbours = {neighbours}\ndropout = 0.2\n\n\
         [optim]\nname = \"adamw\"\nlr = 2e-3\nscale_lr = false\nweight_decay = 1e-4\n\n\
         [schedule]\nepochs = {epochs}\nwarmup_epochs = {warmup}\n\n\
         [train]\nbatch_size = {batch}\n\n\
         [checkpoint]\nevery_epochs = {}\n\n\
         [eval]\nevery_epochs = {}\n",
        epochs.div_ceil(10).max(1),
        epochs.div_ceil(5).max(1),
    );
    AutoRecipe { reasons, text }
}

#[cfg(test)]
mod tests {
    use torch_ext::{DeviceRequest, Machine};
    use twist_train::frozen::{GuideBy, HeadPlan, HeadRecipe};

    use super::*;

    fn plan_of(rows: usize, asked: UserChoices) -> (AutoRecipe, HeadPlan) {
        let features = FeatureFacts { rows, width: 64, ..FeatureFacts::default() };
        let made = recipe_for(&features, asked, None);
        let recipe = HeadRecipe::read(NAME, &made.text, &[]).unwrap_or_else(|e| panic!("{e}\n{}", made.text));
        let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
        let plan = HeadPlan::new(&recipe.config, &features, &machine);
        let plan = plan.unwrap_or_else(|error| panic!("{rows} rows: {error}\n{}", made.text));
        (made, plan)
    }

    fn clusters(k: i64) -> UserChoices {
        UserChoices { clusters: Some(k), ..UserChoices::default() }
    }

    #[test]
    fn the_length_follows_steps_from_a_hundred_rows_to_a_million() {
        let lengths =
            [(100, 10), (300, 10), (1_000, 10), (3_000, 10), (8_677, 101), (100_000, 10), (1_000_000, 1_000)]
                .map(|(rows, k)| {
                    let (_, plan) = plan_of(rows, clusters(k));
                    (
                        plan.run.batch_size,
                        plan.run.epochs,
                        plan.run.total_steps,
                        plan.neighbours,
                        plan.heads,
                        plan.guided(),
                    )
                });
        let expected = [
            (100, 300, 300, 5, 1, 1),
            (256, 600, 600, 15, 2, 2),
            (256, 200, 600, 20, 2, 2),
            (256, 55, 605, 20, 2, 2),
            (512, 38, 608, 20, 2, 2),
            (1_024, 7, 679, 20, 2, 2),
            (4_096, 3, 732, 20, 2, 2),
        ];
        assert_eq!(lengths, expected);
    }

    #[test]
    fn k_means_guides_to_the_end_where_rows_are_few_for_a_cluster_and_a_mixture_elsewhere() {
        // 10, 2, 19 and 20 rows for a cluster.
        for (rows, k, guided) in [(100, 10, true), (300, 101, true), (1_999, 100, true), (2_000, 100, false)]
        {
            let (made, plan) = plan_of(rows, clusters(k));
            let guide = plan.config.guide;
            let end = plan.guidance_at(plan.run.total_steps - 1);
            let wanted = match guided {
                true => (GuideBy::KMeans, 1.0, 10, 1, 300),
                false => (GuideBy::Mixture, 0.5, 5, 2, 600),
            };
            let found = (guide.by, end, guide.neighbours, plan.heads, plan.run.total_steps);
            assert_eq!(found, wanted, "{rows} rows, {k} clusters");
            let said = made.reasons.iter().any(|reason| reason.contains("guided to the end by k-means"));
            assert_eq!(said, guided, "{:?}", made.reasons);
        }
        let asked = UserChoices { heads: Some(3), ..clusters(10) };
        let (_, plan) = plan_of(100, asked);
        assert_eq!((plan.heads, plan.guided()), (3, 3), "all that are asked for");
    }

    #[test]
    fn every_outcome_plans_and_takes_enough_steps() {
        let mut seen = 0;
        for rows in [2, 3, 10, 57, 300, 5_000, 70_000, 2_000_000] {
            for k in [None, Some(2), Some(10), Some(1_000)] {
                if k.is_some_and(|k| k > rows as i64) {
                    continue;
                }
                let (_, plan) = plan_of(rows, UserChoices { clusters: k, ..UserChoices::default() });
                assert!(
                    plan.run.total_steps >= STEPS / 2
                        && plan.run.checkpoint.every_steps * 11 >= plan.run.total_steps
                );
                seen += 1;
            }
        }
        assert_eq!(seen, 25);
    }

    #[test]
    fn what_is_asked_for_wins_and_the_rest_follows() {
        let asked = UserChoices { clusters: None, epochs: Some(1), batch_size: Some(50), heads: Some(1) };
        let (made, plan) = plan_of(1_000, asked);
        assert_eq!((plan.run.batch_size, plan.run.total_steps, plan.heads, plan.guided()), (50, 20, 1, 1));
        assert_eq!(plan.net.dim, 2);
        for words in ["1 epoch: as asked for, 20 steps", "batches of 50: as asked"] {
            assert!(made.reasons.iter().any(|reason| reason.contains(words)), "{words}: {:?}", made.reasons);
        }
    }

    #[test]
    fn the_number_of_clusters_is_said_with_where_it_comes_from() {
        let labelled = FeatureFacts {
            rows: 1_000,
            width: 8,
            classes: vec!["a".into(), "b".into()],
            ..Default::default()
        };
        let counted = |range| Some(ClassCount { estimate: 12, range, rows: 900 });
        let said = |asked: UserChoices, found| {
            let made = recipe_for(&labelled, asked, found);
            made.reasons.into_iter().find(|reason| reason.contains(" clusters: ")).unwrap()
        };
        let nothing = UserChoices::default();
        let labels = "; --clusters sets it (the labels have 2 classes; labels only measure)";
        assert_eq!(said(clusters(7), None), "7 clusters: as asked for");
        assert_eq!(
            said(nothing, counted((9, 15))),
            format!(
                "12 clusters: estimated from the features, counts of 900 rows range from 9 to 15{labels}"
            )
        );
        assert_eq!(
            said(nothing, counted((12, 12))),
            format!("12 clusters: estimated from the features, every count of 900 rows says so{labels}")
        );
        assert_eq!(
            said(nothing, None),
            format!("2 clusters: 1000 rows are too few to count classes in{labels}")
        );
        assert!(recipe_for(&labelled, nothing, counted((9, 15))).text.contains("dim = 12\n"));
    }
}
