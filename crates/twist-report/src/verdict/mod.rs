//! Whether the discovered classes of a run, or the classifier that it trained, can be used, in plain words.
//!
//! One rule for the report, the served page and the terminal. It asks, in this order, what must not be overlooked: did
//! training end, are most classes in use, does the network decide, and, where there are labels, do the classes agree with
//! them better than k-means with the same number of clusters, which learns nothing. What cannot be known is not judged:
//! figures without labels can only speak against classes, never for them.

mod classifier;
mod facts;
mod of_run;

use std::fmt;

use twist_run::Metrics;

use self::facts::Facts;
use crate::baselines::KMeans;
use crate::text::{percent, plural};

pub(crate) use self::of_run::verdict_on;

/// How far training came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Training<'a> {
    /// All epochs were trained.
    Finished,
    /// It was stopped, killed or still runs: this part of the steps is done, 0 to 1; `None` when that is not known.
    Unfinished(Option<f64>),
    /// The guard ended it.
    Collapsed {
        /// The name of the collapse, such as `one_hot`.
        kind: &'a str,
    },
}

/// What may be done with the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing speaks against them.
    Usable,
    /// They may be right, and something speaks against them.
    Doubtful,
    /// They are not what training is to find.
    NotYet,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Classes that training discovered.
    Classes,
    /// A classifier that learned from labels.
    Classifier,
}

/// A judgement with its reasons; shown, it is one or two sentences.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What is judged.
    pub subject: Subject,
    /// What may be done with the classes.
    pub grade: Grade,
    /// What it rests on, each a clause: `training is 3 % done`.
    pub reasons: Vec<String>,
    /// What to do next.
    pub next: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reasons, next) = (self.reasons.join("; "), &self.next);
        let (them, they_are) = match self.subject {
            Subject::Classes => ("these classes", "These classes are"),
            Subject::Classifier => ("this classifier", "This classifier is"),
        };
        match self.grade {
            Grade::Usable => write!(f, "No figure speaks against {them}: {reasons}. {next}."),
            Grade::Doubtful => write!(f, "Use {them} with care: {reasons}. Do this next: {next}."),
            Grade::NotYet => write!(f, "{they_are} not usable yet: {reasons}. Do this next: {next}."),
        }
    }
}

/// Training that is done to this part changes classes little: the learning rate is near its end.
const NEARLY_DONE: f64 = 0.9;
/// Mean probability of the winning class, on a scale where 0 is a guess among all classes and 1 is certainty: below this
/// the network does not decide …
const UNDECIDED: f64 = 0.1;
/// … and below this it hesitates.
const HESITATES: f64 = 0.6;
/// Updates below which no network has learned classes, however sure it is.
const FEW_STEPS: u64 = 50;
/// Updates that a head or a classifier needs, whatever the number of images.
pub const FEW_UPDATES: u64 = 200;
/// With fewer images than this, the classes that are found say little.
pub const FEW_IMAGES: usize = 50;
const FEW: u64 = FEW_IMAGES as u64;
/// What helps where images are few.
const MORE_IMAGES: &str = "train on some hundreds of images, or a head on a pretrained network (`twist import starter`, then `--frozen starter`)";
/// Part of the classes in use at which most of them are dead …
const DEAD: f64 = 0.25;
/// … and at which many are.
const MANY_DEAD: f64 = 0.5;

