//! Ports over DPDK's virtual devices: who owns a frame, at every step.

mod process;

use core::ffi::c_int;
use std::fs;

use dpdk::{
    AttachError, Checksum, ConfigureError, DeviceEvents, Eal, EthPort, EthPortId, MbufBurst,
    Mempool, PortConfig, QueueDirection, RetaError, RssConfig, RssKey, RssTypes, RxQueue,
    StartedPort, StopError, TxQueue,
};
use process::{alone, start};

fn pool(eal: &Eal, count: u32) -> Mempool {
    Mempool::new(eal, "frames", count, 32, 2048, None).expect("there is memory for a small pool")
}

/// A device with one queue each way, started.
fn started(eal: &Eal, name: &str, args: &str, pool: &Mempool) -> (StartedPort, EthPortId) {
    let id = eal.attach(name, args).expect("the driver is there");
    let (port, _) = EthPort::configure(eal, id, &PortConfig::default(), std::slice::from_ref(pool))
        .expect("one queue each way suits every device");
    (port.start().expect("a virtual device starts"), id)
}

fn only(mut port: StartedPort) -> (EthPort<dpdk::Started>, RxQueue, TxQueue) {
    let (rx, tx) = (port.rx.remove(0), port.tx.remove(0));
    (port.port, rx, tx)
}

/// A burst of frames of 60 octets, each beginning with its number and tagged with it.
fn numbered(pool: &Mempool, count: u8) -> MbufBurst {
    let mut burst = MbufBurst::new();
    for number in 0..count {
        let mut frame = pool.alloc().expect("the pool has room");
        frame.extend_from_slice(&[number; 60]).expect("60 octets fit");
        frame.set_tag(number.into());
        burst.push(frame).expect("the burst has room");
    }
    burst
}

#[test]
fn what_a_ring_port_transmits_it_receives() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 1023);
        let (port, id) = started(&eal, "net_ring_a", "", &pool);
        let (port, mut rx, mut tx) = only(port);
        assert_eq!((rx.eth_port(), rx.queue()), (id, 0));
        assert_eq!(eal.eth_port_by_name("net_ring_a").unwrap(), id);
        assert_eq!(eal.eth_port_name(id).unwrap(), "net_ring_a");

        let mut burst = numbered(&pool, 32);
        assert_eq!(pool.in_use(), 32);
        assert_eq!(tx.burst(&mut burst), 32);
        assert!(burst.is_empty());
        assert_eq!(pool.in_use(), 32, "the device owns them");

        assert_eq!(rx.burst(&mut burst), 32);
        for (number, frame) in (0_u8..).zip(burst.as_slice()) {
            assert_eq!(frame.bytes(), [number; 60]);
            assert_eq!(frame.tag(), number.into());
            assert!(frame.is_contiguous());
            assert_eq!(frame.rss_hash(), None);
            assert_eq!(frame.rx_checksum().l4, Checksum::Unknown);
        }
        // One taken out, one left behind in a drain, the rest freed at once.
        let last = burst.pop().unwrap();
        drop(burst.drain().next());
        assert_eq!(pool.in_use(), 1);
        drop(last);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(rx.burst(&mut burst), 0);

        let stats = port.stats().unwrap();
        assert_eq!((stats.rx_packets, stats.tx_packets), (32, 32));
        assert!(port.link().unwrap().up);
        drop((rx, tx));
        drop(port.stop().unwrap());
        eal.detach("net_ring_a").unwrap();
        assert!(eal.eth_ports().is_empty());
        drop(pool);
        eal.shutdown().unwrap();
    });
}

#[test]
fn what_the_device_does_not_take_stays_in_the_burst() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 2047);
        let (port, _) = started(&eal, "net_ring_a", "", &pool);
        let (_port, mut rx, mut tx) = only(port);
        let mut sent = 0;
        let left = loop {
            let mut burst = numbered(&pool, 32);
            sent += tx.burst(&mut burst);
            if !burst.is_empty() {
                break burst;
            }
        };
        // A ring of 1024 slots holds 1023 frames: of the last burst, 31 go and the last stays.
        assert_eq!((sent, left.len()), (1023, 1));
        assert_eq!(left.as_slice()[0].bytes()[0], 31);
        assert_eq!(pool.in_use(), 1024);
        drop(left);
        let mut burst = MbufBurst::<32>::new();
        let mut received = 0;
        while rx.burst(&mut burst) > 0 {
            received += burst.len();
            burst.free_all();
        }
        assert_eq!((received, pool.in_use()), (1023, 0));
    });
}

