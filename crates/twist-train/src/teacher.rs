//! The momentum teacher: a copy of the network that follows it slowly.
//!
//! As released: its *parameters* are a running mean of the student's, taken after every update; its batch norms have
//! statistics of their own, from what it sees itself, which is the two global views; and it is never put into evaluation
//! mode, so those norms and stochastic depth work in it as they do in training.

use tch::{Tensor, no_grad};
use torch_ext::{Autocast, foreach};
use twist_nn::{Mode, TwistNet};

use crate::features::BatchFeatures;
use crate::{TrainError, TrainPlan};

/// The slower copy.
#[derive(Debug)]
pub struct Teacher {
    /// The network; no optimizer knows it.
    pub net: TwistNet,
    parameters: Vec<Tensor>,
}

impl Teacher {
    /// A teacher that is equal to `student`.
    ///
    /// # Errors
    /// libtorch's, if memory runs out.
    pub fn of(student: &TwistNet, plan: &TrainPlan) -> Result<Self, TrainError> {
        let mut net = TwistNet::new(&student.config, plan.run.machine.device, plan.run.seed)?;
        if plan.channels_last {
            net.to_channels_last()?;
        }
        net.store.load(&student.store.state_dict()?)?;
        let detach = |tensor: Tensor| tensor.f_set_requires_grad(false);
        let parameters = net.store.parameters().into_iter().map(detach).collect::<Result<_, _>>()?;
        Ok(Self { net, parameters })
    }

    /// Logits `[2B, K]` of the global views, which are the first two of the first resolution.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn logits(
        &self,
        plan: &TrainPlan,
        images: &[Tensor],
        step: u64,
    ) -> Result<Tensor, TrainError> {
        no_grad(|| {
            let globals = images.first().ok_or_else(TrainError::no_views)?.f_narrow(
                0,
                0,
                2 * plan.run.batch_size as i64,
            )?;
            let features = BatchFeatures::without_gradient(&self.net, plan, &[globals], step)?;
            let _autocast = Autocast::scope(plan.run.machine.device, plan.precision.kind())?;
            Ok(self.net.head.forward(&features, 2, Mode::Train)?)
        })
    }

    /// `teacher = momentum * teacher + (1 - momentum) * student`, parameter by parameter.
    ///
    /// # Errors
    /// libtorch's own.
    pub(crate) fn follow(&self, student: &TwistNet, momentum: f64) -> Result<(), TrainError> {
        no_grad(|| Ok(foreach::lerp_(&self.parameters, &student.store.parameters(), 1.0 - momentum)?))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;
    use torch_ext::Machine;

    use super::*;
    use crate::config::Recipe;
    use crate::{DataFacts, TrainState};

    fn state() -> (TrainPlan, TrainState) {
        let overrides =
            ["teacher.momentum=0.9", "train.batch_size=4", "train.precision=fp32", "views.0.count=2"];
        let recipe = Recipe::tiny(&overrides).unwrap();
        let machine = Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
        let data = DataFacts { images: 8, ..DataFacts::default() };
        let plan = TrainPlan::new(&recipe.config, &data, &machine).unwrap();
        let state = TrainState::new(&plan).unwrap();
        (plan, state)
    }

    fn entry(net: &TwistNet, name: &str) -> Tensor {
        net.store.entries().iter().find(|entry| entry.name == name).unwrap().tensor.copy()
    }

    fn distance(a: &Tensor, b: &Tensor) -> f64 {
        f64::try_from((a - b).abs().max()).unwrap()
    }

    const WEIGHT: &str = "backbone.layer1.0.conv1.weight";
    const MEAN: &str = "backbone.bn1.running_mean";

    #[test]
    fn parameters_follow_and_running_statistics_do_not() {
        let (_, state) = state();
        let teacher = state.teacher.as_ref().unwrap();
        let student = &state.net;
        no_grad(|| {
            for entry in student.store.entries().iter().filter(|entry| entry.tensor.is_floating_point()) {
                let _ = entry.tensor.shallow_clone().f_add_scalar_(1.0).unwrap();
            }
        });
        let (before, statistics) = (entry(&teacher.net, WEIGHT), entry(&teacher.net, MEAN));
        teacher.follow(student, 0.9).unwrap();
        let expected = before * 0.9 + entry(student, WEIGHT) * 0.1;
        assert!(distance(&entry(&teacher.net, WEIGHT), &expected) < 1e-6);
        assert_eq!(distance(&entry(&teacher.net, MEAN), &statistics), 0.0, "these are its own");
        assert!(distance(&entry(student, MEAN), &statistics) > 0.5);
    }

    #[test]
    fn it_sees_the_global_views_alone_with_the_statistics_of_the_batch() {
        let (plan, state) = state();
        let teacher = state.teacher.as_ref().unwrap();
        let hashed = |i: u32| f32::from((i.wrapping_mul(2_654_435_761) >> 13) as u8) / 64.0 - 2.0;
        let pixels: Vec<f32> = (0..3 * 4 * 768).map(hashed).collect();
        let images = Tensor::from_slice(&pixels).view([3 * 4, 3, 16, 16]);
        let statistics = entry(&teacher.net, MEAN);
        let logits = teacher.logits(&plan, &[images.copy()], 0).unwrap();
        assert_eq!(logits.size(), [8, 8]);
        assert!(!logits.requires_grad());
        assert!(
            distance(&entry(&teacher.net, MEAN), &statistics) > 1e-4,
            "it keeps statistics as in training"
        );

        // In evaluation mode these would decide the logits.
        no_grad(|| {
            for entry in teacher.net.store.entries().iter().filter(|entry| entry.name.contains("running_")) {
                let _ = entry.tensor.shallow_clone().f_mul_scalar_(7.0).unwrap();
            }
        });
        assert!(distance(&teacher.logits(&plan, &[images.copy()], 0).unwrap(), &logits) < 1e-5);

        // The third view is none of its business.
        let other = Tensor::cat(&[images.narrow(0, 0, 8), images.narrow(0, 8, 4) * 5.0], 0);
        assert!(distance(&teacher.logits(&plan, &[other], 0).unwrap(), &logits) < 1e-5);
    }
}
