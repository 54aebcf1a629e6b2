//! Every recipe in `recipes/` parses, plans, and says what it claims.

use std::path::PathBuf;

use tch::Device;
use torch_ext::Machine;
use twist_nn::Activation;
use twist_train::frozen::{FeatureFacts, HeadPlan, HeadRecipe};
use twist_train::{DataFacts, OptimName, Recipe, TrainPlan};

fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes").into()
}

/// Name and number of training images of each recipe's data.
const IMAGES: [(&str, usize); 14] = [
    ("cifar100_multicrop", 50_000),
    ("cifar10_cpu", 50_000),
    ("cifar10_cpu_multicrop", 50_000),
    ("cifar10_multicrop", 50_000),
    ("cifar10_resnet18", 50_000),
    ("demo", 5_000),
    ("demo_multicrop", 5_000),
    ("imagenet_resnet50", IMAGENET),
    ("imagenet_resnet50_2view", IMAGENET),
    ("imagenet_resnet50_classes", IMAGENET),
    ("imagenet_resnet50w2", IMAGENET),
    ("imagenet_vit_b", IMAGENET),
    ("imagenet_vit_s", IMAGENET),
    ("small_images", 5_000),
];

/// Recipes of heads on features.
const HEADS: [&str; 1] = ["frozen"];

/// Training images of ImageNet-1k.
const IMAGENET: usize = 1_281_167;

fn plan(name: &str, images: usize) -> (String, TrainPlan) {
    let path = folder().join(format!("{name}.toml"));
    let text = fs_err::read_to_string(&path).unwrap();
    let recipe =
        Recipe::read(&path.display().to_string(), &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let facts = DataFacts { images, ..DataFacts::default() };
    let machine = Machine { device: Device::Cpu, threads: 2, loader_threads: 1, fast_bf16: true };
    let plan =
        TrainPlan::new(&recipe.config, &facts, &machine).unwrap_or_else(|error| panic!("{name}: {error}"));
    (text, plan)
}

#[test]
fn every_recipe_parses_plans_and_has_a_claim() {
    let mut found: Vec<String> = fs_err::read_dir(folder())
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".toml")?.to_string()))
        .collect();
    found.sort();
    found.retain(|name| !HEADS.contains(&name.as_str()));
    assert_eq!(
        found,
        IMAGES.map(|(name, _)| name),
        "a recipe without a line in this test, or the other way round"
    );
    for (name, images) in IMAGES {
        let (text, plan) = plan(name, images);
        claims(name, &text);
        assert!(plan.run.total_steps > 0);
        let json: serde_json::Value = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["total_steps"], plan.run.total_steps, "{name}");
    }
}

/// The header says command, hardware, time and result, and where the result is from.
fn claims(name: &str, text: &str) {
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
    let header = header.join("\n").to_lowercase();
    for word in ["twist ", "hardware:", "time:", "expected:"] {
        assert!(header.contains(word), "{name}: the header does not say {word:?}");
    }
    let states = ["measured here", "published", "not measured yet"];
    assert!(states.iter().any(|state| header.contains(state)), "{name}: measured, published or neither?");
}

#[test]
fn recipes_of_heads_plan_for_features() {
    for name in HEADS {
        let text = fs_err::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
        claims(name, &text);
        let recipe = HeadRecipe::read(name, &text, &[]).unwrap_or_else(|error| panic!("{error}"));
        let machine = Machine { device: Device::Cpu, threads: 2, loader_threads: 1, fast_bf16: false };
        let facts = FeatureFacts { rows: 50_000, width: 64, ..FeatureFacts::default() };
        let plan = HeadPlan::new(&recipe.config, &facts, &machine).unwrap();
        assert!(plan.run.total_steps > 0 && plan.run.batch_size >= 1024);
        assert_eq!(HeadRecipe::read(name, &recipe.config.to_toml(), &[]).unwrap().config, recipe.config);
    }
}

/// What the paper and its code publish of a run, beside what all of them share.
struct Published {
    name: &'static str,
    arch: &'static str,
    width: i64,
    dim: i64,
    batch: usize,
    bunch: i64,
    locals: usize,
    epochs: [u64; 2],
    peak: f64,
    decay: [f64; 2],
    lam1: f64,
    clip: f64,
    drop_path: f64,
}

