//! One figure of several runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Mean and standard deviation over runs that differ in their seed.
///
/// The deviation is that of a sample, √(Σ (x − mean)² / (n − 1)): what the spread of all possible seeds is estimated to
/// be. (NumPy's default divides by n and is smaller, by 11 % for five runs.)
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; one run has none.
    pub std: Option<f64>,
    /// Number of runs n.
    pub runs: usize,
}

impl MeanStd {
    /// Of the runs' values; `None` without runs.
    pub fn of(values: &[f64]) -> Option<Self> {
        let runs = values.len();
        if runs == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / runs as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, std: (runs > 1).then(|| (squares / (runs - 1) as f64).sqrt()), runs })
    }
}

impl fmt::Display for MeanStd {
    /// `0.512 ± 0.004`, or the value alone for one run; three decimals unless told otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        match self.std {
            Some(std) => write!(f, "{:.decimals$} ± {std:.decimals$}", self.mean),
            None => write!(f, "{:.decimals$}", self.mean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MeanStd;

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        let of = MeanStd::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!((of.mean, of.runs), (5.0, 8));
        assert!((of.std.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!(format!("{of} {of:.1}"), "5.000 ± 2.138 5.0 ± 2.1");
    }

    #[test]
    fn one_run_has_no_deviation_and_none_no_mean() {
        let one = MeanStd::of(&[0.25]).unwrap();
        assert_eq!((one.std, one.to_string().as_str()), (None, "0.250"));
        assert_eq!(MeanStd::of(&[]), None);
        assert_eq!(MeanStd::of(&[0.1; 3]).unwrap().std, Some(0.0));
    }
}
