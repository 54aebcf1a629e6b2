//! Going on where a run of the released TWIST code stopped: `--continue`.

use twist_io::{Dtype, HostTensor, Refused, StateDict, match_names};
use twist_model::{Model, ReleasedCheckpoint};

use crate::config::OptimName;
use crate::step::TrainState;
use crate::{TrainError, TrainPlan};

/// Puts network, optimizer and teacher where the checkpoint left them; the steps that it has behind it under this plan.
///
/// # Errors
/// The plan has another network, another optimizer or no more epochs than the checkpoint; nothing is changed then.
pub(crate) fn continue_from(
    state: &mut TrainState,
    plan: &TrainPlan,
    released: &ReleasedCheckpoint,
) -> Result<u64, TrainError> {
    let step = released.epochs.saturating_mul(plan.run.steps_per_epoch);
    if step >= plan.run.total_steps {
        let why = format!(
            "it has {} finished epochs, and this recipe ends after {}",
            released.epochs, plan.run.epochs
        );
        return Err(refused(
            &why,
            "--epochs sets the number of all epochs, those of the checkpoint included",
        ));
    }
    let own = plan.net.head.activation;
    if let Some(theirs) = released.activation.filter(|theirs| *theirs != own) {
        let [theirs, own] = [theirs, own].map(|of| format!("{of:?}").to_lowercase());
        let why = format!("its head has the activation {theirs}, and that of this recipe has {own}");
        return Err(refused(&why, "set model.activation as its run had it (--act)"));
    }
    let network = whole(&released.network.model, state, "the network")?;
    let teacher = match (&state.teacher, &released.teacher) {
        (Some(_), Some(teacher)) => Some(whole(&teacher.model, state, "the teacher")?),
        (None, None) => None,
        (None, Some(_)) => {
            return Err(refused(
                "it has a momentum teacher, and this recipe has none",
                "choose the recipe of its run",
            ));
        }
        (Some(_), None) => {
            return Err(refused(
                "it has no momentum teacher, and this recipe has one",
                "choose the recipe of its run",
            ));
        }
    };
    let optimizer = optimizer(plan.optim.name, released);
    let misfit = |error: TrainError| refused(&error.to_string(), "choose the recipe of its run");
    state.optimizer.load(&optimizer?).map_err(misfit)?;
    state.net.store.load(&network)?;
    if let (Some(own), Some(teacher)) = (&state.teacher, &teacher) {
        own.net.store.load(teacher)?;
    }
    Ok(step)
}

fn refused(why: &str, remedy: &str) -> TrainError {
    Refused::new("the checkpoint cannot be continued").because(why).remedy(remedy).into()
}

/// The tensors of a model that is the plan's whole network.
fn whole(model: &Model, state: &TrainState, what: &str) -> Result<StateDict, TrainError> {
    let (own, found) = (state.net.store.state_dict()?, model.store.state_dict()?);
    let report = match_names(&own.shapes(), &found.shapes());
    match report.is_complete() {
        true => Ok(found),
        false => Err(refused(
            &format!("{what} is not that of the recipe\n{report}"),
            "choose its recipe, and set model.arch, model.hidden_dim and --clusters as its run had them",
        )),
    }
}

