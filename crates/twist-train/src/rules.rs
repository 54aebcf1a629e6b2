//! What values of a recipe must be, and how an error says it. The rules of a section are beside its keys (`config/sections.rs`).

use twist_io::Refused;

/// A key, its value, whether the rule holds, and the rule.
pub(crate) type Rule<'a> = (&'static str, f64, bool, &'a str);

/// What a number must be, and how an error says it.
pub(crate) type Range<'a> = (fn(f64) -> bool, &'a str);

pub(crate) const AT_LEAST_1: Range<'_> = (|value| value >= 1.0, "at least 1");
pub(crate) const ABOVE_0: Range<'_> = (|value| value > 0.0 && value.is_finite(), "a finite number above 0");
pub(crate) const BELOW_1: Range<'_> = (below_1, "in [0, 1)");
pub(crate) const FINITE: Range<'_> = (f64::is_finite, "a finite number");
pub(crate) const FROM_0: Range<'_> = (from_0, "a finite number, at least 0");
pub(crate) const SWITCH: Range<'_> = (from_0, "a finite number, at least 0 (0 switches it off)");
pub(crate) const CLIPPING: Range<'_> = (from_0, "a finite number, at least 0 (0 turns clipping off)");
pub(crate) const PART_OF_PEAK: Range<'_> = (is_part, "a part of the peak, in [0, 1]");
pub(crate) const TWO_BELOW_1: Range<'_> = (below_1, "two numbers in [0, 1)");

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
