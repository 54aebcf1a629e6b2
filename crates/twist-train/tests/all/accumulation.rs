//! Accumulation is the step of the whole batch.

use tch::{Device, Tensor};
use twist_nn::{Mode, NnError, TwistLoss};
use twist_train::{DeviceNormalize, TrainState, VIEWS, train_step};

use crate::data::{plan, recipe};

/// A backbone without batch statistics, so that cutting the batch changes nothing that it computes.
#[derive(Debug)]
struct WithoutStatistics(Box<dyn twist_nn::Backbone>);

impl twist_nn::Backbone for WithoutStatistics {
    fn forward(&self, images: &Tensor, _: Mode) -> Result<Tensor, NnError> {
        self.0.forward(images, Mode::Eval)
    }

    fn stages(&self, images: &Tensor, _: Mode) -> Result<Vec<Tensor>, NnError> {
        self.0.stages(images, Mode::Eval)
    }

    fn feature_dim(&self) -> i64 {
        self.0.feature_dim()
    }
}

/// A fixed batch; libtorch's random numbers are shared with the tests that run beside this one.
fn pixels() -> Tensor {
    let hashed = |i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8;
    let bytes: Vec<u8> = (0..VIEWS as u32 * 8 * 16 * 16 * 3).map(hashed).collect();
    Tensor::from_slice(&bytes).view([VIEWS, 8, 16, 16, 3])
}

/// Two steps in `pieces`; returns every entry of the network and the figures of the second step.
fn two_steps(pieces: usize, statistics: bool) -> (Vec<(String, Tensor)>, Vec<f64>) {
    let recipe =
        recipe(&[&format!("train.accumulation={pieces}"), "schedule.warmup_epochs=0", "model.bunch=4"]);
    let plan = plan(&recipe, 16);
    let mut state = TrainState::new(&plan).unwrap();
    if !statistics {
        let inner = std::mem::replace(&mut state.net.backbone, Box::new(Nothing));
        state.net.backbone = Box::new(WithoutStatistics(inner));
    }
    let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
    let mut figures = Vec::new();
    for step in 0..2 {
        let metrics =
            train_step(&mut state, &plan, &TwistLoss::default(), &normalize, step, &pixels()).unwrap();
        let reading = twist_train::StepMetrics::read(&[metrics]).unwrap()[0];
        figures = vec![reading.loss, reading.kl, reading.sharpness, reading.diversity, reading.grad_norm];
    }
    let entries =
        state.net.store.entries().iter().map(|entry| (entry.name.clone(), entry.tensor.copy())).collect();
    (entries, figures)
}

#[derive(Debug)]
struct Nothing;

impl twist_nn::Backbone for Nothing {
    fn forward(&self, images: &Tensor, _: Mode) -> Result<Tensor, NnError> {
        Ok(images.shallow_clone())
    }

    fn stages(&self, _: &Tensor, _: Mode) -> Result<Vec<Tensor>, NnError> {
        Ok(vec![])
    }

    fn feature_dim(&self) -> i64 {
        0
    }
}

/// Tolerance 1e-4 of the largest value: sums over images are taken in another order, twice.
#[test]
fn pieces_give_the_update_of_the_whole_batch() {
    let (whole, figures) = two_steps(1, false);
    for pieces in [2, 4, 8] {
        let (cut, cut_figures) = two_steps(pieces, false);
        for ((name, a), (_, b)) in whole.iter().zip(&cut) {
            let scale = a.abs().max().double_value(&[]).max(1e-3);
            let difference = (a - b).abs().max().double_value(&[]) / scale;
            assert!(difference < 1e-4, "{name}: {difference:e} in {pieces} pieces");
        }
        for (a, b) in figures.iter().zip(&cut_figures) {
            assert!((a - b).abs() < 1e-4 * a.abs().max(1.0), "{figures:?} {cut_figures:?}");
        }
    }
}

#[test]
fn running_statistics_take_each_piece_once() {
    let counter = |pieces| {
        let (entries, _) = two_steps(pieces, true);
        let counters: Vec<i64> = entries
            .iter()
            .filter(|(name, _)| name.starts_with("backbone.") && name.ends_with("num_batches_tracked"))
            .map(|(_, tensor)| tensor.int64_value(&[]))
            .collect();
        assert!(counters.len() > 10 && counters.iter().all(|count| *count == counters[0]), "{counters:?}");
        counters[0]
    };
    assert_eq!((counter(1), counter(4)), (2, 8), "two steps of one piece, two of four");
}
