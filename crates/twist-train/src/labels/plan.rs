//! Every number of training from labels.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use torch_ext::{Machine, Precision};
use twist_data::{EvalTransform, Interpolation, ViewPolicy};
use twist_nn::FeatureKind;

use super::Order;
use crate::config::{CheckpointConfig, GuardConfig};
use crate::rules::refused;
use crate::run::{RunKeys, RunPlan, RunSettings};
use crate::{TrainError, Work};

/// Steps between two readings of the figures.
const LOG_EVERY: u64 = 10;

/// Training from labels as a protocol says it, decided to the last number.
#[derive(Clone, Debug, Serialize)]
pub struct SupervisedConfig {
    /// Passes over the labelled images.
    pub epochs: u64,
    /// Most images of an update; an epoch is cut into batches of equal size.
    pub batch_size: usize,
    /// Rate of the classifier in the first epoch; from there a cosine goes to 0, in steps of an epoch.
    pub classifier_lr: f64,
    /// The same for the backbone; `None`: it is frozen, in evaluation mode.
    pub backbone_lr: Option<f64>,
    /// Of SGD.
    pub momentum: f64,
    /// Whether it is Nesterov's.
    pub nesterov: bool,
    /// Of weights; biases and norms have none.
    pub weight_decay: f64,
    /// What the classifier sees of the backbone.
    #[serde(serialize_with = "in_words")]
    pub features: FeatureKind,
    /// The random crop and flip of training.
    pub view: ViewPolicy,
    /// The resizing and centre crop of the test.
    pub transform: EvalTransform,
    /// Arithmetic of the network.
    pub precision: Precision,
    /// Most images whose statistics the norms of a learning backbone take together; `None`: those of an update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm_batch: Option<usize>,
    /// Epochs between two tests; the last epoch is always tested.
    pub test_every: u64,
    /// Of the classifier's first weights, the order and the crops.
    pub seed: u64,
}

/// A checked run of training from labels. It is made once and never changes.
#[derive(Clone, Debug)]
pub struct SupervisedPlan {
    /// Length of the run, and when it is logged, saved, tested and judged.
    pub run: RunPlan,
    /// What the protocol says.
    pub config: SupervisedConfig,
}

impl SupervisedPlan {
    /// Checks everything, for `images` labelled images of `classes` classes. An epoch ends in a checkpoint, of which the last
    /// one stays.
    ///
    /// # Errors
    /// The first number that is out of its range, with the range.
    pub fn new(
        config: SupervisedConfig,
        images: usize,
        classes: usize,
        machine: &Machine,
    ) -> Result<Self, TrainError> {
        config.check()?;
        let run = RunPlan::new(RunSettings {
            keys: RunKeys::FLAGS,
            seed: config.seed,
            samples: images,
            batch_size: config.batch_size.min(images.max(2)),
            steps_per_epoch: |images, batch_size| Order::new(images, batch_size, 0).steps_per_epoch(),
            epochs: config.epochs,
            second_stage_epochs: None,
            log_every: LOG_EVERY,
            checkpoint: CheckpointConfig { keep: 1, ..CheckpointConfig::default() },
            eval_every_epochs: 1,
            guard: GuardConfig::default(),
            classes: classes as i64,
            temperature: 1.0,
            machine,
        })?;
        Ok(Self { run, config })
    }

    /// What it trains on: batches of the labelled images, of which there are `images`.
    pub(super) fn order(&self, images: usize) -> Order {
        Order::new(images, self.config.batch_size, self.config.seed)
    }

    /// Rates of classifier and backbone in the update that `step` makes.
    pub fn rates_at(&self, step: u64) -> [f64; 2] {
        self.config.rates(step / self.run.steps_per_epoch)
    }

    /// How often this run does what takes time; an evaluation is a test.
    pub fn work(&self) -> Work {
        let epochs = self.run.epochs;
        let tests = match self.config.test_every {
            0 => 1,
            every => epochs.div_ceil(every),
        };
        Work { evaluations: tests, ..self.run.work() }
    }

    /// The whole plan as `plan.json` has it.
    pub fn to_json(&self) -> Value {
        let [mut all, config] = [serde_json::to_value(&self.run), serde_json::to_value(&self.config)]
            .map(|part| part.unwrap_or_default());
        if let (Value::Object(all), Value::Object(config)) = (&mut all, config) {
            all.extend(config);
        }
        all
    }
}

