//! The rules of sections that recipes of networks and of heads both have.

use twist_io::Refused;
use twist_nn::MOST_OUTPUTS;

use crate::config::{LossConfig, OptimConfig, ScheduleConfig};

/// A key, its value, whether the rule holds, and the rule.
pub(crate) type Rule<'a> = (&'static str, f64, bool, &'a str);

/// What a number must be, and how an error says it.
pub(crate) type Range<'a> = (fn(f64) -> bool, &'a str);

pub(crate) const AT_LEAST_1: Range<'_> = (|value| value >= 1.0, "at least 1");
pub(crate) const ABOVE_0: Range<'_> = (|value| value > 0.0 && value.is_finite(), "a finite number above 0");
pub(crate) const BELOW_1: Range<'_> = (below_1, "in [0, 1)");
const FINITE: Range<'_> = (f64::is_finite, "a finite number");
const FROM_0: Range<'_> = (from_0, "a finite number, at least 0");
const SWITCH: Range<'_> = (from_0, "a finite number, at least 0 (0 switches it off)");
const CLIPPING: Range<'_> = (from_0, "a finite number, at least 0 (0 turns clipping off)");
const PART_OF_PEAK: Range<'_> = (is_part, "a part of the peak, in [0, 1]");
const TWO_BELOW_1: Range<'_> = (below_1, "two numbers in [0, 1)");

/// Whether a number is finite and at least 0.
pub(crate) fn from_0(value: f64) -> bool {
    value >= 0.0 && value.is_finite()
}

/// Whether a number is a part of a whole.
pub(crate) fn is_part(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

/// Whether a number is a part that leaves something.
pub(crate) fn below_1(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

/// The rule that a value lies in a range.
pub(crate) fn within<'a>(key: &'static str, value: f64, (holds, rule): Range<'a>) -> Rule<'a> {
    (key, value, holds(value), rule)
}

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
        let [first, second] = optim.betas;
        let end = optim.weight_decay_end.unwrap_or(optim.weight_decay);
        let most = MOST_OUTPUTS as f64;
        let fits = |least: f64, value: i64| (least..=most).contains(&(value as f64));
        check(&[
            ("model.hidden_dim", self.hidden_dim as f64, fits(1.0, self.hidden_dim), "in 1 to 1048576"),
            ("model.dim", self.dim as f64, fits(2.0, self.dim), "2 to 1048576 clusters (--clusters)"),
            within("loss.consistency", loss.consistency, SWITCH),
            within("loss.temperature", loss.temperature, ABOVE_0),
            within("loss.lam1", loss.lam1, FINITE),
            within("loss.lam2", loss.lam2, FINITE),
            within("optim.lr", optim.lr, FROM_0),
            within("optim.bias_lr_ratio", optim.bias_lr_ratio, ABOVE_0),
            within("optim.momentum", optim.momentum, BELOW_1),
            within("optim.weight_decay", optim.weight_decay, FROM_0),
            within("optim.weight_decay_end", end, FROM_0),
            within("optim.clip_norm", optim.clip_norm, CLIPPING),
            within("optim.eta", optim.eta, ABOVE_0),
            within("optim.betas", first, TWO_BELOW_1),
            within("optim.betas", second, TWO_BELOW_1),
            within("optim.eps", optim.eps, ABOVE_0),
            within("schedule.final_lr_fraction", schedule.final_lr_fraction, PART_OF_PEAK),
        ])
    }
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
