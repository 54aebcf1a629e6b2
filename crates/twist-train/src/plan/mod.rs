//! Every number that a run derives from its recipe, its data and its machine, checked once.

mod check;
mod rates;

pub use rates::RatePlan;

use serde::Serialize;
use torch_ext::{Machine, Precision};
use twist_data::{DataError, EvalTransform, ViewPolicy};
use twist_io::Refused;
use twist_model::released_filter;
use twist_nn::{Arch, NetConfig};

use self::check::{
    check_backbone, check_pieces, check_self_label, check_side, check_teacher, check_values, check_views,
    choose, divides,
};
use crate::TrainError;
use crate::config::{OptimConfig, TrainConfig};
use crate::run::{RunKeys, RunPlan, RunSettings};
use crate::schedule::{Cosine, Stage};

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

/// Evaluation settings with every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvalPlan {
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

/// A checked run. It is made once, by [`TrainPlan::new`], and never changes; `plan.json` is its serialised form.
#[derive(Clone, Debug, Serialize)]
pub struct TrainPlan {
    /// Length of the run, and when it is logged, saved, evaluated and judged.
    #[serde(flatten)]
    pub run: RunPlan,
    /// The network to build.
    pub net: NetConfig,
    /// Number of training images.
    pub images: usize,
    /// Names of the classes, empty without labels.
    pub classes: Vec<String>,
    /// Identity of the training data.
    pub data_fingerprint: String,
    /// Pieces of [`TrainPlan::norm_batch`] images in which the backbone sees a batch, one at a time; 1: the activations of
    /// the whole batch are kept.
    pub accumulation: usize,
    /// Images (of each view) that share the statistics of the backbone's batch norms.
    pub norm_batch: usize,
    bunch: usize,
    /// One policy for each view of an image: two global views, then the local ones.
    pub views: Vec<ViewPolicy>,
    /// The teacher's momentum at every step, when there is a teacher.
    pub teacher: Option<Cosine>,
    /// The self-labelling stage, when there is one.
    pub self_label: Option<SelfLabelPlan>,
    /// Views that pass through the network in the whole run: the images of every step, each as often as it has views.
    pub image_views: u64,
    /// The rates of every step.
    #[serde(flatten)]
    pub rates: RatePlan,
    /// The optimizer's settings, as written.
    pub optim: OptimConfig,
    /// What the products run in.
    pub precision: Precision,
    /// Whether the backbone runs channels-last.
    pub channels_last: bool,
    /// How to evaluate.
    pub eval: EvalPlan,
    /// The recipe that this plan was made from.
    pub config: TrainConfig,
}

impl TrainPlan {
    /// Derives and checks everything.
    ///
    /// # Errors
    /// The first value that cannot be, with the key, its value and a value that would do.
    pub fn new(config: &TrainConfig, data: &DataFacts, machine: &Machine) -> Result<Self, TrainError> {
        check_values(config)?;
        let views = check_views(&config.views)?;
        let (model, train, schedule) = (&config.model, &config.train, &config.schedule);
        if data.images == 1 {
            let why = "classes are found by telling images apart, which takes at least 2, and some hundreds to be of use";
            return Err(Refused::new("there is only one image").because(why).into());
        }
        let run = RunPlan::new(RunSettings {
            keys: RunKeys::RECIPE,
            seed: train.seed,
            samples: data.images,
            batch_size: train.batch_size,
            // Images that do not fill a batch wait for the next epoch's order.
            steps_per_epoch: |images, batch_size| (images / batch_size) as u64,
            epochs: schedule.epochs,
            second_stage_epochs: config.self_label.as_ref().map(|stage| stage.epochs),
            log_every: train.log_every,
            checkpoint: config.checkpoint,
            eval_every_epochs: config.eval.every_epochs,
            guard: config.guard,
            classes: model.dim,
            temperature: config.loss.temperature,
            machine,
        })?;

        // The batch and its parts.
        let batch_size = train.batch_size;
        let bunch = model.bunch.unwrap_or(batch_size).min(batch_size);
        divides("model.bunch", bunch, "train.batch_size", batch_size)?;
        divides("train.accumulation", train.accumulation, "train.batch_size", batch_size)?;
        let micro_batch = batch_size / train.accumulation;
        let norm_batch = train.norm_batch.unwrap_or(micro_batch);
        divides("train.norm_batch", norm_batch, "train.batch_size", batch_size)?;
        check_pieces(train.accumulation, norm_batch, batch_size)?;
        let (first_stage, total_steps) = (run.first_stage(), run.total_steps);

        // Rates.
        let optim = config.optim;
        let mut rates = RatePlan::new(schedule, &optim, &run)?;
        let mut self_label = None;
        if let Some(stage) = &config.self_label {
            check_self_label(stage, batch_size)?;
            rates.learning_rate = rates.learning_rate.then(Stage {
                start: first_stage,
                steps: total_steps - first_stage,
                warmup: run.steps_of("self_label.warmup_epochs", stage.warmup_epochs)?,
                peak: rates::scaled(stage.lr, &optim, &run),
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

        let net = model.net(Some(bunch as i64))?;
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
        let eval = eval_plan(config, net.backbone.arch, views[0].size)?;
        // Checkpoints hold the recipe: what decides their evaluation is in it, whatever a later version's default is.
        let mut config = config.clone();
        config.eval.interpolation = Some(eval.transform.interpolation);

        Ok(Self {
            run,
            net,
            images: data.images,
            classes: data.classes.clone(),
            data_fingerprint: data.fingerprint.clone(),
            accumulation: train.accumulation,
            norm_batch,
            bunch,
            image_views,
            rates,
            optim,
            precision,
            channels_last,
            eval,
            views,
            teacher,
            self_label,
            config,
        })
    }

    /// Whether the backbone keeps only what enters its segments and computes the rest again on the way back.
    pub fn checkpoint_activations(&self) -> bool {
        self.config.train.checkpoint_activations
    }

    /// The views of `step`: those of its stage.
    pub fn views_at(&self, step: u64) -> &[ViewPolicy] {
        let stage = self.self_label.as_ref().filter(|stage| step >= stage.first_step);
        stage.map_or(&self.views, |stage| &stage.views)
    }

    /// The step at which the stage of `step` ends.
    pub fn stage_end(&self, step: u64) -> u64 {
        let next = self.self_label.as_ref().map(|stage| stage.first_step).filter(|first| step < *first);
        next.unwrap_or(self.run.total_steps)
    }
}

/// The evaluation's defaults: small images are used whole, larger ones as ImageNet's 256 to 224.
fn eval_plan(config: &TrainConfig, arch: Arch, view_size: u32) -> Result<EvalPlan, TrainError> {
    let eval = &config.eval;
    let crop = eval.crop.unwrap_or(view_size);
    let usual = if crop >= 96 { crop.saturating_mul(8) / 7 } else { crop };
    let resize = eval.resize.unwrap_or(usual);
    let transform =
        EvalTransform::new(resize, crop, eval.interpolation.unwrap_or_else(|| released_filter(arch)));
    transform.check().map_err(DataError::from)?;
    check_side(arch, "eval.crop", "the evaluation", crop)?;
    Ok(EvalPlan {
        knn_k: eval.knn_k,
        knn_temperature: eval.knn_temperature,
        transform,
        baselines: eval.baselines,
    })
}
