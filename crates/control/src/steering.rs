//! Whether ports whose devices are to lead packets to their owners do so: judged window by window, so that a port is
//! wrong as soon as it is seen to be, and right again once a whole window says so.

use std::time::{Duration, Instant};

use engine::{Arrivals, PortIndex};

use crate::plane::{PortReading, Reading};

/// A window ends after so many packets that no session claimed.
const MISSES: u64 = 10_000;
/// Or after so long.
const LONGEST: Duration = Duration::from_secs(60);
/// A port is wrong that leads more than one of so many astray.
const STRAYS_ARE_WRONG: u64 = 100;
/// Fewer strays than these are no habit: a NIC that is set up anew lets some slip.
const FEWEST_STRAYS: u64 = 100;

/// Watches all ports.
#[derive(Debug)]
pub(crate) struct Watch {
    /// By port.
    windows: Vec<Window>,
}

/// What one port's packets did lately.
#[derive(Debug)]
struct Window {
    since: Instant,
    /// The counts at its beginning.
    before: Arrivals,
    /// The figures by which the port is wrong: of this window, or of the last one until this one is over.
    wrong: Option<Arrivals>,
}

impl Watch {
    pub(crate) fn new(reading: &Reading, now: Instant) -> Self {
        let window = |port: &PortReading| Window {
            since: now,
            before: reading.arrivals(port.port),
            wrong: None,
        };
        Self { windows: reading.ports.iter().map(window).collect() }
    }

    /// Looks at the counts, and says in the log which ports have become wrong, or right again.
    pub(crate) fn look(&mut self, reading: &Reading, now: Instant) {
        for (window, port) in self.windows.iter_mut().zip(&reading.ports) {
            let was_wrong = window.wrong.is_some();
            window.look(port, reading.arrivals(port.port), now);
            match &window.wrong {
                Some(arrivals) if !was_wrong => log::error!("port {}", complaint(port, arrivals)),
                None if was_wrong => {
                    log::info!(
                        "port {}: the device leads packets to their workers again",
                        port.name
                    );
                }
                Some(_) | None => {}
            }
        }
    }

    /// By port: the figures by which it is wrong, if it is.
    pub(crate) fn wrong(&self) -> Vec<Option<Arrivals>> {
        self.windows.iter().map(|window| window.wrong).collect()
    }
}

impl Window {
    fn look(&mut self, port: &PortReading, counted: Arrivals, now: Instant) {
        let lately = counted.since(&self.before);
        let is_wrong = is_wrong(port, &lately);
        if is_wrong {
            self.wrong = Some(lately);
        }
        if lately.misses >= MISSES || now.saturating_duration_since(self.since) >= LONGEST {
            let wrong = self.wrong.filter(|_| is_wrong);
            *self = Self { since: now, before: counted, wrong };
        }
    }
}

/// Whether a port whose device is to lead packets to their owners does not.
fn is_wrong(port: &PortReading, arrivals: &Arrivals) -> bool {
    let Arrivals { misses, strays, .. } = *arrivals;
    port.steering.by == "hardware"
        && strays >= FEWEST_STRAYS
        && strays.saturating_mul(STRAYS_ARE_WRONG) > misses
}

/// The figures by which a port is wrong, if it is.
pub(crate) fn figures(wrong: &[Option<Arrivals>], port: PortIndex) -> Option<Arrivals> {
    wrong.get(port.index()).copied().flatten()
}

