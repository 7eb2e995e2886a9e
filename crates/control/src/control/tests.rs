//! Every command over a real socket, against real shards without ports.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;

use api::{AlarmKind, Client, ClientError, RefusalKind, Session, SessionFilter};
use testkit::packet::{Frame, TCP, Tcp, flags};

use super::*;
use crate::fake::{self, FakePlane};

struct Running {
    _directory: tempfile::TempDir,
    config: PathBuf,
    socket: PathBuf,
    metrics: SocketAddr,
    plane: Arc<FakePlane>,
    control: Control<FakePlane>,
}

/// A running control side with the configuration of [`fake::CONFIG`].
fn start() -> Running {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("sallyport.toml");
    let socket = directory.path().join("api.sock");
    fs::write(&config, text(&socket, "")).unwrap();
    let first = fake::first_policy(&config, &fs::read_to_string(&config).unwrap());
    let plane = Arc::new(FakePlane::new(&first));
    let openings = Openings {
        api: ApiSocket::bind(&socket, &SocketGroups::default()).unwrap(),
        metrics: Some(MetricsSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap()),
        events: EventOutput::open(&config::LogOutput::File("/dev/null".into())).unwrap(),
    };
    let metrics = openings.metrics_address().unwrap();
    let control = Control::start(openings, first, Arc::clone(&plane), now()).unwrap();
    Running { _directory: directory, config, socket, metrics, plane, control }
}

fn text(socket: &std::path::Path, more: &str) -> String {
    let line = format!("[system]\nsocket = \"{}\"", socket.display());
    format!(
        "{}{more}",
        fake::CONFIG.replace("[system]", &line).replace("127.0.0.1:0", "127.0.0.1:9105")
    )
}

impl Running {
    fn client(&self) -> Client {
        Client::connect(&self.socket).unwrap()
    }

    /// Three sessions and a rejected SYN: `count` UDP queries, a TCP handshake, a ping.
    fn traffic(&self, count: u16) {
        for port in 0..count {
            let source = format!("10.0.0.1:{}", 1000 + port);
            self.plane.receive(0, &Frame::udp(source.as_str(), "192.0.2.53:53", [0; 12]));
        }
        let syn = Tcp { flags: flags::SYN, ..TCP };
        self.plane.receive(0, &Frame::tcp("10.0.0.2:40000", "192.0.2.80:80", syn));
        self.plane.receive(0, &Frame::echo_request("10.0.0.3", "192.0.2.1", 77, 1));
        let telnet = Tcp { flags: flags::SYN, ..TCP };
        self.plane.receive(1, &Frame::tcp("192.0.2.9:4000", "10.0.0.1:23", telnet));
    }

    fn sessions(&self, filter: &str, limit: Option<u64>) -> (Vec<Session>, api::End) {
        let mut sessions = Vec::new();
        let end = self.client().sessions(filter.parse().unwrap(), limit, |session| {
            sessions.push(session);
            Ok::<_, ClientError>(())
        });
        (sessions, end.unwrap())
    }

