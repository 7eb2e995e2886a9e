//! A process of its own for every test that starts EAL, which can be done only once in a process.

use std::process::Command;
use std::thread;

use dpdk::{Eal, EalConfig};

const ALONE: &str = "DPDK_TEST_ALONE";

/// Runs the test here if nextest gave it a process of its own, and in a child otherwise.
pub(crate) fn alone(test: impl FnOnce()) {
    if std::env::var_os("NEXTEST").is_some() || std::env::var_os(ALONE).is_some() {
        return test();
    }
    let name = thread::current().name().expect("the test harness names its threads").to_owned();
    let output = Command::new(std::env::current_exe().expect("a test is a file"))
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("a test can be run");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// EAL on ordinary memory, without PCI.
#[allow(dead_code, reason = "not every test binary starts EAL this way")]
pub(crate) fn start() -> Eal {
    let config = EalConfig { hugepages: false, memory_mib: 128, ..EalConfig::default() };
    Eal::start(&config).expect("EAL starts on ordinary memory")
}
