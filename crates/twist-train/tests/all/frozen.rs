//! Heads on frozen features: what they find, and that a resumed run equals an uninterrupted one.

use std::collections::BTreeSet;
use std::path::Path;

use tch::{Device, Kind, Tensor};
use torch_ext::{DeviceRequest, Machine};
use twist_nn::{Init, Mode, fill};
use twist_run::{Event, EventKind, Figures, OnExisting, Recorder, RunFolder, figure};
use twist_train::frozen::{FeatureFacts, HeadPlan, HeadRecipe, Heads, Neighbourhood};
use twist_train::run::Run;
use twist_train::{EvalError, Evaluator, Moment, Outcome, StopFlag, StopReason};

const GROUPS: i64 = 5;
const EACH: i64 = 60;
const WIDTH: i64 = 16;

const RECIPE: &str = r#"
model = { dim = 5, hidden_dim = 32, heads = 2 }
pairs = { neighbours = 10 }
optim = { name = "adamw", lr = 5e-3, scale_lr = false }
schedule = { epochs = 12, warmup_epochs = 1 }
train = { batch_size = 100, log_every = 1 }
"#;

/// 300 rows around five corners, the group of row `i` being `i % 5`.
fn mixture() -> Tensor {
    let centres = Tensor::eye(WIDTH, (Kind::Float, Device::Cpu)).narrow(0, 0, GROUPS) * 4.0;
    let count = (GROUPS * EACH * WIDTH) as usize;
    let noise = Tensor::from_slice(&fill(Init::Normal { std: 0.4 }, 1, "noise", count));
    centres.repeat([EACH, 1]) + noise.view([GROUPS * EACH, WIDTH])
}

/// The ten nearest rows of each row.
fn neighbours(rows: &Tensor) -> Neighbourhood {
    let unit = rows / rows.norm_scalaropt_dim(2, [1i64].as_slice(), true);
    let (_, index) = unit.matmul(&unit.tr()).topk(11, 1, true, true);
    let (len, _) = index.size2().unwrap();
    let of_row = |row: i64| {
        let all = Vec::<i64>::try_from(index.get(row)).unwrap();
        all.into_iter().filter(|&other| other != row).take(10).map(|other| other as u32).collect()
    };
    Neighbourhood::new((0..len).map(of_row))
}

fn plan(overrides: &[&str]) -> Result<(HeadRecipe, HeadPlan), String> {
    let overrides: Vec<_> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    let recipe = HeadRecipe::read("test", RECIPE, &overrides).map_err(|error| error.to_string())?;
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    let facts = FeatureFacts { rows: (GROUPS * EACH) as usize, width: WIDTH, ..Default::default() };
    let plan = HeadPlan::new(&recipe.config, &facts, &machine).map_err(|error| error.to_string())?;
    Ok((recipe, plan))
}

/// Raises the flag when a step is done.
struct StopAt(u64, StopFlag);

impl Recorder for StopAt {
    fn record(&mut self, event: &Event) -> Result<(), twist_run::RunError> {
        if event.step == self.0 && matches!(event.kind, EventKind::Step(_)) {
            self.1.raise(2);
        }
        Ok(())
    }
}

fn run(folder: &Path, stop_at: Option<u64>, overrides: &[&str]) -> (Run<Heads>, Outcome) {
    watched(folder, stop_at, overrides, None)
}

fn watched(
    folder: &Path,
    stop_at: Option<u64>,
    overrides: &[&str],
    evaluator: Option<&mut dyn Evaluator<Heads>>,
) -> (Run<Heads>, Outcome) {
    let rows = mixture();
    let folder = RunFolder::open(folder, OnExisting::Resume).unwrap();
    let (recipe, plan) = plan(overrides).unwrap();
    let neighbours = neighbours(&rows);
    let guides = vec![(0..GROUPS * EACH).map(|row| (row % GROUPS) as u32).collect(); plan.guided()];
    let mut run = Run::of_heads(plan, rows, neighbours, &guides, Some(&folder), String::new()).unwrap();
    folder.describe(&recipe.text, run.task().plan()).unwrap();
    let stop = StopFlag::new();
    let mut recorders: Vec<Box<dyn Recorder>> = folder.recorders().unwrap();
    if let Some(step) = stop_at {
        recorders.push(Box::new(StopAt(step, stop.clone())));
    }
    let outcome = run.run(evaluator, &mut recorders, &stop, None).unwrap();
    (run, outcome)
}

