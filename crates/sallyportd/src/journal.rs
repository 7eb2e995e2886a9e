//! The operator's log: lines of level and message on standard error.
//!
//! There is no time in a line: the service manager, the container engine and `ts` all know it better.

use std::io::{Write, stderr};

use log::{LevelFilter, Log, Metadata, Record};

/// Sends what is logged, from level info on, to standard error.
pub(crate) fn start() {
    // The only failure is a logger that was set before, and there is none.
    if log::set_logger(&Journal).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

struct Journal;

impl Log for Journal {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = line(record);
        // A standard error that nobody reads is no reason to end a firewall.
        drop(stderr().write_all(line.as_bytes()));
    }

    fn flush(&self) {}
}

/// One line per record, whatever the message has in it: the lines of a long one are indented.
fn line(record: &Record<'_>) -> String {
    let message = record.args().to_string();
    let level = record.level().as_str().to_ascii_lowercase();
    format!("{level}: {}\n", message.trim_end().replace('\n', "\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Level;

    #[test]
    fn level_and_message() {
        let record = |message| Record::builder().level(Level::Warn).args(message).build();
        assert_eq!(line(&record(format_args!("a link is down"))), "warn: a link is down\n");
        assert_eq!(line(&record(format_args!("one\ntwo\n"))), "warn: one\n  two\n");
    }
}
