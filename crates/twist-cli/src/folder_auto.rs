//! The recipe that `twist train DATA` makes when none is named: every value follows from the images and the hardware by a
//! rule that is said beside it.
//!
//! The rules use what is known before the first step (sizes, counts, gray or colour, GPU or not) and never a timing, so
//! the same folder gives the same recipe on the same kind of machine.

use twist_data::{DataInfo, Dataset, SurveyOptions, info};
use twist_model::Model;
use twist_nn::Arch;

use crate::asked::UserChoices;
use crate::digits::{counted, thousands};

/// What the recipe is called in run folders and logs.
pub(crate) const NAME: &str = "folder_auto";

/// Images that are decoded to know their size and colours.
const LOOKED_AT: usize = 256;

/// Images (each epoch's counted) that training goes through, as long as that is a number of epochs within reason: what two
/// CPU cores take in about half an hour, or one GPU.
const CPU_IMAGES: u64 = 550_000;
const GPU_IMAGES: u64 = 10_000_000;

/// A recipe with the reasons for its values.
#[derive(Debug, PartialEq)]
pub(crate) struct AutoRecipe {
    /// One sentence for each group of values.
    pub(crate) reasons: Vec<String>,
    /// The recipe as TOML, the reasons in its head.
    pub(crate) text: String,
}

/// What the rules look at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Facts {
    images: usize,
    /// Median of the shorter side in pixels.
    side: u32,
    gray: bool,
    mean: [f64; 3],
    std: [f64; 3],
    gpu: bool,
    asked: UserChoices,
    /// The backbone of the model that the run begins with.
    init: Option<Trained>,
    /// Whether the epochs are those that `--max-time` leaves time for.
    timed: bool,
}

/// A backbone that was trained before.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trained {
    arch: Arch,
    width: i64,
}

/// Looks at some images for a recipe of all of them.
pub(crate) fn look(dataset: &dyn Dataset, gpu: bool, asked: UserChoices) -> Facts {
    let seen = info(dataset, Some(LOOKED_AT), &SurveyOptions::default());
    Facts::of(&seen, gpu, asked)
}

impl Facts {
    fn of(seen: &DataInfo, gpu: bool, asked: UserChoices) -> Self {
        let gray = !seen.channels.is_empty() && seen.channels.keys().all(|kind| kind.starts_with("gray"));
        Self {
            images: seen.images,
            side: seen.width.median.min(seen.height.median),
            gray,
            // Rounded, so that the recipe reads well; a flat channel must not be divided by nothing.
            mean: seen.mean.unwrap_or([0.5; 3]).map(|mean| (mean * 1e4).round() / 1e4),
            std: seen.std.unwrap_or([0.25; 3]).map(|std| (std.max(0.02) * 1e4).round() / 1e4),
            gpu,
            asked,
            init: None,
            timed: false,
        }
    }

    /// The same for another number of epochs, the one that `--max-time` leaves time for.
    pub(crate) fn timed(mut self, epochs: u64) -> Self {
        (self.asked.epochs, self.timed) = (Some(epochs), true);
        self
    }

    /// The same for a run that begins with a model: its backbone is trained, on pixels normalised as it knows them.
    ///
    /// # Errors
    /// The model is a head alone.
    pub(crate) fn begun(mut self, init: Option<&Model>) -> anyhow::Result<Self> {
        if let Some(model) = init {
            let Some(backbone) = &model.card.backbone else {
                anyhow::bail!("--init: {} has no backbone: give a model of images", model.path.display());
            };
            self.init = Some(Trained { arch: backbone.arch, width: backbone.width });
            (self.mean, self.std) = (model.card.mean, model.card.std);
        }
        Ok(self)
    }

    /// The side of a view in pixels, which the backbone can cut into patches.
    fn size(self) -> u32 {
        let multiple = self.init.map_or(1, |init| init.arch.kind().side_multiple().max(1) as u32);
        self.usual_size().next_multiple_of(multiple)
    }

    fn usual_size(self) -> u32 {
        match (self.side, self.gpu) {
            (0..=40, _) => 32,
            (41..=80, _) | (_, false) => 64,
            (81..=140, true) => 96,
            (_, true) if self.images < 100_000 => 128,
            (_, true) => 224,
        }
    }

    fn backbone(self) -> (String, i64) {
        if let Some(Trained { arch, width }) = self.init {
            return (arch.to_string(), width);
        }
        let (arch, width) = match (self.size(), self.gpu) {
            (32, false) => ("resnet18_cifar", 16),
            (32, true) => ("resnet18_cifar", 64),
            (_, false) => ("resnet18", 32),
            (224, true) => ("resnet50", 64),
            (_, true) => ("resnet18", 64),
        };
        (arch.to_owned(), width)
    }

    /// The shorter side that larger images are reduced to: four times a view, so that the least crop (a fifth of the
    /// area) still has more pixels than the view.
    fn reduce_to(self) -> Option<u32> {
        let enough = 4 * self.size();
        (self.side > enough * 3 / 2).then_some(enough)
    }

