//! The rules of sections that recipes of networks and of heads both have.

use twist_io::Refused;
use twist_nn::MOST_OUTPUTS;

use crate::config::{LossConfig, OptimConfig, ScheduleConfig};

/// A key, its value, whether the rule holds, and the rule.
pub(crate) type Rule<'a> = (&'static str, f64, bool, &'a str);

/// The sections.
pub(crate) struct Shared<'a> {
    pub(crate) hidden_dim: i64,
    pub(crate) dim: i64,
    pub(crate) loss: &'a LossConfig,
    pub(crate) optim: &'a OptimConfig,
    pub(crate) schedule: &'a ScheduleConfig,
}

impl Shared<'_> {
    /// Refuses the first value that is out of its range.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let Self { loss, optim, schedule, .. } = self;
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
            (
                "schedule.final_lr_fraction",
                schedule.final_lr_fraction,
                (0.0..=1.0).contains(&schedule.final_lr_fraction),
                "a part of the peak, in [0, 1]",
            ),
        ])
    }
}

/// Whether a number is finite and at least 0.
pub(crate) fn from_0(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

/// Refuses the first value whose rule does not hold.
pub(crate) fn check(rules: &[Rule<'_>]) -> Result<(), Refused> {
    match rules.iter().find(|(.., holds, _)| !holds) {
        None => Ok(()),
        Some((key, value, _, rule)) => Err(refused(key, value, format!("must be {rule}"))),
    }
}

/// A value that a plan refuses: its key, what it is, and what it must be or what to do.
pub(crate) fn refused(key: &str, value: impl std::fmt::Display, rule: impl Into<String>) -> Refused {
    Refused::new(format!("{key} = {value}")).because(rule)
}
