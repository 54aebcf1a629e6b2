//! What a plan of a network refuses, with the key, its value and a value that would do.

use std::fmt::Display;

use twist_data::{DataError, ViewPolicy};
use twist_io::Refused;
use twist_nn::{Arch, BackboneConfig, MOST_CHANNELS, NnError};

use crate::TrainError;
use crate::config::{LossConfig, SelfLabelConfig, TeacherConfig, TrainConfig, outputs_rules};
use crate::rules::{ABOVE_0, AT_LEAST_1, BELOW_1, check, from_0, refused, within};

/// Least side of a view: on smaller ones every network ends in a single pixel after its first stage.
const LEAST_VIEW: u32 = 8;

pub(super) fn check_values(config: &TrainConfig) -> Result<(), Refused> {
    let (model, data, train, eval) = (&config.model, &config.data, &config.train, &config.eval);
    check(&outputs_rules(model.hidden_dim, model.dim))?;
    check(&config.loss.rules())?;
    check(&config.optim.rules())?;
    check(&config.schedule.rules())?;
    let labelling = config.self_label.iter().flat_map(|stage| &stage.views);
    let largest_view = config.views.iter().chain(labelling).map(|view| view.size).max().unwrap_or(0);
    let width_fits = (1..=MOST_CHANNELS).contains(&model.width);
    let mean_fits = data.mean.iter().all(|mean| (0.0..=1.0).contains(mean));
    let std_fits = data.std.iter().all(|std| *std > 0.0 && *std <= 1.0);
    let reduces = data.reduce_to.map_or(0.0, f64::from);
    let bunch = model.bunch.unwrap_or(2);
    check(&[
        ("model.width", model.width as f64, width_fits, "1 to 65536 channels"),
        ("model.bunch", bunch as f64, bunch >= 2, "at least 2 images: one alone has no variance"),
        within("model.drop_path", model.drop_path, BELOW_1),
        ("data.mean", data.mean[0], mean_fits, "every channel in [0, 1]"),
        (
            "data.reduce_to",
            reduces,
            data.reduce_to.is_none_or(|side| largest_view <= side),
            "at least the side of every view",
        ),
        ("data.std", data.std[0], std_fits, "every channel in (0, 1]"),
        within("train.accumulation", train.accumulation as f64, AT_LEAST_1),
        within("eval.knn_k", eval.knn_k as f64, AT_LEAST_1),
        within("eval.knn_temperature", eval.knn_temperature, ABOVE_0),
    ])
}

/// One policy for each view: two global ones of one size, then views in runs of one size each.
pub(super) fn check_views(policies: &[ViewPolicy]) -> Result<Vec<ViewPolicy>, TrainError> {
    policies.iter().try_for_each(ViewPolicy::check).map_err(DataError::from)?;
    let views = ViewPolicy::each(policies);
    if let Some(small) = views.iter().find(|view| view.size < LEAST_VIEW) {
        let rule = format!("view `{}` must have at least {LEAST_VIEW} pixels", small.name);
        return Err(refused("views.size", small.size, rule).into());
    }
    let [first, second, ..] = &views[..] else {
        let why = "the loss compares at least 2 views of an image";
        return Err(Refused::new(format!("{} [[views]] in the recipe", views.len())).because(why).into());
    };
    if first.size != second.size {
        let what = format!(
            "views `{}` and `{}` have {} and {} pixels",
            first.name, second.name, first.size, second.size
        );
        let why = "the first two views are the global ones, give them one size";
        return Err(Refused::new(what).because(why).into());
    }
    for (index, view) in views.iter().enumerate().skip(1) {
        let seen = views[..index].iter().any(|earlier| earlier.size == view.size);
        if seen && views[index - 1].size != view.size {
            let what =
                format!("view `{}` of {} pixels comes after views of another size", view.name, view.size);
            let why = "views of one size go through the network together, write them one after the other";
            return Err(Refused::new(what).because(why).into());
        }
    }
    Ok(views)
}

pub(super) fn divides(
    divisor_key: &'static str,
    divisor: usize,
    of_key: &'static str,
    of: usize,
) -> Result<(), Refused> {
    if divisor > 0 && of.is_multiple_of(divisor) {
        return Ok(());
    }
    let below = (1..=divisor.min(of)).rev().find(|part| of.is_multiple_of(*part)).unwrap_or(1);
    let above = (divisor..=of).find(|part| of.is_multiple_of(*part));
    let hint = match above.filter(|above| *above != below) {
        Some(above) => format!("{below} or {above} would"),
        None => format!("{below} would"),
    };
    let what = format!("{divisor_key} = {divisor} does not divide {of_key} = {of}; {hint}");
    Err(Refused::new(what))
}