/// The optimizer's state under the names that [`crate::Optimizer::load`] expects.
fn optimizer(name: OptimName, released: &ReleasedCheckpoint) -> Result<StateDict, TrainError> {
    // PyTorch's name of a kind of tensor, and ours.
    let kinds: &[(&str, &str)] = match name {
        OptimName::Lars | OptimName::Sgd => &[("momentum_buffer", "momentum")],
        OptimName::Adamw => &[("exp_avg", "mean"), ("exp_avg_sq", "square")],
    };
    let mut state = StateDict::default();
    if matches!(name, OptimName::Adamw) {
        let updates = i64::try_from(released.updates).unwrap_or(i64::MAX).to_le_bytes().to_vec();
        state.push("updates", HostTensor { dtype: Dtype::I64, shape: Vec::new(), data: updates });
    }
    for (name, tensor) in released.optimizer.iter() {
        let Some((kind, parameter)) = name.split_once('.') else { continue };
        if let Some((_, ours)) = kinds.iter().find(|(theirs, _)| *theirs == kind) {
            state.push(format!("{ours}.{parameter}"), tensor.clone());
        }
    }
    let known = |kind: &str| released.optimizer.iter().any(|(name, _)| name.split('.').next() == Some(kind));
    match kinds.iter().all(|(kind, _)| known(kind)) {
        true => Ok(state),
        false => Err(refused(
            &format!("its optimizer has no {}, which {name:?} continues with", kinds[0].0),
            "set optim.name to the optimizer of its run",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tch::{Device, Tensor};
    use torch_ext::Machine;
    use twist_nn::DeviceNormalize;

    use super::*;
    use crate::config::Recipe;
    use crate::{DataFacts, train_step};

    fn reference(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoints").join(name)
    }

    /// How a run of `tools/reference/continued.py` goes on.
    struct Case {
        name: &'static str,
        /// The recipe, beside what all of them have.
        recipe: &'static [&'static str],
        /// Number and side of the views of each resolution.
        views: &'static [(i64, i64)],
        /// Parameters and running statistics, those of the teacher included.
        tensors: usize,
    }

    const RESNET_TINY: Case = Case {
        name: "resnet_tiny",
        recipe: &[
            "model.arch=resnet_bottleneck8_1_1_1_1",
            "model.width=8",
            "model.hidden_dim=64",
            "model.dim=32",
            "optim.name=lars",
            "optim.lr=0.5",
            "optim.weight_decay=1e-4",
            "optim.clip_norm=3.0",
        ],
        views: &[(2, 32)],
        tensors: 61 + 40,
    };

    const VIT_MICRO: Case = Case {
        name: "vit_micro",
        recipe: &[
            "model.arch=vit_48x2x3",
            "model.width=64",
            "model.activation=gelu",
            "model.hidden_dim=64",
            "model.dim=32",
            "optim.name=lars",
            "optim.lr=2.0",
            "optim.weight_decay=0.02",
            "optim.weight_decay_end=0.1",
            "optim.clip_norm=1.0",
            "loss.lam1=-0.6",
            "views.0.size=48",
            "views.1.size=48",
        ],
        views: &[(2, 48)],
        tensors: 40 + 6,
    };

    const VIT_TEACHER: Case = Case {
        name: "vit_teacher",
        recipe: &[
            "model.arch=vit_4x2x2",
            "model.width=64",
            "model.activation=gelu",
            "model.hidden_dim=16",
            "model.dim=8",
            "optim.name=adamw",
            "optim.lr=0.01",
            "optim.weight_decay=0.06",
            "optim.weight_decay_end=0.12",
            "optim.clip_norm=0.5",
            "loss.lam1=-0.6",
            "loss.temperature=0.8",
            "teacher.momentum=0.9",
            "views.0.size=48",
            "views.0.count=2",
            "views.1.count=2",
            "views.1.size=32",
        ],
        views: &[(2, 48), (2, 32)],
        tensors: 2 * (40 + 6),
    };

    const RESNET_SGD: Case = Case {
        name: "resnet_sgd",
        recipe: &[
            "model.arch=resnet_basic_1_1_1_1",
            "model.width=2",
            "model.hidden_dim=16",
            "model.dim=8",
            "optim.name=sgd",
            "optim.lr=0.1",
            "optim.bias_lr_ratio=2.0",
            "optim.weight_decay=1e-3",
            "optim.weight_decay_end=1e-2",
            "optim.clip_norm=0.5",
        ],
        views: &[(2, 32)],
        tensors: 46 + 30,
    };

    const CASES: [&Case; 4] = [&RESNET_TINY, &VIT_MICRO, &VIT_TEACHER, &RESNET_SGD];

    impl Case {
        fn begun(&self, more: &[&str]) -> (TrainPlan, TrainState) {
            let others = ["optim.scale_lr=false", "schedule.epochs=6", "schedule.warmup_epochs=0"];
            let recipe =
                Recipe::tiny(&[&others[..], &["train.precision=fp32"], self.recipe, more].concat()).unwrap();
            let machine = Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
            let data = DataFacts { images: 16, ..DataFacts::default() };
            let plan = TrainPlan::new(&recipe.config, &data, &machine).unwrap();
            let state = TrainState::new(&plan).unwrap();
            (plan, state)
        }

        fn released(&self) -> ReleasedCheckpoint {
            let (plan, file) = (self.begun(&[]).0, reference(&format!("{}.pth", self.name)));
            ReleasedCheckpoint::load(&file, Some(plan.net.backbone.arch)).unwrap()
        }

        /// Continues from `released`, in which somebody may have changed something, and takes one more step; the largest
        /// difference of a tensor to PyTorch's, relative to its largest value.
        fn off(&self, released: &ReleasedCheckpoint, more: &[&str]) -> f64 {
            let (plan, mut state) = self.begun(more);
            let step = continue_from(&mut state, &plan, released).unwrap();
            self.off_after(&plan, &mut state, step)
        }

        fn off_after(&self, plan: &TrainPlan, state: &mut TrainState, step: u64) -> f64 {
            let pixels = self.views.iter().map(|&(count, side)| {
                let bytes = (0..(count * 8 * side * side * 3) as u32).map(|i| i.wrapping_mul(2_654_435_761));
                let bytes: Vec<u8> = bytes.map(|hash| (hash >> 13) as u8).collect();
                Tensor::from_slice(&bytes).view([count, 8, side, side, 3])
            });
            let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
            train_step(state, plan, &normalize, step, &pixels.collect::<Vec<_>>()).unwrap();
            let expected = reference(&format!("continued_{}.safetensors", self.name));
            let (expected, _) = twist_io::load_safetensors(expected).unwrap();
            assert_eq!(expected.len(), self.tensors, "{}", self.name);
            let network = state.net.store.state_dict().unwrap();
            let teacher = state.teacher.as_ref().map(|teacher| teacher.net.store.state_dict().unwrap());
            let now = |name: &str| match name.strip_prefix("teacher.") {
                Some(name) => teacher.as_ref().unwrap().get(name).unwrap().to_vec::<f32>().unwrap(),
                None => network.get(name).unwrap().to_vec::<f32>().unwrap(),
            };
            let off = expected.iter().map(|(name, expected)| {
                let (now, expected) = (now(name), expected.to_vec::<f32>().unwrap());
                let now: Vec<f32> = now.iter().step_by(now.len().div_ceil(64)).copied().collect();
                assert_eq!(now.len(), expected.len(), "{name}");
                let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
                let off = now.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
                f64::from(off / largest)
            });
            off.fold(0.0, f64::max)
        }
    }

    /// Zeros in place of what the optimizer remembers as `kind`.
    fn forget(released: &mut ReleasedCheckpoint, kind: &str) {
        let tensors = released.optimizer.0.iter_mut().filter(|(name, _)| name.starts_with(kind));
        assert!(tensors.map(|(_, tensor)| tensor.data.fill(0)).count() >= 40, "{kind}");
    }

    #[test]
    fn one_more_step_equals_pytorch() {
        for case in CASES {
            let (plan, mut state) = case.begun(&[]);
            let step = continue_from(&mut state, &plan, &case.released()).unwrap();
            assert_eq!(step, 6, "three epochs of two steps");
            let off = case.off_after(&plan, &mut state, step);
            assert!(off < 1e-5, "{}: {off:e}", case.name);
        }
    }

    #[test]
    fn without_the_optimizer_or_the_epoch_the_step_is_another() {
        for (case, kind) in [
            (&RESNET_TINY, "momentum_buffer."),
            (&VIT_MICRO, "momentum_buffer."),
            (&VIT_TEACHER, "exp_avg."),
            (&RESNET_SGD, "momentum_buffer."),
        ] {
            let mut forgetful = case.released();
            forget(&mut forgetful, kind);
            let off = case.off(&forgetful, &[]);
            assert!(off > 5e-4, "{} without {kind}: {off:e}", case.name);
            let (plan, mut state) = case.begun(&[]);
            continue_from(&mut state, &plan, &case.released()).unwrap();
            let off = case.off_after(&plan, &mut state, 0);
            assert!(off > 1e-4, "{} at its beginning: {off:e}", case.name);
        }
        let mut forgetful = VIT_TEACHER.released();
        forgetful.updates = 0;
        let off = VIT_TEACHER.off(&forgetful, &[]);
        assert!(off > 1e-3, "without the number of updates: {off:e}");
    }

    #[test]
    fn another_rule_is_another_step() {
        let changes: [(&Case, &str); 7] = [
            (&VIT_MICRO, "optim.weight_decay=0.0"),
            (&VIT_TEACHER, "teacher.momentum=0.99"),
            (&VIT_TEACHER, "loss.temperature=1.0"),
            (&VIT_TEACHER, "optim.weight_decay_end=0.06"),
            (&VIT_TEACHER, "optim.clip_norm=0.0"),
            (&RESNET_SGD, "optim.bias_lr_ratio=1.0"),
            (&RESNET_SGD, "optim.weight_decay=0.1"),
        ];
        for (case, change) in changes {
            let off = case.off(&case.released(), &[change]);
            assert!(off > 5e-5, "{} with {change}: {off:e}", case.name);
        }
        let mut taught_by_itself = VIT_TEACHER.released();
        taught_by_itself.teacher = Some(VIT_TEACHER.released().network);
        assert!(VIT_TEACHER.off(&taught_by_itself, &[]) > 1e-2);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        for (change, expected) in [
            ("schedule.epochs=3", "it has 3 finished epochs, and this recipe ends after 3"),
            ("model.dim=16", "the network is not that of the recipe"),
            ("optim.name=adamw", "its optimizer has no exp_avg"),
            ("model.activation=gelu", "its head has the activation relu, and that of this recipe has gelu"),
        ] {
            let (plan, mut state) = RESNET_TINY.begun(&[change]);
            let before = state.net.store.state_dict().unwrap();
            let error = continue_from(&mut state, &plan, &RESNET_TINY.released()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(state.net.store.state_dict().unwrap(), before);
        }
    }

    #[test]
    fn a_teacher_is_in_the_checkpoint_and_the_recipe_or_in_neither() {
        let (plan, mut state) = VIT_TEACHER.begun(&[]);
        let without = ReleasedCheckpoint { teacher: None, ..VIT_TEACHER.released() };
        let error = continue_from(&mut state, &plan, &without).unwrap_err().to_string();
        assert!(error.contains("it has no momentum teacher"), "{error}");
        let alone: Vec<&str> =
            VIT_TEACHER.recipe.iter().copied().filter(|of| !of.starts_with("teacher")).collect();
        let (plan, mut state) = Case { recipe: alone.leak(), ..VIT_TEACHER }.begun(&[]);
        let error = continue_from(&mut state, &plan, &VIT_TEACHER.released()).unwrap_err().to_string();
        assert!(error.contains("it has a momentum teacher"), "{error}");
    }

    #[test]
    fn tokens_that_the_file_decays_are_said() {
        let vit = ReleasedCheckpoint::load(&reference("vit_micro.pth"), "vit_48x2x3".parse().ok()).unwrap();
        assert_eq!((vit.epochs, vit.optimizer.len()), (3, 40));
        assert!(vit.notes.iter().any(|note| note.contains("decays tokens and positions")), "{:?}", vit.notes);
        let bare = ReleasedCheckpoint::load(&reference("vit_micro_backbone_only.pth"), None);
        let bare = bare.unwrap_err().to_string();
        assert!(bare.contains("no usable `epoch`") && bare.contains("--init"), "{bare}");
    }
}
