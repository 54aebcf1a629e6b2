//! Every number that a run derives from its recipe, its data and its machine, checked once.

mod check;
mod shared;

pub use check::PlanError;
pub(crate) use shared::{Shared, check};

use serde::{Deserialize, Serialize};
use twist_data::{EvalTransform, Interpolation, ViewPolicy};
use twist_nn::{Arch, BackboneConfig, Filter, HeadConfig, NetConfig};

use self::check::{
    check_backbone, check_self_label, check_side, check_teacher, check_values, check_views, choose, divides,
    parse_activation, parse_backbone, parse_head_init,
};
use crate::config::{GuardConfig, ModelConfig, OptimConfig, TrainConfig};
use crate::length;
use crate::machine::Machine;
use crate::schedule::{Cosine, LearningRate, Stage, silent_warmup_epochs};

/// What a plan needs to know about the training images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DataFacts {
    /// Number of images.
    pub images: usize,
    /// Names of the classes, empty without labels.
    pub classes: Vec<String>,
    /// Identity of the data; a change is reported on resume.
    pub fingerprint: String,
}

impl DataFacts {
    /// The facts of an opened data set.
    pub fn of(dataset: &dyn twist_data::Dataset) -> Self {
        let classes = dataset.classes().to_vec();
        Self { images: dataset.len(), classes, fingerprint: dataset.fingerprint() }
    }
}

/// The element type of the backbone's and the head's matrix products. The loss is always computed in fp32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats throughout.
    Fp32,
    /// bf16 autocast: fp32 weights, bf16 products; it needs no loss scaling.
    Bf16,
}

impl Precision {
    /// The element type for [`torch_ext::Autocast::scope`].
    pub fn kind(self) -> tch::Kind {
        match self {
            Self::Fp32 => tch::Kind::Float,
            Self::Bf16 => tch::Kind::BFloat16,
        }
    }

    /// `fp32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }
}

/// Evaluation settings with every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalPlan {
    /// Steps between two online evaluations; `None`: none before the end.
    pub every_steps: Option<u64>,
    /// Neighbours of weighted k-NN.
    pub knn_k: usize,
    /// Temperature of weighted k-NN.
    pub knn_temperature: f64,
    /// How an image becomes the network's input.
    pub transform: EvalTransform,
    /// Whether the final evaluation measures baselines.
    pub baselines: bool,
}

/// The self-labelling stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SelfLabelPlan {
    /// The first step of the stage, which lasts to the end of the run.
    pub first_step: u64,
    /// The part of the images that is confident, from the stage's first step on.
    pub quantile: Cosine,
    /// Images that have a threshold of their own; `None`: the whole batch.
    pub threshold_images: Option<usize>,
    /// One policy for each view of this stage.
    pub views: Vec<ViewPolicy>,
}

/// When checkpoints are written and how many stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointPlan {
    /// Steps between two checkpoints.
    pub every_steps: u64,
    /// How many of the last ones stay.
    pub keep: usize,
}

/// The network that a recipe's `[model]` describes, with the images that share the statistics of its last norm.
///
/// # Errors
/// [`PlanError`] for an unknown name.
pub fn network_of(model: &ModelConfig, bunch: Option<i64>) -> Result<NetConfig, PlanError> {
    let (arch, width) = parse_backbone(model)?;
    let (drop_path, freeze_embedding) = (model.drop_path, model.freeze_embedding);
    Ok(NetConfig {
        backbone: BackboneConfig { arch, width, drop_path, freeze_embedding },
        head: HeadConfig {
            hidden_dim: model.hidden_dim,
            dim: model.dim,
            activation: parse_activation(&model.activation)?,
            norm: model.norm,
            bunch,
            small_normal: parse_head_init(&model.head_init)?,
        },
    })
}

/// The filter that the released evaluations resize with: bilinear for convolutional networks, bicubic for transformers.
pub fn released_filter(arch: Arch) -> Interpolation {
    match arch.kind().usual().filter {
        Filter::Bicubic => Interpolation::Bicubic,
        Filter::Bilinear => Interpolation::Bilinear,
    }
}

/// A checked run. It is made once, by [`TrainPlan::new`], and never changes; `plan.json` is its serialised form.
#[derive(Clone, Debug, Serialize)]
pub struct TrainPlan {
    net: NetConfig,
    images: usize,
    classes: Vec<String>,
    data_fingerprint: String,
    seed: u64,
    batch_size: usize,
    accumulation: usize,
    norm_batch: usize,
    bunch: usize,
    views: Vec<ViewPolicy>,
    teacher: Option<Cosine>,
    self_label: Option<SelfLabelPlan>,
    epochs: u64,
    steps_per_epoch: u64,
    total_steps: u64,
    image_views: u64,
    warmup_epochs: u64,
    peak_learning_rate: f64,
    learning_rate: LearningRate,
    weight_decay: Cosine,
    optim: OptimConfig,
    precision: Precision,
    channels_last: bool,
    machine: Machine,
    log_every: u64,
    checkpoint: CheckpointPlan,
    eval: EvalPlan,
    guard: GuardConfig,
    config: TrainConfig,
}

