use core::net::IpAddr;

use proptest::prelude::*;
use session::Direction;

use super::*;
use crate::{Announcement, Notes, Options, Peers, Protocol, Reader, Reading};

const CLIENT: Direction = Direction::Original;
const SERVER: Direction = Direction::Reply;

fn peers() -> Peers {
    let [client, server] =
        ["10.0.0.1", "192.0.2.1"].map(|address| address.parse::<IpAddr>().unwrap());
    Peers { ends: [(client, 40_000), (server, 21)] }
}

/// A reader of FTP of which the client's side begins at `first`.
struct Talk {
    reader: Reader,
    first: SeqNum,
    peers: Peers,
}

impl Talk {
    fn new(first: u32) -> Self {
        let mut reader = Reader::new(Protocol::Ftp);
        reader.begins(CLIENT, SeqNum(first));
        Self { reader, first: SeqNum(first), peers: peers() }
    }

    /// Shows octets that stand at `at`; says what came of it and which ports were announced.
    fn say(&mut self, at: u32, octets: &[u8]) -> (Reading, Vec<u16>) {
        let mut notes = Notes::new(&self.peers, Options::default());
        let reading = self.reader.segment(CLIENT, self.first + at, octets, &mut notes);
        (
            reading,
            notes.announcements().iter().map(|announced| announced.destination_port).collect(),
        )
    }

    fn acknowledge(&mut self, at: u32) {
        self.reader.acknowledged(SERVER, self.first + at);
    }
}

const PORT: &[u8] = b"PORT 10,0,0,1,19,137\r\n";
const REFUSED: Remark = Remark::InconsistentRetransmission;

#[test]
fn a_differing_copy_is_refused_until_the_first_is_acknowledged() {
    let mut talk = Talk::new(u32::MAX - 3);
    assert_eq!(talk.say(0, b"PORT 10,0,"), (Reading::Pass, vec![]));
    assert_eq!(talk.say(0, b"QUIT\r\n"), (Reading::Refuse(REFUSED), vec![]));
    assert_eq!(talk.say(5, b"10,0,0,1,19,137\r\n"), (Reading::Pass, vec![5001]));
    assert_eq!(talk.say(8, b"0,0,3"), (Reading::Refuse(REFUSED), vec![]));
    talk.acknowledge(22);
    // What the endpoint has it discards.
    assert_eq!(talk.say(8, b"0,0,3"), (Reading::Pass, vec![]));
    assert_eq!(talk.say(21, b"?QUIT\r\n"), (Reading::Pass, vec![]));
}

#[test]
fn what_is_refused_stays_refused_and_what_was_before_it_passes_again() {
    let mut talk = Talk::new(0);
    let bounce = b"PORT 10,0,0,2,19,137\r\n";
    assert_eq!(talk.say(0, b"NOOP\r\n").0, Reading::Pass);
    for _ in 0..2 {
        assert_eq!(talk.say(6, bounce).0, Reading::Refuse(Remark::Bounce));
        assert_eq!(talk.say(0, b"NOOP\r\n").0, Reading::Pass);
        assert_eq!(talk.say(28, PORT), (Reading::Refuse(Remark::Bounce), vec![]));
    }
}

#[test]
fn the_segment_that_completes_a_bounce_is_refused() {
    let mut talk = Talk::new(0);
    assert_eq!(talk.say(16, b"19,137\r\n").0, Reading::Pass);
    assert_eq!(talk.say(0, b"PORT 10,0,0,22,1").0, Reading::Refuse(Remark::Bounce));
}

#[test]
fn out_of_order_segments_wait_within_the_window() {
    let mut talk = Talk::new(7);
    assert_eq!(talk.say(12, PORT), (Reading::Pass, vec![]));
    assert_eq!(talk.say(8, b"OP\r\n"), (Reading::Pass, vec![]));
    assert_eq!(talk.say(0, b"NOOP\r\n"), (Reading::Pass, vec![]), "two octets are still missing");
    assert_eq!(talk.say(6, b"NOO?"), (Reading::Refuse(REFUSED), vec![]));
    assert_eq!(talk.say(5, b"\nNOO"), (Reading::Pass, vec![5001]));
    let far = u32::try_from(WINDOW).unwrap();
    assert_eq!(talk.say(far, b"x").0, Reading::Refuse(Remark::OutOfOrder));
}

#[test]
fn islands_are_few() {
    let mut talk = Talk::new(0);
    for island in 1..=4 {
        assert_eq!(talk.say(island * 10, b"xx").0, Reading::Pass);
    }
    assert_eq!(talk.say(50, b"xx").0, Reading::Refuse(Remark::OutOfOrder));
    assert_eq!(talk.say(42, b"xx").0, Reading::Pass, "it joins one");
    assert_eq!(talk.say(0, &[b'x'; 60]).0, Reading::Pass, "it joins them all");
    assert_eq!(talk.say(70, b"xx").0, Reading::Pass);
}