    fn scrape(&self) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Refusal {
    let error = result.unwrap_err();
    let ClientError::Refused(refusal) = error else { panic!("{error:?}") };
    refusal
}

/// All frames come to worker 0, and its device says that they are all its own.
#[test]
fn a_port_that_lies_about_its_hash_is_said_to_until_it_is_mended() {
    let running = start();
    let started = now();
    let wrong_after = |seconds: u64| {
        running.control.tick_at(started + Duration::from_secs(seconds)).unwrap();
        running.client().ports().unwrap().ports.remove(1).steering
    };
    let receive = |port: u16| {
        let source = format!("192.0.2.9:{port}");
        running.plane.receive(1, &Frame::udp(source.as_str(), "10.0.0.1:53", [0; 12]));
    };
    running.plane.lies.store(true, Ordering::Relaxed);
    (1..=150).for_each(receive);
    assert_eq!((wrong_after(1).misses, wrong_after(1).wrong), (150, false), "too few to tell");
    (151..=2_000).for_each(receive);
    let steering = wrong_after(2);
    assert_eq!((steering.misses, steering.wrong), (2_000, true));
    assert!((500..1_500).contains(&steering.strays), "about half: {}", steering.strays);
    let status = running.client().status().unwrap();
    let alarm = &status.alarms[0];
    assert_eq!((status.alarms.len(), alarm.kind), (1, AlarmKind::SteeringWrong));
    assert!(alarm.message.starts_with("wan0: the device leads packets to the wrong workers, "));
    let exposed = running.scrape();
    assert!(exposed.contains("sallyport_port_steering_wrong{port=\"wan0\"} 1"), "{exposed}");
    assert!(exposed.contains("sallyport_port_steering_wrong{port=\"lan0\"} 0"), "{exposed}");
    // And yet every one of them was judged by its owner.
    let dropped = status.workers.iter().map(|worker| worker.dropped);
    assert_eq!(dropped.collect::<Vec<_>>(), [2_000 - steering.strays, steering.strays]);

    // The window in which that was seen ends, and the next one sees nothing of the kind.
    assert!(wrong_after(62).wrong, "it is wrong until a window says otherwise");
    assert!(!wrong_after(123).wrong);
    assert_eq!(running.client().status().unwrap().alarms.len(), 0);
    assert!(running.scrape().contains("sallyport_port_steering_wrong{port=\"wan0\"} 0"));
}

#[test]
fn status_names_the_heaviest_sessions() {
    let running = start();
    running.plane.set_now(engine::Time::from_secs(10));
    for number in 0..4_000_u16 {
        let host = if number % 2 == 0 { 200 } else { number % 100 };
        let source = format!("10.0.0.{host}:4000");
        running.plane.receive(0, &Frame::udp(source.as_str(), "192.0.2.53:53", [0; 12]));
    }
    running.plane.set_now(engine::Time::from_secs(15));
    running.plane.end_window();
    let status = running.client().status().unwrap();
    let heavy = &status.skew.heaviest[0];
    assert_eq!(heavy.session.source.to_string(), "10.0.0.200");
    let worker = &status.workers[usize::from(heavy.session.worker)];
    assert!(heavy.share_ratio > 0.4 && worker.heaviest_session_ratio >= heavy.share_ratio);
    let loads: f64 = status.workers.iter().map(|worker| worker.load_ratio).sum();
    assert!((loads - 2.0).abs() < 1e-9, "each has its share of twice an even one: {loads}");
    assert!(status.skew.redirection_imbalance_ratio > 10.0, "{:?}", status.skew);
}

#[test]
fn status_tells_how_the_box_is() {
    let running = start();
    running.traffic(10);
    let status = running.client().status().unwrap();
    assert_eq!(status.pid, std::process::id());
    assert_eq!((status.policy.generation, status.policy.rules), (1, 2));
    assert_eq!(status.policy.file, running.config.display().to_string());
    assert_eq!((status.sessions.in_use, status.sessions.max), (12, 1000));
    assert_eq!(status.workers.iter().map(|worker| worker.received).sum::<u64>(), 13);
    assert_eq!(status.top_drops.len(), 1);
    assert_eq!(
        (status.top_drops[0].reason.as_str(), status.top_drops[0].count),
        ("rule_reject", 1)
    );
    assert_eq!(status.ports.len(), 2);
    assert_eq!(status.alarms, []);
}

#[test]
fn ports_have_zone_and_partner() {
    let running = start();
    let ports = running.client().ports().unwrap().ports;
    let seen: Vec<_> = ports
        .iter()
        .map(|port| {
            (port.name.as_str(), port.zone.as_str(), port.partner.as_deref(), port.mac.as_str())
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("lan0", "inside", Some("wan0"), "02:00:00:00:00:01"),
            ("wan0", "outside", Some("lan0"), "02:00:00:00:00:02"),
        ]
    );
}

#[test]
fn counters_add_up() {
    let running = start();
    running.traffic(10);
    let counters = running.client().counters().unwrap();
    let frames = counters.frames;
    assert_eq!((frames.received, frames.forwarded, frames.rejected), (13, 12, 1));
    assert_eq!(frames.difference, 0, "{frames:?}");
    let rejected = counters.rejects.iter().find(|reason| reason.reason == "rule_reject").unwrap();
    assert_eq!(rejected.count, 1);
    let handed: u64 = counters.handovers.iter().map(|cause| cause.count).sum();
    assert_eq!(counters.workers.iter().map(|worker| worker.handed_over).sum::<u64>(), handed);
    assert!(handed > 0, "worker 0 gets all frames and owns half of the sessions");
}

#[test]
fn rules_have_hits() {
    let running = start();
    running.traffic(10);
    running.plane.set_now(engine::Time::from_secs(15));
    let rules = running.client().rules().unwrap();
    let seen: Vec<_> = rules
        .rules
        .iter()
        .map(|rule| (rule.position, rule.name.as_str(), rule.action.as_str(), rule.hits))
        .collect();
    assert_eq!(seen, [(1, "inside-out", "allow", 12), (2, "no-telnet", "reject", 1)]);
    assert_eq!(rules.rules[0].last_hit_seconds_ago, Some(5.0));
    assert_eq!(
        (&rules.rules[1].from[..], &rules.rules[1].to[..]),
        (&["outside".to_owned()][..], &["any".to_owned()][..])
    );
}

#[test]
fn sessions_are_listed_filtered_and_limited() {
    let running = start();
    running.traffic(40);
    let (sessions, end) = running.sessions("", None);
    assert_eq!((sessions.len(), end.count, end.truncated), (42, 42, false));
    let (sessions, end) = running.sessions("proto=udp", Some(7));
    assert_eq!((sessions.len(), end.count, end.truncated), (7, 7, true));
    let (_, end) = running.sessions("proto=udp", Some(40));
    assert_eq!((end.count, end.truncated), (40, false));
    let (sessions, _) = running.sessions("proto=tcp", None);
    let [tcp] = &sessions[..] else { panic!("{sessions:#?}") };
    assert_eq!(
        (tcp.source_port, tcp.destination_port, tcp.icmp_id),
        (Some(40_000), Some(80), None)
    );
    assert_eq!((tcp.from.as_str(), tcp.to.as_str()), ("inside", "outside"));
    assert_eq!((tcp.in_port.as_str(), tcp.out_port.as_str()), ("lan0", "wan0"));
    assert_eq!((tcp.rule.as_deref(), tcp.generation), (Some("inside-out"), 1));
    let (by_id, _) = running.sessions(&format!("id={}", tcp.id), None);
    assert_eq!(&by_id, &sessions);
    let (sessions, _) = running.sessions("proto=icmp zone=outside wire=wan0", None);
    let [ping] = &sessions[..] else { panic!("{sessions:#?}") };
    assert_eq!((ping.source_port, ping.icmp_id), (None, Some(77)));
    let refused = refusal(running.client().sessions_count("zone=dmz".parse().unwrap()));
    assert_eq!(refused.kind, RefusalKind::InvalidRequest);
}

#[test]
fn sessions_are_counted_and_cleared() {
    let running = start();
    running.traffic(40);
    let count =
        |filter: &str| running.client().sessions_count(filter.parse().unwrap()).unwrap().count;
    assert_eq!([count(""), count("proto=udp"), count("host=10.0.0.2")], [42, 40, 1]);
    let refused = refusal(running.client().sessions_clear(SessionFilter::default()));
    assert_eq!(refused.kind, RefusalKind::InvalidRequest);
    let cleared = running.client().sessions_clear("proto=udp".parse().unwrap()).unwrap();
    assert_eq!((cleared.cleared, count("")), (40, 2));
}

#[test]
fn a_packet_is_explained() {
    let running = start();
    let mut client = running.client();
    let allowed = client.explain("udp 10.0.0.1:1 192.0.2.1:53 in=lan0".parse().unwrap()).unwrap();
    assert_eq!(
        (allowed.verdict.as_str(), allowed.rule.as_deref()),
        ("forward", Some("inside-out"))
    );
    let denied = client.explain("tcp 192.0.2.1:1 10.0.0.1:23 in=wan0".parse().unwrap()).unwrap();
    assert_eq!((denied.verdict.as_str(), denied.rule.as_deref()), ("reject", Some("no-telnet")));
    assert_eq!(denied.reason.as_deref(), Some("rule_reject"));
    assert!(denied.steps.len() > 2, "{denied:#?}");
    let forged = client.explain("tcp 192.0.2.1:80 10.0.0.1:4 in=wan0 flags=A".parse().unwrap());
    assert_eq!(forged.unwrap().verdict, "drop");
}

#[test]
fn a_good_file_is_taken_over() {
    let running = start();
    running.traffic(3);
    let rule = "\n[[rule]]\nname = \"back-door\"\nfrom = [\"outside\"]\nservice = [\"ssh\"]\naction = \"allow\"\n";
    fs::write(&running.config, text(&running.socket, rule)).unwrap();
    let report = running.client().reload().unwrap();
    assert_eq!((report.generation, report.rules), (2, 3));
    assert_eq!((&report.added[..], report.removed.len()), (&["back-door".to_owned()][..], 0));
    let rules = running.client().rules().unwrap();
    assert_eq!((rules.generation, rules.rules.len()), (2, 3));
    assert_eq!(rules.rules[0].hits, 5, "hits survive");
    let status = running.client().status().unwrap();
    assert!(status.workers.iter().all(|worker| worker.generation == 2), "{status:#?}");
    running.control.tick().unwrap();
    assert!(running.scrape().contains("sallyport_policy_swap_seconds_count 1\n"));
}

#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let running = start();
    let bad = text(&running.socket, "").replace("[\"tcp/23\"]", "[\"tcp/23x\", \"nosuch\"]");
    fs::write(&running.config, bad).unwrap();
    let refused = refusal(running.client().reload());
    assert_eq!(refused.kind, RefusalKind::InvalidConfiguration);
    assert_eq!(refused.diagnostics.len(), 2, "{refused:#?}");
    assert!(refused.diagnostics.iter().all(|found| found.line.is_some()), "{refused:#?}");
    let status = running.client().status().unwrap();
    assert_eq!((status.policy.generation, status.policy.rules), (1, 2));
    assert_eq!(status.alarms.len(), 1);
    assert_eq!(status.alarms[0].kind, AlarmKind::ReloadRefused);
    fs::write(&running.config, text(&running.socket, "")).unwrap();
    running.control.reload().unwrap();
    assert_eq!(running.client().status().unwrap().alarms, []);
}

