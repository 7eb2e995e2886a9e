//! The body of a message, as far as it describes media.

use super::Fields;
use crate::Notes;
use crate::message::Message;
use crate::sdp::{self, Description};
use crate::text::{divided, parameter};

const SDP: &str = "application/sdp";
const MANY: &str = "multipart/";

/// Whether a body of such fields may describe media.
pub(super) fn is_wanted(fields: &Fields<'_>) -> bool {
    let plain = fields.body_encoding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
    plain && fields.body_type.is_some_and(|value| is_sdp(value) || is_multipart(value))
}

/// The media that a message describes.
pub(super) fn description(
    message: &Message<'_>,
    fields: &Fields<'_>,
    notes: &mut Notes<'_>,
) -> Option<Description> {
    let body_type = fields.body_type.filter(|_| is_wanted(fields))?;
    let body = if is_sdp(body_type) { message.body } else { part(message.body, body_type)? };
    (!body.is_empty()).then(|| sdp::read(body, notes))
}

fn is_sdp(body_type: &[u8]) -> bool {
    media_type(body_type).eq_ignore_ascii_case(SDP.as_bytes())
}

fn is_multipart(body_type: &[u8]) -> bool {
    let start = media_type(body_type).get(..MANY.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(MANY.as_bytes())
}

fn media_type(value: &[u8]) -> &[u8] {
    divided(value, b';').map_or(value, |(media_type, _)| media_type).trim_ascii()
}

/// The first part of several (RFC 2046 §5.1) that is SDP; parts within parts are not looked into.
fn part<'a>(body: &'a [u8], body_type: &[u8]) -> Option<&'a [u8]> {
    let (_, parameters) = divided(body_type, b';')?;
    let boundary = parameter(parameters, "boundary")?;
    let boundary = boundary.strip_prefix(b"\"").unwrap_or(boundary);
    let boundary = boundary.strip_suffix(b"\"").unwrap_or(boundary);
    let opens =
        |line: &[u8]| line.strip_prefix(b"--").is_some_and(|rest| rest.starts_with(boundary));

    let mut start = None;
    let (mut in_head, mut wanted, mut at) = (false, false, 0);
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        if opens(line) {
            if let Some(start) = start {
                return body.get(start..at);
            }
            (in_head, wanted) = (true, false);
        } else if in_head {
            let bare = crate::text::unended(line);
            if bare.is_empty() {
                in_head = false;
                start = wanted.then_some(at + line.len());
            } else if let Some((name, value)) = divided(bare, b':') {
                wanted |= name.trim_ascii().eq_ignore_ascii_case(b"content-type") && is_sdp(value);
            }
        }
        at += line.len();
    }
    body.get(start?..)
}
