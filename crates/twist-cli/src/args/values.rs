//! Values of flags that have a syntax of their own.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use clap::builder::{PossibleValue, TypedValueParser};
use torch_ext::DeviceRequest;
use twist_data::bench::PipelineMode;
use twist_train::recipes;

/// `--precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// bf16 where the hardware computes it faster, else fp32
    Auto,
    /// Plain 32-bit floats
    Fp32,
    /// bfloat16 where it is safe (autocast)
    Bf16,
    /// Known so that the answer can be better than "invalid value": the plan says why not
    #[value(hide = true)]
    Fp16,
}

impl fmt::Display for PrecisionArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

/// A length of time such as `90s`, `30m` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration(pub(crate) std::time::Duration);

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a time with its unit, for example 90s, 30m, 1h30m or 2d".to_string();
        let (mut seconds, mut rest) = (0u64, text);
        while let Some(end) = rest.find(|character: char| !character.is_ascii_digit()) {
            let (number, behind) = rest.split_at(end);
            let end = behind.find(|character: char| character.is_ascii_digit()).unwrap_or(behind.len());
            let (unit, behind) = behind.split_at(end);
            let unit = match unit {
                "s" | "sec" => 1,
                "m" | "min" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return Err(wrong()),
            };
            let count: u64 = number.parse().map_err(|_| wrong())?;
            seconds = count.checked_mul(unit).and_then(|s| seconds.checked_add(s)).ok_or_else(wrong)?;
            rest = behind;
        }
        if !rest.is_empty() || seconds == 0 {
            return Err(wrong());
        }
        Ok(Self(std::time::Duration::from_secs(seconds)))
    }
}

/// One number for each channel, such as `0.485,0.456,0.406`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rgb(pub(crate) [f64; 3]);

impl FromStr for Rgb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let channels: Option<[f64; 3]> = numbers.ok().and_then(|numbers| numbers.try_into().ok());
        let finite = |rgb: &[f64; 3]| rgb.iter().all(|number| number.is_finite());
        match channels.filter(finite) {
            Some(rgb) => Ok(Self(rgb)),
            None => Err("expected three numbers, for example 0.485,0.456,0.406".to_string()),
        }
    }
}

/// A whole number that is `least` or more, for flags whose wrong values are answered with what would be right.
pub(crate) fn at_least<T: TryFrom<i128> + 'static>(
    least: i128,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse::<i128>() {
        Ok(number) if number < least => Err(format!("must be {least} or more")),
        Ok(number) => T::try_from(number).map_err(|_| "the number is too large".to_string()),
        Err(_) => Err(format!("must be a whole number, {least} or more")),
    }
}

/// How many classes are to be discovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassesAsked {
    /// As many as the features show.
    Auto,
    Given(i64),
}

impl ClassesAsked {
    pub(crate) fn given(self) -> Option<i64> {
        match self {
            Self::Auto => None,
            Self::Given(count) => Some(count),
        }
    }
}

/// `auto`, or a number of classes.
pub(crate) fn classes_asked(text: &str) -> Result<ClassesAsked, String> {
    match text {
        "auto" => Ok(ClassesAsked::Auto),
        number => at_least(2)(number).map(ClassesAsked::Given).map_err(|why| format!("{why}, or `auto`")),
    }
}

/// A value with a syntax of its own, of which shells complete the usual ones.
pub(crate) struct Completed<T> {
    usual: fn() -> Vec<&'static str>,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Clone for Completed<T> {
    fn clone(&self) -> Self {
        Self { usual: self.usual, parse: self.parse }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Completed<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        self.parse.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.usual)().into_iter().map(PossibleValue::new)))
    }
}

/// `--device`: any that [`DeviceRequest`] knows.
pub(crate) fn device() -> Completed<DeviceRequest> {
    Completed {
        usual: || vec!["auto", "cpu", "cuda"],
        parse: |text| text.parse().map_err(|error: torch_ext::DeviceError| error.to_string()),
    }
}

/// `bench pipeline --mode`.
pub(crate) fn pipeline_mode() -> Completed<PipelineMode> {
    Completed { usual: || vec!["decode", "two_view", "multi_crop"], parse: |text| text.parse() }
}

/// `--recipe`: the name of a built-in one, or a file.
pub(crate) fn recipe() -> Completed<String> {
    Completed {
        usual: || recipes::ALL.iter().map(|recipe| recipe.name).collect(),
        parse: |text| Ok(text.to_string()),
    }
}

pub(crate) type ShellArg = clap_complete::Shell;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_three() {
        assert_eq!("0.5, 0.25,1".parse(), Ok(Rgb([0.5, 0.25, 1.0])));
        for text in ["", "0.5", "1,2", "1,2,3,4", "1,2,x", "1,2,inf"] {
            assert!(text.parse::<Rgb>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_that_is_too_small_is_told_the_least_one() {
        let clusters = at_least::<i64>(2);
        assert_eq!(clusters("2"), Ok(2));
        for (text, answer) in [
            ("1", "must be 2 or more"),
            ("-7", "must be 2 or more"),
            ("ten", "must be a whole number, 2 or more"),
            ("2.5", "must be a whole number, 2 or more"),
            ("9223372036854775808", "the number is too large"),
        ] {
            assert_eq!(clusters(text), Err(answer.to_string()), "{text}");
        }
        assert_eq!(classes_asked("auto"), Ok(ClassesAsked::Auto));
        assert_eq!(classes_asked("7"), Ok(ClassesAsked::Given(7)));
        assert_eq!(classes_asked("1"), Err("must be 2 or more, or `auto`".to_string()));
        assert_eq!(at_least::<u16>(1)("70000"), Err("the number is too large".to_string()));
    }

    #[test]
    fn durations_need_units() {
        let seconds = |text: &str| text.parse::<Duration>().map(|d| d.0.as_secs());
        for (text, expected) in
            [("90s", 90), ("30m", 1_800), ("1h30m", 5_400), ("2d", 172_800), ("1min", 60), ("1h30min", 5_400)]
        {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "30", "m", "1.5h", "-3m", "0s", "1h30", "99999999999999999999d", "5w"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
