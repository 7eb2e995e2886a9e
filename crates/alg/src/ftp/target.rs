//! Where a transfer connects to, in the four ways of writing it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::{self, FromStr};

use arrayvec::ArrayVec;

use super::{is_blank, without_blanks};
use crate::Remark;

/// Ports below are not for transfers (RFC 2577 §3).
const PORTS: u16 = 1024;

/// An address and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

impl Target {
    /// Whether it may be connected to, told by the host `speaker`.
    pub(super) fn check(self, speaker: IpAddr) -> Result<(), Remark> {
        if self.address != speaker {
            return Err(Remark::Bounce);
        }
        if self.port < PORTS {
            return Err(Remark::PrivilegedPort);
        }
        Ok(())
    }
}

/// The argument of PORT: `h1,h2,h3,h4,p1,p2` (RFC 959 §5.3.2), and nothing else.
pub(super) fn of_port(argument: &[u8]) -> Option<Target> {
    match six_numbers(argument)? {
        (target, []) => Some(target),
        (_, _) => None,
    }
}

/// The host in a malformed argument of PORT, as the most lenient server might read it: with blanks and signs before
/// numbers, numbers cut to an octet, and anything behind.
pub(super) fn host_of_port(argument: &[u8]) -> Option<IpAddr> {
    Some(Ipv4Addr::from(octets(&mut lenient_numbers(argument))?).into())
}

/// The argument of LPRT, as the most lenient server might read it: family, length of the address, address, length of the
/// port, port (RFC 1639 §1).
pub(super) fn of_lprt(argument: &[u8]) -> Option<Target> {
    let mut numbers = lenient_numbers(argument);
    let address = match octets(&mut numbers)? {
        [4, 4] => Ipv4Addr::from(octets(&mut numbers)?).into(),
        [6, 16] => Ipv6Addr::from(octets(&mut numbers)?).to_canonical(),
        _ => return None,
    };
    let [2, high, low] = octets(&mut numbers)? else { return None };
    Some(Target { address, port: u16::from_be_bytes([high, low]) })
}

fn octets<const COUNT: usize>(
    numbers: &mut impl Iterator<Item = Option<u8>>,
) -> Option<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    for octet in &mut octets {
        *octet = numbers.next()??;
    }
    Some(octets)
}

/// Numbers with commas between.
fn lenient_numbers(argument: &[u8]) -> impl Iterator<Item = Option<u8>> {
    argument.split(|octet| *octet == b',').map(|field| {
        let (negative, digits) = match without_blanks(field) {
            [b'-', digits @ ..] => (true, digits),
            [b'+', digits @ ..] | digits => (false, digits),
        };
        let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
        if count == 0 {
            return None;
        }
        let number = digits[..count]
            .iter()
            .fold(0, |number: u8, digit| number.wrapping_mul(10).wrapping_add(digit - b'0'));
        Some(if negative { number.wrapping_neg() } else { number })
    })
}

/// The host in a malformed argument of EPRT, likewise: as getaddrinfo(3) reads it. A name may be anybody's, and the
/// unspecified address stands for it. `None` if there is none.
pub(super) fn host_of_eprt(argument: &[u8]) -> Option<IpAddr> {
    let (delimiter, rest) = delimited(argument)?;
    let text = without_blanks(rest.split(|octet| *octet == delimiter).nth(1)?);
    // A zone (RFC 4007 §11), or what else the reading ends at.
    let text = text.split(|octet| *octet == b'%' || is_blank(*octet)).next()?;
    if text.is_empty() {
        return None;
    }
    let address = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    let address = address.or_else(|| Some(old_address(text)?.into()));
    Some(address.map_or(Ipv4Addr::UNSPECIFIED.into(), |it: IpAddr| it.to_canonical()))
}

