//! Every figure that a run is judged by, declared once: key, title, meaning, unit, direction, and what it is judged on.
//!
//! Whoever measures a figure writes it under its [`Figure::key`]; log, TensorBoard, summary, tiles, curves, tables and comparison
//! take everything else from here. A new figure is one entry of the list below.

use serde_json::Value;

/// A number that says something of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its key in every file.
    pub key: &'static str,
    /// What people call it, short enough for the head of a column.
    pub title: &'static str,
    /// What it means, for those who do not know the title.
    pub meaning: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Which of two values is the better one.
    pub better: Better,
    /// Which images it rests on.
    pub judged_on: JudgedOn,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// The part of the images that have a property, 0 to 1: few images leave much to chance.
    Share,
    /// Any other score whose best value is 1.
    Fraction,
    /// A probability.
    Probability,
    /// Information, in nats.
    Nats,
    /// A whole number of things.
    Count,
    /// A plain number.
    Plain,
    /// Wall-clock time.
    Minutes,
    /// Something each second.
    PerSecond,
    /// Memory, in GiB.
    Gib,
}

/// Which of two values of a figure is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The higher one.
    Higher,
    /// The lower one.
    Lower,
    /// Neither: the figure is shown and not judged.
    Neither,
}

/// Which images a figure rests on; a protocol says how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedOn {
    /// No protocol says it.
    Unstated,
    /// Images that were asked in k-NN.
    Queries,
    /// Images that were asked in k-NN without learning.
    BaselineQueries,
    /// Images that k-means without learning was asked about.
    BaselineImages,
    /// Images that a classifier was tested on.
    TestImages,
    /// Evaluated images that have a label.
    Labelled,
}

impl JudgedOn {
    /// How many images `protocol` says these are.
    pub fn images(self, protocol: &Value) -> Option<usize> {
        let places: &[&str] = match self {
            Self::Unstated => &[],
            Self::Queries => &["/knn/queries", "/queries"],
            Self::BaselineQueries => &["/baselines/queries"],
            Self::BaselineImages => &["/baselines/kmeans_images"],
            Self::TestImages => &["/test_images"],
            Self::Labelled => &["/images", "/evaluated_images"],
        };
        places.iter().find_map(|place| protocol.pointer(place)?.as_u64()).map(|images| images as usize)
    }
}

impl Figure {
    /// The figure with this key.
    pub fn of_key(key: &str) -> Option<&'static Self> {
        ALL.iter().find(|figure| figure.key == key).copied()
    }

    /// What people call the figure with this key, whether it is known here or not.
    pub fn title_of(key: &str) -> String {
        Self::of_key(key).map_or_else(|| key.replace('_', " "), |figure| figure.title.to_owned())
    }

    /// Whether it is of a k-means that was told as many clusters as the network has, as opposed to the number of labels.
    pub fn is_at_k(&self) -> bool {
        [KMEANS_PIXELS_AT_K, KMEANS_HISTOGRAM_AT_K].contains(&self)
    }

    /// Whether it says what a run cost, as opposed to what came of it.
    pub fn is_cost(&self) -> bool {
        matches!(self.unit, Unit::Minutes | Unit::PerSecond | Unit::Gib)
    }

    /// Whether the value `new` is better than `old`. What is not a number is never better.
    pub fn improves(&self, new: f64, old: f64) -> bool {
        match self.better {
            Better::Higher => new > old,
            Better::Lower => new < old,
            Better::Neither => false,
        }
    }
}

/// The figures of a classifier that learned from labels, on test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tested {
    /// Accuracy after the last epoch.
    pub top1: &'static Figure,
    /// The same among the five most probable classes.
    pub top5: &'static Figure,
    /// Accuracy after the best epoch, which the test set chose.
    pub best_epoch: &'static Figure,
    /// Mean over classes of the accuracy.
    pub mean_per_class: &'static Figure,
    /// Mean average precision at eleven recalls.
    pub map_11_point: &'static Figure,
}

/// Of a linear classifier on frozen features.
pub const LINEAR: &Tested = &Tested {
    top1: LINEAR_TOP1,
    top5: LINEAR_TOP5,
    best_epoch: LINEAR_TOP1_BEST_EPOCH,
    mean_per_class: LINEAR_MEAN_PER_CLASS,
    map_11_point: LINEAR_MAP,
};

/// Of a fine-tuned network.
pub const FINETUNE: &Tested = &Tested {
    top1: FINETUNE_TOP1,
    top5: FINETUNE_TOP5,
    best_epoch: FINETUNE_TOP1_BEST_EPOCH,
    mean_per_class: FINETUNE_MEAN_PER_CLASS,
    map_11_point: FINETUNE_MAP,
};

/// Declares figures and the list of them all.
macro_rules! figures {
    ($($name:ident = $key:literal, $title:literal, $unit:ident, $better:ident, $on:ident, $meaning:literal;)*) => {
        $(
            #[doc = concat!("`", $key, "`: ", $meaning, ".")]
            pub const $name: &Figure = &Figure {
                key: $key,
                title: $title,
                meaning: $meaning,
                unit: Unit::$unit,
                better: Better::$better,
                judged_on: JudgedOn::$on,
            };
        )*
        /// Every figure.
        pub const ALL: &[&Figure] = &[$($name),*];
    };
}

