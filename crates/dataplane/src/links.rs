//! The links of the ports: what is seen of them, and what follows from it.
//!
//! A port that is pulled is given up: workers forget its queues, and the rest of the box goes on. Its wire carries
//! nothing any more, and so the link at the other end is held down, for whoever is there to look for another way.
//! On a wire with `link = "propagate"` the same is done as long as a link is down:
//!
//! ```text
//!   this end down ──► the other is held down      what is held says nothing of the peer, and is not asked
//!   this end up   ──► the other is let go         and has SETTLE to come up before it counts as down
//! ```
//!
//! Pure: what is seen comes in, what is to be done goes out. The devices are in `port`.

use core::time::Duration;

use engine::{PortIndex, Time};
use policy::{LinkMode, Topology};

/// How long a link that was let go may take to come up: what copper needs to negotiate, and more.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// What a port's device says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Frames can pass, or nobody knows otherwise.
    Up,
    /// They cannot.
    Down,
    /// There is no device any more.
    Gone,
}

/// What is to be done with a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Its link is to be taken down.
    Hold,
    /// It is to be brought up again.
    Release,
}

/// What has become of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChange {
    /// Its link came up.
    Up,
    /// Its link went down.
    Down,
    /// Its device was pulled. The port stays out of use until a restart.
    Gone,
    /// Its link is held down on account of the port at the other end of its wire.
    Held,
    /// It is held down no more.
    Released,
    /// It should be held down, and its driver cannot do it.
    CannotHold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    /// It was let go, and has until then to come up.
    Settling(Time),
    /// It is held down.
    Held,
    /// It should be, and cannot.
    Stubborn,
    Gone,
}

/// All ports' links.
#[derive(Debug)]
pub(crate) struct Links {
    states: Vec<State>,
    partners: Vec<Partner>,
}

#[derive(Clone, Copy, Debug)]
struct Partner {
    port: usize,
    propagates: bool,
}

/// What one look has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) deeds: Vec<(PortIndex, Deed)>,
    pub(crate) changes: Vec<(PortIndex, PortChange)>,
}

impl Links {
    pub(crate) fn new(topology: &Topology) -> Self {
        let ports = (0..=u8::MAX).take(topology.ports().len());
        let partner = |port: u8| {
            let wire = topology.wires().get(usize::from(topology.wire(PortIndex(port))));
            Partner {
                port: topology.partner(PortIndex(port)).index(),
                propagates: wire.is_some_and(|wire| wire.link == LinkMode::Propagate),
            }
        };
        let partners: Vec<Partner> = ports.map(partner).collect();
        Self { states: vec![State::Up; partners.len()], partners }
    }

    /// Whether the port was pulled.
    pub(crate) fn is_gone(&self, port: usize) -> bool {
        self.states.get(port) == Some(&State::Gone)
    }

    /// Whether the port is held down.
    pub(crate) fn is_held(&self, port: usize) -> bool {
        self.states.get(port) == Some(&State::Held)
    }

    /// Takes in what is seen of every port, by port.
    pub(crate) fn look(&mut self, now: Time, seen: &[Seen]) -> Look {
        let mut look = Look::default();
        for ((state, &seen), port) in self.states.iter_mut().zip(seen).zip(0..=u8::MAX) {
            if let Some(change) = state.take_in(now, seen) {
                look.changes.push((PortIndex(port), change));
            }
        }
        for port in 0..self.states.len() {
            self.follow(now, port, &mut look);
        }
        look
    }

    /// Holds a port or lets it go, by the state of its partner.
    fn follow(&mut self, now: Time, port: usize, look: &mut Look) {
        let Some(&Partner { port: partner, propagates }) = self.partners.get(port) else { return };
        let Some(&of_partner) = self.states.get(partner) else { return };
        let Some(state) = self.states.get_mut(port) else { return };
        let hold = match of_partner {
            State::Gone => true,
            State::Down => propagates,
            State::Up | State::Settling(_) | State::Held | State::Stubborn => false,
        };
        let Ok(index) = u8::try_from(port).map(PortIndex) else { return };
        match *state {
            State::Up | State::Settling(_) if hold => {
                *state = State::Held;
                look.deeds.push((index, Deed::Hold));
                look.changes.push((index, PortChange::Held));
            }
            // A link that is down is held, too: it must not come up before the other one has.
            State::Down if hold => {
                *state = State::Held;
                look.deeds.push((index, Deed::Hold));
                look.changes.push((index, PortChange::Held));
            }
            State::Held if !hold => {
                *state = State::Settling(now + SETTLE);
                look.deeds.push((index, Deed::Release));
                look.changes.push((index, PortChange::Released));
            }
            State::Stubborn if !hold => *state = State::Up,
            State::Up
            | State::Down
            | State::Settling(_)
            | State::Held
            | State::Stubborn
            | State::Gone => {}
        }
    }

