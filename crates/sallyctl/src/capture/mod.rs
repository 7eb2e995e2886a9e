//! Reading captures: pcap and pcapng, plain or compressed with gzip, of either byte order and any
//! resolution of time, as a stream of Ethernet frames.
//!
//! The reader is lenient where real files are sloppy (frames longer than the announced snap length,
//! options without an end mark, lengths swapped by old writers), for the `pcap-file` crate refuses
//! these; it is strict where going on would mean guessing. Writing is [`crate::replay`]'s.

mod link;
mod pcap;
mod pcapng;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

use self::pcap::PcapReader;
use self::pcapng::PcapngReader;

/// One frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CapturedFrame {
    /// When it was captured, in nanoseconds since the Unix epoch.
    pub(crate) stamp: u64,
    /// The frame from its Ethernet header on, as much as was captured. Where the capture has no
    /// Ethernet header, one was put in front.
    pub(crate) bytes: Vec<u8>,
    /// Octets at its end that were on the wire and not captured.
    pub(crate) cut: usize,
}

/// Octets of a frame that were not captured. A length that no frame has is the writer's error.
fn cut(original: u32, captured: usize) -> usize {
    const LONGEST: usize = 65_535;
    let original = usize::try_from(original).unwrap_or(usize::MAX);
    if original > LONGEST { 0 } else { original.saturating_sub(captured) }
}

/// Why a file cannot be replayed at all.
#[derive(Debug, Error)]
pub(crate) enum CaptureError {
    /// The file cannot be opened or read.
    #[error("cannot read the capture {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("{} is empty: it holds no capture", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A format that is known and not read.
    #[error(
        "{} is a {format} capture, which is not read: convert it with `editcap -F pcapng {} OUT.pcapng`",
        path.display(), path.display()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
    },
    /// No capture of any known format.
    #[error("{} is no capture: neither pcap nor pcapng, plain or gzip'd (it starts with {start})", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// Its first octets in hexadecimal.
        start: String,
    },
    /// The frames are of a link layer that cannot be given an Ethernet header.
    #[error(
        "{}: frames of link type {number} ({name}) cannot be replayed: Ethernet, raw IP, BSD loopback and Linux cooked captures can",
        path.display()
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The number in the registry of link types.
        number: u32,
        /// Its name there.
        name: String,
    },
}

/// Why the stream of frames ended before the end of the file's last frame.
#[derive(Debug, Error)]
pub(crate) enum Damage {
    /// The file ends within a frame.
    #[error("the file ends in the middle of a frame or block")]
    Truncated,
    /// A length or a mark is not what the format allows.
    #[error("{0}")]
    Malformed(&'static str),
    /// The compressed stream is broken, or the system failed to read on.
    #[error("reading on failed: {0}")]
    Io(#[source] io::Error),
    /// The frames that follow have a link layer without Ethernet header.
    #[error("frames of link type {number} ({name}) cannot be replayed")]
    LinkType {
        /// The number in the registry of link types.
        number: u32,
        /// Its name there.
        name: String,
    },
}

impl Damage {
    /// Whether frames may be missing though the file is sound: that is a failure, where a file that ends
    /// early or is broken is worth a warning.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Truncated | Self::Malformed(_) => false,
            // A compressed stream that is broken, as the decoder tells it.
            Self::Io(error) => {
                !matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput)
            }
            Self::LinkType { .. } => true,
        }
    }
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}

/// A capture that is being read.
pub(crate) struct Capture {
    format: Format,
}

enum Format {
    Pcap(PcapReader<Box<dyn Read>>),
    Pcapng(PcapngReader<Box<dyn Read>>),
}