#[test]
fn five_groups_become_five_classes() {
    let folder = tempfile::tempdir().unwrap();
    let rows = mixture();
    let unit = &rows / rows.norm_scalaropt_dim(2, [1i64].as_slice(), true);
    let mut pairs = BTreeSet::new();
    // Asked once, after the last step.
    let mut evaluator = |task: &mut Heads, moment: &Moment| -> Result<Figures, EvalError> {
        let logits = tch::no_grad(|| task.head(moment.leader).forward(&unit, 1, Mode::Eval))?;
        let classes = Vec::<i64>::try_from(logits.argmax(1, false))?;
        pairs.extend(classes.into_iter().enumerate().map(|(row, class)| (row as i64 % GROUPS, class)));
        Ok([(figure::NMI, 1.0)].into_iter().collect())
    };
    let last = ["eval.every_epochs=12"];
    let (mut run, outcome) = watched(folder.path(), None, &last, Some(&mut evaluator));
    assert_eq!(outcome, Outcome::Finished { steps: 36 });
    let groups: BTreeSet<i64> = pairs.iter().map(|(group, _)| *group).collect();
    let classes: BTreeSet<i64> = pairs.iter().map(|(_, class)| *class).collect();
    assert_eq!((pairs.len(), groups.len(), classes.len()), (5, 5, 5), "one class for each group: {pairs:?}");

    let losses = run.task_mut().losses().unwrap();
    assert_eq!(losses.len(), 2);
    // The norm before softmax keeps five equal classes from getting sharper than this.
    assert!(losses[Heads::best(&losses)] < -0.3, "{losses:?}");
    let log = fs_err::read_to_string(folder.path().join("log.jsonl")).unwrap();
    assert_eq!(log.lines().filter(|line| line.contains("\"event\":\"step\"")).count(), 36);
    assert_eq!(log.lines().filter(|line| line.contains("\"event\":\"eval\"")).count(), 1);
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let (calm, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut first, _) = run(calm.path(), None, &[]);
    let (_, outcome) = run(stopped.path(), Some(17), &[]);
    assert!(matches!(outcome, Outcome::Stopped { reason: StopReason::Signal(2), .. }), "{outcome:?}");
    let (mut second, outcome) = run(stopped.path(), None, &[]);
    // The flag was raised after step 17, so one more was taken and saved.
    assert_eq!(outcome, Outcome::Finished { steps: 36 - 18 });
    let bytes = |folder: &Path| fs_err::read(folder.join("checkpoints/step-00000036.safetensors")).unwrap();
    assert!(bytes(calm.path()) == bytes(stopped.path()), "the last checkpoints differ");
    assert_eq!(first.task_mut().losses().unwrap(), second.task_mut().losses().unwrap());
    let log = fs_err::read_to_string(stopped.path().join("log.jsonl")).unwrap();
    assert!(log.contains("\"event\":\"resumed\"") && !log.contains("\"event\":\"warning\""), "{log}");
    let folder = RunFolder::open(calm.path(), OnExisting::Resume).unwrap();
    assert_eq!(first.task().plan().standing_in(&folder).unwrap(), (36, None));
    assert!(folder.says_done(36).unwrap());
}