    /// A power of two: a quarter of the images, at least 16 of them, at most what trains well.
    fn batch_size(self) -> usize {
        if let Some(asked) = self.asked.batch_size {
            return asked;
        }
        let most = if self.gpu { 512 } else { 256 };
        let wanted = (self.images / 4).max(self.images.min(16)).min(most);
        1 << wanted.max(2).ilog2()
    }

    fn clusters(self) -> i64 {
        self.asked.clusters.unwrap_or_else(|| (self.images as i64 / 25).clamp(2, self.most_clusters()))
    }

    /// A batch, since more cannot all be used in one, and what is still looked through.
    fn most_clusters(self) -> i64 {
        let most = if self.gpu { 1024 } else { 128 };
        most.min(self.batch_size() as i64).max(2)
    }

    fn epochs(self) -> u64 {
        let (images, least, most) = if self.gpu { (GPU_IMAGES, 50, 800) } else { (CPU_IMAGES, 10, 400) };
        self.asked.epochs.unwrap_or_else(|| (images / self.images.max(1) as u64).clamp(least, most))
    }
}

pub(crate) fn make(facts: Facts) -> AutoRecipe {
    let Facts { images, side, gray, mean, std, gpu, asked, init, timed } = facts;
    let (size, (arch, width), batch) = (facts.size(), facts.backbone(), facts.batch_size());
    let (clusters, epochs, reduce_to) = (facts.clusters(), facts.epochs(), facts.reduce_to());
    let in_all = thousands(epochs.saturating_mul(images as u64));
    let few = clusters <= 32;
    let (temperature, lr) = (if few { 0.5 } else { 1.0 }, if gpu { 2e-3 } else { 3e-3 });
    let (blur1, blur2) = if size >= 96 { (1.0, 0.1) } else { (0.0, 0.0) };
    let colour = if gray { "saturation = 0.0\nhue = 0.0\ngray = 0.0\n" } else { "" };

    let device = if gpu { "a GPU" } else { "no GPU" };
    let mut reasons = vec![
        format!(
            "made for {images} {}, {side} pixels on the shorter side (median), and {device}; --recipe names another",
            if images == 1 { "image" } else { "images" },
        ),
        format!(
            "views of {size} pixels: {}",
            if size >= side {
                "the images are no larger"
            } else {
                "larger ones would take several times as long on this hardware"
            }
        ),
        format!(
            "{arch} of width {width}: {}",
            match (size, gpu) {
                _ if init.is_some() => "the backbone that --init names, with the mean and std of its pixels",
                (32, _) => "small images need the stem that keeps their resolution",
                (_, false) => "small enough for a CPU",
                (_, true) => "what a GPU trains well on views of this size",
            }
        ),
        match asked.clusters {
            Some(_) => format!("{clusters} clusters: as asked for"),
            None if images < 50 => {
                format!("{clusters} clusters: the fewest, for so few images; --clusters sets it")
            }
            None => format!(
                "{clusters} clusters: one for 25 images, at most {}; --clusters sets it",
                facts.most_clusters()
            ),
        },
        match asked.batch_size {
            Some(_) => format!("batches of {batch}: as asked for"),
            None if images < 64 => {
                format!("batches of {batch}: a power of two, at most 16 where there are few images")
            }
            None => format!("batches of {batch}: a power of two, a quarter of the images at most"),
        },
        match asked.epochs {
            Some(_) if timed => {
                format!(
                    "{}: what --max-time leaves time for, {in_all} images in all",
                    counted(epochs, "epoch")
                )
            }
            Some(_) => format!("{}: as asked for, {in_all} images in all", counted(epochs, "epoch")),
            None => format!("{}: {in_all} images in all; --epochs sets it", counted(epochs, "epoch")),
        },
    ];
    let like = if gpu { "cifar10_multicrop" } else { "cifar10_cpu" };
    reasons.push(format!("two views and AdamW at {lr}: as in {like}; --set changes any value"));
    if let Some(shorter) = reduce_to {
        reasons.push(format!(
            "larger images are reduced to {shorter} pixels on the shorter side before views are cut: four times a view is enough"
        ));
    }
    if few {
        reasons.push(
            "temperature 0.5: with few clusters, predictions would otherwise stay close to uniform".into(),
        );
    }
    if gray {
        reasons.push("no hue, saturation or gray-scale changes: the images are gray already".into());
    }
    let reduce = reduce_to.map_or(String::new(), |shorter| format!("reduce_to = {shorter}\n"));
    // By count, the activations of two views of 224 pixels in a ResNet-50 are 90 MB in bf16: 12 GB for a piece of 128 images.
    let piece = (1..=128).rev().find(|piece| batch % piece == 0).unwrap_or(1);
    let pieces = match (size, gpu) {
        (224, true) if batch > 128 => format!("accumulation = {}\n", batch / piece),
        _ => String::new(),
    };
    // The released rule for the warm-up is made for long runs.
    let warmup = if epochs < 10 { format!("warmup_epochs = {}\n", epochs / 4) } else { String::new() };
    let head: String = reasons.iter().map(|reason| format!("#   {reason}\n")).collect();
    let (every, knn_k) = ((epochs / 5).max(1), (images / 10).clamp(1, 200));
    let text = format!(
        "# Chosen for this folder.\n#\n{head}\n\
         [model]\narch = \"{arch}\"\nwidth = {width}\nhidden_dim = 1024\ndim = {clusters}\n\n\
         [loss]\ntemperature = {temperature:?}\n\n\
         [data]\nmean = {mean:?}\nstd = {std:?}\n{reduce}\n\
         [[views]]\nname = \"view1\"\nsize = {size}\nscale = [0.2, 1.0]\n{colour}blur = {blur1:?}\nsolarize = 0.0\n\n\
         [[views]]\nname = \"view2\"\nsize = {size}\nscale = [0.2, 1.0]\n{colour}blur = {blur2:?}\nsolarize = 0.2\n\n\
         [optim]\nname = \"adamw\"\nlr = {lr:?}\nscale_lr = false\nweight_decay = 0.05\nclip_norm = 3.0\n\n\
         [schedule]\nepochs = {epochs}\n{warmup}\n\
         [train]\nbatch_size = {batch}\n{pieces}\n\
         [checkpoint]\nevery_epochs = {}\n\n\
         [eval]\nevery_epochs = {every}\nknn_k = {knn_k}\n",
        (epochs / 20).max(1),
    );
    AutoRecipe { reasons, text }
}

