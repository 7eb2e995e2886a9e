//! The event log on standard output: what a rule's `log` asks for, and nothing else.

use testkit::netns::answers::{LogEvent, events};
use testkit::netns::{OUTSIDE_V4, Settings, Site, within};

use super::{SOON, reasons, site, usual};

#[expect(clippy::panic, reason = "a test's failure, with what was logged instead")]
fn wait_for(site: &Site, event: &str) -> LogEvent {
    within(SOON, || events(&site.daemon.log()).into_iter().find(|found| found.event == event))
        .unwrap_or_else(|| panic!("no {event} in:\n{}", site.daemon.log()))
}

#[test]
fn a_session_is_logged_at_its_start_and_at_its_end() {
    let site = usual();
    assert_eq!(site.inside.ping(OUTSIDE_V4.into(), 2).received, 2);
    let start = wait_for(&site, "session_start");
    assert_eq!((start.proto.as_str(), start.rule.as_str()), ("icmp", "inside-out"));
    assert_eq!(start.zones, ["inside", "outside"]);

    assert_eq!(site.ctl().json(&["sessions", "clear", "proto=icmp"])["cleared"], 1);

    let end = wait_for(&site, "session_end");
    assert_eq!(end.reason, "cleared");
    assert_eq!(end.packets, Some([2, 2]));
    assert_eq!(events(&site.daemon.log()).len(), 2, "{}", site.daemon.log());
}

#[test]
fn a_denied_packet_is_logged_where_its_rule_says_so() {
    let site = site(&Settings {
        rules: r#"
[[rule]]
name = "no-ssh"
service = ["ssh"]
action = "reject"
log = "start"

[[rule]]
name = "silent"
service = ["http"]
action = "drop"
"#,
        ..Settings::USUAL
    });
    for port in [22, 80] {
        let refused = site.inside.connect(site.outside_address(false, port), SOON / 2);
        refused.expect_err("both rules refuse");
    }
    let deny = wait_for(&site, "deny");
    assert_eq!((deny.rule.as_str(), deny.reason.as_str()), ("no-ssh", reasons::RULE_REJECT));
    assert!(events(&site.daemon.log()).iter().all(|event| event.rule == "no-ssh"));
}
