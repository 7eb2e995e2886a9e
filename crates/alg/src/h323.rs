//! H.323: RAS over UDP (H.225.0), call signalling over TCP (H.225.0), and H.245, which opens the channels of media.
//!
//! ```text
//!   RAS, UDP 1719          where an endpoint may be called, whom it is to call ──► call signalling
//!   call signalling, 1720  fast start, tunnelled H.245 ──► media; where H.245 is spoken ──► H.245
//!   H.245, any port        channels opened and acknowledged ──► media
//! ```
//!
//! What is announced as call signalling, RAS or H.245 is read in its turn. Places must be those of the speaker's own
//! host. A rule that allows third parties lets media, H.245 and calls go elsewhere (a gatekeeper that routes signalling
//! only), any host call an endpoint that has registered, and any host open the H.245 of a call: the other party may be
//! behind the one that signals. RTP and RTCP are expected at the ports that are named, T.120 where its channel says. What
//! nobody has come by is taken back with the end of the channel, call, admission or registration that it was for.
//!
//! Left alone: what is encrypted (H.235, TLS), gatekeepers found by multicast, the address that a call is forwarded to
//! (the next call's own signalling names it), channels of multicast, and answers of RAS that come to another port than they
//! were asked from: they are let in, but it is not known there what was asked.
//!
//! The messages are ASN.1, decoded by rasn from definitions of what is wanted (`syntax`).

mod channels;
mod control;
mod places;
mod q931;
mod registration;
mod signalling;
mod syntax;
#[cfg(test)]
mod tests;
mod tpkt;

use session::Direction;

use crate::Notes;
use crate::dialogue::{Dialogue, Progress};
use crate::media::{CALL, FEW, MANY};
use registration::Registration;
use signalling::Signalling;

pub(crate) use control::H245;

/// A conversation of RAS, which comes in datagrams, or of call signalling, which comes over TCP.
#[derive(Clone, Debug, Default)]
pub(crate) struct H323 {
    /// Of a conversation in datagrams.
    registration: Option<Box<Registration>>,
    signalling: Signalling,
}

/// What every conversation may hold suffices for a registration, for a call, and for H.245 of its own.
const _: () = {
    assert!(size_of::<H323>() + size_of::<Registration>() <= FEW * CALL);
    assert!(size_of::<H323>() + Signalling::ONE <= FEW * CALL);
    assert!(H245::MOST <= FEW * CALL);
    assert!(Signalling::MOST <= MANY * CALL);
};

impl Dialogue for H323 {
    fn held(&self) -> usize {
        self.signalling.held()
    }

    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        self.signalling.read(from, octets, notes)
    }

    fn datagram(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        self.registration.get_or_insert_default().read(from, octets, notes);
        Progress::Read(octets.len())
    }
}
