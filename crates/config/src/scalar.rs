//! Values that are written as strings: names, durations, sizes, paths.

use core::time::Duration;

use crate::checker::{At, Checker, Node};
use crate::diagnostic::Subject;

const NAME_HINT: &str =
    "a name begins with a letter or digit, and goes on with letters, digits, '_', '.' and '-'";

/// Whether the text reads as an address, a prefix or a range of addresses, right or nearly so.
pub(crate) fn reads_as_address(text: &str) -> bool {
    let numeric = |text: &str| {
        text.contains('.')
            && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '/' | '-'))
    };
    text.contains(':') || numeric(text)
}

impl<'a> Checker<'a> {
    /// A name in a value: a port's, a zone's, a rule's.
    pub(crate) fn name(&mut self, node: &Node<'a>) -> Option<&'a str> {
        let name = self.string(node, NAME_HINT)?;
        self.check_name(name, &node.at).then_some(name)
    }

    /// Whether a name that is to be defined here may be.
    pub(crate) fn check_name(&mut self, name: &str, at: &At) -> bool {
        let mut characters = name.chars();
        let first = characters.next().is_some_and(|c| c.is_ascii_alphanumeric());
        let rest = characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if reads_as_address(name) {
            let message = format!("the name {name:?} reads as an address");
            self.error(
                Subject::Name,
                at,
                message,
                "choose one that cannot be taken for an address",
            );
        } else if !first || !rest {
            self.error(Subject::Name, at, format!("{name:?} is not a name"), NAME_HINT);
        } else if matches!(name, "any" | "none") {
            let message = format!("the name {name:?} is reserved");
            self.error(
                Subject::Name,
                at,
                message,
                "choose another: any and none have a meaning of their own",
            );
        } else {
            return true;
        }
        false
    }

    /// A duration between two bounds.
    pub(crate) fn duration(
        &mut self,
        node: &Node<'a>,
        least: Duration,
        greatest: Duration,
    ) -> Option<Duration> {
        let form = "a number and a unit: \"500ms\", \"10s\", \"2m\", \"1h\", \"1d\"";
        let hint = format!("{form}; from {} to {}", show_duration(least), show_duration(greatest));
        let text = self.string(node, &hint)?;
        let Some(duration) = parse_duration(text) else {
            self.error(Subject::Value, &node.at, format!("{text:?} is not a duration"), hint);
            return None;
        };
        if duration < least || duration > greatest {
            let fault = if duration < least { "too short" } else { "too long" };
            self.error(Subject::Value, &node.at, format!("the duration {text:?} is {fault}"), hint);
            return None;
        }
        Some(duration)
    }

    /// A size in bytes.
    pub(crate) fn size(&mut self, node: &Node<'a>) -> Option<u64> {
        let hint = "a whole number and a unit: \"512MiB\", \"1GiB\"";
        let text = self.string(node, hint)?;
        let size = parse_size(text).filter(|size| *size > 0);
        if size.is_none() {
            self.error(Subject::Value, &node.at, format!("{text:?} is not a size of memory"), hint);
        }
        size
    }

    /// An absolute path.
    pub(crate) fn absolute_path(&mut self, node: &Node<'a>) -> Option<std::path::PathBuf> {
        let hint = "an absolute path, beginning with '/'";
        let text = self.string(node, hint)?;
        let path = std::path::Path::new(text);
        if !path.is_absolute() || text.contains('\0') {
            let message = format!("{text:?} is not an absolute path");
            self.error(Subject::Value, &node.at, message, hint);
            return None;
        }
        Some(path.to_owned())
    }
}

/// A number, with a fraction if it must be, and its unit. Finer than a millisecond is no duration.
fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return None;
    }
    let scale = 10u64.pow(u32::try_from(fraction.len()).ok()?);
    let fraction = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()? };
    let fraction = fraction.checked_mul(unit)?;
    if fraction % scale != 0 {
        return None;
    }
    let milliseconds =
        whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(fraction / scale)?;
    Some(Duration::from_millis(milliseconds))
}

/// A duration in the greatest unit that leaves no fraction.
pub(crate) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits =
        |(unit, _): &(u128, &str)| milliseconds >= *unit && milliseconds.is_multiple_of(*unit);
    match units.into_iter().find(fits) {
        Some((unit, name)) => format!("{}{name}", milliseconds / unit),
        None => format!("{milliseconds}ms"),
    }
}

fn parse_size(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        let milliseconds = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(milliseconds("500ms"), Some(500));
        assert_eq!(milliseconds("10s"), Some(10_000));
        assert_eq!(milliseconds("2m"), Some(120_000));
        assert_eq!(milliseconds("1h"), Some(3_600_000));
        assert_eq!(milliseconds("7d"), Some(604_800_000));
        assert_eq!(milliseconds("1.5s"), Some(1_500));
        assert_eq!(milliseconds("0s"), Some(0));
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "+1s",
            "1 s",
            "1w",
            "1S",
            "1.s",
            ".5s",
            "0.0001s",
            "1e3s",
            "never",
            "99999999999999999999d",
            "1s1s",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_in_their_greatest_unit() {
        for text in ["1ms", "1500ms", "90s", "2m", "1h", "7d"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes_are_a_number_and_a_binary_unit() {
        assert_eq!(parse_size("512MiB"), Some(512 << 20));
        assert_eq!(parse_size("1GiB"), Some(1 << 30));
        for text in
            ["", "512", "MiB", "512MB", "1.5GiB", "-1MiB", "512 MiB", "99999999999999999TiB"]
        {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn what_reads_as_an_address() {
        for text in ["10.0.0.1", "10.0.0", "10.0.0.1-10.0.0.9", "fe80::1", "1.2.3.4/33"] {
            assert!(reads_as_address(text), "{text}");
        }
        for text in ["lan0", "2024-01", "10", "v1.2", "web.example.com"] {
            assert!(!reads_as_address(text), "{text}");
        }
    }
}
