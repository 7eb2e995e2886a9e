//! The file of `--write`: what the box sent, forwarded and made, as a classic pcap.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use pcap_file::pcap::{PcapHeader, PcapWriter, RawPcapPacket};
use pcap_file::{DataLink, Endianness, TsResolution};

/// Longer than any frame that the engine reads.
const SNAPLEN: u32 = 262_144;

/// A file that is being written. Its header waits for the first frame: only then a pcapng's resolution
/// is known.
pub(crate) struct Sent {
    state: State<BufWriter<File>>,
}

enum State<W: Write> {
    Empty(W),
    Begun(PcapWriter<W>, TsResolution),
}

impl Sent {
    /// Creates the file, or empties it.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path)
            .with_context(|| format!("cannot create the file of --write {}", path.display()))?;
        Ok(Self { state: State::Empty(BufWriter::new(file)) })
    }

    /// Appends a frame. `stamp` is in nanoseconds since the Unix epoch; a first frame with `nanoseconds`
    /// makes a file of that resolution.
    pub(crate) fn frame(self, stamp: u64, nanoseconds: bool, bytes: &[u8]) -> anyhow::Result<Self> {
        let (mut writer, resolution) = match self.state {
            State::Empty(file) => begin(file, nanoseconds)?,
            State::Begun(writer, resolution) => (writer, resolution),
        };
        let fraction = u32::try_from(stamp % 1_000_000_000)?;
        let length = u32::try_from(bytes.len())?;
        let record = RawPcapPacket {
            // The format ends in 2106.
            ts_sec: u32::try_from(stamp / 1_000_000_000).unwrap_or(u32::MAX),
            ts_frac: match resolution {
                TsResolution::MicroSecond => fraction / 1_000,
                TsResolution::NanoSecond => fraction,
            },
            incl_len: length,
            orig_len: length,
            data: bytes.into(),
        };
        writer.write_raw_packet(&record).context("cannot write the file of --write")?;
        Ok(Self { state: State::Begun(writer, resolution) })
    }

    /// Ends the file. One without frames is a capture, too.
    pub(crate) fn finish(self, nanoseconds: bool) -> anyhow::Result<()> {
        let (writer, _) = match self.state {
            State::Empty(file) => begin(file, nanoseconds)?,
            State::Begun(writer, resolution) => (writer, resolution),
        };
        let mut file: BufWriter<File> = writer.into_writer();
        file.flush().context("cannot write the file of --write")
    }
}

fn begin(
    file: BufWriter<File>,
    nanoseconds: bool,
) -> anyhow::Result<(PcapWriter<BufWriter<File>>, TsResolution)> {
    let resolution = if nanoseconds { TsResolution::NanoSecond } else { TsResolution::MicroSecond };
    let header = PcapHeader {
        snaplen: SNAPLEN,
        datalink: DataLink::ETHERNET,
        ts_resolution: resolution,
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    let writer =
        PcapWriter::with_header(file, header).context("cannot write the file of --write")?;
    Ok((writer, resolution))
}
