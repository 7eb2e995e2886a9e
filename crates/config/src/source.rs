//! Reads the files that a configuration consists of. What is no regular file is refused: a device may
//! never end, and a FIFO waits for a writer.

use core::fmt;
use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// Why a file has no content for us.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Io(io::Error),
    Directory,
    /// A device, a FIFO or a socket.
    NotRegular,
    /// It has more bytes than these.
    TooLarge(u64),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Directory => f.write_str("it is a directory"),
            Self::NotRegular => f.write_str("it is not a regular file"),
            Self::TooLarge(limit) => {
                write!(f, "it is larger than {} MiB, the limit", limit >> 20)
            }
        }
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The content of a regular file of at most `limit` bytes. Never waits for another process.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Unreadable> {
    // Opening a device can have effects of its own, so it is asked about first; and again once it is
    // open, as another file may stand there by then.
    require_regular(&fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    require_regular(&file.metadata()?)?;
    let mut bytes = Vec::new();
    let length = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(length).is_ok_and(|length| length <= limit) {
        Ok(bytes)
    } else {
        Err(Unreadable::TooLarge(limit))
    }
}

fn require_regular(metadata: &Metadata) -> Result<(), Unreadable> {
    if metadata.is_dir() {
        Err(Unreadable::Directory)
    } else if metadata.is_file() {
        Ok(())
    } else {
        Err(Unreadable::NotRegular)
    }
}