impl SupervisedConfig {
    /// Checks what a command line can get wrong, but the numbers of a [`RunPlan`].
    fn check(&self) -> Result<(), TrainError> {
        let wrong = |key: &'static str, rule: &str, value: String| {
            Err(refused(key, value, format!("must be {rule}")).into())
        };
        if let Some(images) = self.norm_batch.filter(|images| *images < 3) {
            // A batch that is cut into pairs may leave one image alone, which has no variance.
            return wrong("--norm-batch", "at least 3", images.to_string());
        }
        let rates = [("--lr", Some(self.classifier_lr)), ("--backbone-lr", self.backbone_lr)];
        for (key, rate) in rates {
            if let Some(rate) = rate.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
                return wrong(key, "a number above 0", rate.to_string());
            }
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return wrong("--weight-decay", "a number from 0 on", self.weight_decay.to_string());
        }
        self.view.check().map_err(twist_data::DataError::from)?;
        self.transform.check().map_err(twist_data::DataError::from)?;
        Ok(())
    }

    /// Rates of classifier and backbone in an epoch (the first is 0): `base (1 + cos(pi epoch / epochs)) / 2`, as
    /// released (PyTorch's `CosineAnnealingLR`, stepped once an epoch).
    pub fn rates(&self, epoch: u64) -> [f64; 2] {
        let part = 0.5 * (1.0 + (std::f64::consts::PI * epoch as f64 / self.epochs as f64).cos());
        [self.classifier_lr * part, self.backbone_lr.unwrap_or(0.0) * part]
    }

    /// Whether the network is tested after this many epochs.
    pub fn tests_after(&self, epochs: u64) -> bool {
        epochs == self.epochs || (self.test_every > 0 && epochs.is_multiple_of(self.test_every))
    }

    /// The part of an evaluation's `protocol` that says how was trained, with how many updates.
    pub fn protocol(&self, updates: u64) -> Value {
        json!({
            "epochs": self.epochs,
            "updates": updates,
            "batch_size": self.batch_size,
            "optimizer": "SGD",
            "momentum": self.momentum,
            "nesterov": self.nesterov,
            "weight_decay": self.weight_decay,
            "lr": self.classifier_lr,
            "backbone_lr": self.backbone_lr,
            "schedule": "cosine to 0, by epoch",
            "classifier": "linear, weights from N(0, 0.01), bias 0",
            "features": self.features.to_string(),
            "norms": if self.backbone_lr.is_some() { "batch statistics" } else { "running statistics" },
            "norm_batch": self.backbone_lr.map(|_| self.norm_batch.unwrap_or(self.batch_size).min(self.batch_size)),
            "augmentation": {
                "crop": self.view.size,
                "scale": self.view.scale,
                "interpolation": self.view.interpolation,
                "flip": self.view.flip,
            },
            "transform": self.transform,
            "precision": self.precision,
            "seed": self.seed,
        })
    }
}

/// Random crops of 8 % of the area or more, and flips: the augmentation of every released protocol with labels.
pub fn crop_and_flip(size: u32, interpolation: Interpolation) -> ViewPolicy {
    ViewPolicy {
        interpolation,
        jitter: 0.0,
        gray: 0.0,
        ..ViewPolicy::new("crop and flip", size, [0.08, 1.0], 0.0, 0.0)
    }
}

fn in_words<S: Serializer>(kind: &FeatureKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SupervisedConfig {
        SupervisedConfig {
            epochs: 20,
            batch_size: 256,
            classifier_lr: 0.2,
            backbone_lr: Some(0.04),
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            features: FeatureKind::Last,
            view: crop_and_flip(32, Interpolation::Bilinear),
            transform: EvalTransform::new(32, 32, Interpolation::Bilinear),
            precision: Precision::Fp32,
            norm_batch: Some(32),
            test_every: 8,
            seed: 0,
        }
    }

    #[test]
    fn rates_are_those_of_cosine_annealing_by_epoch() {
        // torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([w], 0.2), 20), stepped once an epoch.
        let expected = [(0, 0.2), (1, 0.19876883), (5, 0.17071068), (10, 0.1), (19, 0.00123117)];
        for (epoch, rate) in expected {
            let [classifier, backbone] = config().rates(epoch);
            assert!((classifier - rate).abs() < 1e-8, "epoch {epoch}: {classifier}");
            assert!((backbone - rate / 5.0).abs() < 1e-8, "epoch {epoch}: {backbone}");
        }
        assert_eq!(SupervisedConfig { backbone_lr: None, ..config() }.rates(0), [0.2, 0.0]);
    }

    #[test]
    fn the_last_epoch_is_always_tested() {
        let tested = |every| {
            let config = SupervisedConfig { test_every: every, ..config() };
            (1..=20).filter(|&epochs| config.tests_after(epochs)).collect::<Vec<u64>>()
        };
        let planned = |every| {
            let machine =
                Machine { device: tch::Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
            let config = SupervisedConfig { test_every: every, ..config() };
            SupervisedPlan::new(config, 600, 10, &machine).unwrap().work()
        };
        for every in [0, 1, 7, 8, 20, 30] {
            let work = planned(every);
            assert_eq!(work.evaluations, tested(every).len() as u64, "every {every}");
            assert_eq!((work.epochs, work.steps_per_epoch, work.checkpoints), (20, 3, 20));
        }
        assert_eq!(tested(8), [8, 16, 20]);
        assert_eq!(tested(0), [20]);
        assert_eq!(tested(1).len(), 20);
    }

    #[test]
    fn wrong_values_are_named() {
        let wrong = [
            SupervisedConfig { epochs: 0, ..config() },
            SupervisedConfig { batch_size: 1, ..config() },
            SupervisedConfig { classifier_lr: f64::NAN, ..config() },
            SupervisedConfig { backbone_lr: Some(-0.1), ..config() },
            SupervisedConfig { weight_decay: -1.0, ..config() },
            SupervisedConfig { epochs: u64::MAX, ..config() },
            SupervisedConfig { norm_batch: Some(2), ..config() },
        ];
        let words = [
            "--epochs",
            "--batch-size",
            "--lr",
            "--backbone-lr",
            "--weight-decay",
            "--epochs",
            "--norm-batch",
        ];
        let machine = Machine { device: tch::Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
        let plan = |config| SupervisedPlan::new(config, 600, 10, &machine);
        assert_eq!(plan(config()).unwrap().run.total_steps, 20 * 3);
        for (config, word) in wrong.into_iter().zip(words) {
            let message = plan(config).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
