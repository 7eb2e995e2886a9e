//! TFTP (RFC 1350): the server answers a request from a port of its own.
//!
//! A read or write request goes to the well-known port; the transfer then runs between the client's port
//! and one that the server chooses (§4). So a request announces one conversation: from the server's
//! address, any port, to the client's very port. Everything else on the control session is not looked at.

use session::Direction;

use crate::dialogue::{Dialogue, Progress};
use crate::{Announcement, Notes, Remark};

const UDP: u8 = 17;
const READ_REQUEST: u16 = 1;
const WRITE_REQUEST: u16 = 2;

/// A TFTP request's conversation.
#[derive(Clone, Debug)]
pub(crate) struct Tftp;

impl Dialogue for Tftp {
    fn read(&mut self, from: Direction, octets: &[u8], notes: &mut Notes<'_>) -> Progress {
        let opcode = octets.first_chunk().map(|octets| u16::from_be_bytes(*octets));
        if !matches!(opcode, Some(READ_REQUEST | WRITE_REQUEST)) {
            return Progress::Read(octets.len());
        }
        if from == Direction::Reply {
            notes.remark(Remark::WrongSide);
            return Progress::Read(octets.len());
        }
        // File name and mode, each ended by a zero octet (§5).
        let strings = octets[2..].iter().filter(|octet| **octet == 0).count();
        if strings < 2 || octets.get(2) == Some(&0) {
            notes.remark(Remark::Malformed);
            return Progress::Read(octets.len());
        }
        let (client, client_port) = notes.peers.speaker(from);
        if client_port < 1024 {
            notes.remark(Remark::PrivilegedPort);
            return Progress::Read(octets.len());
        }
        let (server, _) = notes.peers.listener(from);
        let destination = (client, client_port);
        notes.expect(Announcement::once(UDP, from.reversed(), server, destination));
        Progress::Read(octets.len())
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use test_case::test_case;

    use super::*;
    use crate::{Options, Peers, Protocol, Reader, Reading};

    const CLIENT: (IpAddr, u16) = (IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)), 40_000);
    const SERVER: (IpAddr, u16) = (IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), 69);

    #[test_case(Direction::Original, b"\0\x01name\0octet\0", 1, &[]; "a read request")]
    #[test_case(Direction::Original, b"\0\x02name\0octet\0blksize\x001428\0", 1, &[]; "a write request with options")]
    #[test_case(Direction::Original, b"\0\x03\0\x01data", 0, &[]; "data")]
    #[test_case(Direction::Original, b"\0\x01name\0octet", 0, &[Remark::Malformed]; "an unended mode")]
    #[test_case(Direction::Original, b"\0\x01\0octet\0", 0, &[Remark::Malformed]; "no name")]
    #[test_case(Direction::Original, b"\0", 0, &[]; "one octet")]
    #[test_case(Direction::Reply, b"\0\x01name\0octet\0", 0, &[Remark::WrongSide]; "a request by the server")]
    fn a_request_announces_its_transfer(
        from: Direction,
        payload: &[u8],
        announced: usize,
        remarks: &[Remark],
    ) {
        let peers = Peers { ends: [CLIENT, SERVER] };
        let mut notes = Notes::new(&peers, Options::default());
        let reading = Reader::new(Protocol::Tftp).datagram(from, payload, &mut notes);
        assert_eq!(reading, Reading::Pass);
        assert_eq!(notes.remarks(), remarks);
        assert_eq!(notes.announcements().len(), announced);
        for announcement in notes.announcements() {
            let Announcement { opener, source, source_port, destination, destination_port, .. } =
                *announcement;
            assert_eq!((opener, source, source_port), (Direction::Reply, SERVER.0, None));
            assert_eq!((destination, destination_port), CLIENT);
        }
    }

    #[test_case(1023, &[Remark::PrivilegedPort]; "a privileged port")]
    #[test_case(0, &[Remark::PrivilegedPort]; "port zero")]
    #[test_case(1024, &[]; "the lowest port")]
    fn a_transfer_goes_to_no_privileged_port(port: u16, remarks: &[Remark]) {
        let peers = Peers { ends: [(CLIENT.0, port), SERVER] };
        let mut notes = Notes::new(&peers, Options::default());
        Reader::new(Protocol::Tftp).datagram(
            Direction::Original,
            b"\0\x01name\0octet\0",
            &mut notes,
        );
        assert_eq!(notes.remarks(), remarks);
        assert_eq!(notes.announcements().len(), 1 - remarks.len());
    }
}
