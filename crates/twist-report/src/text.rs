//! Numbers as people read them.

/// A fraction as percent: `0.9342` → `93.4 %` (with a narrow space that does not break).
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.1}\u{202f}%", fraction * 100.0)
}

/// A whole number with thousands separated: `12345` → `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Any number to four significant digits, without a tail of zeros; whole numbers in full.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    if value.fract() == 0.0 && size < 1e15 {
        let sign = if value < 0.0 { "−" } else { "" };
        return format!("{sign}{}", count(size as u64));
    }
    if size >= 1000.0 {
        return number(value.round());
    }
    if size < 1e-3 {
        return format!("{value:.2e}").replace('-', "−");
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
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

/// "1 image", "2 images".
pub(crate) fn plural(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
