//! However the backbone's part of a batch is cut, the step is that of the whole batch.

use tch::{Device, Tensor};
use twist_nn::DeviceNormalize;
use twist_run::figure;
use twist_train::{Recipe, StepMetrics, TrainPlan, TrainState, train_step};

use crate::data::{multi_crop, plan, recipe, self_labelling, stages};

/// A fixed batch for each resolution; libtorch's random numbers are shared with the tests that run beside this one.
fn pixels(plan: &TrainPlan, step: u64) -> Vec<Tensor> {
    let hashed = |i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8;
    let views = plan.views_at(step).chunk_by(|a, b| a.size == b.size);
    views
        .map(|views| {
            let shape = [
                views.len() as i64,
                plan.run.batch_size as i64,
                views[0].size.into(),
                views[0].size.into(),
                3,
            ];
            let bytes: Vec<u8> = (0..shape.iter().product::<i64>() as u32).map(hashed).collect();
            Tensor::from_slice(&bytes).view(shape)
        })
        .collect()
}

/// A step, and its figures.
fn take(plan: &TrainPlan, state: &mut TrainState, step: u64) -> Vec<f64> {
    let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
    let metrics = train_step(state, plan, &normalize, step, &pixels(plan, step)).unwrap();
    let reading = StepMetrics::read(&[metrics]).unwrap().remove(0);
    let names = [figure::LOSS, figure::KL, figure::SHARPNESS, figure::DIVERSITY, figure::GRAD_NORM];
    names.map(|figure| reading.get(figure)).to_vec()
}

/// Every entry of the network and of its teacher.
fn entries(state: &TrainState) -> Vec<(String, Tensor)> {
    let nets = [("model", Some(&state.net)), ("teacher", state.teacher.as_ref().map(|teacher| &teacher.net))];
    let nets = nets.into_iter().filter_map(|(who, net)| Some((who, net?)));
    let entries = nets.flat_map(|(who, net)| net.store.entries().iter().map(move |entry| (who, entry)));
    entries.map(|(who, entry)| (format!("{who}.{}", entry.name), entry.tensor.detach())).collect()
}

/// Two steps, the first of them `first`: every entry after them, and the figures of the second one.
fn two_steps(plan: &TrainPlan, first: u64) -> (Vec<(String, Tensor)>, Vec<f64>) {
    let mut state = TrainState::new(plan).unwrap();
    take(plan, &mut state, first);
    let figures = take(plan, &mut state, first + 1);
    (entries(&state), figures)
}

/// Two steps from `first` on, the second one from equal networks: it would magnify how the first one was rounded. Tolerance 1e-4 of
/// the largest value: sums over images are taken in another order.
fn same(whole: &TrainPlan, cut: &TrainPlan, first: u64, what: &str) {
    let [mut of_whole, mut of_cut] = [whole, cut].map(|plan| TrainState::new(plan).unwrap());
    for step in first..first + 2 {
        let (figures, cut_figures) = (take(whole, &mut of_whole, step), take(cut, &mut of_cut, step));
        let (a, b) = (entries(&of_whole), entries(&of_cut));
        assert_eq!(a.len(), b.len());
        for ((name, a), (_, b)) in a.iter().zip(&b) {
            let scale = a.abs().max().double_value(&[]).max(1e-3);
            let difference = (a - b).abs().max().double_value(&[]) / scale;
            assert!(difference < 1e-4, "{what}: {name} differs by {difference:e} after step {step}");
            b.shallow_clone().copy_(a);
        }
        for (a, b) in figures.iter().zip(&cut_figures) {
            assert!((a - b).abs() < 1e-4 * a.abs().max(0.01), "{what}: {figures:?} {cut_figures:?}");
        }
    }
}

/// The gradient of every parameter and the loss, from one step of plain descent at a rate that drowns the weights.
fn gradients(plan: &TrainPlan, step: u64) -> (Vec<(String, Tensor)>, f64) {
    let mut state = TrainState::new(plan).unwrap();
    let before: Vec<Tensor> = state.net.store.entries().iter().map(|entry| entry.tensor.copy()).collect();
    let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
    let metrics = train_step(&mut state, plan, &normalize, step, &pixels(plan, step)).unwrap();
    let moved = |(entry, before): (&twist_nn::Entry, &Tensor)| {
        let trained = entry.tensor.requires_grad();
        trained.then(|| (entry.name.clone(), entry.tensor.detach() - before))
    };
    let moved = state.net.store.entries().iter().zip(&before).filter_map(moved).collect();
    (moved, StepMetrics::read(&[metrics]).unwrap()[0].get(figure::LOSS))
}

/// The loss and the gradient of each parameter within 1e-4 of its largest element: sums are taken in another order.
fn same_gradients(whole: &TrainPlan, cut: &TrainPlan, step: u64, what: &str) {
    let ((a, loss), (b, cut_loss)) = (gradients(whole, step), gradients(cut, step));
    assert!(a.len() > 20 && a.len() == b.len(), "{what}: {} parameters", a.len());
    assert!((loss - cut_loss).abs() < 1e-4 * loss.abs(), "{what}: loss {loss} and {cut_loss}");
    let largest = |x: &Tensor| x.abs().max().double_value(&[]);
    let all = a.iter().map(|(_, gradient)| largest(gradient)).fold(0.0, f64::max);
    for ((name, a), (_, b)) in a.iter().zip(&b) {
        // What a norm subtracts again has a gradient of 0, up to rounding.
        let difference = largest(&(a - b)) / largest(a).max(1e-5 * all);
        assert!(difference < 1e-4, "{what}: the gradient of {name} differs by {difference:e}");
    }
}