impl TrainPlan {
    /// Derives and checks everything.
    ///
    /// # Errors
    /// [`PlanError`], with the key, its value and a value that would do.
    pub fn new(config: &TrainConfig, data: &DataFacts, machine: &Machine) -> Result<Self, PlanError> {
        check_values(config)?;
        let views = check_views(&config.views)?;
        let (model, train, schedule) = (&config.model, &config.train, &config.schedule);

        // The batch and its parts.
        let batch_size = train.batch_size;
        let bunch = model.bunch.unwrap_or(batch_size).min(batch_size);
        divides("model.bunch", bunch, "train.batch_size", batch_size)?;
        divides("train.accumulation", train.accumulation, "train.batch_size", batch_size)?;
        let micro_batch = batch_size / train.accumulation;
        let norm_batch = train.norm_batch.unwrap_or(micro_batch);
        divides("train.norm_batch", norm_batch, "the images of a piece", micro_batch)?;
        // A piece is what shares the statistics of the norms, so smaller norms are more pieces.
        let accumulation = if train.accumulation == 1 { 1 } else { batch_size / norm_batch };
        match data.images {
            1 => return Err(PlanError::OneImage),
            images if images < batch_size => {
                let fits = 1 << images.max(2).ilog2();
                return Err(PlanError::TooFewImages { batch_size, images, fits });
            }
            _ => {}
        }
        let steps_per_epoch = (data.images / batch_size) as u64;
        let steps_of = |key, epochs| length::steps(key, epochs, steps_per_epoch);
        let first_stage = steps_of("schedule.epochs", schedule.epochs)?;
        let second_stage = config.self_label.as_ref().map_or(0, |stage| stage.epochs);
        let epochs = length::together(schedule.epochs, second_stage);
        let total_steps = steps_of("self_label.epochs", epochs)?;

        // Rates.
        let warmup_epochs =
            schedule.warmup_epochs.unwrap_or_else(|| silent_warmup_epochs(epochs, schedule.epochs));
        if warmup_epochs >= schedule.epochs {
            return Err(PlanError::Warmup { warmup: warmup_epochs, epochs: schedule.epochs });
        }
        let optim = config.optim;
        let scale = if optim.scale_lr { batch_size as f64 / 256.0 } else { 1.0 };
        let peak_learning_rate = optim.lr * scale;
        let mut learning_rate = LearningRate::new(Stage {
            start: 0,
            steps: first_stage,
            warmup: steps_of("schedule.warmup_epochs", warmup_epochs)?,
            peak: peak_learning_rate,
            final_fraction: schedule.final_lr_fraction,
        });
        let mut self_label = None;
        if let Some(stage) = &config.self_label {
            check_self_label(stage, batch_size)?;
            learning_rate = learning_rate.then(Stage {
                start: first_stage,
                steps: total_steps - first_stage,
                warmup: steps_of("self_label.warmup_epochs", stage.warmup_epochs)?,
                peak: stage.lr * scale,
                final_fraction: schedule.final_lr_fraction,
            });
            let [base, end] = stage.quantile;
            self_label = Some(SelfLabelPlan {
                first_step: first_stage,
                quantile: Cosine { base, end, steps: total_steps - first_stage },
                threshold_images: stage.threshold_images,
                views: if stage.views.is_empty() { views.clone() } else { check_views(&stage.views)? },
            });
        }
        config.teacher.map_or(Ok(()), |teacher| check_teacher(teacher, &config.loss))?;
        let teacher = config.teacher.map(|teacher| Cosine {
            base: teacher.momentum,
            end: teacher.momentum_end,
            steps: first_stage,
        });
        let end = optim.weight_decay_end.unwrap_or(optim.weight_decay);
        let weight_decay = Cosine { base: optim.weight_decay, end, steps: total_steps };

        let net = network_of(model, Some(bunch as i64))?;
        check_backbone(&net.backbone, &views)?;
        if let Some(stage) = &self_label {
            check_backbone(&net.backbone, &stage.views)?;
        }
        let later = self_label.as_ref().map_or(0, |stage| stage.views.len() as u64);
        let image_views = (first_stage * views.len() as u64 + (total_steps - first_stage) * later)
            .saturating_mul(batch_size as u64);
        let bf16 = choose("train.precision", &train.precision, "bf16", "fp32", machine.fast_bf16)?;
        let precision = if bf16 { Precision::Bf16 } else { Precision::Fp32 };
        let channels_last = choose("train.channels_last", &train.channels_last, "on", "off", bf16)?;
        let every_steps = match (config.checkpoint.every_steps, config.checkpoint.every_epochs) {
            (Some(steps), _) => steps,
            (None, epochs) => steps_of("checkpoint.every_epochs", epochs.unwrap_or(1))?,
        };

        let eval = eval_plan(config, net.backbone.arch, views[0].size, steps_per_epoch)?;
        // Checkpoints hold the recipe: what decides their evaluation is in it, whatever a later version's default is.
        let mut config = config.clone();
        config.eval.interpolation = Some(eval.transform.interpolation);

        Ok(Self {
            net,
            images: data.images,
            classes: data.classes.clone(),
            data_fingerprint: data.fingerprint.clone(),
            seed: train.seed,
            batch_size,
            accumulation,
            norm_batch,
            bunch,
            epochs,
            steps_per_epoch,
            total_steps,
            image_views,
            warmup_epochs,
            peak_learning_rate,
            learning_rate,
            weight_decay,
            optim,
            precision,
            channels_last,
            machine: machine.clone(),
            log_every: train.log_every,
            checkpoint: CheckpointPlan { every_steps, keep: config.checkpoint.keep },
            eval,
            views,
            teacher,
            self_label,
            guard: config.guard,
            config,
        })
    }