#[test]
fn what_needs_a_restart_is_refused_by_its_key() {
    let running = start();
    let changed = text(&running.socket, "").replace("max = 1000", "max = 2000");
    fs::write(&running.config, changed).unwrap();
    let refused = refusal(running.client().reload());
    assert_eq!(refused.kind, RefusalKind::RestartNeeded);
    assert!(refused.message.contains("sessions.max"), "{refused:?}");
    fs::remove_file(&running.config).unwrap();
    let refused = refusal(running.client().reload());
    assert_eq!(refused.kind, RefusalKind::InvalidConfiguration);
}

#[test]
fn metrics_are_the_same_numbers() {
    let running = start();
    running.traffic(10);
    let text = running.scrape();
    let expected = [
        "sallyport_sessions_created_total{proto=\"udp\"} 10\n",
        "sallyport_rule_hits_total{rule=\"inside-out\"} 12\n",
        "sallyport_frames_unaccounted 0\n",
    ];
    for line in expected {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[test]
fn a_stalled_worker_cuts_the_links() {
    let running = start();
    running.control.tick().unwrap();
    assert!(!running.plane.was_cut.load(Ordering::Relaxed));
    running.plane.set_heartbeat_age(Duration::from_millis(2100));
    let stall = running.control.tick().unwrap_err();
    let age = Duration::from_millis(2100);
    assert_eq!(stall, Breakdown::Stall(Stall { worker: 0, core: 1, age }));
    assert!(stall.to_string().contains("worker 0 on core 1"), "{stall}");
    assert!(running.plane.was_cut.load(Ordering::Relaxed));
}

#[test]
fn a_process_that_was_stopped_has_no_stalled_worker() {
    let running = start();
    let pause = Duration::from_secs(3600);
    running.plane.set_heartbeat_age(pause);
    let woken = now() + pause;
    running.control.tick_at(woken).unwrap();
    assert!(!running.plane.was_cut.load(Ordering::Relaxed));
    let next = woken + Duration::from_millis(50);
    let stall = running.control.tick_at(next).unwrap_err();
    assert_eq!(stall, Breakdown::Stall(Stall { worker: 0, core: 1, age: pause }));
}

#[test]
fn a_device_that_wants_a_reset_cuts_the_links() {
    let running = start();
    running.plane.wants_reset.store(true, Ordering::Relaxed);
    let text = running.control.tick().unwrap_err().to_string();
    assert!(text.starts_with("the device of port wan0 asks to be reset; all links"), "{text}");
    assert!(running.plane.was_cut.load(Ordering::Relaxed));
}

#[test]
fn a_worker_that_does_not_answer_is_named() {
    let running = start();
    running.plane.mute.store(true, Ordering::Relaxed);
    let refused = refusal(running.client().sessions_count(SessionFilter::default()));
    assert_eq!(refused.kind, RefusalKind::Busy);
    assert!(refused.message.contains("worker 0 does not answer"), "{refused:?}");
}

#[test]
fn nothing_is_left_after_the_stop() {
    let Running { _directory, socket, metrics, control, .. } = start();
    control.stop();
    assert!(!socket.exists());
    let deadline = now() + Duration::from_secs(5);
    while TcpStream::connect(metrics).is_ok() {
        assert!(now() < deadline, "the metrics address is still answered");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_taken_address_leaves_no_socket() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("api.sock");
    let address = taken.local_addr().unwrap().to_string();
    let config = text(&socket, "").replace("127.0.0.1:9105", &address);
    let config = config::parse(&config, "sallyport.toml").unwrap().config;
    let error = Openings::take(&config).unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
    assert!(!socket.exists());
}