/// A batch of 64 whose norms take 16 images together, in one piece, in pieces and with checkpointed activations: the
/// same loss, gradients, counters and figures, with two views, with six of two sizes, with a teacher, and while
/// self-labelling with and without one.
#[test]
fn a_step_does_not_depend_on_how_the_batch_is_cut() {
    type Make = fn(&[&str]) -> Recipe;
    let kinds: [(&str, Make, u64, usize); 5] = [
        ("two views", recipe, 0, 2),
        ("multi-crop", multi_crop, 0, 6),
        ("a teacher", stages, 0, 6),
        ("self-labelling", self_labelling, 2, 3),
        ("self-labelling from a teacher", stages, 2, 3),
    ];
    for (kind, make, first, views) in kinds {
        let plan = |overrides: &[&str]| {
            let common =
                ["train.batch_size=64", "train.norm_batch=16", "model.bunch=32", "schedule.warmup_epochs=0"];
            plan(&make(&[&common, overrides].concat()), 64)
        };
        let descent = [
            "optim.name=sgd",
            "optim.momentum=0",
            "optim.weight_decay=0",
            "optim.clip_norm=0",
            "optim.lr=100",
            "train.log_every=1",
        ];
        let (whole, descending) = (plan(&[]), plan(&descent));
        assert_eq!(whole.views_at(first).len(), views, "{kind}");
        for cut in [
            &["train.accumulation=4"][..],
            &["train.checkpoint_activations=true"],
            &["train.checkpoint_activations=true", "train.accumulation=4"],
        ] {
            let what = format!("{kind}, {cut:?}");
            same_gradients(&descending, &plan(&[&descent, cut].concat()), first, &what);
            same(&whole, &plan(cut), first, &what);
        }
    }
}

/// Stochastic depth draws the same in both passes and for every cut.
#[test]
fn a_transformer_drops_the_same_blocks_however_it_is_cut() {
    let plan = |overrides: &[&str]| {
        let common = [
            "model.arch=vit_t8",
            "model.width=64",
            "model.drop_path=0.5",
            "train.norm_batch=4",
            "schedule.warmup_epochs=0",
        ];
        plan(&multi_crop(&[&common, overrides].concat()), 16)
    };
    let whole = plan(&[]);
    same(&whole, &plan(&["train.accumulation=2"]), 0, "pieces");
    same(&whole, &plan(&["train.checkpoint_activations=true"]), 0, "checkpointed");
    let never = plan(&["model.drop_path=0.0"]);
    assert_ne!(two_steps(&whole, 0).1, two_steps(&never, 0).1, "it drops some");
}

#[test]
fn norms_see_a_piece_unless_told_otherwise() {
    let counter = |overrides: &[&str]| {
        let (entries, _) = two_steps(&plan(&recipe(overrides), 16), 0);
        let counters: Vec<i64> = entries
            .iter()
            .filter(|(name, _)| name.starts_with("model.backbone.") && name.ends_with("num_batches_tracked"))
            .map(|(_, tensor)| tensor.int64_value(&[]))
            .collect();
        assert!(counters.len() > 10 && counters.iter().all(|count| *count == counters[0]), "{counters:?}");
        counters[0]
    };
    assert_eq!(counter(&[]), 2, "two steps of one piece");
    assert_eq!(counter(&["train.accumulation=4"]), 2, "two steps of four pieces");
    assert_eq!(counter(&["train.checkpoint_activations=true"]), 2);
}

/// One update of the running statistics for each resolution and step, however many pieces bring the batch: student and
/// teacher get the statistics of one piece. The first norm sees the same values in every case; what the later ones see was
/// normalised in pieces, so theirs agree as far as a piece speaks for its batch.
#[test]
fn running_statistics_do_not_know_the_number_of_pieces() {
    let statistics = |overrides: &[&str]| {
        let common = ["train.batch_size=64", "model.bunch=64", "schedule.warmup_epochs=0"];
        let plan = plan(&stages(&[&common, overrides].concat()), 64);
        assert_eq!(plan.views_at(0).chunk_by(|a, b| a.size == b.size).count(), 2, "two resolutions");
        let mut state = TrainState::new(&plan).unwrap();
        let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
        train_step(&mut state, &plan, &normalize, 0, &pixels(&plan, 0)).unwrap();
        let nets = [("student", &state.net), ("teacher", &state.teacher.as_ref().unwrap().net)];
        let entries = nets.into_iter().flat_map(|(who, net)| {
            let buffers = net.store.entries().iter().filter(|entry| entry.name.starts_with("backbone."));
            buffers.filter(|entry| entry.role == twist_nn::Role::Buffer).map(move |entry| {
                (format!("{who} {}", entry.name), entry.tensor.copy().to_kind(tch::Kind::Float))
            })
        });
        entries.collect::<Vec<_>>()
    };
    let whole = statistics(&[]);
    assert!(whole.len() > 60, "{}", whole.len());
    for cut in [
        &["train.accumulation=4"][..],
        &["train.norm_batch=16"],
        &["train.accumulation=16", "train.checkpoint_activations=true"],
    ] {
        let mut tight = 0;
        for ((name, of_batch), (_, of_pieces)) in whole.iter().zip(&statistics(cut)) {
            let scale = of_batch.abs().max().double_value(&[]);
            let difference = (of_batch - of_pieces).abs().max().double_value(&[]) / scale;
            let first = name.contains(" backbone.bn1.") || name.ends_with("num_batches_tracked");
            tight += usize::from(first);
            assert!(
                difference <= if first { 1e-5 } else { 0.05 },
                "{cut:?}: {name} differs by {difference:e}"
            );
        }
        assert!(tight > 4);
    }
}