/// A piece of a batch is what shares the statistics of the backbone's norms, so with several pieces both keys are one number.
pub(super) fn check_pieces(pieces: usize, norm_batch: usize, batch_size: usize) -> Result<(), Refused> {
    if pieces == 1 || pieces * norm_batch == batch_size {
        return Ok(());
    }
    let (images, fits) = (batch_size / pieces, batch_size / norm_batch);
    let rule = format!(
        "must be {images}, the images of one of the {pieces} pieces (leave it out), or train.accumulation {fits}"
    );
    Err(refused("train.norm_batch", norm_batch, rule))
}

/// What fits the kind of backbone: its width and regularisation, and the sides of the views.
pub(super) fn check_backbone(backbone: &BackboneConfig, views: &[ViewPolicy]) -> Result<(), Refused> {
    // Sizes alone are checked with the other numbers.
    if let Err(NnError::Misfit { field, value, rule }) = backbone.check() {
        let key = match field {
            "drop_path" => "model.drop_path",
            "freeze_embedding" => "model.freeze_embedding",
            _ => "model.width",
        };
        return Err(refused(key, value, rule));
    }
    let whole = |view: &ViewPolicy| {
        check_side(backbone.arch, "views.size", &format!("view `{}`", view.name), view.size)
    };
    views.iter().try_for_each(whole)
}

/// A transformer cuts a picture of `side` pixels into whole patches.
pub(super) fn check_side(arch: Arch, key: &'static str, what: &str, side: u32) -> Result<(), Refused> {
    let multiple = arch.kind().side_multiple();
    if i64::from(side) % multiple == 0 {
        return Ok(());
    }
    let rule = format!("{arch} cuts {what} into patches of {multiple} pixels; choose a multiple");
    Err(refused(key, side, rule))
}

pub(super) fn check_self_label(stage: &SelfLabelConfig, batch_size: usize) -> Result<(), Refused> {
    let [base, end] = stage.quantile;
    let quantiles = format!("[{base}, {end}]");
    let quantiles_fit = [base, end].iter().all(|quantile| (0.0..1.0).contains(quantile));
    let warmup_fits = stage.warmup_epochs < stage.epochs;
    let rules: [(&'static str, &dyn Display, bool, &str); 4] = [
        ("self_label.epochs", &stage.epochs, stage.epochs >= 1, "at least 1; leave the section out instead"),
        ("self_label.lr", &stage.lr, from_0(stage.lr), "a finite number, at least 0"),
        ("self_label.warmup_epochs", &stage.warmup_epochs, warmup_fits, "below self_label.epochs"),
        ("self_label.quantile", &quantiles, quantiles_fit, "two parts of the images in [0, 1)"),
    ];
    if let Some((key, value, _, rule)) = rules.into_iter().find(|(_, _, holds, _)| !holds) {
        return Err(refused(key, value, format!("must be {rule}")));
    }
    let images = stage.threshold_images.unwrap_or(batch_size);
    divides("self_label.threshold_images", images, "train.batch_size", batch_size)?;
    // The threshold is strict: with rank 0 it is the largest confidence itself, and nobody is above it.
    if (base.min(end) * images as f64) < 1.0 {
        let rule = format!("must leave at least one of {images} images confident");
        return Err(refused("self_label.quantile", quantiles, rule));
    }
    Ok(())
}

pub(super) fn check_teacher(teacher: TeacherConfig, loss: &LossConfig) -> Result<(), Refused> {
    if loss.one_sided {
        let rule = "views learn from a teacher in one direction anyway; leave it out";
        return Err(refused("loss.one_sided", true, rule));
    }
    let [base, end] = [teacher.momentum, teacher.momentum_end];
    for (key, value) in [("teacher.momentum", base), ("teacher.momentum_end", end)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(refused(key, value, "must be in [0, 1]"));
        }
    }
    Ok(())
}

