//! Conversations, frame by frame, with the port at which each enters.

use test_case::test_case;

use super::*;

/// The last octet of a MAC address stands for the host; an odd first octet for a group.
fn ethernet(source: [u8; 2], destination: [u8; 2], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mac = |[first, last]: [u8; 2]| [first, 0, 0, 0, 0, last];
    [&mac(destination)[..], &mac(source), &ethertype.to_be_bytes(), payload].concat()
}

fn v4(source: &str, destination: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap().octets();
    let head = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, protocol, 0, 0];
    [&head[..], &address(source), &address(destination), payload].concat()
}

fn v6(source: &str, destination: &str, next: u8, payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<std::net::Ipv6Addr>().unwrap().octets();
    let head = [0x60, 0, 0, 0, 0, 0, next, 64];
    [&head[..], &address(source), &address(destination), payload].concat()
}

/// A frame in words: `A>B` IP, `A>B!C>D` an ICMP error from A to B on what C sent to D, `arp A>B`, `mac A>B`,
/// with `vlan` before it tagged.
fn frame(words: &str) -> Vec<u8> {
    if let Some(words) = words.strip_prefix("vlan ") {
        let mut frame = frame(words);
        frame.splice(12..12, [0x81, 0, 0, 7]);
        return frame;
    }
    if let Some(words) = words.strip_prefix("mac ") {
        let mac = |word: &str| match word {
            "group" => [0x01, 0xc2],
            "none" => [0, 0],
            host => [0x02, host.parse().unwrap()],
        };
        let (source, destination) = words.split_once('>').unwrap();
        return ethernet(mac(source), mac(destination), 0x88b5, &[0; 46]);
    }
    if let Some(words) = words.strip_prefix("arp ") {
        let (source, destination) = words.split_once('>').unwrap();
        let sender = &v4(source, destination, 0, &[])[12..];
        let body =
            [&[0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9][..], &sender[..4], &[0; 6], &sender[4..]];
        return ethernet([2, 9], [0xff, 0xff], 0x0806, &body.concat());
    }
    let (ends, quoted) = words.split_once('!').map_or((words, None), |(a, b)| (a, Some(b)));
    let (source, destination) = ends.split_once('>').unwrap();
    if source.contains(':') {
        let body = quoted.map(|words| [&[1, 4, 0, 0, 0, 0, 0, 0], &frame(words)[14..]].concat());
        // Destination options stand before the message.
        let body = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &body.unwrap_or(vec![128; 8])].concat();
        ethernet([2, 1], [2, 2], 0x86dd, &v6(source, destination, 60, &body))
    } else {
        let body = quoted.map(|words| [&[11, 0, 0, 0, 0, 0, 0, 0], &frame(words)[14..]].concat());
        let body = body.unwrap_or(vec![8; 8]);
        ethernet([2, 1], [2, 2], 0x0800, &v4(source, destination, 1, &body))
    }
}

fn ports() -> Ports {
    Ports {
        names: ["lan0", "dmz0", "wan0", "dmz1"].map(str::to_owned).to_vec(),
        partners: vec![2, 3, 0, 1],
    }
}

/// Runs `frame port` lines.
fn enters(option: &SideOption, transcript: &[&str]) {
    let ports = ports();
    let mut sides = Sides::new(option, &ports).unwrap();
    for line in transcript {
        let (words, port) = line.rsplit_once(' ').unwrap();
        assert_eq!(ports.names[sides.port(&frame(words))], port, "{line} in {transcript:#?}");
    }
}

#[test_case(&["10.0.0.1>192.0.2.1 lan0", "192.0.2.1>10.0.0.1 wan0", "10.0.0.1>192.0.2.1 lan0"]; "a conversation")]
#[test_case(&["192.0.2.1>10.0.0.1 lan0", "10.0.0.1>192.0.2.1 wan0"]; "who sends first is on the first port")]
#[test_case(&["10.0.0.1>10.0.0.2 lan0", "10.0.0.2>10.0.0.3 lan0", "10.0.0.2>10.0.0.1 wan0"]; "each pair for itself")]
#[test_case(&["2001:db8::1>2001:db8::2 lan0", "2001:db8::2>2001:db8::1 wan0"]; "IPv6")]
#[test_case(&["vlan 10.0.0.1>10.0.0.2 lan0", "10.0.0.2>10.0.0.1 wan0", "vlan 10.0.0.2>10.0.0.1 wan0"]; "tags make no difference")]
#[test_case(&["127.0.0.1>127.0.0.1 lan0", "127.0.0.1>127.0.0.1 lan0"]; "one address on both ends")]
#[test_case(&["arp 10.0.0.1>10.0.0.2 lan0", "arp 10.0.0.2>10.0.0.1 wan0", "10.0.0.2>10.0.0.1 wan0"]; "ARP shares the pair with IP")]
#[test_case(&["arp 0.0.0.0>10.0.0.2 lan0", "arp 10.0.0.2>10.0.0.2 lan0"]; "a probe and an announcement")]
#[test_case(&["0.0.0.0>255.255.255.255 lan0", "10.0.0.1>255.255.255.255 lan0", "10.0.0.2>224.0.0.251 lan0"]; "unspecified and groups")]
#[test_case(&["::>ff02::1 lan0", "fe80::1>ff02::1 lan0", "fe80::2>fe80::1 lan0", "fe80::1>fe80::2 wan0"]; "IPv6 groups")]
#[test_case(&["10.0.0.9>0.0.0.0 lan0", "0.0.0.0>10.0.0.9 lan0"]; "the unspecified address never moves")]
#[test_case(&["mac 1>2 lan0", "mac 2>1 wan0", "mac 2>group lan0", "mac group>2 lan0"]; "hardware addresses")]
#[test_case(&["10.0.0.1>192.0.2.1 lan0", "192.0.2.254>10.0.0.1!10.0.0.1>192.0.2.1 wan0", "10.0.0.1>192.0.2.254 lan0"]; "an error from a router, which counts as no first word")]
#[test_case(&["10.0.0.1>192.0.2.1 lan0", "10.0.0.254>192.0.2.1!192.0.2.1>10.0.0.1 lan0"]; "an error from the first side")]
#[test_case(&["192.0.2.1>10.0.0.1!10.0.0.1>192.0.2.1 wan0", "192.0.2.1>10.0.0.1 lan0"]; "an error on what was never seen")]
#[test_case(&["2001:db8::1>2001:db8::2 lan0", "2001:db8::9>2001:db8::1!2001:db8::1>2001:db8::2 wan0"]; "an ICMPv6 error behind an extension header")]
fn auto(transcript: &[&str]) {
    enters(&SideOption::Auto, transcript);
}

