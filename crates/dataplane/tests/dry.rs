//! A pool of mbufs that runs dry under the devices of hosts: what is lost, who counts it, and that all is well
//! again afterwards. Root only.
//!
//! The plane itself sizes its pool for every place where a frame can be, so that this cannot happen to it
//! (`dataplane::footprint`); here a pool is made too small on purpose.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod site;

use std::time::Duration;

use dpdk::{Eal, EalConfig, EthPort, Mbuf, MbufBurst, Mempool, PortConfig, RxQueue, Started};
use site::{alone, player, wait_for};
use test_case::test_case;
use testkit::netns::{Host, RawSocket, veth};
use testkit::packet::Frame;

/// Descriptors of the queue: net_tap keeps an mbuf in its own.
const DESCRIPTORS: u16 = 64;
/// Mbufs of the pool.
const MBUFS: u32 = 127;
/// Frames that come while it is dry.
const SENT: u64 = 40;

fn datagram(number: u64) -> Vec<u8> {
    let source = format!("10.0.0.{}:40000", number + 1);
    Frame::udp(source.as_str(), "192.0.2.80:5000", vec![7; 30]).bytes()
}

struct Rig {
    _eal: Eal,
    pool: Mempool,
    port: EthPort<Started>,
    rx: RxQueue,
}

impl Rig {
    fn new(name: &str, args: &str) -> Self {
        let eal =
            Eal::start(&EalConfig { hugepages: false, memory_mib: 64, ..EalConfig::default() })
                .unwrap();
        let pool = Mempool::new(&eal, "tiny", MBUFS, 0, 2048, None).unwrap();
        let id = eal.attach(name, args).unwrap();
        let config = PortConfig { rx_descriptors: DESCRIPTORS, ..PortConfig::default() };
        let (port, _) = EthPort::configure(&eal, id, &config, std::slice::from_ref(&pool)).unwrap();
        let mut started = port.start().unwrap();
        Self { _eal: eal, pool, port: started.port, rx: started.rx.remove(0) }
    }

    /// One burst: how many of its frames are datagrams of ours, each of which is freed. A host says other things, too.
    fn receive(&mut self) -> u64 {
        let mut burst = MbufBurst::<32>::new();
        self.rx.burst(&mut burst);
        let ours = burst.as_slice().iter().filter(|frame| frame.bytes().ends_with(&[7; 30]));
        ours.count() as u64
    }

    fn no_mbuf(&self) -> u64 {
        self.port.stats().unwrap().rx_no_mbuf
    }

    /// Takes every mbuf, as devices that do not transmit and a ring that nobody empties would.
    fn drain(&self) -> Vec<Mbuf> {
        let held: Vec<Mbuf> = core::iter::from_fn(|| self.pool.alloc()).collect();
        assert_eq!((self.pool.available(), self.pool.in_use()), (0, MBUFS));
        held
    }
}

#[test]
fn a_capture_that_finds_no_mbuf_loses_a_frame_a_try_and_counts_it() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let frames: Vec<_> = (0..100).map(datagram).collect();
        let device = player(folder.path(), "lan", &frames);
        let mut rig = Rig::new("net_pcap_lan", device.trim_start_matches("net_pcap,"));
        assert_eq!(rig.receive(), 32);
        let before = rig.pool.in_use();
        let held = rig.drain();
        assert_eq!((0..SENT).map(|_| rig.receive()).sum::<u64>(), 0);
        assert_eq!(rig.no_mbuf(), SENT);
        drop(held);
        assert_eq!((rig.receive(), rig.no_mbuf()), (100 - 32 - SENT, SENT));
        assert_eq!(rig.pool.in_use(), before);
    });
}

/// Who knows of a frame for which there was no mbuf.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// It is lost, and the driver counts it.
    Counted,
    /// It waits in the kernel's ring, and comes later. Once that is full, the kernel drops what comes then, and the
    /// driver does not say so.
    Waits,
}

#[test_case("net_tap", Loss::Counted; "tap")]
#[test_case("net_af_packet", Loss::Waits; "af_packet")]
fn a_dry_pool_under_a_host(driver: &str, loss: Loss) {
    alone(|| {
        let (host, fw) = (Host::new("cli"), Host::new("fw"));
        host.mute();
        fw.mute();
        let name = format!("{driver}_lan");
        let mut rig = match loss {
            Loss::Counted => {
                let interface = format!("dry{}", std::process::id());
                let rig = Rig::new(&name, &format!("iface={interface}"));
                host.take_interface(None, &interface, "eth0");
                rig
            }
            Loss::Waits => {
                veth((&host, "eth0"), (&fw, "lan"));
                fw.inside(|| Rig::new(&name, "iface=lan"))
            }
        };
        let socket = RawSocket::open(&host, "eth0");
        let passes = |rig: &mut Rig| {
            socket.send(&datagram(200));
            wait_for("a datagram", || rig.receive() == 1);
        };
        passes(&mut rig);
        let (before, counted) = (rig.pool.in_use(), rig.no_mbuf());
        assert_eq!(counted, 0);

        let held = rig.drain();
        for number in 0..SENT {
            socket.send(&datagram(number));
            std::thread::sleep(Duration::from_millis(1));
            assert_eq!(rig.receive(), 0);
        }
        drop(held);
        let lost = rig.no_mbuf();
        // What waited comes by itself or with the next frame, for net_tap asks the kernel only when it was told of one.
        socket.send(&datagram(SENT));
        let mut received = 0;
        wait_for("what waited", || {
            received += rig.receive();
            received + lost > SENT
        });
        match loss {
            Loss::Counted => assert!(lost > 0, "{received} received"),
            Loss::Waits => assert_eq!((lost, received), (0, SENT + 1)),
        }
        assert!(received + lost == SENT + 1 && rig.no_mbuf() == lost, "{received} and {lost}");
        passes(&mut rig);
        assert_eq!(rig.pool.in_use(), before, "{driver}");
    });
}

#[test]
fn what_the_kernels_ring_does_not_hold_is_lost_and_counted_by_nobody() {
    alone(|| {
        let (host, fw) = (Host::new("cli"), Host::new("fw"));
        host.mute();
        fw.mute();
        veth((&host, "eth0"), (&fw, "lan"));
        let mut rig = fw.inside(|| Rig::new("net_af_packet_lan", "iface=lan,framecnt=64"));
        let socket = RawSocket::open(&host, "eth0");
        let held = rig.drain();
        (0..200).for_each(|number| socket.send(&datagram(number)));
        assert_eq!(rig.receive(), 0);
        drop(held);
        let mut received = 0;
        wait_for("what the ring holds", || {
            received += rig.receive();
            received >= 64
        });
        assert_eq!((0..100).map(|_| rig.receive()).sum::<u64>(), 0);
        let stats = rig.port.stats().unwrap();
        assert_eq!((received, stats.rx_packets), (64, 64));
        assert_eq!((stats.rx_no_mbuf, stats.rx_missed, stats.rx_errors), (0, 0, 0));
        assert_eq!(rig.pool.in_use(), 0);
    });
}
