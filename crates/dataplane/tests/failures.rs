//! Starts that fail: the thing is named, the remedy too, and nothing is left behind.

mod site;

use std::error::Error;
use std::path::Path;

use dataplane::{Dataplane, PlaneConfig, StartError};
use policy::{Action, RuleNames};
use site::{alone, plane_of, snapshot};
use test_case::test_case;

/// The error of a start, with all its causes, as one line.
fn refused(config: &PlaneConfig) -> (StartError, String) {
    let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
    let error = Dataplane::start(config, &snapshot).expect_err("it must not start");
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    assert_eq!(std::sync::Arc::strong_count(&snapshot), 1, "nobody holds the policy: {text}");
    let own = format!("sallyport-{}", std::process::id());
    let files = ["/var/run/dpdk", "/tmp/dpdk"].map(|folder| Path::new(folder).join(&own));
    assert!(!files.iter().any(|folder| folder.exists()), "{files:?} is left");
    let threads =
        std::fs::read_dir("/proc/self/task").expect("Linux lists threads").filter_map(Result::ok);
    let names: Vec<String> = threads
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("comm")).ok())
        .collect();
    assert!(!names.iter().any(|name| name.starts_with("worker-")), "{names:?}");
    (error, text)
}

fn nulls(workers: &[u32]) -> PlaneConfig {
    plane_of(workers, "net_null", "net_null")
}

#[test_case("net_af_packet,iface=no-such-if0", &["port wan0 (net_af_packet,iface=no-such-if0)", "no network interface no-such-if0", "ip -brief link"]; "no interface")]
#[test_case("net_nonesuch", &["port wan0 (net_nonesuch)", "driver's name"]; "no driver")]
#[test_case("0000:99:00.0", &["port wan0 (0000:99:00.0)", "dpdk-devbind.py"]; "no pci device")]
#[test_case("net_pcap,rx_pcap=/nonexistent", &["port wan0 (net_pcap,rx_pcap=/nonexistent)"]; "arguments that the driver refuses")]
#[test_case("net_af_packet,iface=lo", &["port wan0 (net_af_packet,iface=lo)", "lo has the address 127.0.0.1", "allow_kernel_path = true"]; "a way around")]
fn a_port_that_cannot_be_used(device: &str, words: &[&str]) {
    alone(|| {
        // The first port is there by then, and has to go again.
        let (error, text) = refused(&plane_of(&[1], "net_null", device));
        assert!(matches!(&error, StartError::Port { port, .. } if port == "wan0"), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    });
}

#[test]
fn an_mtu_that_a_device_does_not_have() {
    alone(|| {
        let mut config = nulls(&[1]);
        config.ports[1].mtu = 20;
        let (_, text) = refused(&config);
        assert!(text.contains("port wan0 (net_null)") && text.contains("MTU of 20"), "{text}");
    });
}

#[test]
fn too_little_memory_says_how_much_would_do() {
    alone(|| {
        let (error, text) = refused(&PlaneConfig { memory: 24 << 20, ..nulls(&[0, 1]) });
        assert!(matches!(error, StartError::Memory(_)), "{text}");
        assert!(text.contains("`memory = \"24MiB\"` is too little"), "{text}");
        assert!(text.contains("set `memory = \""), "{text}");
    });
}

/// What the arithmetic says is enough is enough.
#[test_case(&[1]; "one worker")]
#[test_case(&[0, 1, 0, 1]; "four workers")]
fn the_memory_that_is_asked_for_does(cores: &[u32]) {
    alone(|| {
        let snapshot = snapshot(1, Action::Allow, &mut RuleNames::new());
        let mut config = nulls(cores);
        // From a plan alone: it is the same for devices of any kind.
        config.memory = 256 << 20;
        let needed = {
            let probe = PlaneConfig { memory: 1 << 20, ..config.clone() };
            let error = needed_in_a_child(&probe);
            error.expect("the child says how much it takes")
        };
        config.memory = needed << 20;
        let plane = Dataplane::start(&config, &snapshot).expect("as much as was asked for");
        assert!(plane.footprint().from_dpdk() <= config.memory);
        assert!(plane.stop().is_some_and(|summary| summary.dpdk.is_ok()));
    });
}

/// The MiB that the refusal of another process asks for: DPDK starts once in a process's life.
fn needed_in_a_child(config: &PlaneConfig) -> Option<u64> {
    let cores: Vec<String> = config.worker_cores.iter().map(u32::to_string).collect();
    let output = std::process::Command::new(std::env::current_exe().ok()?)
        .args(["says_what_it_needs", "--exact", "--ignored", "--nocapture"])
        .env("DATAPLANE_TEST_ALONE", "1")
        .env("DATAPLANE_TEST_CORES", cores.join(","))
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split("set `memory = \"").nth(1)?.split("MiB").next()?.parse().ok()
}

#[test]
#[ignore = "a part of another test"]
fn says_what_it_needs() {
    let cores = std::env::var("DATAPLANE_TEST_CORES").unwrap_or_else(|_| "1".into());
    let cores: Vec<u32> = cores.split(',').filter_map(|core| core.parse().ok()).collect();
    let (_, text) = refused(&PlaneConfig { memory: 32 << 20, ..nulls(&cores) });
    println!("{text}");
}

#[test]
fn too_few_hugepages() {
    alone(|| {
        let (error, text) =
            refused(&PlaneConfig { hugepages: true, memory: 1 << 45, ..nulls(&[1]) });
        assert!(matches!(error, StartError::Eal(_)), "{text}");
        assert!(text.contains("33554432 MiB of hugepages are needed"), "{text}");
    });
}

#[test]
fn a_core_that_is_not_there() {
    alone(|| {
        let (error, text) = refused(&PlaneConfig { control_core: 999, ..nulls(&[1, 1000, 5000]) });
        assert!(matches!(error, StartError::Cores(_)), "{text}");
        let named = "control_core names CPU 999 and worker_cores names CPUs 1000 and 5000, but";
        assert!(text.starts_with(named) && text.contains("AllowedCPUs="), "{text}");
    });
}

#[test]
fn no_worker_and_the_wrong_number_of_ports() {
    let (error, _) = refused(&nulls(&[]));
    assert!(matches!(error, StartError::Workers(0)));
    let mut config = nulls(&[1]);
    config.ports.pop();
    let (error, text) = refused(&config);
    assert!(matches!(error, StartError::Topology { policy: 2, configured: 1 }), "{text}");
}
