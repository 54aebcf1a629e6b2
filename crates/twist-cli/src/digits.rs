//! Numbers for people: as many digits as they rest on.

pub(crate) use twist_io::thousands;

/// Something per second: `1,065`, `12`, `1.2`, `0.45`.
pub(crate) fn rate(value: f64) -> String {
    match value {
        v if !v.is_finite() => "?".into(),
        v if v >= 10.0 => thousands(v.round() as u64),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// "1 epoch", "2 epochs", "1,000 epochs".
pub(crate) fn counted(number: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A part of `images` images: two digits of less than 100, four of 10,000 and more.
pub(crate) fn share(value: f64, images: u64) -> String {
    let digits = match images {
        0..100 => 2,
        100..10_000 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_they_rest_on() {
        assert_eq!([1, 2, 1_000].map(|n| counted(n, "epoch")), ["1 epoch", "2 epochs", "1,000 epochs"]);
        let rates = [1_065.752_1, 12.34, 1.234, 0.454, 1_234_567.0, f64::NAN].map(rate);
        assert_eq!(rates, ["1,066", "12", "1.2", "0.45", "1,234,567", "?"]);
        assert_eq!(
            [(0.32, 60), (0.32, 600), (0.9261, 10_000)].map(|(v, n)| share(v, n)),
            ["0.32", "0.320", "0.9261"]
        );
    }
}