figures! {
    // A step of training.
    LOSS = "loss", "loss", Nats, Lower, Unstated, "what a step minimises";
    SELF_LABEL_LOSS = "self_label_loss", "self-labelling loss", Nats, Lower, Unstated,
        "cross entropy to the labels of the most certain images";
    KL = "kl", "consistency", Nats, Lower, Unstated, "disagreement of the views of an image, as a divergence";
    SHARPNESS = "sharpness", "sharpness", Nats, Lower, Unstated, "mean entropy of an image's distribution over classes";
    DIVERSITY = "diversity", "diversity", Nats, Higher, Unstated,
        "entropy of the mean distribution; ln K when all classes are used equally";
    CONFIDENT = "confident", "confident images", Fraction, Neither, Unstated,
        "part of the images that are certain enough to be learned from, while self-labelling";
    LEARNING_RATE = "learning_rate", "learning rate", Plain, Neither, Unstated, "of weights";
    WEIGHT_DECAY = "weight_decay", "weight decay", Plain, Neither, Unstated, "of weights";
    GRAD_NORM = "grad_norm", "gradient norm", Plain, Neither, Unstated, "L2 norm of all gradients before clipping";
    TRAIN_LOSS = "train_loss", "training loss", Nats, Lower, Unstated,
        "mean loss over an epoch's random crops, while it learned";
    TRAIN_TOP1 = "train_top1", "training top-1", Share, Higher, Unstated,
        "part of an epoch's random crops that were classified correctly, while it learned";
    TEST_TOP5 = "test_top5", "test top-5", Share, Higher, Unstated,
        "the label of a test image is among the five most probable ones after an epoch";
    TEST_IMAGES = "test_images", "test images", Count, Neither, Unstated, "images that were tested";
    EPOCHS = "epochs", "epochs", Count, Neither, Unstated, "finished passes over the training images";
    TEST_TOP1 = "test_top1", "test top-1", Share, Higher, Unstated, "accuracy on the test images after an epoch";

    // Frozen features and discovered classes.
    KNN_TOP1 = "knn_top1", "k-NN", Share, Higher, Queries,
        "accuracy of a weighted vote of the k nearest training images, on frozen features";
    ACC = "accuracy_one_to_one", "ACC", Fraction, Higher, Labelled,
        "accuracy of the discovered classes, each matched with at most one label by the best assignment";
    ACC_MANY_TO_ONE = "accuracy_many_to_one", "ACC, many to one", Fraction, Higher, Labelled,
        "each discovered class takes its most frequent label; rises with the number of classes";
    NMI = "nmi", "NMI", Fraction, Higher, Labelled,
        "mutual information of classes and labels over the mean of their entropies";
    AMI = "ami", "AMI", Fraction, Higher, Labelled, "mutual information of classes and labels, corrected for chance";
    ARI = "ari", "ARI", Fraction, Higher, Labelled,
        "pairs of images on which classes and labels agree, corrected for chance: 0 is chance";
    FOWLKES_MALLOWS = "fowlkes_mallows", "Fowlkes–Mallows", Fraction, Higher, Labelled,
        "geometric mean of the precision and the recall of pairs";
    HOMOGENEITY = "homogeneity", "homogeneity", Fraction, Higher, Labelled,
        "1 when each class holds images of one label only";
    COMPLETENESS = "completeness", "completeness", Fraction, Higher, Labelled,
        "1 when all images of a label are in one class";
    CLASSES_IN_USE = "classes_in_use", "classes in use", Count, Neither, Unstated,
        "classes with at least one image";
    MEAN_CONFIDENCE = "mean_confidence", "mean probability", Probability, Neither, Unstated,
        "of the winning class; one over the number of classes is a guess";
    KNN_BANK = "knn_bank", "images that vote", Count, Neither, Unstated, "training images that vote in k-NN";
    KNN_QUERIES = "knn_queries", "images asked", Count, Neither, Unstated, "images that k-NN is asked about";

    // What learned from labels.
    TOP1 = "top1", "top-1", Share, Higher, Labelled, "accuracy of the model's own classifier";
    TOP5 = "top5", "top-5", Share, Higher, Labelled, "the label is among the five most probable ones";
    LINEAR_TOP1 = "linear_top1", "linear", Share, Higher, TestImages,
        "accuracy of a linear classifier on frozen features";
    LINEAR_TOP5 = "linear_top5", "linear, top-5", Share, Higher, TestImages,
        "the label is among the five most probable ones";
    LINEAR_TOP1_BEST_EPOCH = "linear_top1_best_epoch", "best epoch (not the result)", Fraction, Neither, TestImages,
        "the best of the tested epochs, chosen with the test set";
    LINEAR_MEAN_PER_CLASS = "linear_mean_per_class", "linear, mean per class", Fraction, Higher, TestImages,
        "mean over classes of the accuracy in each class";
    LINEAR_MAP = "linear_map_11_point", "linear, 11-point mAP", Fraction, Higher, TestImages,
        "mean over classes of the precision at eleven recalls";
    FINETUNE_TOP1 = "finetune_top1", "fine-tuned", Share, Higher, TestImages,
        "accuracy on the test images of the network trained further with labels";
    FINETUNE_TOP5 = "finetune_top5", "fine-tuned, top-5", Share, Higher, TestImages,
        "the label is among the five most probable ones";
    FINETUNE_TOP1_BEST_EPOCH = "finetune_top1_best_epoch", "best epoch (not the result)", Fraction, Neither, TestImages,
        "the best of the tested epochs, chosen with the test set";
    FINETUNE_MEAN_PER_CLASS = "finetune_mean_per_class", "fine-tuned, mean per class", Fraction, Higher, TestImages,
        "mean over classes of the accuracy in each class";
    FINETUNE_MAP = "finetune_map_11_point", "fine-tuned, 11-point mAP", Fraction, Higher, TestImages,
        "mean over classes of the precision at eleven recalls";

    // What is reached without learning, or by k-means on the same features.
    KNN_PIXELS_TOP1 = "knn_pixels_top1", "k-NN on raw pixels", Share, Higher, BaselineQueries,
        "accuracy of a weighted vote of the images with the nearest pixels";
    KNN_RANDOM_TOP1 = "knn_random_backbone_top1", "k-NN on an untrained network", Share, Higher, BaselineQueries,
        "accuracy of k-NN on the features of the same network with random weights";
    KMEANS_PIXELS = "kmeans_pixels_accuracy", "k-means on raw pixels", Fraction, Higher, BaselineImages,
        "ACC of k-means that is told the number of labels";
    KMEANS_HISTOGRAM = "kmeans_histogram_accuracy", "k-means on colour histograms", Fraction, Higher, BaselineImages,
        "ACC of k-means that is told the number of labels";
    KMEANS_PIXELS_AT_K = "kmeans_pixels_accuracy_at_k", "k-means on raw pixels", Fraction, Higher, BaselineImages,
        "ACC of k-means with as many clusters as the network has";
    KMEANS_HISTOGRAM_AT_K = "kmeans_histogram_accuracy_at_k", "k-means on colour histograms", Fraction, Higher,
        BaselineImages, "ACC of k-means with as many clusters as the network has";
    KMEANS_FEATURES = "kmeans_features_accuracy", "k-means on the same features", Fraction, Higher, BaselineImages,
        "ACC of k-means with as many clusters as the head has";
    KMEANS_UNIT_FEATURES = "kmeans_unit_features_accuracy", "k-means on the same features at unit length", Fraction,
        Higher, BaselineImages, "ACC of k-means with as many clusters as the head has";

    MOST_FREQUENT_TOP1 = "most_frequent_top1", "the most frequent class", Share, Higher, TestImages,
        "accuracy of naming the most frequent class of the test images for each of them";

    // What a run costs.
    IMAGES_PER_SECOND = "images_per_second", "images/s", PerSecond, Higher, Unstated,
        "source images per second while training, not views";
    MINUTES = "minutes", "training time", Minutes, Lower, Unstated, "wall clock";
    PEAK_MEMORY = "peak_memory_gib", "peak memory, GiB", Gib, Lower, Unstated, "of the process while training";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_unique_and_lead_to_their_figure() {
        let keys: BTreeSet<&str> = ALL.iter().map(|figure| figure.key).collect();
        assert_eq!(keys.len(), ALL.len());
        assert_eq!(Figure::of_key("knn_top1"), Some(KNN_TOP1));
        assert_eq!(Figure::of_key("knn_top2"), None);
        assert!(ALL.iter().all(|figure| !figure.title.is_empty() && !figure.meaning.ends_with('.')));
    }

    #[test]
    fn each_kind_of_figure_has_its_place_in_the_protocol() {
        let protocol = json!({
            "evaluated_images": 40, "knn": {"bank": 36, "queries": 4}, "test_images": 1,
            "baselines": {"queries": 3, "kmeans_images": 2},
        });
        let of = |figure: &Figure| figure.judged_on.images(&protocol);
        let found = [KNN_TOP1, NMI, LINEAR_TOP1, KNN_PIXELS_TOP1, KMEANS_PIXELS_AT_K, TOP1].map(of);
        assert_eq!(found, [Some(4), Some(40), Some(1), Some(3), Some(2), Some(40)]);
        assert_eq!([of(MINUTES), of(TRAIN_TOP1), NMI.judged_on.images(&Value::Null)], [None, None, None]);
    }

    #[test]
    fn the_direction_decides_what_is_better_and_nan_never_is() {
        assert!(KNN_TOP1.improves(0.5, 0.4) && !KNN_TOP1.improves(0.4, 0.4));
        assert!(LOSS.improves(0.4, 0.5) && !LOSS.improves(f64::NAN, 0.5));
        assert!(!CLASSES_IN_USE.improves(9.0, 3.0) && !CLASSES_IN_USE.improves(3.0, 9.0));
    }
}
