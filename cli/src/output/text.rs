//! Numbers and lists as people read them.

use std::time::Duration;

use bottle_api::Statement;

/// A time that somebody waited: `30 ms`, `1.3 s`, `2m 5s`.
pub(crate) fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    if time < Duration::from_mins(1) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    age(time)
}

/// An age in its two largest units: `5s`, `3m 20s`, `2h 5m`, `4d 1h`.
pub(crate) fn age(time: Duration) -> String {
    let total = time.as_secs();
    let (days, hours, minutes, rest) = (
        total / 86_400,
        total / 3_600 % 24,
        total / 60 % 60,
        total % 60,
    );
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}m"),
        _ => format!("{days}d {hours}h"),
    }
}

/// Bytes in a binary unit: `512 B`, `4 GiB`, `1.5 MiB`.
#[expect(
    clippy::cast_precision_loss,
    reason = "one decimal of a size that people read"
)]
pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value.fract() < 0.05 {
        format!("{value:.0} {unit}")
    } else {
        format!("{value:.1} {unit}")
    }
}

/// How many guarantees are given, and which are not: `9/12, not: own_kernel rootless`.
pub(crate) fn guarantee_words(statements: &[Statement]) -> String {
    let missing: Vec<&str> = statements
        .iter()
        .filter(|statement| !statement.given)
        .map(|statement| statement.guarantee.as_str())
        .collect();
    let given = statements.len() - missing.len();
    if missing.is_empty() {
        return format!("{given}/{given}");
    }
    format!("{given}/{}, not: {}", statements.len(), missing.join(" "))
}

#[cfg(test)]
mod tests {
    use bottle_api::Guarantee;

    use super::*;

    #[test]
    fn times() {
        let of = |s| age(Duration::from_secs(s));
        assert_eq!(
            [of(5), of(200), of(7_500), of(349_200)],
            ["5s", "3m 20s", "2h 5m", "4d 1h"]
        );
        assert_eq!(seconds(Duration::from_millis(34)), "34 ms");
        assert_eq!(seconds(Duration::from_millis(1_340)), "1.3 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2m 5s");
    }

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 512, 4 << 30, 3 << 19].map(bytes),
            ["0 B", "512 B", "4 GiB", "1.5 MiB"]
        );
    }

    #[test]
    fn guarantees_in_short() {
        let given = Statement::given(Guarantee::Dlp, "x", "y");
        let withheld = Statement::withheld(Guarantee::Rootless, "x", "y");
        assert_eq!(guarantee_words(std::slice::from_ref(&given)), "1/1");
        assert_eq!(guarantee_words(&[given, withheld]), "1/2, not: rootless");
    }
}
