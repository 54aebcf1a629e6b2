//! The rules of sections that recipes of networks and of heads both have.

use twist_nn::MOST_OUTPUTS;

use super::PlanError;
use crate::config::{CheckpointConfig, GuardConfig, LossConfig, OptimConfig, ScheduleConfig};

/// A key, its value, whether the rule holds, and the rule.
pub(crate) type Rule<'a> = (&'static str, f64, bool, &'a str);

/// The sections.
pub(crate) struct Shared<'a> {
    pub(crate) hidden_dim: i64,
    pub(crate) dim: i64,
    pub(crate) loss: &'a LossConfig,
    pub(crate) optim: &'a OptimConfig,
    pub(crate) schedule: &'a ScheduleConfig,
    pub(crate) checkpoint: &'a CheckpointConfig,
    pub(crate) guard: &'a GuardConfig,
    pub(crate) log_every: u64,
}

impl Shared<'_> {
    /// Refuses the first value that is out of its range.
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let Self { loss, optim, schedule, checkpoint, guard, .. } = self;
        let from_0 = |value: f64| value >= 0.0 && value.is_finite();
        let above_0 = |value: f64| value > 0.0 && value.is_finite();
        let [first, second] = optim.betas;
        let end = optim.weight_decay_end.unwrap_or(optim.weight_decay);
        check(&[
            (
                "model.hidden_dim",
                self.hidden_dim as f64,
                (1..=MOST_OUTPUTS).contains(&self.hidden_dim),
                "in 1 to 1048576",
            ),
            (
                "model.dim",
                self.dim as f64,
                (2..=MOST_OUTPUTS).contains(&self.dim),
                "2 to 1048576 clusters (--clusters)",
            ),
            (
                "loss.consistency",
                loss.consistency,
                from_0(loss.consistency),
                "a finite number, at least 0 (0 switches it off)",
            ),
            ("loss.temperature", loss.temperature, above_0(loss.temperature), "a finite number above 0"),
            ("loss.lam1", loss.lam1, loss.lam1.is_finite(), "a finite number"),
            ("loss.lam2", loss.lam2, loss.lam2.is_finite(), "a finite number"),
            ("optim.lr", optim.lr, from_0(optim.lr), "a finite number, at least 0"),
            (
                "optim.bias_lr_ratio",
                optim.bias_lr_ratio,
                above_0(optim.bias_lr_ratio),
                "a finite number above 0",
            ),
            ("optim.momentum", optim.momentum, (0.0..1.0).contains(&optim.momentum), "in [0, 1)"),
            (
                "optim.weight_decay",
                optim.weight_decay,
                from_0(optim.weight_decay),
                "a finite number, at least 0",
            ),
            ("optim.weight_decay_end", end, from_0(end), "a finite number, at least 0"),
            (
                "optim.clip_norm",
                optim.clip_norm,
                from_0(optim.clip_norm),
                "a finite number, at least 0 (0 turns clipping off)",
            ),
            ("optim.eta", optim.eta, above_0(optim.eta), "a finite number above 0"),
            ("optim.betas", first, (0.0..1.0).contains(&first), "two numbers in [0, 1)"),
            ("optim.betas", second, (0.0..1.0).contains(&second), "two numbers in [0, 1)"),
            ("optim.eps", optim.eps, above_0(optim.eps), "a finite number above 0"),
            ("schedule.epochs", schedule.epochs as f64, schedule.epochs >= 1, "at least 1"),
            (
                "schedule.final_lr_fraction",
                schedule.final_lr_fraction,
                (0.0..=1.0).contains(&schedule.final_lr_fraction),
                "a part of the peak, in [0, 1]",
            ),
            ("train.log_every", self.log_every as f64, self.log_every >= 1, "at least 1"),
            ("checkpoint.keep", checkpoint.keep as f64, checkpoint.keep >= 1, "at least 1"),
            ("checkpoint.every_steps", 0.0, checkpoint.every_steps != Some(0), "at least 1"),
            ("checkpoint.every_epochs", 0.0, checkpoint.every_epochs != Some(0), "at least 1"),
            ("guard.window_steps", guard.window_steps as f64, guard.window_steps >= 1, "at least 1"),
            (
                "guard.dead_fraction",
                guard.dead_fraction,
                (0.0..=1.0).contains(&guard.dead_fraction),
                "a part of the classes, in [0, 1]",
            ),
            (
                "guard.uniform_gap",
                guard.uniform_gap,
                from_0(guard.uniform_gap),
                "a finite number of nats, at least 0",
            ),
            (
                "guard.one_hot_classes",
                guard.one_hot_classes,
                from_0(guard.one_hot_classes),
                "a finite number of classes, at least 0",
            ),
        ])
    }
}

/// Refuses the first value whose rule does not hold.
pub(crate) fn check(rules: &[Rule<'_>]) -> Result<(), PlanError> {
    match rules.iter().find(|(.., holds, _)| !holds) {
        None => Ok(()),
        Some((key, value, _, rule)) => {
            Err(PlanError::Value { key, value: value.to_string(), rule: format!("must be {rule}") })
        }
    }
}