#[test]
fn a_dry_pool_stops_reception_and_nothing_else() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 127);
        let (port, _) = started(&eal, "net_null_a", "size=100", &pool);
        let (_port, mut rx, mut tx) = only(port);
        let mut held = Vec::new();
        loop {
            let mut burst = MbufBurst::<32>::new();
            if rx.burst(&mut burst) == 0 {
                break;
            }
            assert!(burst.as_slice().iter().all(|frame| frame.len() == 100));
            held.push(burst);
        }
        assert!(pool.available() < 32, "{} left", pool.available());
        // net_null swallows and frees what it is given.
        for burst in &mut held {
            let count = burst.len();
            assert_eq!(tx.burst(burst), count);
        }
        assert_eq!(pool.in_use(), 0);
        let mut burst = MbufBurst::<32>::new();
        assert_eq!(rx.burst(&mut burst), 32);
    });
}

#[test]
fn a_capture_goes_in_and_comes_out() {
    alone(|| {
        let directory = tempfile::tempdir().unwrap();
        let (input, output) = (directory.path().join("in.pcap"), directory.path().join("out.pcap"));
        // The file header (magic, 2.4, no offset, snap length, Ethernet), then three frames.
        let mut file: Vec<u8> = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 1] {
            file.extend(word.to_le_bytes());
        }
        let frames: [&[u8]; 3] = [&[1; 60], &[2; 1514], &[3; 64]];
        for frame in frames {
            let length = u32::try_from(frame.len()).unwrap();
            for word in [7, 0, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend(frame);
        }
        fs::write(&input, &file).unwrap();

        let eal = start();
        let pool = pool(&eal, 127);
        let args = format!("rx_pcap={},tx_pcap={}", input.display(), output.display());
        let (port, _) = started(&eal, "net_pcap_a", &args, &pool);
        let (port, mut rx, mut tx) = only(port);
        let mut burst = MbufBurst::<32>::new();
        assert_eq!(rx.burst(&mut burst), 3);
        let lengths: Vec<usize> = burst.as_slice().iter().map(|frame| frame.len()).collect();
        assert_eq!(lengths, [60, 1514, 64]);
        assert_eq!(burst.as_slice()[1].bytes(), frames[1]);
        burst.as_mut_slice()[2].bytes_mut()[0] = 9;
        assert_eq!(tx.burst(&mut burst), 3);
        assert_eq!(pool.in_use(), 0);
        drop((rx, tx));
        drop(port.stop().unwrap());
        let written = fs::read(&output).unwrap();
        assert_eq!(written.len(), file.len());
        assert_eq!(written[written.len() - 64..][..2], [9, 3]);
    });
}

#[test]
fn a_taken_name_is_refused_and_the_first_device_stays() {
    alone(|| {
        let eal = start();
        let first = eal.attach("net_null_a", "").unwrap();
        let error = eal.attach("net_null_a", "size=200").unwrap_err();
        assert!(matches!(&error, AttachError::Taken(name) if name == "net_null_a"), "{error}");
        let second = eal.attach("net_null_b", "").unwrap();
        assert_eq!(eal.eth_ports().into_iter().collect::<Vec<_>>(), [first, second]);
        eal.detach("net_null_a").unwrap();
        assert!(eal.attach("net_null_a", "").is_ok(), "a removed name is free again");
    });
}

#[test]
fn an_unknown_driver_and_bad_names_are_told() {
    alone(|| {
        let eal = start();
        let text = eal.attach("net_nonesuch_wan0", "iface=x").unwrap_err().to_string();
        assert!(text.contains("`net_nonesuch_wan0,iface=x`") && text.contains("plugin"), "{text}");
        for bad in ["", "net_null,size=3", "net\0null"] {
            assert!(matches!(eal.attach(bad, ""), Err(AttachError::Name(_))), "{bad:?}");
        }
        let text = eal.eth_port_by_name("0000:99:00.0").unwrap_err().to_string();
        assert!(text.contains("dpdk-devbind.py --bind=vfio-pci 0000:99:00.0"), "{text}");
        assert!(eal.eth_ports().is_empty());
    });
}

#[test]
fn what_a_device_cannot_do_is_refused_before_it_is_touched() {
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "small", 127, 0, 1600, None).unwrap();
        let id = eal.attach("net_null_a", "").unwrap();
        let fails = |config: PortConfig| {
            EthPort::configure(&eal, id, &config, std::slice::from_ref(&pool)).unwrap_err()
        };
        let error = fails(PortConfig { rx_queues: 5000, ..PortConfig::default() });
        assert!(
            matches!(error, ConfigureError::Queues { direction: QueueDirection::Receive, .. }),
            "{error}"
        );
        let error = fails(PortConfig { mtu: 9000, ..PortConfig::default() });
        assert!(
            matches!(error, ConfigureError::MbufTooSmall { wanted: 9026, data_room: 1600, .. }),
            "{error}"
        );
        let config = PortConfig::default();
        let held = EthPort::configure(&eal, id, &config, std::slice::from_ref(&pool)).unwrap();
        assert!(matches!(fails(config), ConfigureError::InUse(port) if port == id));
        drop(held);
    });
}

