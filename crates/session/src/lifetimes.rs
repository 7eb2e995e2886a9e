//! Timeouts as the packet path reads them: milliseconds, one row for each set.

use core::time::Duration;

use crate::{TimeoutClass, Timeouts};

/// The longest timeout there is: seven days. Entries keep 32 bits of milliseconds (49 days).
pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// The global timeouts and the sets that override some of them for a service or a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    rows: Vec<[u32; TimeoutClass::COUNT]>,
}

impl Lifetimes {
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
        Self { rows }
    }

    /// The timeout of a class in a row, in milliseconds. A row that does not exist is the global one.
    #[inline]
    pub fn millis(&self, row: u16, class: TimeoutClass) -> u32 {
        self.rows.get(usize::from(row)).unwrap_or(&self.rows[0])[class.index()]
    }
}