    /// The recipe that this plan was made from.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The network to build.
    pub fn net(&self) -> &NetConfig {
        &self.net
    }

    /// Number of training images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Names of the classes, empty without labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Identity of the training data.
    pub fn data_fingerprint(&self) -> &str {
        &self.data_fingerprint
    }

    /// Seed of weights, order and augmentation.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Images of one update.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Pieces of [`TrainPlan::norm_batch`] images in which the backbone sees a batch, one at a time; 1: the activations of
    /// the whole batch are kept.
    pub fn accumulation(&self) -> usize {
        self.accumulation
    }

    /// Images (of each view) that share the statistics of the backbone's batch norms.
    pub fn norm_batch(&self) -> usize {
        self.norm_batch
    }

    /// Whether the backbone keeps only what enters its segments and computes the rest again on the way back.
    pub fn checkpoint_activations(&self) -> bool {
        self.config.train.checkpoint_activations
    }

    /// One policy for each view of an image: two global views, then the local ones.
    pub fn views(&self) -> &[ViewPolicy] {
        &self.views
    }

    /// The views of `step`: those of its stage.
    pub fn views_at(&self, step: u64) -> &[ViewPolicy] {
        let stage = self.self_label.as_ref().filter(|stage| step >= stage.first_step);
        stage.map_or(&self.views, |stage| &stage.views)
    }

    /// The step at which the stage of `step` ends.
    pub fn stage_end(&self, step: u64) -> u64 {
        let next = self.self_label.as_ref().map(|stage| stage.first_step).filter(|first| step < *first);
        next.unwrap_or(self.total_steps)
    }

    /// The teacher's momentum at every step, when there is a teacher.
    pub fn teacher(&self) -> Option<Cosine> {
        self.teacher
    }

    /// The self-labelling stage, when there is one.
    pub fn self_label(&self) -> Option<&SelfLabelPlan> {
        self.self_label.as_ref()
    }

    /// Passes over the data, those of all stages.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Updates of one epoch; the images that do not fill a batch wait for the next epoch's order.
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Updates of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps
    }

    /// Views that pass through the network in the whole run: the images of every step, each as often as it has views.
    pub fn image_views(&self) -> u64 {
        self.image_views
    }

    /// `steps` in epochs.
    pub fn epoch_of(&self, steps: u64) -> f64 {
        steps as f64 / self.steps_per_epoch as f64
    }

    /// The learning rate after warm-up, scaled to the batch.
    pub fn peak_learning_rate(&self) -> f64 {
        self.peak_learning_rate
    }

    /// The learning rate of every step.
    pub fn learning_rate(&self) -> &LearningRate {
        &self.learning_rate
    }

    /// The weight decay of every step.
    pub fn weight_decay(&self) -> Cosine {
        self.weight_decay
    }

    /// The optimizer's settings, as written.
    pub fn optim(&self) -> &OptimConfig {
        &self.optim
    }

    /// What the products run in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether the backbone runs channels-last.
    pub fn channels_last(&self) -> bool {
        self.channels_last
    }

    /// The machine that the plan was made for.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Steps between two readings of the figures.
    pub fn log_every(&self) -> u64 {
        self.log_every
    }

    /// When to save.
    pub fn checkpoint(&self) -> CheckpointPlan {
        self.checkpoint
    }

    /// How to evaluate.
    pub fn eval(&self) -> &EvalPlan {
        &self.eval
    }

    /// The guard's thresholds.
    pub fn guard(&self) -> GuardConfig {
        self.guard
    }
}

/// The evaluation's defaults: small images are used whole, larger ones as ImageNet's 256 to 224.
fn eval_plan(
    config: &TrainConfig,
    arch: Arch,
    view_size: u32,
    steps_per_epoch: u64,
) -> Result<EvalPlan, PlanError> {
    let eval = &config.eval;
    let crop = eval.crop.unwrap_or(view_size);
    let usual = if crop >= 96 { crop.saturating_mul(8) / 7 } else { crop };
    let resize = eval.resize.unwrap_or(usual);
    let transform =
        EvalTransform::new(resize, crop, eval.interpolation.unwrap_or_else(|| released_filter(arch)));
    transform.check()?;
    check_side(arch, "eval.crop", "the evaluation", crop)?;
    Ok(EvalPlan {
        every_steps: Some(length::steps("eval.every_epochs", eval.every_epochs, steps_per_epoch)?)
            .filter(|every| *every > 0),
        knn_k: eval.knn_k,
        knn_temperature: eval.knn_temperature,
        transform,
        baselines: eval.baselines,
    })
}
