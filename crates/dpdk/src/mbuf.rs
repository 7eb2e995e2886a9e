//! One frame in DPDK's memory.
//!
//! # The tag
//!
//! A frame that goes to another worker carries a word of the sender's: why it was handed over, and the egress
//! port if that is decided. It is kept in a dynamic field of the mbuf, which `rte_mbuf_dynfield_register` sets
//! aside once at start. The fields that drivers fill, such as the RSS hash, stay as they were received.

use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering};

use dpdk_sys::MbufHead;

use crate::attach::EthPortId;
use crate::errno::Errno;

/// Offset of the tag in an mbuf. It is written once, before any mbuf exists.
static TAG_OFFSET: AtomicUsize = AtomicUsize::new(0);

/// What the device says of a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It was not looked at.
    Unknown,
    /// It is wrong.
    Bad,
    /// It is right.
    Good,
    /// The data is whole, but the field holds no valid checksum: a virtual device passed on a frame whose sender
    /// left it to hardware. Who forwards such a frame must fill it in.
    NotFilled,
}

/// What the device says of a frame's checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxChecksum {
    /// IPv4 header.
    pub ip: Checksum,
    /// TCP, UDP or SCTP.
    pub l4: Checksum,
}

/// The mbuf has not that much room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} octets do not fit, there is room for {room}")]
pub struct NoRoom {
    /// Octets asked for.
    pub wanted: usize,
    /// Octets that could be had.
    pub room: usize,
}

/// An owned frame; it goes back to its pool when dropped. Prefer [`crate::MbufBurst`] to free many.
///
/// `Option<Mbuf>` is as small as a pointer.
#[repr(transparent)]
pub struct Mbuf(NonNull<dpdk_sys::rte_mbuf>);

