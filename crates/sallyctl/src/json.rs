//! JSON as this program prints it: on one line, a blank after every comma and colon.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes one document and ends the line.
pub(crate) fn line(out: &mut impl Write, document: &impl Serialize) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Spaced))?;
    out.write_all(b"\n")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_line_with_blanks() {
        let mut out = Vec::new();
        let document = serde_json::json!({"a": [1, 2, {}], "b": null, "c": {"d": "x:y,\n"}});
        super::line(&mut out, &document).unwrap();
        let text = "{\"a\": [1, 2, {}], \"b\": null, \"c\": {\"d\": \"x:y,\\n\"}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}
