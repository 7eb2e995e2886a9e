//! Lines of a text protocol, as they come.

/// Where a direction of lines stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lines {
    /// What comes next begins a line.
    #[default]
    Apart,
    /// What comes next, to the end of its line, belongs to a line that is not read.
    Within,
}

/// What stands at the head of some octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// A line, without its end: LF, or CR LF, or what else of CRs and spaces stands before LF. It takes so
    /// many octets.
    Line(&'a [u8], usize),
    /// So many octets of a line that is not read.
    Unread(usize),
    /// The same, and here it turned out to be longer than lines may be.
    TooLong(usize),
    /// A line that has not ended yet.
    Unended,
}

impl Lines {
    /// Splits off a line of at most `longest` octets, its end not counted.
    pub(crate) fn next<'a>(&mut self, octets: &'a [u8], longest: usize) -> Head<'a> {
        // As much as can be a line, with its CR and LF: a long text is not searched again and again.
        let searched = octets.len().min(longest + 2);
        let end = octets[..searched].iter().position(|octet| *octet == b'\n');
        match (*self, end) {
            (Self::Apart, Some(end)) => Head::Line(octets[..end].trim_ascii_end(), end + 1),
            (Self::Within, Some(end)) => {
                *self = Self::Apart;
                Head::Unread(end + 1)
            }
            (Self::Within, None) => Head::Unread(searched),
            (Self::Apart, None) if searched == longest + 2 => {
                *self = Self::Within;
                Head::TooLong(searched)
            }
            (Self::Apart, None) => Head::Unended,
        }
    }
}
