//! Captured control conversations, read payload by payload, and what each announces.
//!
//! The captures are not part of the project: `SALLYPORT_CASES` names the folder that has them in `pcap`. Without it
//! these tests say that they are skipped and pass.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use alg::{Notes, Options, Peers, Protocol, Reader, Reading};
use pcap_file::pcap::PcapReader;
use session::Direction;
use test_case::test_case;
use wire::SeqNum;

const OPEN: Options = Options { strict: false, third_party: false };
const THIRD_PARTY: Options = Options { strict: false, third_party: true };

/// One packet over IPv4 as far as a gateway is concerned.
struct Packet {
    transport: u8,
    ends: [(IpAddr, u16); 2],
    /// Of TCP: number, acknowledgement, flags.
    tcp: Option<(u32, u32, u8)>,
    payload: Vec<u8>,
}

/// Those of a frame that are TCP or UDP.
fn packet(frame: &[u8]) -> Option<Packet> {
    let ip = frame.get(14..).filter(|_| frame[12..14] == [8, 0])?;
    let header = usize::from(ip.first()? & 15) * 4;
    let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
    let segment = ip.get(header..total.min(ip.len()))?;
    let address = |at: usize| IpAddr::V4(Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]));
    let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
    let word =
        |at: usize| segment[at..at + 4].iter().fold(0, |word, octet| word << 8 | u32::from(*octet));
    let (tcp, data) = match ip[9] {
        6 => (Some((word(4), word(8), segment[13])), usize::from(segment[12] >> 4) * 4),
        17 => (None, 8),
        _ => return None,
    };
    let ends = [(address(12), port(0)), (address(16), port(2))];
    Some(Packet { transport: ip[9], ends, tcp, payload: segment.get(data..)?.to_vec() })
}

/// A conversation that is being read.
struct Conversation {
    peers: Peers,
    reader: Reader,
}

/// All that is noted of the conversations with `port` of a capture, in order, each kind of note once; `None`
/// without the captures.
fn read(name: &str, protocol: Protocol, port: u16, options: Options) -> Option<Vec<String>> {
    let Some(cases) = std::env::var_os("SALLYPORT_CASES") else {
        println!("{name} is skipped: SALLYPORT_CASES is not set");
        return None;
    };
    let file = File::open(Path::new(&cases).join("pcap").join(name)).expect("a capture");
    let mut capture = PcapReader::new(file).expect("a capture");
    let mut conversations = BTreeMap::new();
    let mut noted: Vec<String> = Vec::new();
    while let Some(frame) = capture.next_packet() {
        let Some(packet) = packet(&frame.expect("a frame").data) else { continue };
        let [source, destination] = packet.ends;
        if source.1 != port && destination.1 != port {
            continue;
        }
        let reversed = (packet.transport, [destination, source]);
        let from = if conversations.contains_key(&reversed) {
            Direction::Reply
        } else {
            Direction::Original
        };
        let ends = if from == Direction::Reply { reversed.1 } else { packet.ends };
        let conversation = conversations.entry((packet.transport, ends)).or_insert_with(|| {
            Conversation { peers: Peers { ends }, reader: Reader::new(protocol) }
        });
        let Conversation { peers, reader } = conversation;
        let mut notes = Notes::new(peers, options);
        let reading = match packet.tcp {
            None => reader.datagram(from, &packet.payload, &mut notes),
            Some((number, acknowledged, flags)) => {
                let number = SeqNum(number);
                if flags & 2 != 0 {
                    reader.begins(from, number + 1);
                }
                if flags & 16 != 0 {
                    reader.acknowledged(from, SeqNum(acknowledged));
                }
                reader.segment(from, number, &packet.payload, &mut notes)
            }
        };
        assert_eq!(reading, Reading::Pass);
        let announced = notes.announcements().iter().map(|it| {
            let ports = [it.source_port.unwrap_or(0), it.destination_port];
            format!("{} {}:{} > {}:{}", it.protocol, it.source, ports[0], it.destination, ports[1])
        });
        let remarks = notes.remarks().iter().map(|remark| format!("! {remark}"));
        for note in announced.chain(remarks) {
            if !noted.contains(&note) {
                noted.push(note);
            }
        }
    }
    Some(noted)
}

