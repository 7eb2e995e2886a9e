//! Timeouts as the packet path reads them: milliseconds, one row for each set.

use core::time::Duration;

use crate::{Pressure, TimeoutClass, Timeouts};

/// The longest timeout there is: seven days. Entries keep 32 bits of milliseconds (49 days).
pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Under pressure an established connection still has five minutes, in milliseconds: hosts send keepalives at best every
/// two hours, but what is in use sends something in that time.
const ESTABLISHED_LEAST: u32 = 300_000;

/// The global timeouts and the sets that override some of them for a service or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    rows: Vec<[u32; TimeoutClass::COUNT]>,
    /// The shortest of all: who was silent for less is within its timeout, whichever that is.
    shortest: u32,
}

impl Lifetimes {
    fn of(rows: Vec<[u32; TimeoutClass::COUNT]>) -> Self {
        let shortest = rows.iter().flatten().copied().min().unwrap_or(0);
        Self { rows, shortest }
    }

    /// Row 0 is the global one; row n + 1 is the global one with the changes of set n.
    pub fn new<'a>(
        global: &Timeouts,
        sets: impl IntoIterator<Item = &'a [(TimeoutClass, Duration)]>,
    ) -> Self {
        let millis = |timeout: Duration| {
            u32::try_from(timeout.min(LONGEST).as_millis()).unwrap_or(u32::MAX).max(1)
        };
        let mut first = [0; TimeoutClass::COUNT];
        for class in TimeoutClass::ALL {
            first[class.index()] = millis(global.get(*class));
        }
        let mut rows = vec![first];
        for set in sets {
            let mut row = first;
            for &(class, timeout) in set {
                row[class.index()] = millis(timeout);
            }
            rows.push(row);
        }
        Self::of(rows)
    }

    /// These timeouts as they are under pressure. Those of datagrams that wait for fragments, and of expected
    /// connections, keep no place of the table and stay.
    #[must_use]
    pub fn under(&self, pressure: Pressure) -> Self {
        let shrink = |class: TimeoutClass, full: u32| match class {
            TimeoutClass::TcpEstablished | TimeoutClass::SctpEstablished => {
                pressure.shrink(full).max(full.min(ESTABLISHED_LEAST))
            }
            TimeoutClass::Fragment | TimeoutClass::Expectation => full,
            TimeoutClass::TcpSynSent
            | TimeoutClass::TcpSynReceived
            | TimeoutClass::TcpHalfClosed
            | TimeoutClass::TcpClosing
            | TimeoutClass::TcpTimeWait
            | TimeoutClass::TcpClosed
            | TimeoutClass::TcpRstUnverified
            | TimeoutClass::UdpFirst
            | TimeoutClass::UdpOneWay
            | TimeoutClass::UdpStream
            | TimeoutClass::UdpAnswered
            | TimeoutClass::UdpUnreachable
            | TimeoutClass::Icmp
            | TimeoutClass::SctpInit
            | TimeoutClass::SctpShutdown
            | TimeoutClass::Gre
            | TimeoutClass::Esp
            | TimeoutClass::Other => pressure.shrink(full),
        };
        let mut rows = self.rows.clone();
        for row in &mut rows {
            for class in TimeoutClass::ALL {
                row[class.index()] = shrink(*class, row[class.index()]);
            }
        }
        Self::of(rows)
    }

    /// The shortest timeout of any class in any row, in milliseconds.
    #[inline]
    pub fn shortest_millis(&self) -> u32 {
        self.shortest
    }

    /// The timeout of a class in a row, in milliseconds. A row that does not exist is the global one.
    #[inline]
    pub fn millis(&self, row: u16, class: TimeoutClass) -> u32 {
        self.rows.get(usize::from(row)).unwrap_or(&self.rows[0])[class.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_shrink_but_for_what_has_a_floor() {
        let of = |class: TimeoutClass, seconds| vec![(class, Duration::from_secs(seconds))];
        let sets = [
            of(TimeoutClass::TcpEstablished, 86_400),
            of(TimeoutClass::TcpEstablished, 60),
            of(TimeoutClass::UdpStream, 1000),
        ];
        let full = Lifetimes::new(&Timeouts::default(), sets.iter().map(Vec::as_slice));
        let least = full.under(Pressure::NONE.next(1, 1));
        let seconds = |row, class| f64::from(least.millis(row, class)) / 1000.0;
        let established = TimeoutClass::TcpEstablished;
        assert_eq!([0, 1, 2].map(|row| seconds(row, established)), [360.0, 8640.0, 60.0]);
        assert_eq!([0, 3].map(|row| seconds(row, TimeoutClass::UdpStream)), [12.0, 100.0]);
        assert_eq!(seconds(0, TimeoutClass::TcpSynSent), 1.0);
        assert_eq!(seconds(0, TimeoutClass::SctpEstablished), 360.0);
        assert_eq!(seconds(0, TimeoutClass::Fragment), 10.0);
        assert_eq!([full.shortest_millis(), least.shortest_millis()], [5_000, 500]);
        assert_eq!(full.under(Pressure::NONE), full);
        let global = Lifetimes::new(&Timeouts::default(), [of(established, 1800).as_slice()]);
        let under = global.under(Pressure::NONE.next(1, 1));
        assert_eq!(under.millis(1, established), 300_000, "a tenth is less than five minutes");
    }
}
