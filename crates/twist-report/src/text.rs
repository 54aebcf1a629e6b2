//! Numbers as people read them.

pub(crate) use twist_io::thousands as count;
use twist_metrics::margin;

/// From this size on whole numbers are written by their power of ten.
const TOO_LONG: f64 = 1e15;

/// A fraction as percent: `0.9342` → `93.4 %` (with a narrow space that does not break).
pub(crate) fn percent(fraction: f64) -> String {
    let hundredths = fraction * 100.0;
    if hundredths.abs() < TOO_LONG {
        format!("{hundredths:.1}\u{202f}%")
    } else {
        format!("{}\u{202f}%", number(hundredths))
    }
}

/// Half the width from which on a share is written with it, and without decimals: nobody needs the ± of ten thousand images,
/// and of sixty a decimal says nothing.
const WIDE: f64 = 0.02;

/// A share of so many images as percent, with what chance leaves open where they are few: `25 ± 11 %`.
pub(crate) fn share(fraction: f64, images: Option<usize>) -> String {
    let wide = images
        .filter(|images| *images > 0 && (0.0..=1.0).contains(&fraction))
        .map(|images| margin(fraction, images as u64));
    match wide.filter(|wide| *wide >= WIDE) {
        Some(wide) => format!("{:.0}\u{202f}±\u{202f}{:.0}\u{202f}%", fraction * 100.0, wide * 100.0),
        None => percent(fraction),
    }
}

/// Any number to four significant digits, without a tail of zeros; whole numbers in full, and what is too large or too small
/// for either by its power of ten. What is not a finite number is a dash.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    if size >= TOO_LONG || (value != 0.0 && size < 1e-3) {
        return scientific(value);
    }
    if value.fract() == 0.0 || size >= 1000.0 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(size.round() as u64));
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}

/// Three significant digits and a power of ten: `1.50e20`.
pub(crate) fn scientific(value: f64) -> String {
    format!("{value:.2e}").replace('-', "−")
}

/// Epochs done of a run in progress, coarse enough to be read beside a whole number: `12.571` → `12.6`.
pub(crate) fn epochs_done(epoch: f64) -> String {
    let tenths = (epoch * 10.0).round() / 10.0;
    number(if epoch < 1.0 { epoch } else { tenths })
}

/// Minutes as a duration: `2.75` → `2 min 45 s`, a number and its unit never parted.
pub(crate) fn minutes(value: f64) -> String {
    let seconds = (value * 60.0).round().max(0.0) as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}\u{a0}s"),
        (0, m, 0) => format!("{m}\u{a0}min"),
        (0, m, s) if m < 10 => format!("{m}\u{a0}min {s}\u{a0}s"),
        (0, m, _) => format!("{m}\u{a0}min"),
        (h, m, _) if h < 48 => format!("{h}\u{a0}h {m}\u{a0}min"),
        (h, _, _) => format!("{}\u{a0}days {}\u{a0}h", h / 24, h % 24),
    }
}

/// A key of a file as words: `accuracy_one_to_one` → `accuracy one to one`.
pub(crate) fn words(key: &str) -> String {
    key.replace('_', " ")
}

/// With a capital in front, as a heading has it; names such as k-NN stay.
pub(crate) fn capitalised(title: &str) -> String {
    let mut rest = title.chars();
    match (rest.next(), title.chars().nth(1)) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_uppercase().chain(rest).collect(),
        _ => title.to_owned(),
    }
}

/// "1 image", "2 images".
pub(crate) fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_few_images_says_what_chance_leaves_open() {
        let shown = |fraction, images| share(fraction, images).replace('\u{202f}', " ");
        assert_eq!(shown(0.25, Some(60)), "25 ± 11 %");
        assert_eq!(shown(1.0, Some(4)), "100 ± 24 %", "four of four do not make certainty");
        assert_eq!([shown(0.58, Some(10_000)), shown(0.25, None)], ["58.0 %", "25.0 %"]);
        assert_eq!(shown(f64::NAN, Some(9)), "– %");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.9342), "93.4\u{202f}%");
        assert_eq!([count(7), count(1234), count(1234567)], ["7", "1,234", "1,234,567"]);
        let shown = [0.0, 2.302_44, -4.8520, 1234.6, 0.05, 1e-5, 12.5, f64::NAN].map(number);
        assert_eq!(shown, ["0", "2.302", "−4.852", "1,235", "0.05", "1.00e−5", "12.5", "–"]);
        assert_eq!(
            [0.5, 2.75, 25.3, 95.0, 6000.0].map(|value| minutes(value).replace('\u{a0}', "_")),
            ["30_s", "2_min 45_s", "25_min", "1_h 35_min", "4_days 4_h"]
        );
        assert_eq!(plural(1, "image", "images") + &plural(2000, "image", "images"), "1 image2,000 images");
        assert_eq!([0.142_857, 12.571, 12.0].map(epochs_done), ["0.1429", "12.6", "12"]);
    }

    /// A diverged run logs numbers of any size; each has to come out, and short enough for a table.
    #[test]
    fn numbers_of_any_size_are_written() {
        let shown =
            [1e15 - 1.0, 1e15, -1e15, 1e17, 1e300, f64::MAX, -1e20, 1e-300, f64::MIN_POSITIVE].map(number);
        let expected = [
            "999,999,999,999,999",
            "1.00e15",
            "−1.00e15",
            "1.00e17",
            "1.00e300",
            "1.80e308",
            "−1.00e20",
            "1.00e−300",
            "2.23e−308",
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0].map(number),
            ["–", "–", "–", "0", "0"]
        );
        assert_eq!([1e15 - 0.5, 1234.5, -1234.4].map(number), ["1,000,000,000,000,000", "1,235", "−1,234"]);
        assert_eq!([1e20, f64::NAN].map(percent), ["1.00e22\u{202f}%", "–\u{202f}%"]);
    }
}
