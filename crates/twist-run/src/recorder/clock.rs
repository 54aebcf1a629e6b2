//! The time of day as RFC 3339 text: written and read here alone.

use jiff::Timestamp;

/// Now, in UTC, to the millisecond: `2026-01-31T23:59:59.999Z`.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// Seconds since 1970 of a time as the log has it; `None` for other text.
pub fn seconds_of(time: &str) -> Option<f64> {
    Some(time.parse::<Timestamp>().ok()?.as_duration().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        assert_eq!(seconds_of("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds_of("2000-02-29T12:00:00.5Z"), Some(951_825_600.5));
        assert_eq!(seconds_of("2026-11-22T21:00:00Z"), Some(1_795_381_200.0));
        assert_eq!(seconds_of("yesterday"), None);
    }

    #[test]
    fn what_is_written_is_utc_to_the_millisecond() {
        let (text, earlier) = (now(), Timestamp::now().as_duration().as_secs_f64());
        assert!(text.len() == "2026-01-31T23:59:59.999Z".len() && text.ends_with('Z'), "{text}");
        assert!((seconds_of(&text).unwrap() - earlier).abs() < 60.0, "{text}");
    }
}
