//! The file of `--write`: what the box sent, forwarded and made, as a classic pcap; or, if its name ends in `.pcapng`,
//! every frame, those that were dropped too, with what became of it as its comment.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use pcap_file::pcap::{PcapHeader, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{PcapNgBlock, PcapNgWriter};
use pcap_file::{DataLink, Endianness, TsResolution};

use super::lines::FrameLine;

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
    Commented(PcapNgWriter<W>),
}

impl Sent {
    /// Creates the file, or empties it.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path)
            .with_context(|| format!("cannot create the file of --write {}", path.display()))?;
        let file = BufWriter::new(file);
        if path.extension().is_none_or(|extension| extension != "pcapng") {
            return Ok(Self { state: State::Empty(file) });
        }
        Ok(Self { state: State::Commented(begin_commented(file)?) })
    }

    /// What is written beside a frame of the capture; none: only frames that were sent are, without a word.
    pub(crate) fn comment(&self, line: &FrameLine<'_>) -> Option<String> {
        matches!(self.state, State::Commented(_)).then(|| {
            let mut comment = format!("frame {}: {}", line.n, line.verdict);
            let words = [("", line.reason), ("rule ", line.rule), ("", line.numbers.as_deref())];
            for (what, word) in words {
                if let Some(word) = word {
                    comment.push_str(&format!(", {what}{word}"));
                }
            }
            comment
        })
    }

    /// Appends a frame. `stamp` is in nanoseconds since the Unix epoch; a first frame with `nanoseconds`
    /// makes a file of that resolution.
    pub(crate) fn frame(
        self,
        stamp: u64,
        nanoseconds: bool,
        bytes: &[u8],
        comment: Option<String>,
    ) -> anyhow::Result<Self> {
        let (mut writer, resolution) = match self.state {
            State::Empty(file) => begin(file, nanoseconds)?,
            State::Begun(writer, resolution) => (writer, resolution),
            State::Commented(mut writer) => {
                let comment = comment.unwrap_or_else(|| "made".to_owned());
                let block = EnhancedPacketBlock {
                    interface_id: 0,
                    timestamp: Duration::from_nanos(stamp),
                    original_len: u32::try_from(bytes.len())?,
                    data: bytes.into(),
                    options: vec![EnhancedPacketOption::Comment(comment.into())],
                };
                let written = writer.write_block(&block.into_block());
                written.context("cannot write the file of --write")?;
                return Ok(Self { state: State::Commented(writer) });
            }
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
        let mut file: BufWriter<File> = match self.state {
            State::Empty(file) => begin(file, nanoseconds)?.0.into_writer(),
            State::Begun(writer, _) => writer.into_writer(),
            State::Commented(writer) => writer.into_inner(),
        };
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

/// Begins a file with comments: one interface, whose clock counts nanoseconds.
fn begin_commented(file: BufWriter<File>) -> anyhow::Result<PcapNgWriter<BufWriter<File>>> {
    let interface = InterfaceDescriptionBlock {
        linktype: DataLink::ETHERNET,
        snaplen: SNAPLEN,
        options: vec![InterfaceDescriptionOption::IfTsResol(9)],
    };
    let mut writer = PcapNgWriter::with_endianness(file, Endianness::Little)
        .context("cannot write the file of --write")?;
    writer.write_block(&interface.into_block()).context("cannot write the file of --write")?;
    Ok(writer)
}