// SAFETY: this handle is the only owner (reference count 1) of what it points to, and it may be freed on another
// thread than it was taken on: rte_mempool.h, of pools made with the default flags as ours are: the behaviour of
// rte_mempool_put is "multi-producers". Nothing in an mbuf belongs to a thread.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// # Safety
    ///
    /// `mbuf` is the first segment of a packet that nobody else owns: reference count 1, allocated from a pool that
    /// lives until EAL ends, or received.
    pub(crate) unsafe fn from_raw(mbuf: NonNull<dpdk_sys::rte_mbuf>) -> Self {
        Self(mbuf)
    }

    /// The frame's octets in its first segment; all of them if [`Self::is_contiguous`].
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let head = self.head();
        let start = head.buf_addr.cast::<u8>().wrapping_add(usize::from(head.data_off));
        // SAFETY: DPDK keeps data_off + data_len within the segment's buffer, which this handle owns and
        // which was zeroed when its memory was mapped, so every octet is initialised.
        unsafe { slice::from_raw_parts(start, usize::from(head.data_len)) }
    }

    /// The same, to be changed in place.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let head = self.head();
        let start = head.buf_addr.cast::<u8>().wrapping_add(usize::from(head.data_off));
        // SAFETY: as in `bytes`; `&mut self` is the only way to the buffer.
        unsafe { slice::from_raw_parts_mut(start, usize::from(head.data_len)) }
    }

    /// Octets of the whole frame, over all segments.
    #[inline]
    pub fn len(&self) -> usize {
        self.head().pkt_len as usize
    }

    /// Whether the frame has no octet.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Segments of the frame. Ports are configured for one; what has more is dropped by name.
    #[inline]
    pub fn segments(&self) -> u16 {
        self.head().nb_segs
    }

    /// Whether [`Self::bytes`] is the whole frame.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.segments() == 1
    }

    /// The port that the driver says it came from. net_ring does not fill it in: the queue knows better.
    #[inline]
    pub fn eth_port(&self) -> EthPortId {
        EthPortId::from_raw(self.head().port)
    }

    /// The RSS hash that the device computed, if it did.
    #[inline]
    pub fn rss_hash(&self) -> Option<u32> {
        let head = self.head();
        (head.ol_flags & dpdk_sys::SHIM_RX_RSS_HASH != 0).then_some(head.hash_rss)
    }

    /// What the device says of the checksums.
    #[inline]
    pub fn rx_checksum(&self) -> RxChecksum {
        use dpdk_sys as sys;
        let flags = self.head().ol_flags;
        let ip = match flags & sys::SHIM_RX_IP_CKSUM_MASK {
            sys::SHIM_RX_IP_CKSUM_BAD => Checksum::Bad,
            sys::SHIM_RX_IP_CKSUM_GOOD => Checksum::Good,
            sys::SHIM_RX_IP_CKSUM_NONE => Checksum::NotFilled,
            _ => Checksum::Unknown,
        };
        let l4 = match flags & sys::SHIM_RX_L4_CKSUM_MASK {
            sys::SHIM_RX_L4_CKSUM_BAD => Checksum::Bad,
            sys::SHIM_RX_L4_CKSUM_GOOD => Checksum::Good,
            sys::SHIM_RX_L4_CKSUM_NONE => Checksum::NotFilled,
            _ => Checksum::Unknown,
        };
        RxChecksum { ip, l4 }
    }

    /// The tag control word of a VLAN tag that the device took out of the frame, if it did. Ports are
    /// configured so that tags stay.
    #[inline]
    pub fn vlan_stripped(&self) -> Option<u16> {
        let head = self.head();
        let stripped = dpdk_sys::SHIM_RX_VLAN_STRIPPED | dpdk_sys::SHIM_RX_QINQ_STRIPPED;
        (head.ol_flags & stripped != 0).then_some(head.vlan_tci)
    }

    /// The word that travels with the frame (see the module's text). Of a received frame it is whatever the
    /// buffer's last user left.
    #[inline]
    pub fn tag(&self) -> u64 {
        let tag = self.tag_pointer();
        // SAFETY: DPDK set this field aside in every mbuf, aligned for u64; memory is zeroed when mapped.
        unsafe { tag.read() }
    }

    /// Sets the word that travels with the frame.
    #[inline]
    pub fn set_tag(&mut self, tag: u64) {
        let field = self.tag_pointer();
        // SAFETY: as in `tag`; `&mut self` excludes others.
        unsafe { field.write(tag) }
    }

    /// Octets that can be appended.
    #[inline]
    pub fn tailroom(&self) -> usize {
        let head = self.head();
        if head.nb_segs != 1 {
            return 0;
        }
        usize::from(head.buf_len.saturating_sub(head.data_off).saturating_sub(head.data_len))
    }

    /// Makes the frame `len` octets long: cuts its end, or appends zeros. Frames of several segments cannot grow.
    pub fn set_len(&mut self, len: usize) -> Result<(), NoRoom> {
        let now = self.bytes().len();
        match len.checked_sub(now) {
            Some(0) => Ok(()),
            Some(more) => self.append(more).map(|_| ()),
            None => {
                self.trim(now - len);
                Ok(())
            }
        }
    }

    /// Appends `count` zeros and gives access to them.
    pub fn append(&mut self, count: usize) -> Result<&mut [u8], NoRoom> {
        let room = self.tailroom();
        let no_room = NoRoom { wanted: count, room };
        let more = u16::try_from(count).map_err(|_| no_room)?;
        if count > room {
            return Err(no_room);
        }
        let head = self.head_mut();
        let old = usize::from(head.data_len);
        head.data_len += more;
        head.pkt_len += u32::from(more);
        let new = &mut self.bytes_mut()[old..];
        new.fill(0);
        Ok(new)
    }

    /// Appends these octets.
    pub fn extend_from_slice(&mut self, octets: &[u8]) -> Result<(), NoRoom> {
        self.append(octets.len())?.copy_from_slice(octets);
        Ok(())
    }

    /// Cuts up to `count` octets off the end of the first segment.
    pub fn trim(&mut self, count: usize) {
        let head = self.head_mut();
        let cut = u16::try_from(count).unwrap_or(u16::MAX).min(head.data_len);
        head.data_len -= cut;
        head.pkt_len -= u32::from(cut);
    }

    /// Gives the pointer up, to somebody who frees it.
    pub(crate) fn into_raw(self) -> NonNull<dpdk_sys::rte_mbuf> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    fn head(&self) -> &MbufHead {
        let head = self.0.cast::<MbufHead>();
        // SAFETY: `MbufHead` is the checked beginning of rte_mbuf; while this handle is borrowed, nobody
        // else, C or Rust, writes to the mbuf.
        unsafe { head.as_ref() }
    }

    #[expect(
        clippy::needless_pass_by_ref_mut,
        reason = "it makes the borrow of the mbuf exclusive"
    )]
    #[inline]
    fn head_mut(&mut self) -> &mut MbufHead {
        let mut head = self.0.cast::<MbufHead>();
        // SAFETY: as in `head`; `&mut self` excludes other borrows.
        unsafe { head.as_mut() }
    }

    #[inline]
    fn tag_pointer(&self) -> *mut u64 {
        let offset = TAG_OFFSET.load(Ordering::Relaxed);
        self.0.as_ptr().wrapping_byte_add(offset).cast()
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this handle owns the mbuf, and its pool lives until EAL ends, which mbufs that are out prevent.
        unsafe { dpdk_sys::shim_mbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mbuf")
            .field("len", &self.len())
            .field("segments", &self.segments())
            .field("eth_port", &self.eth_port())
            .finish_non_exhaustive()
    }
}

const _: () = assert!(size_of::<Option<Mbuf>>() == size_of::<usize>());

/// Sets the tag's field aside. Called once, by the start of EAL.
pub(crate) fn register_tag() -> Result<(), Errno> {
    const NAME: &[u8] = b"sallyport_tag\0";
    let mut field = dpdk_sys::rte_mbuf_dynfield {
        size: size_of::<u64>(),
        align: align_of::<u64>(),
        ..Default::default()
    };
    for (to, from) in field.name.iter_mut().zip(NAME) {
        *to = from.cast_signed();
    }
    // SAFETY: EAL is started; `field` is initialised, its name NUL-terminated; it is copied.
    let offset = unsafe { dpdk_sys::rte_mbuf_dynfield_register(&raw const field) };
    let offset = usize::try_from(offset).map_err(|_| Errno::last())?;
    TAG_OFFSET.store(offset, Ordering::Relaxed);
    Ok(())
}