/// What is said of a port that is wrong.
pub(crate) fn complaint(port: &PortReading, arrivals: &Arrivals) -> String {
    let Arrivals { misses, strays, hashed, misread } = arrivals;
    let mut text = format!(
        "{}: the device leads packets to the wrong workers, {strays} of {misses} that no session claimed",
        port.name
    );
    if *hashed > 0 {
        text.push_str(&format!("; its hash is another than asked for on {misread} of {hashed}"));
    }
    if !port.steering.left_to_software.is_empty() {
        let kinds = port.steering.left_to_software.join(", ");
        text.push_str(&format!("; by itself it cannot lead {kinds}"));
    }
    text.push_str("; workers hand them over, which costs speed");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use test_case::test_case;

    fn port(by: &str) -> PortReading {
        let mut port = fake::reading().ports.remove(0);
        port.steering.by = by.to_owned();
        port
    }

    fn arrivals(misses: u64, strays: u64) -> Arrivals {
        Arrivals { misses, strays, hashed: misses, misread: strays }
    }

    #[test_case("hardware", 10_000, 101, true; "more than one in a hundred")]
    #[test_case("hardware", 10_000, 100, false; "one in a hundred")]
    #[test_case("hardware", 99, 99, false; "too few to tell")]
    #[test_case("hardware", 100, 100, true; "few, and all of them")]
    #[test_case("hardware", 5_000_000, 50_001, true; "many")]
    #[test_case("software", 10_000, 5_000, false; "nobody relies on it")]
    #[test_case("none", 0, 0, false; "one worker")]
    fn a_port_is_wrong(by: &str, misses: u64, strays: u64, wrong: bool) {
        assert_eq!(is_wrong(&port(by), &arrivals(misses, strays)), wrong);
    }

    /// Each step: seconds, all misses and strays so far; the strays by which the port is wrong after it.
    #[test_case(&[(1, 5_000, 0, None), (2, 5_300, 150, Some(150)), (3, 9_000, 150, Some(150))];
        "wrong at once, before its window ends")]
    #[test_case(&[(1, 10_000, 5_000, Some(5_000)), (2, 19_000, 5_000, Some(5_000)), (3, 20_000, 5_000, None)];
        "right again after a window of so many packets")]
    #[test_case(&[(1, 10_000, 5_000, Some(5_000)), (60, 10_001, 5_000, Some(5_000)), (61, 10_001, 5_000, None)];
        "right again after a window of so long, though hardly anything comes")]
    #[test_case(&[(1, 10_000, 5_000, Some(5_000)), (2, 20_000, 9_000, Some(4_000)), (62, 20_200, 9_200, Some(200))];
        "wrong in every window, and said by the last figures")]
    #[test_case(&[(1, 1_000_000, 0, None), (2, 1_010_000, 102, Some(102))];
        "what was right for long does not hide it")]
    fn windows_are_judged_one_by_one(steps: &[(u64, u64, u64, Option<u64>)]) {
        let start = crate::clock::now();
        let port = port("hardware");
        let mut window = Window { since: start, before: Arrivals::default(), wrong: None };
        for (second, misses, strays, expected) in steps {
            let now = start + Duration::from_secs(*second);
            window.look(&port, arrivals(*misses, *strays), now);
            assert_eq!(window.wrong.map(|it| it.strays), *expected, "after {second} s");
        }
    }

    #[test]
    fn each_port_is_watched_by_itself() {
        let start = crate::clock::now();
        let mut reading = fake::reading();
        reading.ports.iter_mut().for_each(|port| port.steering.by = "hardware".to_owned());
        let mut watch = Watch::new(&reading, start);
        reading.workers[0].arrivals[1].add(&arrivals(900, 400));
        watch.look(&reading, start + Duration::from_secs(1));
        assert_eq!(watch.wrong(), [None, Some(arrivals(900, 400))]);
        assert_eq!(figures(&watch.wrong(), PortIndex(1)), Some(arrivals(900, 400)));
        assert_eq!(figures(&watch.wrong(), PortIndex(2)), None);
    }

    #[test]
    fn a_complaint_names_the_port_and_what_it_does() {
        let mut port = port("hardware");
        port.steering.left_to_software = vec!["sctp over ipv4".to_owned()];
        let arrivals = Arrivals { misses: 10_000, strays: 4_000, hashed: 9_000, misread: 300 };
        assert_eq!(
            complaint(&port, &arrivals),
            "lan0: the device leads packets to the wrong workers, 4000 of 10000 that no session claimed; its hash is \
             another than asked for on 300 of 9000; by itself it cannot lead sctp over ipv4; workers hand them over, \
             which costs speed"
        );
    }
}