/// Judges the discovered classes of a run by `metrics`, which is the content of its `metrics.json` or of an evaluation
/// while training, and by how far training came; the classifier of a run that learned from labels. `None` for a finished run
/// whose figures say nothing of classes.
pub fn verdict(metrics: &Metrics, training: Training<'_>) -> Option<Verdict> {
    let mut found = Findings::default();
    found.add_training(training);
    if classifier::labels(metrics).is_some() {
        return Some(classifier::judge(metrics, found));
    }
    let facts = Facts::of(metrics);
    if facts.are_empty() && training == Training::Finished {
        return None;
    }
    let longer = match (facts.trained_on, facts.is_head) {
        (Some(..FEW), true) => "train on some hundreds of images",
        (Some(..FEW), false) => MORE_IMAGES,
        (_, true) => {
            "train longer (`--epochs`), or use the features of a network pretrained on similar images"
        }
        (_, false) => {
            "train longer (`--epochs`), or a head on a pretrained network (`twist import starter`, then `--frozen starter`)"
        }
    };
    if let Some(images @ ..FEW) = facts.trained_on {
        found.add(
            Grade::Doubtful,
            format!("training saw only {}", plural(images as usize, "image", "images")),
            longer,
        );
    }
    if let (Some(used), Some(reachable)) = (facts.in_use, facts.reachable()) {
        let share = used as f64 / reachable as f64;
        // Two classes are the fewest.
        let next = match facts.clusters {
            Some(3..) if longer != MORE_IMAGES => {
                "ask for fewer classes (`--clusters`), or train longer (`--epochs`)"
            }
            _ => longer,
        };
        if used == 1 && reachable > 1 {
            found.add(Grade::NotYet, "all images are in one class".into(), next);
        } else if share <= MANY_DEAD {
            let grade = if share <= DEAD { Grade::NotYet } else { Grade::Doubtful };
            found.add(
                grade,
                format!("only {used} of {} classes are in use", facts.clusters.unwrap_or(used)),
                next,
            );
        }
    }
    if let (Some(sure), Some(decided)) = (facts.confidence, facts.decided())
        && decided < HESITATES
    {
        let grade = if decided < UNDECIDED { Grade::NotYet } else { Grade::Doubtful };
        let guess = facts.guess().map(|guess| format!(", where {} is a guess", probability(guess)));
        let guess = guess.unwrap_or_default();
        let sure = probability(sure);
        found.add(grade, format!("the network is rarely confident: mean probability {sure}{guess}"), longer);
    }
    if let (Some(steps @ ..FEW_STEPS), None) = (facts.steps, facts.accuracy) {
        found.add(
            Grade::NotYet,
            format!("training made only {}", plural(steps as usize, "update", "updates")),
            longer,
        );
    }
    if let (Some(accuracy), Some(best)) = (facts.accuracy, &facts.rival)
        && accuracy <= best.accuracy + facts.noise(accuracy)
    {
        let (ours, beside) = (percent(accuracy), in_words(best));
        // On features of a good network k-means is good as well: to be level with it says nothing against a head.
        if facts.is_head && accuracy >= best.accuracy - facts.noise(accuracy) {
            let reason = format!("ACC {ours} is level with {beside}, as far as so few images can tell");
            found.add(Grade::Doubtful, reason, "look at the images of each class before you rely on them");
        } else {
            let than = if accuracy < best.accuracy { "worse than" } else { "not better than" };
            found.add(Grade::NotYet, format!("ACC {ours} is {than} {beside}"), longer);
        }
    }
    Some(found.verdict(Subject::Classes).unwrap_or_else(|| usable(&facts)))
}