    /// The driver could not hold a port's link down.
    pub(crate) fn cannot_hold(&mut self, port: PortIndex) {
        if let Some(state) = self.states.get_mut(port.index()) {
            *state = State::Stubborn;
        }
    }
}

impl State {
    fn take_in(&mut self, now: Time, seen: Seen) -> Option<PortChange> {
        let (next, change) = match (*self, seen) {
            (Self::Gone, _) => return None,
            (_, Seen::Gone) => (Self::Gone, PortChange::Gone),
            (Self::Up, Seen::Down) => (Self::Down, PortChange::Down),
            (Self::Down | Self::Settling(_), Seen::Up) => (Self::Up, PortChange::Up),
            (Self::Settling(until), Seen::Down) if now >= until => (Self::Down, PortChange::Down),
            (Self::Up, Seen::Up)
            | (Self::Down | Self::Settling(_), Seen::Down)
            // What is held is down because it is held.
            | (Self::Held | Self::Stubborn, Seen::Up | Seen::Down) => return None,
        };
        *self = next;
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{EthPort, Wire, ZoneId};
    use test_case::test_case;

    const A: PortIndex = PortIndex(0);
    const B: PortIndex = PortIndex(1);

    fn links(link: LinkMode) -> Links {
        let port = |name: &str| EthPort {
            name: name.into(),
            zone: ZoneId(0),
            vlans: Vec::new(),
            networks: None,
            mtu: 1500,
        };
        let wire = Wire { ports: [A, B], domain: 0, link, ethertypes: Vec::new() };
        let ports = vec![port("a"), port("b")];
        Links::new(&Topology::new(vec!["zone".into()], ports, vec![wire]).unwrap())
    }

    /// What is seen of both ports second by second (u, d, g), and what is done to which (H holds, R releases).
    #[test_case(LinkMode::Propagate, "uu du dd dd ud uu", "- bH - - bR -"; "down and up again")]
    #[test_case(LinkMode::Independent, "uu du dd ud uu", "- - - - -"; "independent links are left alone")]
    #[test_case(LinkMode::Propagate, "uu dd ud ud du uu", "- aH - - aR -"; "both down: one holds the other until it is up itself")]
    #[test_case(LinkMode::Propagate, "uu du ud ud ud ud ud ud dd du uu", "- bH bR - - - - aH - aR -"; "let go and not up in time")]
    #[test_case(LinkMode::Propagate, "uu gu gd gd", "- bH - -"; "a pulled port holds its partner")]
    #[test_case(LinkMode::Independent, "uu gu gd uu uu", "- bH - - -"; "for good, and on every wire")]
    #[test_case(LinkMode::Propagate, "gg gg", "- -"; "both pulled")]
    fn a_wire(link: LinkMode, seen: &str, done: &str) {
        let mut links = links(link);
        for (second, (seen, done)) in (1..).zip(seen.split(' ').zip(done.split(' '))) {
            let seen: Vec<Seen> = seen
                .chars()
                .map(|letter| match letter {
                    'u' => Seen::Up,
                    'd' => Seen::Down,
                    _ => Seen::Gone,
                })
                .collect();
            let look = links.look(Time::from_secs(second), &seen);
            let deeds: String = look
                .deeds
                .iter()
                .map(|(port, deed)| {
                    let port = if *port == A { "a" } else { "b" };
                    format!("{port}{}", if *deed == Deed::Hold { "H" } else { "R" })
                })
                .collect();
            let done = if done == "-" { "" } else { done };
            assert_eq!(deeds, done, "second {second}: {look:?}");
        }
    }

    #[test]
    fn what_cannot_be_held_is_asked_once() {
        let mut links = links(LinkMode::Propagate);
        let look = links.look(Time::from_secs(1), &[Seen::Down, Seen::Up]);
        assert_eq!(look.deeds, [(B, Deed::Hold)]);
        links.cannot_hold(B);
        assert_eq!(links.look(Time::from_secs(2), &[Seen::Down, Seen::Up]), Look::default());
        let look = links.look(Time::from_secs(3), &[Seen::Up, Seen::Up]);
        assert_eq!((look.deeds.len(), look.changes), (0, vec![(A, PortChange::Up)]));
        assert_eq!(
            links.look(Time::from_secs(4), &[Seen::Down, Seen::Up]).deeds,
            [(B, Deed::Hold)]
        );
    }

    #[test]
    fn ups_and_downs_are_told_once() {
        let mut links = links(LinkMode::Independent);
        let mut changes = Vec::new();
        for (second, seen) in (1..).zip([Seen::Up, Seen::Down, Seen::Down, Seen::Up, Seen::Gone]) {
            changes.extend(links.look(Time::from_secs(second), &[seen, Seen::Up]).changes);
        }
        let of = |change| (A, change);
        let expected =
            [of(PortChange::Down), of(PortChange::Up), of(PortChange::Gone), (B, PortChange::Held)];
        assert_eq!(changes, expected);
        assert!(links.is_gone(0) && links.is_held(1));
    }
}
