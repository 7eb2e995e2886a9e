//! EAL's start and end, pools, rings between threads, and typed memory.

mod process;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

use dpdk::{
    BURST, Eal, EalConfig, EalError, Mbuf, MbufBurst, Mempool, MempoolError, NoRoom, RegisterError,
    Ring, RingError, ShutdownError, pin_current_thread, tsc, tsc_hz,
};
use process::{alone, start};

#[test]
fn eal_starts_once_and_leaves_nothing_behind() {
    alone(|| {
        let eal = start();
        let directory = eal.runtime_dir().expect("files without hugepages").to_owned();
        let own = format!("sallyport-{}", std::process::id());
        assert!(directory.ends_with(own) && directory.is_dir(), "{}", directory.display());
        let config = EalConfig { hugepages: false, ..EalConfig::default() };
        assert!(matches!(Eal::start(&config), Err(EalError::AlreadyStarted)));
        let before = tsc();
        assert!(tsc() > before && tsc_hz() > 1_000_000);
        assert!(eal.memory(0).unwrap().total >= 64 << 20);

        let other = eal.clone();
        assert!(matches!(eal.shutdown(), Err(ShutdownError::StillHeld(1))));
        other.shutdown().unwrap();
        assert!(!directory.exists());
    });
}

/// Field of /proc/self/task/THREAD/status that is a set of signals: bit 0 is signal 1.
fn signals(thread: &Path, field: &str) -> u64 {
    let status = fs::read_to_string(thread.join("status")).expect("a thread that lives");
    let set = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    u64::from_str_radix(set.expect("the kernel tells it"), 16).expect("a number in base 16")
}

#[test]
fn only_eals_own_threads_take_the_signals_of_devices() {
    /// From SIGRTMIN, which is 34 with glibc, to SIGRTMAX, which is 64.
    const REAL_TIME: u64 = u64::MAX << 33;
    alone(|| {
        let this = Path::new("/proc/thread-self");
        assert_eq!(signals(this, "SigBlk") & REAL_TIME, 0);
        let eal = start();
        assert_eq!(signals(this, "SigBlk") & REAL_TIME, REAL_TIME);
        let later = thread::spawn(move || signals(this, "SigBlk") & REAL_TIME);
        assert_eq!(later.join().unwrap(), REAL_TIME);
        let name = |task: &Path| fs::read_to_string(task.join("comm")).unwrap_or_default();
        let mut tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
        let interrupts = tasks.find(|task| name(task).starts_with("eal-intr")).expect("its thread");
        assert_eq!(signals(&interrupts, "SigBlk") & REAL_TIME, 0);
        let io = 1 << (libc::SIGIO - 1);
        assert_eq!(signals(this, "SigIgn") & io, io);
        eal.shutdown().unwrap();
    });
}

#[test]
fn too_few_hugepages_are_told_before_eal_starts() {
    alone(|| {
        let config = EalConfig { memory_mib: 1 << 30, ..EalConfig::default() };
        let error = Eal::start(&config).unwrap_err();
        assert!(matches!(error, EalError::Hugepages(_)));
        let text = error.to_string();
        assert!(text.starts_with("1073741824 MiB of hugepages are needed"), "{text}");
        // Nothing was begun: the start that can succeed still does.
        start().shutdown().unwrap();
    });
}

#[test]
fn an_eal_argument_that_is_refused_is_shown() {
    alone(|| {
        let config = EalConfig {
            hugepages: false,
            extra_args: vec!["--no-such-thing".into()],
            ..EalConfig::default()
        };
        let text = Eal::start(&config).unwrap_err().to_string();
        assert!(text.contains("--no-pci --no-such-thing`"), "{text}");
    });
}

#[test]
fn an_exhausted_pool_gives_none_until_one_comes_back() {
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "frames", 63, 0, 2048, None).unwrap();
        let mut held: Vec<Mbuf> = std::iter::from_fn(|| pool.alloc()).collect();
        assert_eq!((held.len(), pool.in_use(), pool.available()), (63, 63, 0));
        assert!(pool.alloc().is_none());
        drop(held.pop());
        assert!(pool.alloc().is_some());
        held.truncate(10);

        let mut burst = MbufBurst::<BURST>::new();
        assert!(pool.alloc_bulk(&mut burst, 32));
        assert_eq!((burst.len(), pool.in_use()), (32, 42));
        assert!(!pool.alloc_bulk(&mut burst, 1), "no room in the burst");
        let mut second = MbufBurst::<BURST>::new();
        assert!(!pool.alloc_bulk(&mut second, 22), "21 are left: all or none");
        assert!(second.is_empty());
        assert!(burst.push(pool.alloc().unwrap()).is_err(), "a full burst gives the frame back");
        drop((held, burst));
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn pools_that_cannot_be_are_told_apart() {
    alone(|| {
        let eal = start();
        let make = |name: &str, count, cache| Mempool::new(&eal, name, count, cache, 2048, None);
        let _first = make("a", 63, 0).unwrap();
        assert!(matches!(make("a", 63, 0), Err(MempoolError::Taken(_))));
        assert!(matches!(make("", 63, 0), Err(MempoolError::Name(_))));
        assert!(matches!(make("b", 63, 60), Err(MempoolError::Cache { count: 63, cache: 60 })));
        let error = make("b", 1 << 20, 0).unwrap_err();
        assert!(matches!(error, MempoolError::Memory { .. }));
        assert!(error.to_string().contains("(about 2368 MiB)"), "{error}");
    });
}