#[test_case("lan0=10.0.0.0/8", &["10.0.0.1>192.0.2.1 lan0", "192.0.2.1>10.0.0.1 wan0", "192.0.2.1>192.0.2.2 wan0"]; "the rest at the partner")]
#[test_case("wan0=0.0.0.0/0", &["10.0.0.1>192.0.2.1 wan0", "2001:db8::1>2001:db8::2 lan0", "0.0.0.0>255.255.255.255 lan0"]; "the partner of the first named")]
#[test_case("wan0=0.0.0.0/0,lan0=10.0.0.0/8,dmz0=10.1.0.0/16", &["10.2.0.1>192.0.2.1 lan0", "10.1.0.1>192.0.2.1 dmz0", "192.0.2.1>10.1.0.1 wan0"]; "the longest wins")]
#[test_case("lan0=10.0.0.0/8,2001:db8::/32,wan0=10.9.9.9", &["2001:db8::1>2001:db8:1::1 lan0", "10.9.9.9>10.0.0.1 wan0", "10.9.9.8>10.0.0.1 lan0"]; "several prefixes of one port, and a host")]
#[test_case("lan0=10.0.0.0/8", &["arp 10.0.0.1>192.0.2.1 lan0", "arp 192.0.2.1>10.0.0.1 wan0", "arp 0.0.0.0>10.0.0.1 lan0", "mac 1>2 wan0"]; "ARP by its sender, MACs in no prefix")]
#[test_case("dmz1=10.0.0.0/8", &["10.0.0.1>192.0.2.1 dmz1", "192.0.2.1>10.0.0.1 dmz0", "192.0.2.1>10.0.0.1!10.0.0.1>192.0.2.1 dmz0", "10.3.0.1>10.0.0.1!10.0.0.1>192.0.2.1 dmz1"]; "errors by their own source")]
fn prefixes(words: &str, transcript: &[&str]) {
    let words: Vec<_> = words.split(',').map(str::to_owned).collect();
    enters(&SideOption::parse(&words).unwrap(), transcript);
}

#[test]
fn frames_that_cannot_be_read_enter_somewhere() {
    let mut sides = Sides::new(&SideOption::Auto, &ports()).unwrap();
    assert_eq!(sides.port(&[]), 0);
    assert_eq!(sides.port(&[0; 13]), 0);
    // An IPv4 frame without its addresses counts by its MACs.
    let whole = frame("10.0.0.1>10.0.0.2");
    assert_eq!(sides.port(&whole[..30]), 0);
    let back = [&whole[6..12], &whole[..6], &whole[12..30]].concat();
    assert_eq!(sides.port(&back), 2);
    // Every cut of an ICMPv6 error behind extension headers.
    let whole = frame("2001:db8::9>2001:db8::1!2001:db8::1>2001:db8::2");
    for end in 0..whole.len() {
        assert!([0, 2].contains(&sides.port(&whole[..end])));
    }
}

#[test_case(&["lan0"], SideError::NoPort("lan0".into()); "no sign of equality")]
#[test_case(&["=10.0.0.0/8"], SideError::NoPort("=10.0.0.0/8".into()); "no port")]
#[test_case(&["lan0=ten"], SideError::BadPrefix { port: "lan0".into(), text: "ten".into() }; "no prefix")]
#[test_case(&["lan0=10.0.0.0/33"], SideError::BadPrefix { port: "lan0".into(), text: "10.0.0.0/33".into() }; "too long")]
#[test_case(&["auto", "lan0=10.0.0.0/8"], SideError::AutoAndMore; "auto and more")]
fn bad_options_are_refused(words: &[&str], error: SideError) {
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(SideOption::parse(&words), Err(error));
}

#[test]
fn an_unknown_port_is_refused_with_the_known_ones() {
    let option = SideOption::parse(&["lan7=10.0.0.0/8".to_owned()]).unwrap();
    let error = Sides::new(&option, &ports()).unwrap_err().to_string();
    assert_eq!(
        error,
        "--side: no port is called lan7; the configuration has lan0, dmz0, wan0, dmz1"
    );
}