#[test]
fn the_redirection_table_reads_as_it_was_written() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 511);
        let id = eal.attach("net_null_a", "").unwrap();
        let info = eal.device_info(id).unwrap();
        assert_eq!((info.driver.as_str(), info.rss_key_len), ("net_null", 0));
        let key = RssKey::repeated([0x6d, 0x5a], 40).unwrap();
        let config = PortConfig {
            rx_queues: 2,
            tx_queues: 2,
            rss: Some(RssConfig { key, types: RssTypes::ALL_IP }),
            ..PortConfig::default()
        };
        let (port, granted) = EthPort::configure(&eal, id, &config, &[pool.clone(), pool]).unwrap();
        assert_eq!(granted.rss_types, RssTypes::ALL_IP & info.rss_types);
        let mut port = port.start().unwrap();
        assert_eq!((port.rx.len(), port.tx.len()), (2, 2));
        let table: Vec<u16> = (0..info.reta_len).map(|entry| entry % 2).collect();
        port.port.update_reta(&table).unwrap();
        assert_eq!(port.port.query_reta().unwrap(), table);
        assert!(matches!(port.port.update_reta(&table[1..]), Err(RetaError::Size { .. })));

        let second = eal.attach("net_ring_a", "").unwrap();
        assert_eq!(eal.device_info(second).unwrap().reta_len, 0);
    });
}

#[test]
fn a_port_without_rss_says_so() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 127);
        let id = eal.attach("net_ring_a", "").unwrap();
        let key = RssKey::repeated([0x6d, 0x5a], 40).unwrap();
        let rss = Some(RssConfig { key, types: RssTypes::ALL_IP });
        let config = PortConfig { rss, ..PortConfig::default() };
        let (mut port, granted) = EthPort::configure(&eal, id, &config, &[pool]).unwrap();
        assert!(granted.rss_types.is_empty() && !granted.rss_hash);
        assert!(matches!(port.update_reta(&[0; 128]), Err(RetaError::Unsupported)));
        assert!(matches!(port.query_reta(), Err(RetaError::Unsupported)));
    });
}

/// As a driver does it, from any thread, for the first port.
fn raise(event: c_int) {
    #[expect(unsafe_code, reason = "the drivers' side of DPDK, which the crate has no use for")]
    mod drivers {
        use core::ffi::{c_int, c_void};
        unsafe extern "C" {
            /// The first of the ports (ethdev_driver.h).
            pub(super) static mut rte_eth_devices: [u8; 0];
            fn rte_eth_dev_callback_process(
                port: *mut c_void,
                event: c_int,
                result: *mut c_void,
            ) -> c_int;
        }
        pub(super) fn raise(event: c_int) {
            // SAFETY: only the address is taken.
            let first = &raw mut rte_eth_devices;
            // SAFETY: the first port exists; the callbacks take no result.
            let status =
                unsafe { rte_eth_dev_callback_process(first.cast(), event, core::ptr::null_mut()) };
            assert_eq!(status, 0);
        }
    }
    std::thread::spawn(move || drivers::raise(event)).join().expect("the event is raised");
}

#[test]
fn what_a_driver_says_of_its_device_is_heard() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 127);
        let (port, id) = started(&eal, "net_null_a", "", &pool);
        assert_eq!(id.get(), 0);
        assert!(!eal.device_info(id).unwrap().tells_removal, "net_null cannot be pulled");
        let said = || port.port.events();
        assert_eq!(said(), DeviceEvents::default());
        // rte_eth_event_type of rte_ethdev.h: a link's change, a reset, a removal.
        raise(1);
        assert_eq!(said(), DeviceEvents::default());
        raise(3);
        assert_eq!(said(), DeviceEvents { removed: false, wants_reset: true });
        raise(6);
        assert_eq!(said(), DeviceEvents { removed: true, wants_reset: true });
        drop(port);
        eal.detach("net_null_a").unwrap();
        // The next device with this number is another one, and nobody listens to the old one's.
        let (port, id) = started(&eal, "net_null_b", "", &pool);
        assert_eq!((id.get(), port.port.events()), (0, DeviceEvents::default()));
    });
}

#[test]
fn a_port_stops_only_when_its_queues_are_back() {
    alone(|| {
        let eal = start();
        let pool = pool(&eal, 127);
        let (port, id) = started(&eal, "net_null_a", "", &pool);
        let (port, mut rx, tx) = only(port);
        drop(tx);
        let error = port.stop().unwrap_err();
        assert!(error.to_string().starts_with("1 queues"), "{error}");
        let StopError::QueuesInUse { port, .. } = error else { panic!("{error}") };
        // Even with the port gone, the queue keeps the device started.
        drop(port);
        let mut burst = MbufBurst::<32>::new();
        assert_eq!(rx.burst(&mut burst), 32);
        assert!(eal.eth_ports().contains(&id));
        drop(rx);
        assert!(!eal.eth_ports().contains(&id), "the last owner closes it");
        drop(burst);
        assert_eq!(pool.in_use(), 0);
    });
}