#[test]
fn more_than_a_window_unacknowledged_is_refused() {
    let mut talk = Talk::new(0);
    let line = [&[b'x'; 98][..], b"\r\n"].concat();
    let mut at = 0;
    while talk.say(at, &line).0 == Reading::Pass {
        at += 100;
    }
    assert_eq!(usize::try_from(at).unwrap(), WINDOW / 100 * 100);
    assert_eq!(talk.say(at, &line).0, Reading::Refuse(Remark::WindowFull));
    talk.acknowledge(50);
    assert_eq!(talk.say(at, &line).0, Reading::Pass);
}

#[test]
fn a_segment_longer_than_the_window_is_read_in_pieces() {
    let mut talk = Talk::new(0);
    let mut text = b"NOOP\r\n".repeat(9_000);
    text.extend(PORT);
    assert_eq!(talk.say(0, &text), (Reading::Pass, vec![5001]));
    assert_eq!(talk.say(0, &text), (Reading::Pass, vec![]), "once");
}

#[test]
fn a_dialogue_that_makes_nothing_of_a_full_window_is_stopped() {
    let peers = peers();
    let mut reader = Reader::new(Protocol::Sip);
    reader.begins(CLIENT, SeqNum(0));
    let mut at = 0;
    while !reader.has_stopped() {
        assert!(at < 2 * offset(WINDOW));
        let mut notes = Notes::new(&peers, Options::default());
        assert_eq!(reader.segment(CLIENT, SeqNum(at), &[b'x'; 1_000], &mut notes), Reading::Pass);
        at += 1_000;
    }
}

#[test]
fn a_stream_picked_up_begins_at_a_line() {
    let mut reader = Reader::new(Protocol::Ftp);
    let peers = peers();
    let mut notes = Notes::new(&peers, Options::default());
    let text = [b"XX", PORT, PORT].concat();
    assert_eq!(reader.segment(CLIENT, SeqNum(77), &text, &mut notes), Reading::Pass);
    assert_eq!(notes.announcements().len(), 1);
}

#[test]
fn after_a_gap_reading_goes_on_at_a_line() {
    let mut talk = Talk::new(0);
    assert_eq!(talk.say(0, b"NOOP\r\n").0, Reading::Pass);
    assert_eq!(talk.say(10, b"IT\r\n").0, Reading::Pass);
    talk.acknowledge(14);
    assert_eq!(talk.say(14, PORT), (Reading::Pass, vec![]), "within a line, as far as is known");
    assert_eq!(talk.say(36, PORT), (Reading::Pass, vec![5001]));
    // A FIN takes a number.
    talk.acknowledge(59);
    assert_eq!(talk.say(58, PORT), (Reading::Pass, vec![5001]));
}

#[test]
fn memory_is_bounded_and_given_back() {
    let mut stream = Stream::default();
    stream.begin(SeqNum(5));
    for round in 0..1_000_u32 {
        let at = SeqNum(5) + round * 1_400;
        let mut piece = stream.admit(at, &[7; 1_400], usize::MAX).unwrap();
        assert!(stream.take(&mut piece));
        stream.advance(1_400);
        if let Some(late) = round.checked_sub(5) {
            assert_eq!(stream.acknowledge(SeqNum(5) + late * 1_400), Continuity::Unbroken);
        }
        stream.forget();
        assert!(stream.octets.capacity() <= 2 * WINDOW);
    }
    assert_eq!(stream.acknowledge(SeqNum(5) + 1_400_000), Continuity::Unbroken);
    assert_eq!(stream.octets.capacity(), 0);
}

/// What comes out of order is kept as there is room for it, beyond the first KiB; what comes in order needs less, and the
/// same segment is taken when there is more.
#[test]
fn what_there_is_no_room_for_comes_again() {
    let mut stream = Stream::default();
    stream.begin(SeqNum(0));
    let far = |stream: &Stream, room| stream.admit(SeqNum(9_000), &[7; 1_000], room).map(|_| ());
    assert_eq!(far(&stream, 8_975), Err(Remark::Memory));
    assert_eq!(far(&stream, 8_976), Ok(()));
    let mut piece = stream.admit(SeqNum(0), &[7; IDLE], 0).unwrap();
    stream.take(&mut piece);
    assert_eq!((stream.unread().len(), stream.held()), (IDLE, 0));
    let mut piece = stream.admit(SeqNum(9_000), &[7; 1_000], 8_976).unwrap();
    stream.take(&mut piece);
    assert_eq!(stream.held(), 8_976);
    assert_eq!(far(&stream, 0), Ok(()), "it is held already");
}