impl Capture {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file cannot be read, is no capture, or its frames cannot be made Ethernet frames.
    pub(crate) fn open(path: &Path) -> Result<Self, CaptureError> {
        let unreadable = |source| CaptureError::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(unreadable(io::Error::from(ErrorKind::IsADirectory)));
        }
        Self::from_reader(path, BufReader::with_capacity(1 << 16, file))
    }

    /// Reads from `reader`; `path` is for messages alone.
    fn from_reader(path: &Path, reader: impl Read + 'static) -> Result<Self, CaptureError> {
        let mut reader: Box<dyn Read> = Box::new(reader);
        let mut magic = Self::magic(path, &mut reader)?;
        if magic[..2] == [0x1f, 0x8b] {
            let whole = io::Cursor::new(magic).chain(reader);
            reader = Box::new(MultiGzDecoder::new(BufReader::new(whole)));
            magic = Self::magic(path, &mut reader)?;
        }
        let damaged = |damage| match damage {
            Damage::LinkType { number, name } => {
                CaptureError::LinkType { path: path.to_owned(), number, name }
            }
            Damage::Io(source) => CaptureError::Unreadable { path: path.to_owned(), source },
            Damage::Truncated | Damage::Malformed(_) => CaptureError::NotACapture {
                path: path.to_owned(),
                start: format!("{} and has no whole header", hexadecimal(&magic)),
            },
        };
        let format = match magic {
            [0x0a, 0x0d, 0x0d, 0x0a] => {
                Format::Pcapng(PcapngReader::after_magic(reader).map_err(damaged)?)
            }
            _ => match pcap::Layout::of(magic) {
                Some(layout) => {
                    Format::Pcap(PcapReader::after_magic(reader, layout).map_err(damaged)?)
                }
                None => return Err(Self::foreign(path, magic)),
            },
        };
        Ok(Self { format })
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// The file cannot be followed further; frames that were returned before are good.
    pub(crate) fn next_frame(&mut self) -> Result<Option<CapturedFrame>, Damage> {
        match &mut self.format {
            Format::Pcap(reader) => reader.next_frame(),
            Format::Pcapng(reader) => reader.next_frame(),
        }
    }

    /// Whether stamps are finer than a microsecond. For pcapng this is known once the first frame
    /// was read.
    pub(crate) fn nanoseconds(&self) -> bool {
        match &self.format {
            Format::Pcap(reader) => reader.nanoseconds(),
            Format::Pcapng(reader) => reader.nanoseconds(),
        }
    }

    fn magic(path: &Path, reader: &mut impl Read) -> Result<[u8; 4], CaptureError> {
        let mut magic = [0; 4];
        let mut have = 0;
        while have < magic.len() {
            match reader.read(&mut magic[have..]) {
                Ok(0) if have == 0 => return Err(CaptureError::Empty { path: path.to_owned() }),
                Ok(0) => break,
                Ok(read) => have += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(CaptureError::Unreadable { path: path.to_owned(), source });
                }
            }
        }
        if have < magic.len() {
            let start = hexadecimal(&magic[..have]);
            return Err(CaptureError::NotACapture { path: path.to_owned(), start });
        }
        Ok(magic)
    }

    fn foreign(path: &Path, magic: [u8; 4]) -> CaptureError {
        let format = match &magic {
            b"GMBU" => "Microsoft Network Monitor 2",
            b"RTSS" => "Microsoft Network Monitor 1",
            b"snoo" => "Solaris snoop",
            b"TRSN" => "NetXRay or Sniffer",
            [0xa1, 0xb2, 0xcd, 0x34] | [0x34, 0xcd, 0xb2, 0xa1] => "modified (Kuznetzov) pcap",
            _ => {
                let start = hexadecimal(&magic);
                return CaptureError::NotACapture { path: path.to_owned(), start };
            }
        };
        CaptureError::OtherFormat { path: path.to_owned(), format }
    }
}

/// Byte order of a file's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    fn u64(self, bytes: [u8; 8]) -> u64 {
        match self {
            Self::Big => u64::from_be_bytes(bytes),
            Self::Little => u64::from_le_bytes(bytes),
        }
    }
}

/// Reads exactly `N` octets; `None` if the stream ends right here.
fn read_or_end<const N: usize>(reader: &mut impl Read) -> Result<Option<[u8; N]>, Damage> {
    let mut bytes = [0; N];
    let mut have = 0;
    while have < N {
        match reader.read(&mut bytes[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(Damage::Truncated),
            Ok(read) => have += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(bytes))
}

/// Reads `length` octets. Memory grows with what is there, not with what a broken length claims.
fn read_exactly(reader: &mut impl Read, length: u32) -> Result<Vec<u8>, Damage> {
    let mut bytes = Vec::new();
    let read = reader.take(u64::from(length)).read_to_end(&mut bytes)?;
    if u32::try_from(read) == Ok(length) { Ok(bytes) } else { Err(Damage::Truncated) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