/// Port 0 of a source is any.
#[test_case("sip/sip-rtp-30000.pcap", Protocol::Sip, 5060, OPEN, &[
    "17 200.68.120.81:0 > 192.168.1.2:30000",
    "17 200.68.120.81:0 > 192.168.1.2:30001",
    "17 212.242.33.35:0 > 192.168.1.2:30000",
    "17 212.242.33.35:0 > 192.168.1.2:30001",
    "! third_party",
]; "calls whose media would come from a third host")]
#[test_case("sip/sip-rtp-dtmf.pcap", Protocol::Sip, 5060, THIRD_PARTY, &[
    "17 200.68.120.81:0 > 192.168.1.2:30000",
    "17 200.68.120.81:0 > 192.168.1.2:30001",
    "17 212.242.33.35:0 > 192.168.1.2:30000",
    "17 212.242.33.35:0 > 192.168.1.2:30001",
    // The RTP and RTCP of the capture.
    "17 192.168.1.2:0 > 212.242.33.36:40392",
    "17 192.168.1.2:0 > 212.242.33.36:40393",
    "17 212.242.33.36:0 > 192.168.1.2:30000",
    "17 212.242.33.36:0 > 192.168.1.2:30001",
]; "the third host with leave")]
#[test_case("sip/sip-udp-trex.pcap", Protocol::Sip, 5060, OPEN, &[
    // The requests' Via names another port than they come from, and their media hosts that are not there.
    "17 48.0.0.0:0 > 16.0.0.0:1044",
    "! third_party",
    "17 48.0.0.1:0 > 16.0.0.1:1044",
    "17 48.0.0.2:0 > 16.0.0.2:1044",
    "17 48.0.0.3:0 > 16.0.0.3:1044",
    "17 48.0.0.4:0 > 16.0.0.4:1044",
]; "calls between hosts that were renamed")]
#[test_case("rtsp/rtsp-short.pcap", Protocol::Rtsp, 554, OPEN, &[
    "17 22.0.0.10:1024 > 21.0.0.2:1024",
    "17 22.0.0.10:1025 > 21.0.0.2:1025",
    "17 21.0.0.2:0 > 22.0.0.10:1024",
    "17 21.0.0.2:0 > 22.0.0.10:1025",
    "17 22.0.0.10:1026 > 21.0.0.2:1026",
    "17 22.0.0.10:1027 > 21.0.0.2:1027",
    "17 21.0.0.2:0 > 22.0.0.10:1026",
    "17 21.0.0.2:0 > 22.0.0.10:1027",
]; "two streams")]
// The RTP of this capture goes to another host and other ports.
#[test_case("rtsp/rtsp-rtp-160k.pcap", Protocol::Rtsp, 554, OPEN, &[
    "17 22.0.0.10:1024 > 21.0.0.12:1024",
    "17 22.0.0.10:1025 > 21.0.0.12:1025",
    "17 21.0.0.12:0 > 22.0.0.10:1024",
    "17 21.0.0.12:0 > 22.0.0.10:1025",
    "17 22.0.0.10:1026 > 21.0.0.12:1026",
    "17 22.0.0.10:1027 > 21.0.0.12:1027",
    "17 21.0.0.12:0 > 22.0.0.10:1026",
    "17 21.0.0.12:0 > 22.0.0.10:1027",
]; "two streams and other media")]
#[test_case("rtsp/rtsp-ipfixprobe.pcap", Protocol::Rtsp, 554, OPEN, &[]; "descriptions that were refused")]
#[test_case("pptp/pptp-control-gre.pcap", Protocol::Pptp, 1723, OPEN, &[
    "47 10.1.1.11:0 > 10.1.1.10:0",
    "47 10.1.1.10:0 > 10.1.1.11:0",
]; "a tunnel")]
#[test_case("pptp/pptp-control-only.pcap", Protocol::Pptp, 1723, OPEN, &[
    "47 192.168.43.22:0 > 191.101.61.1:11755",
    "47 191.101.61.1:0 > 192.168.43.22:0",
]; "a tunnel that was not used")]
#[test_case("alg-other/mgcp.pcap", Protocol::Mgcp, 2427, OPEN, &[]; "no connection was made")]
fn a_capture_announces(
    name: &str,
    protocol: Protocol,
    port: u16,
    options: Options,
    expected: &[&str],
) {
    if let Some(noted) = read(name, protocol, port, options) {
        assert_eq!(noted, expected);
    }
}
