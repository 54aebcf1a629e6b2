//! Black and white pictures as a data set, and a network that has never been trained.

use std::sync::Arc;

use tch::Device;
use twist_data::{DataError, Dataset, Rgb8, Stored};
use twist_eval::{EvalData, OnlineEvaluator};
use twist_nn::TwistNet;
use twist_train::{DataFacts, DeviceRequest, Machine, Recipe, TrainPlan};

const RECIPE: &str = r#"
model = { arch = "resnet18_cifar", width = 4, hidden_dim = 8, dim = 5 }
optim = { name = "sgd", lr = 0.1 }
schedule = { epochs = 2, warmup_epochs = 0 }
train = { batch_size = 4, precision = "fp32" }
eval = { knn_k = 5 }
[[views]]
name = "a"
size = 16
scale = [0.2, 1.0]
blur = 0.0
solarize = 0.0
[[views]]
name = "b"
size = 16
scale = [0.2, 1.0]
blur = 0.5
solarize = 0.2
"#;

/// Pictures number `first..first + len`: even ones are dark, odd ones bright, with a little texture.
pub(crate) struct Pictures {
    first: u32,
    len: usize,
    classes: Vec<String>,
    broken: Vec<usize>,
}

impl Pictures {
    pub(crate) fn of_classes(len: usize, classes: &[&str]) -> Arc<dyn Dataset> {
        let classes = classes.iter().map(|name| name.to_string()).collect();
        Arc::new(Self { first: 0, len, classes, broken: Vec::new() })
    }

    pub(crate) fn broken(len: usize, broken: &[usize]) -> Arc<dyn Dataset> {
        let classes = vec!["black".into(), "white".into()];
        Arc::new(Self { first: 0, len, classes, broken: broken.to_vec() })
    }
}

impl Dataset for Pictures {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        if self.broken.contains(&index) {
            return Ok(Stored::Encoded(b"no picture".to_vec()));
        }
        let number = self.first + index as u32;
        let base = if number.is_multiple_of(2) { 10 } else { 220 };
        let pixels = (0..20 * 18 * 3).map(|i| base + (i * (number + 3) % 23) as u8).collect();
        Ok(Stored::Pixels(Arc::new(Rgb8 { width: 20, height: 18, pixels })))
    }

    fn path(&self, index: usize) -> String {
        format!("picture {}", self.first as usize + index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        (!self.classes.is_empty()).then_some((self.first + index as u32) % 2)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("{} pictures", self.len)
    }
}

pub(crate) fn labelled(len: usize, first: u32) -> Arc<dyn Dataset> {
    Arc::new(Pictures { first, len, classes: vec!["black".into(), "white".into()], broken: Vec::new() })
}

pub(crate) fn unlabelled(len: usize) -> Arc<dyn Dataset> {
    Pictures::of_classes(len, &[])
}

pub(crate) fn plan(data: &EvalData) -> TrainPlan {
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    let recipe = Recipe::read("test", RECIPE, &[]).unwrap();
    TrainPlan::new(recipe.config(), &DataFacts::of(&*data.train), &machine).unwrap()
}

pub(crate) fn net(plan: &TrainPlan) -> TwistNet {
    TwistNet::new(plan.net(), Device::Cpu, 3).unwrap()
}

pub(crate) fn evaluator(data: EvalData) -> OnlineEvaluator {
    OnlineEvaluator::new(data)
}
