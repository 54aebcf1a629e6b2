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
    let network = whole(&released.network.model, state, "the network")?;
    let teacher = match (&state.teacher, &released.teacher) {
        (Some(_), Some(teacher)) => Some(whole(&teacher.model, state, "the teacher")?),
        (None, _) => None,
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

    /// The recipe by which `tools/reference/continued.py` takes one more step from `resnet_tiny.pth`.
    fn begun(more: &[&str]) -> (TrainPlan, TrainState) {
        let sizes =
            ["model.arch=resnet_bottleneck8_1_1_1_1", "model.width=8", "model.hidden_dim=64", "model.dim=32"];
        let optim = ["optim.name=lars", "optim.lr=0.5", "optim.scale_lr=false", "optim.weight_decay=1e-4"];
        let others =
            ["optim.clip_norm=3.0", "schedule.epochs=6", "schedule.warmup_epochs=0", "train.precision=fp32"];
        let recipe = Recipe::tiny(&[&sizes[..], &optim, &others, more].concat()).unwrap();
        let machine = Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false };
        let plan =
            TrainPlan::new(&recipe.config, &DataFacts { images: 16, ..DataFacts::default() }, &machine)
                .unwrap();
        let state = TrainState::new(&plan).unwrap();
        (plan, state)
    }

    fn released() -> ReleasedCheckpoint {
        ReleasedCheckpoint::load(&reference("resnet_tiny.pth"), None).unwrap()
    }

    /// The largest difference of a parameter to PyTorch's after one more step, relative to its largest value.
    fn one_more_step(plan: &TrainPlan, state: &mut TrainState, step: u64) -> f64 {
        let bytes: Vec<u8> =
            (0..2 * 8 * 32 * 32 * 3).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let pixels = [Tensor::from_slice(&bytes).view([2, 8, 32, 32, 3])];
        let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
        train_step(state, plan, &normalize, step, &pixels).unwrap();
        let (expected, _) = twist_io::load_safetensors(reference("continued.safetensors")).unwrap();
        let now = state.net.store.state_dict().unwrap();
        let values = |tensor: &HostTensor| tensor.to_vec::<f32>().unwrap();
        assert_eq!(expected.len(), 61, "every parameter");
        let off = expected.iter().map(|(name, expected)| {
            let (now, expected) = (values(now.get(name).unwrap()), values(expected));
            let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
            let off = now.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            f64::from(off / largest)
        });
        off.fold(0.0, f64::max)
    }

    #[test]
    fn one_more_step_equals_pytorch() {
        let (plan, mut state) = begun(&[]);
        let step = continue_from(&mut state, &plan, &released()).unwrap();
        assert_eq!(step, 6, "three epochs of two steps");
        let off = one_more_step(&plan, &mut state, step);
        assert!(off < 1e-5, "{off:e}");
    }

    #[test]
    fn without_the_optimizer_or_the_epoch_the_step_is_another() {
        let (plan, mut state) = begun(&[]);
        let mut forgetful = released();
        forgetful.optimizer.0.iter_mut().for_each(|(_, tensor)| tensor.data.fill(0));
        let step = continue_from(&mut state, &plan, &forgetful).unwrap();
        assert!(one_more_step(&plan, &mut state, step) > 1e-3);
        let (plan, mut state) = begun(&[]);
        continue_from(&mut state, &plan, &released()).unwrap();
        assert!(one_more_step(&plan, &mut state, 0) > 1e-4);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        for (change, expected) in [
            ("schedule.epochs=3", "it has 3 finished epochs, and this recipe ends after 3"),
            ("model.dim=16", "the network is not that of the recipe"),
            ("optim.name=adamw", "its optimizer has no exp_avg"),
        ] {
            let (plan, mut state) = begun(&[change]);
            let before = state.net.store.state_dict().unwrap();
            let error = continue_from(&mut state, &plan, &released()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(state.net.store.state_dict().unwrap(), before);
        }
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
