//! The time of day as RFC 3339 text.

use jiff::Timestamp;

/// Now, in UTC, to the millisecond: `2026-01-31T23:59:59.999Z`.
pub(crate) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// Seconds since 1970 of such a text; `None` for every other text.
pub(crate) fn seconds(time: &str) -> Option<f64> {
    time.parse::<Timestamp>().ok().map(|time| time.as_duration().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        // Values from `date -u -d TIME +%s`.
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds("2000-02-29T12:00:00.5Z"), Some(951_825_600.5));
        assert_eq!(seconds("2026-11-22T21:00:00Z"), Some(1_795_381_200.0));
        assert_eq!(seconds("yesterday"), None);
        let now = now();
        assert!(now.len() == "2026-01-31T23:59:59.999Z".len() && now.ends_with('Z'), "{now}");
        assert!(seconds(&now).unwrap() > 1.7e9);
    }
}
