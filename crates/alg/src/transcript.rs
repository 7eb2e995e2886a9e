//! For tests: a conversation with one gateway, and what it notes as text.
//!
//! An announcement reads `udp 192.0.2.1 > 10.0.0.1:5070 200s sip standing`: the protocol, where it comes from, where it
//! goes, how long it is expected, as what it is read, whether more may come. `- group 0` takes back the
//! group that was the first to be announced. A remark reads `! third_party`. That the opener is the side that the
//! announcement's destination is not on is checked on each.

use core::net::IpAddr;

use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::{Announcement, Notes, Options, Peers};

/// The initiator of every conversation.
pub(crate) const INSIDE: &str = "10.0.0.1";
/// Its responder.
pub(crate) const OUTSIDE: &str = "192.0.2.1";

/// A conversation that is under way.
#[derive(Debug)]
pub(crate) struct Talk<D> {
    pub(crate) dialogue: D,
    pub(crate) peers: Peers,
    options: Options,
    /// In the order in which they were first announced.
    groups: Vec<u32>,
}

impl<D: Dialogue> Talk<D> {
    /// Between a port of [`INSIDE`] and one of [`OUTSIDE`].
    pub(crate) fn new(dialogue: D, ports: [u16; 2], options: Options) -> Self {
        let [inside, outside] = [INSIDE, OUTSIDE].map(|host| host.parse().expect("an address"));
        let peers = Peers { ends: [(inside, ports[0]), (outside, ports[1])] };
        Self { dialogue, peers, options, groups: Vec::new() }
    }

    /// What is noted of a datagram.
    pub(crate) fn datagram(&mut self, from: Direction, payload: &[u8]) -> Vec<String> {
        let mut notes = Notes::new(&self.peers, self.options);
        self.dialogue.datagram(from, payload, &mut notes);
        text(&notes, from, &mut self.groups)
    }

    /// The groups of what is announced in a run of a stream.
    pub(crate) fn groups_of(&mut self, from: Direction, run: &[u8]) -> Vec<u32> {
        let mut notes = Notes::new(&self.peers, self.options);
        self.dialogue.read(from, run, &mut notes);
        notes.announcements().iter().map(|announcement| announcement.group).collect()
    }

    /// What is noted of a run of a stream, and how far it was read.
    pub(crate) fn stream(&mut self, from: Direction, run: &[u8]) -> (Progress, Vec<String>) {
        let mut notes = Notes::new(&self.peers, self.options);
        let progress = self.dialogue.read(from, run, &mut notes);
        let noted = text(&notes, from, &mut self.groups);
        (progress, noted)
    }
}

/// One datagram: who speaks, what, and what is noted.
pub(crate) type Step<'a> = (Direction, Vec<u8>, &'a [&'a str]);

impl<D: Dialogue> Talk<D> {
    /// Reads datagrams in their order, and compares what is noted of each.
    pub(crate) fn goes(mut self, steps: &[Step<'_>]) {
        for (place, (from, payload, noted)) in steps.iter().enumerate() {
            let told = self.datagram(*from, payload);
            assert_eq!(told, *noted, "step {place}: {}", String::from_utf8_lossy(payload));
        }
    }
}

/// A message with the line ends of the wire.
pub(crate) fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn text(notes: &Notes<'_>, from: Direction, groups: &mut Vec<u32>) -> Vec<String> {
    let withdrawn = notes
        .withdrawn()
        .iter()
        .flat_map(|those| groups.iter().enumerate().filter(|(_, group)| those.contains(group)));
    let withdrawn: Vec<_> = withdrawn.map(|(place, _)| format!("- group {place}")).collect();
    for announcement in notes.announcements() {
        if announcement.group != 0 && !groups.contains(&announcement.group) {
            groups.push(announcement.group);
        }
    }
    let announced = notes.announcements().iter().map(|announcement| {
        let Announcement { protocol, source, source_port, destination, destination_port, .. } =
            *announcement;
        let Announcement { lifetime, read, standing, .. } = *announcement;
        let inside = notes.peers.speaker(Direction::Original).0;
        let outside = notes.peers.speaker(Direction::Reply).0;
        for (host, side) in [(inside, Direction::Original), (outside, Direction::Reply)] {
            assert!(
                destination != host || announcement.opener == side.reversed(),
                "{announcement:?}"
            );
        }
        assert_ne!(source, destination, "spoken in direction {from:?}");
        let protocol = match protocol {
            6 => "tcp",
            17 => "udp",
            47 => "gre",
            _ => "?",
        };
        let at = |host: IpAddr, port: Option<u16>| match (host, port) {
            (host, None) => host.to_string(),
            (IpAddr::V4(host), Some(port)) => format!("{host}:{port}"),
            (IpAddr::V6(host), Some(port)) => format!("[{host}]:{port}"),
        };
        let destination = at(destination, (destination_port > 0).then_some(destination_port));
        let lifetime = lifetime.map_or_else(String::new, |it| format!(" {}s", it.as_secs()));
        let read = read.map_or_else(String::new, |it| format!(" {it}"));
        let standing = if standing { " standing" } else { "" };
        let source = at(source, source_port);
        format!("{protocol} {source} > {destination}{lifetime}{read}{standing}")
    });
    let remarks = notes.remarks().iter().map(|remark| format!("! {remark}"));
    withdrawn.into_iter().chain(announced).chain(remarks).collect()
}
