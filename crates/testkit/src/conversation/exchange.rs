//! Two endpoints and the time between them. The test is the network.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::Side;
use super::endpoint::{Endpoint, Line, Outcome};
use crate::packet::IntoSocket;

/// One turn of a dialogue: who says what. The next turn begins when all of it has arrived.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// Who speaks.
    pub side: Side,
    /// What is said.
    pub bytes: &'a [u8],
}

/// A frame that an endpoint put on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When, since the start.
    pub at: Duration,
    /// By whom.
    pub side: Side,
    /// Its bytes.
    pub frame: Vec<u8>,
}

/// Two TCP endpoints with a dialogue to hold; the initiator closes when it is over.
///
/// ```
/// use std::time::Duration;
/// use testkit::conversation::{Exchange, Outcome, Side, Turn};
///
/// let turns = [
///     Turn { side: Side::Initiator, bytes: b"GET /" },
///     Turn { side: Side::Responder, bytes: b"200 OK" },
/// ];
/// let mut exchange = Exchange::new("10.0.0.1:40000", "192.0.2.80:80", &turns);
/// while let Some(sent) = exchange.next() {
///     // Here a test puts the frame through its engine.
///     exchange.deliver(sent.at, sent.side.other(), &sent.frame);
/// }
/// assert_eq!(exchange.received(Side::Initiator), b"200 OK");
/// assert_eq!(exchange.outcome(Side::Responder), Outcome::Closed);
/// ```
#[derive(Debug)]
pub struct Exchange {
    now: Duration,
    latency: Duration,
    endpoints: [Endpoint; 2],
    /// Frames on their way to an endpoint, in the order of their arrival.
    wire: VecDeque<(Duration, Side, Vec<u8>)>,
}

impl Exchange {
    /// A dialogue that has not begun. A frame takes a millisecond from where it is delivered to
    /// the endpoint.
    #[must_use]
    pub fn new(initiator: impl IntoSocket, responder: impl IntoSocket, turns: &[Turn<'_>]) -> Self {
        let (initiator, responder): (SocketAddr, SocketAddr) =
            (initiator.into_socket(), responder.into_socket());
        let lines = |side: Side| {
            let mut heard = 0;
            let mut lines = Vec::new();
            for turn in turns {
                if turn.side == side {
                    lines.push(Line { after: heard, bytes: turn.bytes.to_vec() });
                } else {
                    heard += turn.bytes.len();
                }
            }
            // Nothing is closed before everything has been heard.
            lines.push(Line { after: heard, bytes: Vec::new() });
            lines
        };
        let endpoint = |side, local, remote| Endpoint::new(side, local, remote, lines(side));
        Self {
            now: Duration::ZERO,
            latency: Duration::from_millis(1),
            endpoints: [
                endpoint(Side::Initiator, initiator, responder),
                endpoint(Side::Responder, responder, initiator),
            ],
            wire: VecDeque::new(),
        }
    }

    /// The same, begun later.
    #[must_use]
    pub fn starting_at(self, now: Duration) -> Self {
        Self { now, ..self }
    }

    /// The virtual time of the last event.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// The next frame that an endpoint sends; time passes on the way to it. `None`: both have
    /// come to an end, or wait for nothing but each other.
    #[expect(clippy::should_implement_trait, reason = "delivering goes on between two calls")]
    pub fn next(&mut self) -> Option<Sent> {
        loop {
            for side in Side::BOTH {
                if let Some(frame) = self.endpoints[side.index()].poll(self.now) {
                    return Some(Sent { at: self.now, side, frame: frame.bytes() });
                }
            }
            let arrival = self.wire.front().map(|(at, _, _)| *at);
            let timer = self.endpoints.iter().filter_map(Endpoint::timer).min();
            let next = [arrival, timer].into_iter().flatten().min()?;
            self.now = self.now.max(next);
            while let Some((_, side, frame)) = self.wire.pop_front_if(|(at, _, _)| *at <= self.now)
            {
                let endpoint = &mut self.endpoints[side.index()];
                endpoint.accept(&frame);
                endpoint.rearm(self.now);
            }
        }
    }

    /// Hands over what came out at a time, for one side. What is never handed over is lost.
    pub fn deliver(&mut self, at: Duration, to: Side, frame: &[u8]) {
        let arrival = at.max(self.now) + self.latency;
        let place = self.wire.partition_point(|(other, _, _)| *other <= arrival);
        self.wire.insert(place, (arrival, to, frame.to_vec()));
    }

    /// What a side has heard so far.
    #[must_use]
    pub fn received(&self, side: Side) -> &[u8] {
        self.endpoints[side.index()].received()
    }

    /// How it ended for a side.
    #[must_use]
    pub fn outcome(&self, side: Side) -> Outcome {
        self.endpoints[side.index()].outcome()
    }
}