#[test]
fn heads_start_apart_and_seeds_decide() {
    let state = |overrides: &[&str], number| {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), None, &[&["schedule.epochs=2"], overrides].concat())
            .0
            .task()
            .head_state(number)
            .unwrap()
    };
    let first = state(&[], 0);
    assert_eq!(first, state(&[], 0));
    assert_ne!(first, state(&[], 1), "each head has a start of its own");
    assert_ne!(first, state(&["train.seed=1"], 0));
    assert_eq!(first, state(&["model.heads=1"], 0), "a head does not depend on those beside it");
    assert!(first.0.iter().all(|(name, _)| name.starts_with("projection_heads.")));
}

#[test]
fn the_guard_names_a_collapse() {
    let folder = tempfile::tempdir().unwrap();
    // Entropy is rewarded and nothing spreads the rows: all get the same flat distribution.
    let overrides = [
        "loss.lam1=-2.0",
        "loss.lam2=0.0",
        "model.norm=false",
        "guard.window_steps=5",
        "schedule.epochs=200",
        "optim.lr=0.02",
    ];
    let (_, outcome) = run(folder.path(), None, &overrides);
    assert!(matches!(outcome, Outcome::Collapsed { .. }), "{outcome:?}");
    assert!(folder.path().join("collapse/weights.safetensors").is_file());
}

#[test]
fn what_does_not_fit_is_refused_with_a_remedy() {
    for (change, words) in [
        ("model.dim=301", "--clusters"),
        ("model.dim=1", "--clusters"),
        ("model.heads=0", "model.heads"),
        ("pairs.neighbours=0", "pairs.neighbours"),
        ("schedule.warmup_epochs=12", "warmup"),
        ("guard.window_steps=0", "guard.window_steps = 0"),
        ("guard.dead_fraction=1.5", "guard.dead_fraction"),
        ("guard.uniform_gap=inf", "guard.uniform_gap = inf"),
        ("guard.one_hot_classes=nan", "guard.one_hot_classes"),
        ("loss.temperature=inf", "loss.temperature = inf"),
        ("loss.consistency=inf", "loss.consistency = inf"),
        ("optim.eta=0.0", "optim.eta = 0"),
        ("optim.eps=0.0", "optim.eps = 0"),
        ("optim.weight_decay=inf", "optim.weight_decay = inf"),
        ("optim.clip_norm=inf", "optim.clip_norm = inf"),
        ("optim.bias_lr_ratio=inf", "optim.bias_lr_ratio = inf"),
        ("schedule.final_lr_fraction=9.0", "schedule.final_lr_fraction = 9"),
        ("schedule.epochs=9223372036854775807", "schedule.epochs = 9223372036854775807: must be at most"),
        ("checkpoint.every_epochs=9223372036854775807", "checkpoint.every_epochs"),
        ("eval.every_epochs=9223372036854775807", "eval.every_epochs"),
        ("model.hidden_dim=1048577", "model.hidden_dim"),
        ("model.heads=1000000", "model.heads"),
        ("guide.heads=3", "guide.heads = 3: must be at most model.heads = 2"),
        ("guide.part=0.0", "guide.part = 0"),
        ("guide.rest=1.5", "guide.rest = 1.5"),
        ("model.activation=tanh", "relu"),
        ("pairs.neighbors=3", "did you mean `neighbours`?"),
    ] {
        let message = plan(&[change]).map(|_| ()).unwrap_err();
        assert!(message.contains(words), "{change}: {message}");
    }
    let (_, few) = plan(&["train.batch_size=1000", "pairs.neighbours=1000"]).unwrap();
    assert_eq!((few.run.batch_size, few.neighbours), (300, 299), "never more than there are");
}

