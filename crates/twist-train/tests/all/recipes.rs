//! Every recipe in `recipes/` parses, plans, and says what it claims.

use std::path::PathBuf;

use tch::Device;
use twist_train::{DataFacts, Machine, Recipe, TrainPlan};

fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../recipes").into()
}

/// Name and number of training images of each recipe's data.
const IMAGES: [(&str, usize); 4] = [
    ("cifar10_cpu", 50_000),
    ("cifar10_resnet18", 50_000),
    ("demo", 5_000),
    ("imagenet_resnet50_2view", 1_281_167),
];

fn plan(name: &str, images: usize) -> (String, TrainPlan) {
    let path = folder().join(format!("{name}.toml"));
    let text = fs_err::read_to_string(&path).unwrap();
    let recipe =
        Recipe::read(&path.display().to_string(), &text, &[]).unwrap_or_else(|error| panic!("{error}"));
    let facts = DataFacts { images, ..DataFacts::default() };
    let machine = Machine { device: Device::Cpu, threads: 2, loader_threads: 1, fast_bf16: true };
    let plan =
        TrainPlan::new(recipe.config(), &facts, &machine).unwrap_or_else(|error| panic!("{name}: {error}"));
    (text, plan)
}

#[test]
fn every_recipe_parses_plans_and_has_a_claim() {
    let mut found: Vec<String> = fs_err::read_dir(folder())
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".toml")?.to_string()))
        .collect();
    found.sort();
    assert_eq!(
        found,
        IMAGES.map(|(name, _)| name),
        "a recipe without a line in this test, or the other way round"
    );
    for (name, images) in IMAGES {
        let (text, plan) = plan(name, images);
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        let header = header.join("\n").to_lowercase();
        for word in ["twist ", "hardware:", "time:", "expected:"] {
            assert!(header.contains(word), "{name}: the header does not say {word:?}");
        }
        let states = ["measured here", "published", "not measured yet"];
        assert!(states.iter().any(|state| header.contains(state)), "{name}: measured, published or neither?");
        assert!(plan.total_steps() > 0);
        let json: serde_json::Value = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["total_steps"], plan.total_steps(), "{name}");
    }
}

#[test]
fn the_imagenet_recipe_is_the_papers() {
    let (_, plan) = plan("imagenet_resnet50_2view", 1_281_167);
    assert_eq!((plan.epochs(), plan.batch_size(), plan.steps_per_epoch()), (800, 2048, 625));
    assert_eq!((plan.net().dim, plan.net().hidden_dim, plan.net().bunch), (32_768, 4096, Some(256)));
    assert_eq!(plan.peak_learning_rate(), 4.0);
    assert_eq!((plan.learning_rate().at(0), plan.learning_rate().at(6250)), (0.0, 4.0));
    assert_eq!(plan.weight_decay().at(1000), 1.5e-6);
    let views = &plan.config().views;
    assert!(views.iter().all(|view| view.size == 224 && view.scale == [0.08, 1.0]));
    assert_eq!([views[0].blur, views[0].solarize, views[1].blur, views[1].solarize], [1.0, 0.0, 0.1, 0.2]);
}