#[test]
fn a_frame_grows_with_zeros_and_shrinks() {
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "frames", 1, 0, 2048, None).unwrap();
        let mut frame = pool.alloc().unwrap();
        assert!(frame.is_empty() && frame.tailroom() == 2048);
        frame.extend_from_slice(&[7; 100]).unwrap();
        frame.trim(40);
        frame.set_len(80).unwrap();
        assert_eq!(frame.bytes()[..60], [7; 60]);
        assert_eq!(frame.bytes()[60..], [0; 20], "what was cut off does not come back");
        frame.set_len(10).unwrap();
        assert_eq!((frame.len(), frame.bytes().len()), (10, 10));
        assert_eq!(frame.set_len(2049), Err(NoRoom { wanted: 2039, room: 2038 }));
        frame.trim(99);
        assert!(frame.is_empty());
        // The only mbuf of the pool comes back empty.
        drop(frame);
        assert!(pool.alloc().unwrap().is_empty());
    });
}

#[test]
fn frames_cross_threads_in_order_and_none_is_lost() {
    const FRAMES: u64 = 50_000;
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "frames", 1023, 64, 256, None).unwrap();
        let (mut producer, mut consumer) = Ring::new(&eal, "hand_over", 100, None).unwrap().split();
        assert_eq!(producer.capacity(), 100);
        assert!(matches!(eal.register_thread(), Err(RegisterError::Already)), "the control thread");
        thread::scope(|scope| {
            let registered_twice = || {
                let _lcore = eal.register_thread().unwrap();
                (eal.lcore_count(), matches!(eal.register_thread(), Err(RegisterError::Already)))
            };
            assert_eq!(scope.spawn(registered_twice).join().unwrap(), (2, true));
        });
        thread::scope(|scope| {
            scope.spawn(|| {
                pin_current_thread(0).unwrap();
                let _lcore = eal.register_thread().unwrap();
                let mut burst = MbufBurst::<BURST>::new();
                let mut next = 0;
                while next < FRAMES || !burst.is_empty() {
                    while next < FRAMES && !burst.is_full() {
                        let Some(mut frame) = pool.alloc() else { break };
                        frame.set_tag(next);
                        burst.push(frame).unwrap();
                        next += 1;
                    }
                    if producer.enqueue(&mut burst) == 0 {
                        thread::yield_now();
                    }
                }
            });
            scope.spawn(|| {
                let _lcore = eal.register_thread().unwrap();
                let mut burst = MbufBurst::<BURST>::new();
                let mut next = 0;
                while next < FRAMES {
                    if consumer.dequeue(&mut burst) == 0 {
                        thread::yield_now();
                    }
                    for frame in burst.drain() {
                        assert_eq!(frame.tag(), next);
                        next += 1;
                    }
                }
            });
        });
        assert_eq!(eal.lcore_count(), 1);
        assert_eq!(pool.in_use(), 0);
    });
}

#[test]
fn a_ring_that_ends_frees_what_is_in_it() {
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "frames", 127, 0, 256, None).unwrap();
        let (mut producer, consumer) = Ring::new(&eal, "r", 50, None).unwrap().split();
        assert!(matches!(Ring::new(&eal, "r", 50, None), Err(RingError::Taken(_))));
        let mut left = 0;
        for _ in 0..2 {
            let mut burst = MbufBurst::<BURST>::new();
            assert!(pool.alloc_bulk(&mut burst, 32));
            producer.enqueue(&mut burst);
            left = burst.len();
        }
        assert_eq!((left, producer.len(), pool.in_use()), (14, 50, 50));
        assert!(producer.push(pool.alloc().unwrap()).is_err(), "a full ring gives the frame back");
        drop(consumer);
        assert_eq!(pool.in_use(), 50);
        drop(producer);
        assert_eq!(pool.in_use(), 0);
        assert!(Ring::new(&eal, "r", 50, None).is_ok(), "its name is free again");
    });
}

#[test]
fn dpdk_is_left_in_place_for_a_frame_that_is_out() {
    alone(|| {
        let eal = start();
        let pool = Mempool::new(&eal, "frames", 63, 0, 2048, None).unwrap();
        let mut frame = pool.alloc().unwrap();
        drop(pool);
        assert!(matches!(eal.shutdown(), Err(ShutdownError::MbufsOut(1))));
        frame.extend_from_slice(b"still here").unwrap();
        assert_eq!(frame.bytes(), b"still here");
    });
}

#[test]
fn elements_in_dpdks_memory_live_and_die_once() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Counted(u64);
    impl Default for Counted {
        fn default() -> Self {
            ALIVE.fetch_add(1, Ordering::Relaxed);
            Self(0x5a5a)
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, Ordering::Relaxed);
        }
    }
    alone(|| {
        let eal = start();
        let free = eal.memory(0).unwrap().free;
        let mut slice = eal.take_memory::<Counted>(1 << 20, None).unwrap();
        assert_eq!(slice.len(), 1 << 20);
        assert_eq!(slice.as_ptr().align_offset(64), 0);
        assert!(slice.iter().all(|element| element.0 == 0x5a5a));
        slice[(1 << 20) - 1].0 = 1;
        assert_eq!(ALIVE.load(Ordering::Relaxed), 1 << 20);
        assert!(eal.memory(0).unwrap().free <= free - (8 << 20));
        let slice = thread::spawn(move || slice).join().unwrap();
        drop(slice);
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
        assert_eq!(eal.memory(0).unwrap().free, free);

        assert!(eal.take_memory::<u64>(0, Some(0)).unwrap().is_empty());
        let text = eal.take_memory::<u64>(1 << 30, None).unwrap_err().to_string();
        assert!(text.starts_with("no 8192 MiB"), "{text}");
        assert!(eal.take_memory::<u64>(usize::MAX, None).is_err());
    });
}
