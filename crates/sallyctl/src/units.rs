//! Quantities as people read them: with a unit, and no more digits than help.

/// A span of time: `0.4s`, `12s`, `3m12s`, `5h03m`, `12d04h`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    if seconds < 9.95 {
        let text = format!("{seconds:.1}");
        return format!("{}s", text.strip_suffix(".0").unwrap_or(&text));
    }
    // Rounding first, so that 59.7 s is a minute and not `60s`.
    let whole = whole(seconds);
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{whole}s"),
        60..3_600 => format!("{minutes}m{:02}s", whole % 60),
        3_600..86_400 => format!("{hours}h{minutes:02}m"),
        86_400.. => format!("{days}d{hours:02}h"),
    }
}

/// A count, its digits in groups of three: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in binary units: `312 B`, `1.2 MiB`.
pub(crate) fn bytes(number: u64) -> String {
    scaled(float(number), 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// Packets or events a second, in decimal units: `0/s`, `3.5/s`, `1.2 M/s`.
pub(crate) fn per_second(rate: f64) -> String {
    let text = scaled(rate, 1000.0, ["", "k", "M", "G", "T", "P"]);
    format!("{}/s", text.trim_end())
}

/// The speed of a link: `10 Gb/s`.
pub(crate) fn bits_per_second(bits: u64) -> String {
    scaled(float(bits), 1000.0, ["b/s", "kb/s", "Mb/s", "Gb/s", "Tb/s", "Pb/s"])
}

/// A part of a whole: `42 %`, `0.3 %`.
pub(crate) fn ratio(part: f64) -> String {
    let percent = part * 100.0;
    if percent > 0.0 && percent < 0.05 {
        "<0.1 %".to_owned()
    } else if percent > 0.0 && percent < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// `part` of `whole` as by [`ratio`]; of nothing, nothing.
pub(crate) fn ratio_of(part: u64, whole: u64) -> String {
    ratio(if whole == 0 { 0.0 } else { float(part) / float(whole) })
}

fn scaled(number: f64, base: f64, units: [&str; 6]) -> String {
    let mut number = number;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    for larger in units {
        // What would be rounded to the base is written in the larger unit.
        if number < base - 0.5 {
            break;
        }
        number /= base;
        unit = larger;
    }
    let text = if number < 9.95 { format!("{number:.1}") } else { format!("{number:.0}") };
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
fn float(number: u64) -> f64 {
    number as f64
}

/// Rounds a positive number of seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, and the caller has refused negative numbers"
)]
fn whole(seconds: f64) -> u64 {
    seconds.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0.0, "0s"),
            (0.04, "0s"),
            (0.44, "0.4s"),
            (9.96, "10s"),
            (12.4, "12s"),
            (59.7, "1m00s"),
            (192.0, "3m12s"),
            (18_180.0, "5h03m"),
            (86_399.9, "1d00h"),
            (1_051_200.0, "12d04h"),
            (-1.0, "-"),
            (f64::NAN, "-"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn quantities() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(312), "312 B");
        assert_eq!(bytes(1_258_291), "1.2 MiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1 MiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
        assert_eq!(per_second(0.0), "0/s");
        assert_eq!(per_second(3.49), "3.5/s");
        assert_eq!(per_second(1_234_567.0), "1.2 M/s");
        assert_eq!(bits_per_second(10_000_000_000), "10 Gb/s");
        assert_eq!(ratio(0.003), "0.3 %");
        assert_eq!(ratio(0.42), "42 %");
        assert_eq!(ratio(0.0001), "<0.1 %");
        assert_eq!(ratio_of(1, 0), "0 %");
    }
}
