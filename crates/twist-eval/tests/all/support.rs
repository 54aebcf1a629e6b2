//! A plan and a network that has never been trained.

use tch::Device;
use torch_ext::{DeviceRequest, Machine};
use twist_eval::{EvalData, OnlineEvaluator};
use twist_nn::TwistNet;
use twist_run::Standing;
use twist_train::{DataFacts, Recipe, TrainPlan};

const OVERRIDES: [&str; 9] = [
    "model.width=4",
    "model.hidden_dim=8",
    "model.dim=5",
    "schedule.warmup_epochs=0",
    "train.batch_size=4",
    "train.precision=fp32",
    "eval.knn_k=5",
    "views.1.blur=0.5",
    "views.1.solarize=0.2",
];

pub(crate) fn plan(data: &EvalData) -> TrainPlan {
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    let overrides = OVERRIDES.map(|text| text.parse().unwrap());
    let text = include_str!("../../../twist-train/tests/tiny.toml");
    let recipe = Recipe::read("test", text, &overrides).unwrap();
    TrainPlan::new(&recipe.config, &DataFacts::of(&*data.train), &machine).unwrap()
}

pub(crate) fn net(plan: &TrainPlan) -> TwistNet {
    TwistNet::new(&plan.net, Device::Cpu, 3).unwrap()
}

pub(crate) fn evaluator(data: EvalData) -> OnlineEvaluator {
    OnlineEvaluator::new(data)
}

/// The metadata of this plan's checkpoint after three steps.
pub(crate) fn facts(plan: &TrainPlan) -> serde_json::Value {
    let standing = Standing { step: 3, ..Standing::default() };
    serde_json::to_value(plan.checkpoint_facts("test", &standing)).unwrap()
}