#[derive(Default)]
struct Findings(Vec<(Grade, String, &'static str)>);

impl Findings {
    fn add(&mut self, grade: Grade, reason: String, next: &'static str) {
        self.0.push((grade, reason, next));
    }

    /// That training has not come to its end.
    fn add_training(&mut self, training: Training<'_>) {
        match training {
            Training::Finished => {}
            Training::Collapsed { kind } => self.add(
                Grade::NotYet,
                format!("training collapsed ({kind})"),
                "change the recipe as the collapse advises, and train again",
            ),
            Training::Unfinished(done) => {
                let nearly = done.is_some_and(|done| done >= NEARLY_DONE);
                let part = done.map(|done| format!("training is {:.0}\u{a0}% done", (done * 100.0).floor()));
                self.add(
                    if nearly { Grade::Doubtful } else { Grade::NotYet },
                    part.unwrap_or_else(|| "training has not ended".into()),
                    "let training end (resume it with `--resume`)",
                );
            }
        }
    }

    /// The gravest grade with all reasons; the first of the gravest says what to do.
    fn verdict(self, subject: Subject) -> Option<Verdict> {
        let grade = self.0.iter().map(|(grade, ..)| *grade).max()?;
        let next = self.0.iter().find(|(own, ..)| *own == grade).map(|(.., next)| (*next).to_owned())?;
        Some(Verdict {
            subject,
            grade,
            reasons: self.0.into_iter().map(|(_, reason, _)| reason).collect(),
            next,
        })
    }
}

fn usable(facts: &Facts) -> Verdict {
    let mut reasons = Vec::new();
    if let (Some(used), Some(clusters)) = (facts.in_use, facts.clusters) {
        reasons.push(format!("{used} of {clusters} classes are in use"));
    }
    reasons.extend(facts.confidence.map(|sure| format!("mean probability {sure:.2}")));
    if let Some(accuracy) = facts.accuracy {
        let beside = facts.rival.as_ref().map(|best| format!(" against {}", in_words(best)));
        reasons.push(format!("ACC {}{}", percent(accuracy), beside.unwrap_or_default()));
    }
    let next = match facts.accuracy {
        None => "Without labels, no figure can confirm them: look at the images of each class",
        Some(_) if facts.rival.is_none() => {
            "Look at the images of each class: no baseline with as many clusters was measured"
        }
        Some(_) => "Look at the images of each class before you rely on them",
    };
    Verdict { subject: Subject::Classes, grade: Grade::Usable, reasons, next: next.into() }
}

/// Two decimals, and four of what would be 0.00.
fn probability(p: f64) -> String {
    if p < 0.005 { format!("{p:.4}") } else { format!("{p:.2}") }
}

fn in_words(rival: &KMeans) -> String {
    format!("{} with the same number of clusters ({})", rival.name, percent(rival.accuracy))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    /// Figures of 1,000 images in 20 classes.
    fn judged(change: Value, training: Training<'_>) -> Verdict {
        let mut metrics = json!({
            "classes_in_use": 20, "mean_confidence": 0.8, "accuracy_one_to_one": 0.6,
            "baselines": {"kmeans_pixels_accuracy": 0.237, "kmeans_pixels_accuracy_at_k": 0.177},
            "protocol": {"clusters": 20, "evaluated_images": 1000, "baselines": {"kmeans_clusters": 10}},
        });
        let metrics = metrics.as_object_mut().unwrap();
        metrics.extend(change.as_object().unwrap().clone());
        verdict(&metrics.clone().into(), training).unwrap()
    }

    #[test]
    fn good_figures_are_no_proof_and_say_against_what_they_stand() {
        let found = judged(json!({}), Training::Finished);
        assert_eq!(found.grade, Grade::Usable);
        let text = found.to_string();
        assert!(text.contains("20 of 20 classes are in use; mean probability 0.80; ACC 60.0\u{202f}% against k-means on raw pixels with the same number of clusters (17.7\u{202f}%)"), "{text}");
        let unlabelled = judged(json!({"accuracy_one_to_one": null, "baselines": {}}), Training::Finished);
        assert_eq!(unlabelled.grade, Grade::Usable);
        assert!(unlabelled.next.contains("Without labels, no figure can confirm them"));
    }

    #[test]
    fn a_head_is_not_told_to_become_one() {
        let head = json!({"mean_confidence": 0.2, "protocol": {"clusters": 20, "heads": 8}});
        let found = judged(head, Training::Finished);
        assert!(found.next.contains("features of a network") && !found.next.contains("--frozen"), "{found}");
    }

    /// k-means on good features is not a sign of bad classes; only a clear difference is.
    #[test]
    fn a_head_that_is_level_with_k_means_is_doubtful() {
        let head = |accuracy: f64, images: u64| {
            let protocol = json!({"clusters": 20, "heads": 1, "evaluated_images": images, "baselines": {"kmeans_clusters": 20}});
            let baselines = json!({"kmeans_features_accuracy": 0.79});
            let figures =
                json!({"accuracy_one_to_one": accuracy, "baselines": baselines, "protocol": protocol});
            judged(figures, Training::Finished)
        };
        for accuracy in [0.77, 0.85] {
            let found = head(accuracy, 100);
            assert_eq!(found.grade, Grade::Doubtful, "{found}");
            assert!(found.to_string().contains("level with k-means on the same features"), "{found}");
        }
        assert_eq!(head(0.85, 1_000).grade, Grade::Usable);
        assert_eq!(head(0.6, 100).grade, Grade::NotYet);
    }

    #[test]
    fn each_fault_is_named_with_what_to_do() {
        let cases = [
            (
                json!({}),
                Training::Unfinished(Some(0.034)),
                Grade::NotYet,
                "training is 3\u{a0}% done",
                "--resume",
            ),
            (json!({}), Training::Unfinished(None), Grade::NotYet, "training has not ended", "--resume"),
            (
                json!({}),
                Training::Unfinished(Some(0.95)),
                Grade::Doubtful,
                "training is 95\u{a0}% done",
                "--resume",
            ),
            (
                json!({}),
                Training::Collapsed { kind: "one_hot" },
                Grade::NotYet,
                "collapsed (one_hot)",
                "recipe",
            ),
            (
                json!({"mean_confidence": 0.06}),
                Training::Finished,
                Grade::NotYet,
                "mean probability 0.06, where 0.05 is a guess",
                "--epochs",
            ),
            (
                json!({"mean_confidence": 0.3}),
                Training::Finished,
                Grade::Doubtful,
                "mean probability 0.30",
                "--epochs",
            ),
            (
                json!({"classes_in_use": 5}),
                Training::Finished,
                Grade::NotYet,
                "only 5 of 20 classes",
                "--clusters",
            ),
            (
                json!({"classes_in_use": 9}),
                Training::Finished,
                Grade::Doubtful,
                "only 9 of 20 classes",
                "--clusters",
            ),
            (
                json!({"classes_in_use": 1}),
                Training::Finished,
                Grade::NotYet,
                "all images are in one class",
                "--clusters",
            ),
            (
                json!({"accuracy_one_to_one": 0.185}),
                Training::Finished,
                Grade::NotYet,
                "ACC 18.5\u{202f}% is not better than k-means on raw pixels",
                "--frozen",
            ),
            (
                json!({"accuracy_one_to_one": 0.1}),
                Training::Finished,
                Grade::NotYet,
                "ACC 10.0\u{202f}% is worse than",
                "--frozen",
            ),
        ];
        for (change, training, grade, reason, next) in cases {
            let found = judged(change, training);
            let text = found.to_string();
            assert_eq!(found.grade, grade, "{text}");
            assert!(text.contains(reason) && found.next.contains(next), "{text}");
        }
    }

    #[test]
    fn the_gravest_fault_says_what_to_do_and_all_are_named() {
        let change = json!({"mean_confidence": 0.02, "classes_in_use": 8});
        let found = judged(change, Training::Unfinished(Some(0.95)));
        assert_eq!((found.grade, found.reasons.len()), (Grade::NotYet, 3));
        assert!(found.next.contains("--epochs"), "{}", found.next);
        let many = json!({"mean_confidence": 0.0003, "protocol": {"clusters": 4096}});
        let text = judged(many, Training::Finished).to_string();
        assert!(text.contains("mean probability 0.0003, where 0.0002 is a guess"), "{text}");
    }

    /// k-means that was told another number of clusters judges nothing, and few images leave more to chance.
    #[test]
    fn only_what_can_be_compared_is() {
        let other = json!({"accuracy_one_to_one": 0.2, "baselines": {"kmeans_pixels_accuracy": 0.237}});
        let found = judged(other, Training::Finished);
        assert_eq!(found.grade, Grade::Usable);
        assert!(found.next.contains("no baseline with as many clusters"), "{}", found.next);
        let few = |images: u64| json!({"accuracy_one_to_one": 0.25, "protocol": {"clusters": 20, "evaluated_images": images}});
        assert_eq!(judged(few(60), Training::Finished).grade, Grade::NotYet);
        assert_eq!(judged(few(6000), Training::Finished).grade, Grade::Usable);
        let mut labelled = few(6000);
        labelled["protocol"]["labelled_images"] = 60.into();
        assert_eq!(
            judged(labelled, Training::Finished).grade,
            Grade::NotYet,
            "accuracy is of labelled images"
        );
    }

    #[test]
    fn few_images_are_said_and_the_advice_is_more_of_them() {
        let few = |images: u64, change: Value| {
            let protocol = json!({"clusters": 2, "evaluated_images": images, "training_images": images});
            let mut figures =
                json!({"classes_in_use": 2, "mean_confidence": 0.95, "protocol": protocol, "steps": 400});
            figures.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            verdict(&figures.as_object().unwrap().clone().into(), Training::Finished).unwrap()
        };
        let sure = few(13, json!({}));
        assert_eq!(sure.grade, Grade::Doubtful);
        assert!(sure.to_string().contains("training saw only 13 images"), "{sure}");
        for change in [json!({}), json!({"classes_in_use": 1}), json!({"mean_confidence": 0.51})] {
            let found = few(13, change);
            assert_eq!(found.next, MORE_IMAGES, "{found}");
            assert!(
                !found.to_string().contains("--clusters") && !found.to_string().contains("--epochs"),
                "{found}"
            );
        }
        assert_eq!(few(50, json!({})).grade, Grade::Usable);
        // Fewer than two classes cannot be asked for.
        let one = few(500, json!({"classes_in_use": 1}));
        assert!(one.next.starts_with("train longer") && !one.to_string().contains("--clusters"), "{one}");
    }

    #[test]
    fn figures_of_nothing_are_not_judged() {
        assert_eq!(verdict(&Map::new().into(), Training::Finished), None);
        assert_eq!(verdict(&Map::new().into(), Training::Unfinished(None)).unwrap().grade, Grade::NotYet);
    }
}