#[test]
fn a_led_head_learns_its_guide_and_the_others_are_as_without_it() {
    let clusters_of = |run: &Run<Heads>, number: usize| run.task().head_state(number).unwrap();
    let (alone, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, _) = run(alone.path(), None, &[]);
    let (second, _) = run(beside.path(), None, &["guide.heads=1", "guide.rest=1.0"]);
    assert_eq!(clusters_of(&first, 0), clusters_of(&second, 0), "the first head is not led");
    assert_ne!(clusters_of(&first, 1), clusters_of(&second, 1));

    // A guide that calls the groups by names of its own: the led head takes exactly those.
    let folder = tempfile::tempdir().unwrap();
    let rows = mixture();
    let unit = &rows / rows.norm_scalaropt_dim(2, [1i64].as_slice(), true);
    let mut found = Vec::new();
    let mut evaluator = |task: &mut Heads, moment: &Moment| -> Result<Figures, EvalError> {
        let logits = tch::no_grad(|| task.head(moment.leader).forward(&unit, 1, Mode::Eval))?;
        found = Vec::<i64>::try_from(logits.argmax(1, false))?;
        Ok([(figure::NMI, 1.0)].into_iter().collect())
    };
    let only = ["model.heads=1", "guide.heads=1", "guide.part=1.0", "eval.every_epochs=12"];
    watched(folder.path(), None, &only, Some(&mut evaluator));
    let expected: Vec<i64> = (0..GROUPS * EACH).map(|row| row % GROUPS).collect();
    assert_eq!(found, expected);
}

#[test]
fn another_batch_size_is_refused_on_resume() {
    let folder = tempfile::tempdir().unwrap();
    let (_, outcome) = run(folder.path(), Some(5), &[]);
    assert!(matches!(outcome, Outcome::Stopped { reason: StopReason::Signal(2), .. }), "{outcome:?}");
    let again = |overrides: &[&str]| {
        let rows = mixture();
        let folder = RunFolder::open(folder.path(), OnExisting::Resume).unwrap();
        let (_, plan) = plan(overrides).unwrap();
        let neighbours = neighbours(&rows);
        Run::of_heads(plan, rows, neighbours, &[], Some(&folder), String::new()).map(|_| ())
    };
    let message = again(&["train.batch_size=50"]).unwrap_err().to_string();
    assert!(message.contains("100 rows") && message.contains("50 now"), "{message}");
    again(&[]).unwrap();
}

#[test]
fn the_best_checkpoint_of_heads_has_the_least_loss() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), None, &["checkpoint.keep=12"]);
    let facts = |name: &str| {
        let (_, facts) = twist_io::load_safetensors(folder.path().join("checkpoints").join(name)).unwrap();
        facts.unwrap()
    };
    let best = facts("best.safetensors");
    assert_eq!((&best["measured"]["metric"], &best["measured"]["higher"]), (&"loss".into(), &false.into()));
    let losses: Vec<f64> = (1..=12)
        .map(|epoch| {
            facts(&format!("step-{:08}.safetensors", 3 * epoch))["measured"]["value"].as_f64().unwrap()
        })
        .collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(best["measured"]["value"].as_f64().unwrap(), least, "{losses:?}");
}

/// Checkpoints of older versions say less of the run.
#[test]
fn a_checkpoint_of_an_older_version_is_resumed() {
    let (calm, stopped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(calm.path(), None, &[]);
    run(stopped.path(), Some(17), &[]);
    let newest = stopped.path().join("checkpoints/step-00000018.safetensors");
    let (state, facts) = twist_io::load_safetensors(&newest).unwrap();
    let mut facts = facts.unwrap();
    for key in ["measured", "losses", "guard_streaks", "batch_size"] {
        assert!(facts.as_object_mut().unwrap().shift_remove(key).is_some(), "{key}");
    }
    facts["libtorch"] = "0.1".into();
    twist_io::save_safetensors(&newest, &state, Some(&facts)).unwrap();
    assert_eq!(run(stopped.path(), None, &[]).1, Outcome::Finished { steps: 36 - 18 });
    let tensors = |folder: &Path| {
        twist_io::load_safetensors(folder.join("checkpoints/step-00000036.safetensors")).unwrap().0
    };
    assert_eq!(tensors(calm.path()), tensors(stopped.path()));
    let log = fs_err::read_to_string(stopped.path().join("log.jsonl")).unwrap();
    assert!(log.contains("libtorch changed since the checkpoint: 0.1 ->"), "{log}");
}
