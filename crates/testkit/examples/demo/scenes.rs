//! What is shown, in its order.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use testkit::netns::{
    INSIDE_V4, INSIDE_V6, OUTSIDE_V4, OUTSIDE_V6, RawSocket, Settings, Site, within,
};
use testkit::packet::{Frame, TCP, Tcp, flags};

use super::files;
use super::stage::{Interrupted, Shown, Stage};

/// The usual policy and FTP, with timeouts that a person can wait for.
pub(crate) const SETTINGS: Settings<'static> = Settings {
    timeouts: "tcp_established = \"3s\"",
    rules: r#"
[[rule]]
name = "inside-out"
from = ["inside"]
to = ["outside"]
service = ["http", "dns", "ntp", "ping", "ftp", "tcp/8080"]
action = "allow"
log = "both"
"#,
    ..Settings::USUAL
};

const PAGE: &str = "Hello from outside the sally port.\n";
const NAME: &str = "www.example.test";
/// Longer than anything that should happen at once.
pub(super) const SOON: Duration = Duration::from_secs(3);
/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(700);

/// Who is who.
pub(crate) fn introduce(site: &Site) {
    println!("  inside   {INSIDE_V4}, {INSIDE_V6}   namespace {}", site.inside.namespace());
    println!("  outside  {OUTSIDE_V4}, {OUTSIDE_V6}   namespace {}", site.outside.namespace());
    println!(
        "  between  sallyportd, process {}, policy {}",
        site.daemon.pid(),
        site.config().display()
    );
    println!("           rule inside-out allows http, dns, ntp, ping, ftp; all else is dropped\n");
}

/// Drop counters that grew, as `reason +n`.
pub(super) fn grown(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    after
        .iter()
        .map(|(reason, count)| (reason.clone(), count - before.get(reason).copied().unwrap_or(0)))
        .filter(|(_, more)| *more > 0)
        .collect()
}

pub(super) fn told(grown: &BTreeMap<String, u64>) -> String {
    if grown.is_empty() {
        return "no drop counter grew".to_owned();
    }
    let parts: Vec<String> =
        grown.iter().map(|(reason, more)| format!("{reason} +{more}")).collect();
    format!("drop counters: {}", parts.join(", "))
}

/// All scenes.
pub(crate) fn play(stage: &Stage, site: &Site) -> Result<(), Interrupted> {
    let web = site.outside_address(false, 80);
    let _server = site.outside.serve_http(web, site.folder(), PAGE);
    let web_v6 = site.outside_address(true, 80);
    let _server_v6 = site.outside.serve_http(web_v6, &site.folder().join("v6"), PAGE);
    let log = site.folder().join("dns.log");
    let _dns = site.outside.serve_dns(OUTSIDE_V4.into(), NAME, OUTSIDE_V4.into(), &log);

    for address in [web, web_v6] {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        stage.scene(&format!("inside fetches a page from outside over {family}"), || {
            fetch(site, address)
        })?;
    }
    stage.scene("outside cannot connect to the same service inside", || intrude(site))?;
    for (name, flags) in [("SYN-ACK", flags::SYN_ACK), ("ACK", flags::ACK)] {
        stage.scene(&format!("a forged {name} from source port 80 gets nowhere"), || {
            forge(site, flags)
        })?;
    }
    stage.scene("a DNS round trip is one session", || resolve(site))?;
    stage.scene("a ping is one session, however many requests", || ping(site))?;
    let _files = files::serve(site);
    stage.scene("a file is fetched by FTP over a connection that was announced", || {
        files::fetch(site)
    })?;
    stage.scene("a data connection that nobody announced gets nowhere", || files::intrude(site))?;
    stage.scene("an idle session expires, and its next packet is dropped as expired", || {
        expire(stage, site)
    })
}

fn fetch(site: &Site, address: SocketAddr) -> Shown {
    let before = site.ctl().created("tcp");
    let url = format!("http://{address}/");
    let got = site.inside.fetch(&url, SOON);
    let made = site.ctl().created("tcp") - before;
    Shown {
        holds: got.status == 200 && got.body == PAGE && made == 1,
        evidence: vec![
            format!(
                "curl {url}: HTTP {}, {:?}, {:.1} ms",
                got.status,
                got.body.trim_end(),
                got.seconds * 1000.0
            ),
            format!("TCP sessions created: {made}"),
        ],
    }
}

fn intrude(site: &Site) -> Shown {
    let address = SocketAddr::from((INSIDE_V4, 80));
    let _server = site.inside.serve_http(address, &site.folder().join("inside"), PAGE);
    let before = site.ctl().all_drops();
    let url = format!("http://{address}/");
    let got = site.outside.fetch(&url, SOON);
    let after = grown(&before, &site.ctl().all_drops());
    Shown {
        holds: got.exit == Some(28) && after.contains_key("no_rule"),
        evidence: vec![
            match got.exit {
                Some(28) => format!("curl {url}: timed out after {} s, no answer", SOON.as_secs()),
                _ => format!("curl {url}: HTTP {}", got.status),
            },
            told(&after),
        ],
    }
}

