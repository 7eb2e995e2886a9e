//! What kind of segment a set of control bits makes, and which sets are no segment at all.

use wire::TcpFlags;

use crate::track::Refusal;

/// The kinds of legal segments. PSH, ECE and CWR never matter; URG and data do not make a kind of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// SYN without ACK.
    Syn,
    /// SYN with ACK.
    SynAck,
    /// ACK alone, with or without data.
    Ack,
    /// FIN with ACK, with or without data.
    Fin,
    /// RST, with or without ACK.
    Rst,
}

/// The kind of segment that the control bits make.
///
/// # Errors
///
/// Which rule an illegal set breaks. No stack sends one; scanners do, to tell stacks and filters apart.
#[inline]
pub fn segment_kind(flags: TcpFlags) -> Result<SegmentKind, Refusal> {
    let kind = match (flags.syn(), flags.fin(), flags.rst(), flags.ack()) {
        (true, true, _, _) => return Err(Refusal::TcpFlagsSynFin),
        (true, false, true, _) => return Err(Refusal::TcpFlagsSynRst),
        (false, true, true, _) => return Err(Refusal::TcpFlagsFinRst),
        (false, true, false, false) => return Err(Refusal::TcpFlagsFinWithoutAck),
        (false, false, false, false) if flags.urg() => return Err(Refusal::TcpFlagsUrgWithoutAck),
        (false, false, false, false) if flags == TcpFlags::default() => {
            return Err(Refusal::TcpFlagsNone);
        }
        (false, false, false, false) => return Err(Refusal::TcpFlagsWithoutAck),
        (true, false, false, false) => SegmentKind::Syn,
        (true, false, false, true) => SegmentKind::SynAck,
        (false, false, false, true) => SegmentKind::Ack,
        (false, true, false, true) => SegmentKind::Fin,
        (false, false, true, _) => SegmentKind::Rst,
    };
    if flags.urg() && !flags.ack() {
        return Err(Refusal::TcpFlagsUrgWithoutAck);
    }
    Ok(kind)
}

/// Whether the control bits make a [`SegmentKind::Ack`].
#[inline(always)]
pub(super) fn is_ack(flags: TcpFlags) -> bool {
    const KIND: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0 | TcpFlags::ACK.0;
    flags.0 & KIND == TcpFlags::ACK.0
}