/// Resolves `auto` and one of two names to a choice of the first.
pub(super) fn choose(
    key: &'static str,
    given: &str,
    yes: &str,
    no: &str,
    auto: bool,
) -> Result<bool, Refused> {
    match given {
        "auto" => Ok(auto),
        given if given == yes => Ok(true),
        given if given == no => Ok(false),
        "fp16" => {
            let rule = "Twist has no loss scaling, which fp16 needs; bf16 is as fast and needs none";
            Err(refused(key, "\"fp16\"", rule))
        }
        other => Err(refused(key, format!("{other:?}"), format!("must be auto, {yes} or {no}"))),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use torch_ext::{Machine, Precision};

    use crate::{DataFacts, Recipe, TrainPlan};

    const USUAL: [&str; 6] = [
        "schedule.epochs=30",
        "train.batch_size=64",
        "optim.name=lars",
        "optim.lr=0.5",
        "views.0.size=32",
        "views.1.size=32",
    ];

    fn plan(images: usize, fast_bf16: bool, overrides: &[&str]) -> Result<TrainPlan, String> {
        let recipe = Recipe::tiny(&[&USUAL, overrides].concat()).map_err(|error| error.to_string())?;
        let machine = Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16 };
        let facts = DataFacts { images, ..DataFacts::default() };
        TrainPlan::new(&recipe.config, &facts, &machine).map_err(|error| error.to_string())
    }

    #[test]
    fn a_piece_is_what_shares_the_statistics_of_the_norms() {
        let pieces = |overrides: &[&str]| {
            let plan = plan(1000, false, &[&["train.batch_size=128", "model.bunch=32"], overrides].concat())
                .unwrap();
            (plan.accumulation, plan.norm_batch)
        };
        assert_eq!(pieces(&[]), (1, 128));
        assert_eq!(pieces(&["train.norm_batch=16"]), (1, 16), "all activations are kept");
        assert_eq!(pieces(&["train.accumulation=2"]), (2, 64));
        assert_eq!(pieces(&["train.accumulation=8", "train.norm_batch=16"]), (8, 16));
    }

    #[test]
    fn derived_numbers() {
        let plan =
            plan(1000, false, &["model.bunch=32", "train.accumulation=4", "train.batch_size=128"]).unwrap();
        assert_eq!((plan.run.steps_per_epoch, plan.run.total_steps, plan.norm_batch), (7, 210, 32));
        assert_eq!(plan.rates.peak_learning_rate, 0.25, "0.5 for 256 images");
        assert_eq!(plan.rates.learning_rate.at(5 * 7), 0.25, "30 epochs warm up for 5, by the released rule");
        assert_eq!(plan.net.head.bunch, Some(32));
        assert_eq!((plan.eval.transform.resize, plan.eval.transform.crop), (32, 32));
        assert_eq!(plan.run.eval_every_steps, Some(70));
        assert_eq!(plan.run.checkpoint.every_steps, 7);
        assert_eq!(plan.run.epoch_of(14), 2.0);
    }

    #[test]
    fn precision_follows_the_machine_and_layout_follows_precision() {
        let auto = |fast| plan(1000, fast, &[]).map(|plan| (plan.precision, plan.channels_last)).unwrap();
        assert_eq!((auto(false), auto(true)), ((Precision::Fp32, false), (Precision::Bf16, true)));
        let fp32 = plan(1000, true, &["train.precision=fp32", "train.channels_last=on"]).unwrap();
        assert_eq!((fp32.precision, fp32.channels_last), (Precision::Fp32, true));
    }

    #[test]
    fn a_bunch_beyond_the_batch_is_the_batch() {
        assert_eq!(plan(1000, false, &["model.bunch=256"]).unwrap().net.head.bunch, Some(64));
    }

    #[test]
    fn a_name_may_say_the_width() {
        for (name, arch, width) in
            [("resnet50w2", "resnet50", 128), ("resnet18w4_cifar", "resnet18_cifar", 256)]
        {
            let plan = plan(1000, false, &[&format!("model.arch={name}"), "model.width=64"]).unwrap();
            assert_eq!(
                (plan.net.backbone.arch.to_string().as_str(), plan.net.backbone.options.width),
                (arch, width)
            );
        }
        assert!(plan(1000, false, &["model.arch=resnet50w3"]).unwrap_err().contains("resnet50w3"));
    }

    #[test]
    fn large_images_are_evaluated_as_imagenet() {
        let plan = plan(1000, false, &["views.0.size=224", "views.1.size=224"]).unwrap();
        assert_eq!((plan.eval.transform.resize, plan.eval.transform.crop), (256, 224));
    }

    #[test]
    fn views_come_in_runs_of_one_size() {
        let local = |name: &str, size: u32| {
            format!(
                "[[views]]\nname = \"{name}\"\ncount = 3\nsize = {size}\nscale = [0.05, 0.4]\nblur = 0.5\nsolarize = 0.0\n"
            )
        };
        let machine = Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
        let plan = |more: &[String]| {
            let recipe = Recipe::tiny_and(&more.concat(), &USUAL).unwrap();
            let facts = DataFacts { images: 1000, ..DataFacts::default() };
            TrainPlan::new(&recipe.config, &facts, &machine).map_err(|error| error.to_string())
        };
        let two = plan(&[local("local", 16), local("tiny", 8)]).unwrap();
        assert_eq!(two.views.len(), 8);
        assert_eq!(two.views[7].name, "tiny 3");
        assert_eq!(
            plan(&[local("same", 32)]).unwrap().views.len(),
            5,
            "local views may have the global size"
        );
        let message = plan(&[local("local", 16), local("late", 32)]).unwrap_err();
        assert!(message.contains("`late 1` of 32 pixels"), "{message}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_key_and_a_way_out() {
        let cases: [(usize, &[&str], &str); 46] = [
            (50, &[], "only 50 images and an epoch needs at least one whole batch; use --batch-size 32"),
            (1, &[], "only one image"),
            (1000, &["model.dim=99999999999"], "model.dim = 99999999999: must be 2 to 1048576"),
            (1000, &["model.bunch=1"], "model.bunch = 1"),
            (1000, &["loss.temperature=inf"], "loss.temperature = inf"),
            (
                1000,
                &["schedule.epochs=9223372036854775807"],
                "schedule.epochs = 9223372036854775807: must be at most",
            ),
            (1000, &["eval.every_epochs=9223372036854775807"], "eval.every_epochs = 9223372036854775807"),
            (
                1000,
                &["checkpoint.every_epochs=9223372036854775807"],
                "checkpoint.every_epochs = 9223372036854775807",
            ),
            (1000, &["optim.weight_decay_end=inf"], "optim.weight_decay_end = inf"),
            (1000, &["data.reduce_to=24"], "data.reduce_to = 24: must be at least the side of every view"),
            (1000, &["eval.knn_k=0"], "eval.knn_k = 0"),
            (1000, &["checkpoint.every_epochs=0"], "checkpoint.every_epochs = 0"),
            (1000, &["guard.dead_fraction=2.0"], "guard.dead_fraction = 2"),
            (1000, &["schedule.final_lr_fraction=2.0"], "schedule.final_lr_fraction = 2"),
            (1000, &["views.0.size=1", "views.1.size=1"], "view `a` must have at least 8 pixels"),
            (
                1000,
                &["model.bunch=24"],
                "model.bunch = 24 does not divide train.batch_size = 64; 16 or 32 would",
            ),
            (1000, &["train.accumulation=3"], "train.accumulation = 3 does not divide"),
            (1000, &["schedule.warmup_epochs=30"], "schedule.warmup_epochs = 30 is not below"),
            (1000, &["schedule.warmup_epochs=2", "schedule.epochs=2"], "schedule.warmup_epochs=0"),
            (1000, &["schedule.epochs=0"], "schedule.epochs = 0"),
            (1000, &["train.batch_size=1"], "train.batch_size = 1"),
            (1000, &["model.dim=1"], "model.dim = 1"),
            (1000, &["model.arch=resnet17"], "resnet17"),
            (1000, &["model.activation=tanh"], "must be relu or gelu"),
            (1000, &["train.precision=fp16"], "bf16"),
            (1000, &["train.channels_last=yes"], "must be auto, on or off"),
            (1000, &["teacher.momentum=1.5"], "teacher.momentum = 1.5: must be in [0, 1]"),
            (1000, &["teacher.momentum=0.9", "loss.one_sided=true"], "one direction anyway"),
            (1000, &["self_label={ epochs = 0, lr = 0.1 }"], "self_label.epochs = 0"),
            (1000, &["self_label={ epochs = 5, lr = 0.1 }"], "below self_label.epochs"),
            (1000, &["self_label={ epochs = 9, lr = 0.1, quantile = [0.5, 1.0] }"], "self_label.quantile"),
            (1000, &["self_label={ epochs = 9, lr = 0.1, threshold_images = 24 }"], "does not divide"),
            (1000, &["model.drop_path=0.1"], "resnet18_cifar has no stochastic depth"),
            (1000, &["model.arch=vit_s", "model.width=8"], "model.width"),
            (
                1000,
                &["model.arch=vit_s", "model.width=64", "views.0.size=40", "views.1.size=40"],
                "patches of 16 pixels",
            ),
            (1000, &["model.head_init=zero"], "must be default or small_normal"),
            (1000, &["train.norm_batch=48"], "train.norm_batch = 48 does not divide"),
            (
                1000,
                &["train.norm_batch=32", "train.accumulation=4"],
                "train.norm_batch = 32: must be 16, the images of one of the 4 pieces (leave it out), or train.accumulation 2",
            ),
            (
                1000,
                &["self_label={ epochs = 9, lr = 0.1, quantile = [0.01, 0.5] }"],
                "at least one of 64 images",
            ),
            (
                1000,
                &["model.arch=vit_s", "model.width=64", "eval.crop=40"],
                "the evaluation into patches of 16 pixels",
            ),
            (1000, &["model.arch=resnet50w2", "model.width=8"], "the name says the width"),
            (1000, &["model.arch=resnet20", "model.width=12"], "choose a multiple of 8"),
            (1000, &["views.1.size=48"], "views `a` and `b` have 32 and 48 pixels"),
            (1000, &["views.0.blur=1.5"], "view `a`: blur"),
            (1000, &["eval.resize=16"], "resize"),
            (1000, &["optim.momentum=1.0"], "optim.momentum = 1"),
        ];
        for (images, overrides, words) in cases {
            let message = plan(images, false, overrides).unwrap_err();
            assert!(message.contains(words), "{overrides:?}: {message}");
        }
    }
}