#[test]
fn skipped_octets_are_not_read_wherever_they_come() {
    let mut stream = Stream::default();
    stream.begin(SeqNum(0));
    let mut piece = stream.admit(SeqNum(0), b"abcd", usize::MAX).unwrap();
    stream.take(&mut piece);
    stream.advance(1);
    stream.skip(40_000);
    let mut at = 4;
    while at < 40_011 {
        let mut piece = stream.admit(SeqNum(at), b"0123456", usize::MAX).unwrap();
        assert!(stream.take(&mut piece));
        at += 7;
        stream.forget();
        assert!(stream.octets.len() <= 2 * WINDOW);
    }
    assert_eq!(stream.unread(), b"601234560123456");
}

/// Lines of a client and a server, whole, in turns.
fn dialogue() -> impl Strategy<Value = Vec<(Direction, Vec<u8>)>> {
    let client = prop_oneof![
        (1024..u16::MAX).prop_map(|port| format!("PORT 10,0,0,1,{},{}\r\n", port >> 8, port & 255)),
        (1024..u16::MAX).prop_map(|port| format!("EPRT |1|10.0.0.1|{port}|\r\n")),
        Just("PASV\r\n".to_owned()),
        Just("EPSV\n".to_owned()),
        "[A-Z ]{0,40}\r\n",
        (1000_usize..3000).prop_map(|length| "y".repeat(length) + "\r\n"),
    ];
    let server = prop_oneof![
        (1024..u16::MAX).prop_map(|port| format!(
            "227 (192,0,2,1,{},{})\r\n",
            port >> 8,
            port & 255
        )),
        (1024..u16::MAX).prop_map(|port| format!("229 (|||{port}|)\r\n")),
        "[1-5][0-9]{2}[ -][a-z]{0,40}\r\n",
    ];
    let turn = (prop::collection::vec(client, 1..5), prop::collection::vec(server, 1..5)).prop_map(
        |(client, server)| [(CLIENT, client.concat().into()), (SERVER, server.concat().into())],
    );
    prop::collection::vec(turn, 1..6).prop_map(|turns| turns.into_iter().flatten().collect())
}

/// How a network treats what is said: where segments end, in which order they come, and which come twice.
fn network() -> impl Strategy<Value = Vec<(u16, u8, bool)>> {
    prop::collection::vec((1..600_u16, any::<u8>(), any::<bool>()), 1..40)
}

/// All that is announced when each turn comes in one piece.
fn oracle(said: &[(Direction, Vec<u8>)]) -> Vec<Announcement> {
    let peers = peers();
    let mut reader = Reader::new(Protocol::Ftp);
    let mut next = [SeqNum(0); 2];
    let mut announced = Vec::new();
    for from in [CLIENT, SERVER] {
        reader.begins(from, SeqNum(0));
    }
    for (from, text) in said {
        let mut notes = Notes::new(&peers, Options::default());
        assert_eq!(reader.segment(*from, next[from.index()], text, &mut notes), Reading::Pass);
        next[from.index()] = next[from.index()] + offset(text.len());
        reader.acknowledged(from.reversed(), next[from.index()]);
        announced.extend_from_slice(notes.announcements());
    }
    announced
}

proptest! {
    #[test]
    fn no_network_changes_what_is_announced(
        said in dialogue(),
        network in network(),
        isn in any::<[u32; 2]>(),
    ) {
        let peers = peers();
        let mut reader = Reader::new(Protocol::Ftp);
        let mut next = isn.map(SeqNum);
        let mut announced = Vec::new();
        let mut fates = network.iter().cycle();
        for from in [CLIENT, SERVER] {
            reader.begins(from, next[from.index()]);
        }
        for (from, text) in &said {
            let first = next[from.index()];
            // Segments with their rank; a segment may come a second time, one octet longer on either side.
            let mut segments = Vec::new();
            let mut at = 0;
            while at < text.len() {
                let (length, rank, twice) = fates.next().unwrap();
                let end = text.len().min(at + usize::from(*length));
                segments.push((segments.len() + usize::from(rank % 4), at..end));
                if *twice {
                    let wider = at.saturating_sub(1)..text.len().min(end + 1);
                    segments.push((segments.len() + usize::from(rank / 16), wider));
                }
                at = end;
            }
            segments.sort_by_key(|(rank, _)| *rank);
            // What is refused is sent again, as often as it takes.
            let mut rounds = 0;
            while !segments.is_empty() {
                rounds += 1;
                prop_assert!(rounds < 100, "{segments:?} are never taken");
                segments.retain(|(_, range)| {
                    let mut notes = Notes::new(&peers, Options::default());
                    let at = first + offset(range.start);
                    let reading = reader.segment(*from, at, &text[range.clone()], &mut notes);
                    announced.extend_from_slice(notes.announcements());
                    reading != Reading::Pass
                });
            }
            next[from.index()] = first + offset(text.len());
            reader.acknowledged(from.reversed(), next[from.index()]);
        }
        prop_assert_eq!(announced, oracle(&said));
    }
}
