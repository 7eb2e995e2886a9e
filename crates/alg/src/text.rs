//! Lines, words and numbers of the protocols that are text.
//!
//! All of them borrow from the octets that they are given, walk them once, and take any octets.

use core::net::{IpAddr, Ipv4Addr};
use core::str;

/// The lines of a text without their ends. LF ends a line too, as SDP (RFC 8866 §5) and MGCP (RFC 3435 §3.1)
/// ask of those who read it.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|octet| *octet == b'\n').map(unended)
}

/// A line without its end.
pub(crate) fn unended(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What white space divides. The end of a folded line counts as such.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// What stands before and after the first `mark`.
pub(crate) fn divided(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|octet| *octet == mark)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether a line ends in HTTP's version, as the first of a request does (RFC 9112 §2.3, §3).
pub(crate) fn ends_in_http_version(line: &[u8]) -> bool {
    let last = line.rsplit(|octet| *octet == b' ').next().unwrap_or_default();
    matches!(last, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// The value of a parameter `name` or `name=value` among those that semicolons divide; empty for one
/// without a value.
pub(crate) fn parameter<'a>(parameters: &'a [u8], name: &str) -> Option<&'a [u8]> {
    parameters.split(|octet| *octet == b';').find_map(|parameter| {
        let (key, value) = divided(parameter, b'=').unwrap_or((parameter, b""));
        key.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| value.trim_ascii())
    })
}

/// A number written in decimal digits and nothing else, of at most ten.
pub(crate) fn number<T: TryFrom<u64>>(digits: &[u8]) -> Option<T> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    T::try_from(value).ok()
}

/// An address, in brackets or not.
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    let bare = text.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(text);
    str::from_utf8(bare).ok()?.parse().ok()
}

/// `host` or `host:port`, the host being an address; the port is `port` if none is written. A host that is
/// a name is `None`: nobody here asks for names.
pub(crate) fn host_and_port(text: &[u8], port: u16) -> Option<(IpAddr, u16)> {
    let text = text.trim_ascii();
    let (host, written) = if text.starts_with(b"[") {
        let end = text.iter().position(|octet| *octet == b']')? + 1;
        (&text[..end], text[end..].trim_ascii_start().strip_prefix(b":"))
    } else {
        match divided(text, b':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match written {
        Some(digits) => number(digits.trim_ascii())?,
        None => port,
    };
    Some((address(host.trim_ascii())?, port))
}

/// Whether packets to this address go to one host, and leave the one they come from.
pub(crate) fn is_one_host(address: IpAddr) -> bool {
    let everybody = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    !(address.is_unspecified() || address.is_multicast() || address.is_loopback() || everybody)
}