/// An address as inet_aton(3) reads it: of one to four numbers, the last of which fills what is left, each in decimal, octal
/// or hexadecimal digits.
fn old_address(text: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = ArrayVec::<u32, 4>::new();
    for part in text.split(|octet| *octet == b'.') {
        let (digits, radix) = match part {
            [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
            [b'0', _, ..] => (part, 8),
            digits => (digits, 10),
        };
        // No sign.
        digits.first()?.is_ascii_alphanumeric().then_some(())?;
        let number = u32::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
        parts.try_push(number).ok()?;
    }
    let (last, first) = parts.split_last()?;
    let mut bits = 0;
    let mut left = u32::BITS;
    for part in first {
        left -= 8;
        bits |= u32::from(u8::try_from(*part).ok()?) << left;
    }
    last.checked_shr(left).unwrap_or(0).eq(&0).then(|| Ipv4Addr::from_bits(bits | last))
}

/// The text of a 227. RFC 959 does not say where in it the numbers stand (RFC 1123 §4.1.2.6): clients take
/// the first six with commas between.
pub(super) fn of_227(text: &[u8]) -> Option<Target> {
    let mut behind_digit = false;
    for (at, octet) in text.iter().enumerate() {
        let digit = octet.is_ascii_digit();
        if digit
            && !behind_digit
            && let Some((target, _)) = six_numbers(&text[at..])
        {
            return Some(target);
        }
        behind_digit = digit;
    }
    None
}

/// The argument of EPRT: `<d>protocol<d>address<d>port<d>` (RFC 2428 §2). An IPv4 address in IPv6 form (RFC 4291
/// §2.5.5.2), as programs with one socket for both families write it, is the IPv4 one.
pub(super) fn of_eprt(argument: &[u8]) -> Option<Target> {
    let (delimiter, rest) = delimited(argument)?;
    let mut fields = rest.split(|octet| *octet == delimiter);
    let (protocol, address, port) = (fields.next()?, fields.next()?, fields.next()?);
    let (Some([]), None) = (fields.next(), fields.next()) else { return None };
    let address = str::from_utf8(address).ok()?;
    let address = match protocol {
        b"1" => IpAddr::V4(Ipv4Addr::from_str(address).ok()?),
        b"2" => IpAddr::V6(Ipv6Addr::from_str(address).ok()?),
        _ => return None,
    };
    Some(Target { address: address.to_canonical(), port: port_number(port)? })
}

/// The text of a 229 from `server`: `(<d><d><d>port<d>)` somewhere in it (RFC 2428 §3); protocol and address
/// must be left out.
pub(super) fn of_229(text: &[u8], server: IpAddr) -> Option<Target> {
    let open = text.iter().position(|octet| *octet == b'(')?;
    let (delimiter, rest) = delimited(&text[open + 1..])?;
    let rest = rest.strip_prefix(&[delimiter, delimiter])?;
    let end = rest.iter().position(|octet| *octet == delimiter)?;
    rest[end + 1..].starts_with(b")").then_some(())?;
    Some(Target { address: server, port: port_number(&rest[..end])? })
}

/// The delimiter that one has chosen (RFC 2428 §2: any from 33 to 126), and what is behind it.
fn delimited(text: &[u8]) -> Option<(u8, &[u8])> {
    let (delimiter, rest) = text.split_first()?;
    delimiter.is_ascii_graphic().then_some((*delimiter, rest))
}

/// Six numbers of an octet each, and what is behind them.
fn six_numbers(text: &[u8]) -> Option<(Target, &[u8])> {
    let mut numbers = [0; 6];
    let mut rest = text;
    for (index, number) in numbers.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b",")?;
        }
        let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        *number = u8::try_from(decimal(&rest[..digits])?).ok()?;
        rest = &rest[digits..];
    }
    let [a, b, c, d, high, low] = numbers;
    Some((
        Target { address: Ipv4Addr::new(a, b, c, d).into(), port: u16::from_be_bytes([high, low]) },
        rest,
    ))
}

fn port_number(digits: &[u8]) -> Option<u16> {
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    u16::try_from(decimal(digits)?).ok()
}

/// A number of one to five digits.
fn decimal(digits: &[u8]) -> Option<u32> {
    matches!(digits.len(), 1..=5)
        .then(|| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}