#[cfg(test)]
mod tests {
    use torch_ext::{DeviceRequest, Machine};
    use twist_train::{DataFacts, Recipe, TrainPlan};

    use super::*;

    fn facts(images: usize, side: u32, gpu: bool) -> Facts {
        let asked = UserChoices::default();
        Facts {
            images,
            side,
            gray: false,
            mean: [0.5; 3],
            std: [0.25; 3],
            gpu,
            asked,
            init: None,
            timed: false,
        }
    }

    #[test]
    fn every_outcome_is_a_recipe_that_plans() {
        let mut seen = 0;
        for images in [2, 3, 16, 30, 100, 1000, 50_000, 1_300_000] {
            for side in [8, 32, 64, 100, 200, 3000] {
                for (gpu, gray) in [(false, false), (false, true), (true, false)] {
                    let made = make(Facts { gray, ..facts(images, side, gpu) });
                    let recipe =
                        Recipe::read(NAME, &made.text, &[]).unwrap_or_else(|e| panic!("{e}\n{}", made.text));
                    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
                    let data = DataFacts { images, ..DataFacts::default() };
                    let plan = TrainPlan::new(&recipe.config, &data, &machine)
                        .unwrap_or_else(|error| panic!("{images} of {side}: {error}"));
                    assert!(
                        plan.run.total_steps >= 10 && plan.net.head.dim <= plan.run.batch_size.max(2) as i64
                    );
                    assert_eq!(recipe.config.views[0].hue == 0.0, gray);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, 144);
    }

    #[test]
    fn the_rules_give_what_their_reasons_say() {
        let cifar = make(facts(50_000, 32, false));
        assert!(
            cifar.text.contains("resnet18_cifar") && cifar.text.contains("epochs = 11"),
            "{}",
            cifar.text
        );
        let photos = make(facts(1000, 375, false));
        for word in
            ["views of 64 pixels", "resnet18 of width 32", "40 clusters", "batches of 128", "400 epochs"]
        {
            assert!(
                photos.reasons.iter().any(|reason| reason.contains(word)),
                "{word}: {:?}",
                photos.reasons
            );
        }
        let asked = make(Facts {
            asked: UserChoices { clusters: Some(7), ..UserChoices::default() },
            ..facts(1000, 375, false)
        });
        assert!(asked.text.contains("dim = 7\n") && asked.text.contains("temperature = 0.5"));
        let asked = UserChoices { epochs: Some(3), batch_size: Some(20), ..UserChoices::default() };
        let short = make(Facts { asked, ..facts(1000, 3000, false) });
        for line in ["warmup_epochs = 0", "batch_size = 20", "dim = 20", "epochs = 3", "reduce_to = 256"] {
            assert!(short.text.lines().any(|known| known == line), "{line}: {}", short.text);
        }
        assert!(short.reasons.iter().any(|reason| reason == "3 epochs: as asked for, 3,000 images in all"));
        let many = make(facts(1_281_167, 400, true));
        assert!(many.text.contains("resnet50") && many.text.contains("size = 224"), "{}", many.text);
        assert!(make(facts(30, 64, false)).text.contains("batch_size = 16"));
    }
}