fn forge(site: &Site, flags: u8) -> Shown {
    let expected = if flags == flags::SYN_ACK { "tcp_syn_ack_unexpected" } else { "tcp_not_syn" };
    let frame = Frame::tcp(
        SocketAddr::from((OUTSIDE_V4, 80)),
        SocketAddr::from((INSIDE_V4, 45_678)),
        Tcp { flags, sequence: 1, acknowledgement: 1, ..TCP },
    )
    .macs(site.outside.mac("eth0"), site.inside.mac("eth0"));
    let listener = RawSocket::open(&site.inside, "eth0");
    let before = site.ctl().all_drops();
    RawSocket::open(&site.outside, "eth0").send(&frame.bytes());
    let heard = listener.hear(SILENCE, |seen| seen.destination_port == 45_678);
    let after = grown(&before, &site.ctl().all_drops());
    Shown {
        holds: heard.is_none() && after.get(expected) == Some(&1),
        evidence: vec![
            format!(
                "sent {OUTSIDE_V4}:80 > {INSIDE_V4}:45678; inside heard {}",
                match heard {
                    Some(seen) => format!("{seen:?}"),
                    None => "nothing".to_owned(),
                }
            ),
            told(&after),
        ],
    }
}

fn resolve(site: &Site) -> Shown {
    let before = site.ctl().created("udp");
    let answer = site.inside.dig(OUTSIDE_V4.into(), NAME, "A");
    let made = site.ctl().created("udp") - before;
    Shown {
        holds: answer.stdout.trim() == OUTSIDE_V4.to_string() && made == 1,
        evidence: vec![
            format!("dig @{OUTSIDE_V4} {NAME}: {}", answer.stdout.trim()),
            format!("UDP sessions created: {made}"),
        ],
    }
}

fn ping(site: &Site) -> Shown {
    let mut holds = true;
    let mut evidence = Vec::new();
    for (target, proto) in [(OUTSIDE_V4.into(), "icmp"), (OUTSIDE_V6.into(), "icmpv6")] {
        let before = site.ctl().created(proto);
        let got = site.inside.ping(target, 3);
        let made = site.ctl().created(proto) - before;
        holds &= got.received == 3 && made == 1;
        evidence.push(format!(
            "ping {target}: {} sent, {} received, {made} {proto} session created",
            got.sent, got.received
        ));
    }
    Shown { holds, evidence }
}

fn expire(stage: &Stage, site: &Site) -> Shown {
    let address = site.outside_address(false, 8080);
    let opened = site.outside.inside(|| TcpListener::bind(address)).and_then(|listener| {
        let client = site.inside.connect(address, SOON)?;
        let (server, _) = listener.accept()?;
        client.set_read_timeout(Some(SILENCE))?;
        Ok((client, server))
    });
    let (mut client, mut server) = match opened {
        Ok(pair) => pair,
        Err(error) => {
            return Shown { holds: false, evidence: vec![format!("no connection: {error}")] };
        }
    };
    let session = site.ctl().sessions(&["port=8080"]);
    let gone = within(SOON * 3, || {
        (stage.is_interrupted() || site.ctl().count(&["port=8080"]) == 0).then_some(())
    });
    let before = site.ctl().all_drops();
    let sent = server.write_all(b"are you still there?");
    let heard = client.read(&mut [0; 64]);
    let after = grown(&before, &site.ctl().all_drops());
    Shown {
        holds: session.len() == 1
            && gone.is_some()
            && sent.is_ok()
            && heard.is_err()
            && after.contains_key("session_expired"),
        evidence: vec![
            format!(
                "{} > {OUTSIDE_V4}:8080 was {}, then idle for 3 s (tcp_established of this demo)",
                INSIDE_V4,
                session.first().map_or("never seen", |session| session.state.as_str())
            ),
            format!(
                "outside speaks again: inside heard {}",
                match heard {
                    Ok(length) => format!("{length} bytes"),
                    Err(_) => "nothing".to_owned(),
                }
            ),
            told(&after),
        ],
    }
}

/// What an operator would look at.
pub(crate) fn print_tables(site: &Site) {
    let ctl = site.ctl();
    // Something to list.
    let _again = site.inside.ping(OUTSIDE_V4.into(), 1);
    for words in [["sessions"], ["rules"], ["counters"]] {
        let done = ctl.run(&words);
        Stage::exhibit(&format!("sallyctl {}", words[0]), &(done.stdout + &done.stderr));
    }
    let metrics = site.metrics();
    let chosen: Vec<&str> = metrics
        .text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.ends_with(" 0"))
        .filter(|line| {
            ["drops_total", "rule_hits_total", "sessions_created_total", "port_packets_total"]
                .iter()
                .any(|name| line.starts_with(&format!("sallyport_{name}")))
        })
        .collect();
    Stage::exhibit(
        &format!("curl http://{}/metrics | grep … (not zero)", site.metrics_address()),
        &chosen.join("\n"),
    );
}

/// What can be done while it runs.
pub(crate) fn print_commands(site: &Site) {
    let (inside, outside) = (site.inside.namespace(), site.outside.namespace());
    let ctl = format!("sallyctl --socket {}", site.socket().display());
    println!(
        "\nThe box stays up until Ctrl-C. In another terminal, as root:\n\n  \
         ip netns exec {inside} ping {OUTSIDE_V4}\n  \
         ip netns exec {outside} ping {INSIDE_V4}          (dropped)\n  \
         ip netns exec {inside} bash                     (a shell on the inside host)\n  \
         {ctl} sessions\n  \
         {ctl} counters\n  \
         $EDITOR {config} && {ctl} reload\n  \
         curl http://{metrics}/metrics\n",
        config = site.config().display(),
        metrics = site.metrics_address(),
    );
}

/// Where to go from here.
pub(crate) fn print_next() {
    println!(
        "\nEverything is cleaned up. What next:\n  \
         cargo xtask demo --keep        leaves this box running to play with\n  \
         configs/minimal.toml           the smallest policy; configs/appliance.toml for two network cards\n  \
         README.md                      on a network card of your own, or in a container"
    );
}