#[test]
fn the_imagenet_recipes_are_the_published_runs() {
    let resnet = Published {
        name: "imagenet_resnet50",
        arch: "resnet50",
        width: 64,
        dim: 4096,
        batch: 2048,
        bunch: 256,
        locals: 12,
        epochs: [800, 50],
        peak: 4.0,
        decay: [1.5e-6; 2],
        lam1: 0.0,
        clip: 0.0,
        drop_path: 0.0,
    };
    let vit = Published {
        name: "imagenet_vit_s",
        arch: "vit_s",
        batch: 1024,
        locals: 6,
        epochs: [300, 0],
        peak: 1.2e-3,
        decay: [0.06, 0.12],
        lam1: -0.6,
        clip: 3.0,
        ..resnet
    };
    let runs = [
        Published { name: "imagenet_resnet50_2view", dim: 32_768, locals: 0, epochs: [800, 0], ..resnet },
        Published { name: "imagenet_resnet50_classes", dim: 1000, epochs: [800, 0], ..resnet },
        Published {
            name: "imagenet_resnet50w2",
            width: 128,
            batch: 1920,
            bunch: 240,
            epochs: [200, 50],
            peak: 3.75,
            ..resnet
        },
        Published {
            name: "imagenet_vit_b",
            arch: "vit_b",
            locals: 10,
            peak: 3e-3,
            decay: [0.06; 2],
            drop_path: 0.1,
            ..vit
        },
        resnet,
        vit,
    ];
    for run in runs {
        let (_, plan) = plan(run.name, IMAGENET);
        let (backbone, head) = (&plan.net.backbone, &plan.net.head);
        let (config, transformer) = (&plan.config, run.arch.starts_with("vit"));
        let what = run.name;
        assert_eq!(
            (backbone.arch.to_string().as_str(), backbone.options.width),
            (run.arch, run.width),
            "{what}"
        );
        assert_eq!((head.dim, head.hidden_dim, head.bunch), (run.dim, 4096, Some(run.bunch)), "{what}");
        assert_eq!(backbone.options.drop_path, run.drop_path, "{what}");
        assert_eq!(head.small_normal, transformer, "{what}");
        assert_eq!(plan.run.batch_size, run.batch, "{what}");
        assert_eq!(plan.run.steps_per_epoch, (IMAGENET / run.batch) as u64, "{what}");
        assert_eq!((config.loss.lam1, config.loss.lam2, config.loss.temperature), (run.lam1, 1.0, 1.0));
        assert_eq!(config.optim.clip_norm, run.clip, "{what}");
        assert_eq!((head.norm, backbone.options.freeze_embedding), (true, false), "{what}");
        assert_eq!(head.activation, if transformer { Activation::Gelu } else { Activation::Relu }, "{what}");
        assert_eq!((config.loss.consistency, config.loss.one_sided), (1.0, false), "{what}");
        let optim = &config.optim;
        if transformer {
            assert_eq!((optim.name, optim.betas), (OptimName::Adamw, [0.9, 0.999]), "{what}");
        } else {
            assert_eq!((optim.name, optim.momentum, optim.eta), (OptimName::Lars, 0.9, 0.001), "{what}");
        }
        assert_eq!((optim.bias_lr_ratio, optim.scale_lr), (1.0, true), "{what}");
        assert_eq!(run.batch % plan.accumulation, 0, "{what}");

        // Learning rate: 10 epochs from 0 to the peak, a cosine to a thousandth, a restart for self-labelling.
        let epoch = |epochs: u64| epochs * plan.run.steps_per_epoch;
        let rate = |step| plan.rates.learning_rate.at(step);
        assert_eq!((rate(0), rate(epoch(10))), (0.0, plan.rates.peak_learning_rate), "{what}");
        assert!((plan.rates.peak_learning_rate - run.peak).abs() < 1e-12, "{what}");
        assert!(rate(epoch(run.epochs[0]) - 1) < 0.0011 * run.peak, "{what}");
        assert_eq!(plan.run.epochs, run.epochs[0] + run.epochs[1], "{what}");
        assert_eq!(plan.rates.weight_decay.at(0), run.decay[0], "{what}");
        assert!((plan.rates.weight_decay.at(plan.run.total_steps) - run.decay[1]).abs() < 1e-12, "{what}");

        // Views: blur and solarisation differ between the global ones.
        let [first, second, locals @ ..] = &plan.views[..] else { panic!("{what} has views") };
        let scale = if run.locals == 0 { [0.08, 1.0] } else { [0.4, 1.0] };
        assert!([first, second].iter().all(|view| view.size == 224 && view.scale == scale), "{what}");
        assert_eq!(
            [first.blur, first.solarize, second.blur, second.solarize],
            [1.0, 0.0, 0.1, 0.2],
            "{what}"
        );
        let local = |view: &twist_data::ViewPolicy| (view.size, view.scale, view.blur, view.solarize);
        assert_eq!(locals.len(), run.locals, "{what}");
        assert!(locals.iter().all(|view| local(view) == (96, [0.05, 0.4], 0.5, 0.0)), "{what}");

        for view in &plan.views {
            let jitter = (view.jitter, view.brightness, view.contrast, view.saturation, view.hue);
            assert_eq!(jitter, (0.8, 0.4, 0.4, 0.2, 0.1), "{what}");
            assert_eq!((view.flip, view.gray, view.blur_radius), (0.5, 0.2, [0.1, 2.0]), "{what}");
            assert_eq!(view.ratio, [0.75, 4.0 / 3.0], "{what}");
        }

        // Self-labelling, with narrower crops and a threshold for each of the original GPUs.
        let Some(stage) = plan.self_label.as_ref() else {
            assert_eq!(run.epochs[1], 0, "{what}");
            assert_eq!(plan.teacher.is_some(), transformer, "{what}");
            continue;
        };
        assert_eq!(stage.first_step, epoch(run.epochs[0]), "{what}");
        assert_eq!(rate(stage.first_step), 0.0, "{what}");
        assert!(
            (rate(stage.first_step + epoch(5)) - 0.05 * run.batch as f64 / 256.0).abs() < 1e-12,
            "{what}"
        );
        assert_eq!((stage.quantile.at(0), stage.quantile.end), (0.5, 0.6), "{what}");
        assert_eq!(stage.threshold_images, Some(plan.norm_batch), "{what}");
        assert_eq!(stage.views.len(), plan.views.len(), "{what}");
        for (view, before) in stage.views.iter().zip(&plan.views) {
            let scale = if view.size == 224 { [0.14, 1.0] } else { [0.05, 0.14] };
            assert_eq!(*view, twist_data::ViewPolicy { scale, ..before.clone() }, "{what}");
        }
    }
}

#[test]
fn teachers_follow_a_cosine_to_one() {
    for name in ["imagenet_vit_s", "imagenet_vit_b"] {
        let (_, plan) = plan(name, IMAGENET);
        let momentum = plan.teacher.unwrap();
        assert_eq!((momentum.at(0), momentum.at(plan.run.total_steps)), (0.996, 1.0), "{name}");
    }
}
