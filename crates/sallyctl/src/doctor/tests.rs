//! Machines that were made up: a tree of files and links, and what `ip` and `ethtool` would say.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use api::{PortInfo, PortStats, PortSteering, Ports, Version};
use insta::assert_snapshot;
use tempfile::TempDir;
use test_case::test_case;

use super::finding::{Findings, Level};
use super::machine::Machine;
use super::{Running, examine, text};

const APPLIANCE: &str = r#"
[system]
control_core = 0
worker_cores = [2, 3]
memory = "2GiB"

[[port]]
name = "lan0"
device = "0000:3b:00.0"
zone = "inside"

[[port]]
name = "wan0"
device = "0000:3b:00.1"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]
"#;

/// A box on the ends of two veth pairs.
const LAPTOP: &str = r#"
[system]
control_core = 0
worker_cores = [1]
hugepages = false
polling = "adaptive"

[[port]]
name = "lan0"
device = "net_af_packet,iface=lan"
zone = "inside"

[[port]]
name = "wan0"
device = "net_af_xdp,iface=wan"
zone = "outside"

[[wire]]
ports = ["lan0", "wan0"]
"#;

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            1024                 524288               files     \n\
                      Max locked memory         8388608              8388608              bytes     \n";

/// A machine: files by path, links by path, and what commands answer.
struct Tree {
    files: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    answers: BTreeMap<String, String>,
    config: String,
}

impl Tree {
    fn new(config: &str) -> Self {
        Self {
            files: BTreeMap::new(),
            links: BTreeMap::new(),
            answers: BTreeMap::new(),
            config: config.into(),
        }
    }

    /// A server with two nodes of four CPUs, and a NIC of two ports on node 0. Nothing is wrong with it.
    fn appliance() -> Self {
        let mut tree = Self::new(APPLIANCE);
        let cpus = "/sys/devices/system/cpu";
        for (list, value) in
            [("online", "0-7"), ("present", "0-7"), ("isolated", "2-3"), ("nohz_full", "2-3")]
        {
            tree.file(&format!("{cpus}/{list}"), value);
        }
        for cpu in 0..8 {
            let siblings = format!("{cpus}/cpu{cpu}/topology/thread_siblings_list");
            tree.file(&siblings, &cpu.to_string());
        }
        let huge = "/sys/kernel/mm/hugepages/hugepages-2048kB";
        for (file, value) in
            [("nr_hugepages", "2048"), ("free_hugepages", "2048"), ("resv_hugepages", "0")]
        {
            tree.file(&format!("{huge}/{file}"), value);
        }
        for (node, cpus) in [(0, "0-3"), (1, "4-7")] {
            let node = format!("/sys/devices/system/node/node{node}");
            tree.file(&format!("{node}/cpulist"), cpus);
            let huge = format!("{node}/hugepages/hugepages-2048kB");
            tree.file(&format!("{huge}/nr_hugepages"), "1024");
            tree.file(&format!("{huge}/free_hugepages"), "1024");
        }
        tree.file(
            "/proc/self/mounts",
            "none /proc proc rw 0 0\nh /dev/hugepages hugetlbfs rw 0 0\n",
        );
        tree.file("/proc/self/limits", LIMITS);
        tree.file("/proc/self/status", "CapEff:\t0000000000004000\n");
        tree.file("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n");
        tree.file("/sys/bus/pci/drivers/vfio-pci/new_id", "");
        for (function, group) in [("0", "17"), ("1", "18")] {
            tree.nic(&format!("0000:3b:00.{function}"), "vfio-pci", group);
        }
        tree
    }

    fn nic(&mut self, address: &str, driver: &str, group: &str) {
        let device = format!("/sys/bus/pci/devices/{address}");
        self.file(&format!("{device}/class"), "0x020000");
        self.file(&format!("{device}/numa_node"), "0");
        self.link(&format!("{device}/driver"), &format!("../../../../bus/pci/drivers/{driver}"));
        self.link(
            &format!("{device}/iommu_group"),
            &format!("../../../kernel/iommu_groups/{group}"),
        );
        self.file(&format!("/sys/kernel/iommu_groups/{group}/devices/{address}"), "");
    }

    /// Two veth pairs, whose other ends are in a namespace with a name and in one with a process.
    fn laptop() -> Self {
        let mut tree = Self::new(LAPTOP);
        tree.file("/sys/devices/system/cpu/online", "0-1");
        tree.file("/proc/self/limits", LIMITS);
        tree.file("/proc/self/status", "CapEff:\t00000000ffffffff\n");
        tree.file("/proc/self/ns/net", "");
        tree.file("/run/netns/cli", "");
        tree.file("/proc/77/ns/net", "");
        tree.interfaces("", &[veth(3, "lan", 2, ""), veth(4, "wan", 2, "")]);
        // The same indexes as the other's, but for the one of the box.
        tree.interfaces("nsenter --net=/run/netns/cli ", &[veth(2, "eth0", 3, "")]);
        tree.interfaces("nsenter --net=/proc/77/ns/net ", &[veth(2, "eth0", 4, "")]);
        for namespace in ["/run/netns/cli", "/proc/77/ns/net"] {
            tree.checksums(&format!("nsenter --net={namespace} "), "off");
        }
        tree
    }

    fn interfaces(&mut self, prefix: &str, interfaces: &[String]) {
        let command = format!("{prefix}ip -json -details address show");
        self.answers.insert(command, format!("[{}]", interfaces.join(",")));
    }

    fn checksums(&mut self, prefix: &str, state: &str) {
        let command = format!("{prefix}ethtool --show-offload eth0");
        let answer = format!("Features for eth0:\nrx-checksumming: on\ntx-checksumming: {state}\n");
        self.answers.insert(command, answer);
    }

    fn file(&mut self, path: &str, text: &str) {
        self.files.insert(path.into(), text.into());
    }

    fn link(&mut self, path: &str, target: &str) {
        self.links.insert(path.into(), target.into());
    }

    /// Examines it as it was made up.
    fn examine(&self, daemon: Option<&Running>) -> Findings {
        let root = TempDir::new().unwrap();
        let place = |path: &str| {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            path
        };
        for (path, text) in &self.files {
            fs::write(place(path), text).unwrap();
        }
        for (path, target) in &self.links {
            symlink(target, place(path)).unwrap();
        }
        let answers = self.answers.clone();
        let run = move |words: &[&str]| answers.get(&words.join(" ")).cloned();
        let machine = Machine::new(root.path().to_owned(), Box::new(run));
        let loaded = config::parse(&self.config, "sallyport.toml");
        let config = loaded.unwrap_or_else(|errors| panic!("{errors}")).config;
        let mut findings = Findings::default();
        examine(&machine, &config, daemon, &mut findings);
        findings
    }
}

fn veth(index: u32, name: &str, other: u32, more: &str) -> String {
    format!(
        r#"{{"ifindex":{index},"ifname":"{name}","link_index":{other},"link_netnsid":0,"flags":["BROADCAST","UP"],"linkinfo":{{"info_kind":"veth"}}{more}}}"#
    )
}

/// The one finding that is no `ok`, which must have all these words in it or its remedy.
fn only(findings: &Findings, level: Level, words: &[&str]) {
    let wanting: Vec<_> =
        findings.as_slice().iter().filter(|finding| finding.level != Level::Ok).collect();
    let [finding] = wanting.as_slice() else { panic!("{}", text(findings)) };
    assert_eq!(finding.level, level, "{}", text(findings));
    for word in words {
        let said = finding.message.contains(word)
            || finding.remedy.as_ref().is_some_and(|remedy| remedy.contains(word));
        assert!(said, "{word:?} is not said in {finding:#?}");
    }
}

#[test]
fn a_good_machine_is_all_well() {
    let findings = Tree::appliance().examine(None);
    assert!(!findings.worst().wants());
    assert_snapshot!(text(&findings));
    let laptop = Tree::laptop().examine(None);
    assert_eq!(laptop.worst(), Level::Note, "{}", text(&laptop));
    assert_snapshot!(text(&laptop));
}

#[test]
fn a_bare_machine_is_told_everything_at_once() {
    let mut tree = Tree::new(APPLIANCE);
    tree.file("/sys/devices/system/cpu/online", "0-1");
    tree.file("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0");
    tree.file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0");
    tree.file("/sys/bus/pci/devices/0000:3b:00.0/class", "0x020000");
    tree.link("/sys/bus/pci/devices/0000:3b:00.0/driver", "../../bus/pci/drivers/igb");
    tree.file("/sys/bus/pci/devices/0000:3b:00.0/net/eno1/ifindex", "2");
    tree.file("/proc/self/limits", LIMITS);
    let findings = tree.examine(None);
    assert_eq!(findings.worst(), Level::Fault);
    assert_snapshot!(text(&findings));
}

/// An appliance with one thing wrong: files that differ, and what is to be found.
#[test_case(&[("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "1000")], Level::Fault,
    &["2048 MiB are needed", "2000 MiB are free", "echo 2072 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"]; "too few hugepages are free")]
#[test_case(&[("/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "2000")], Level::Fault,
    &["96 MiB are free"]; "hugepages are promised to others")]
#[test_case(&[("/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "100")], Level::Warning,
    &["node 0 has 200 MiB free", "CPUs 2-3", "echo 1948 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"]; "the pages are on the wrong node")]
#[test_case(&[("/proc/self/mounts", "none /proc proc rw 0 0\n")], Level::Note,
    &["no hugetlbfs is mounted", "mount -t hugetlbfs"]; "no mount")]
#[test_case(&[("/proc/self/status", "CapEff:\t0\n")], Level::Fault,
    &["may lock 8192 KiB", "LimitMEMLOCK=infinity"]; "locked memory is limited")]
#[test_case(&[("/proc/self/limits", "Max open files 1024 1024 files\n")], Level::Fault,
    &["may open 1024 files", "LimitNOFILE=1280"]; "open files are limited")]
#[test_case(&[("/sys/devices/system/cpu/online", "0-2,4-7")], Level::Fault,
    &["CPU 3, which is offline", "echo 1 > /sys/devices/system/cpu/cpu3/online"]; "a worker's CPU is offline")]
#[test_case(&[("/sys/devices/system/cpu/online", "0-1"), ("/sys/devices/system/cpu/present", "0-1")], Level::Fault,
    &["CPUs 2-3, which this machine has not got"]; "workers' CPUs that are not there")]
#[test_case(&[("/sys/devices/system/cpu/isolated", "3")], Level::Warning,
    &["other programs may run on CPU 2", "sed -i", "isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3", "update-grub"]; "a CPU is not isolated")]
#[test_case(&[("/sys/devices/system/cpu/nohz_full", "(null)")], Level::Warning,
    &["timer interrupts CPUs 2-3"]; "the timer ticks")]
#[test_case(&[("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3"), ("/sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3")], Level::Warning,
    &["one physical core slow each other: 2-3", "worker_cores = [1, 2]"]; "workers share a core")]
#[test_case(&[("/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2")], Level::Warning,
    &["slow each other: 0,2"]; "a worker shares a core with the control core")]
#[test_case(&[("/sys/bus/pci/devices/0000:3b:00.0/class", "0x010802")], Level::Fault,
    &["no network device (class 0x010802)"]; "a disk")]
#[test_case(&[("/sys/bus/pci/devices/0000:3b:00.0/numa_node", "1")], Level::Warning,
    &["on node 1, CPUs 2-3 on another", "worker_cores = [4, 5]"]; "a NIC on the other socket")]
#[test_case(&[("/sys/kernel/iommu_groups/17/devices/0000:3b:00.0", ""), ("/sys/kernel/iommu_groups/17/devices/0000:3a:00.0", ""), ("/sys/bus/pci/devices/0000:3a:00.0/class", "0x060400")], Level::Ok,
    &[]; "a bridge in the group is no matter")]
fn one_thing_is_wrong(files: &[(&str, &str)], level: Level, words: &[&str]) {
    let mut tree = Tree::appliance();
    for (path, text) in files {
        tree.file(path, text);
    }
    let findings = tree.examine(None);
    if level == Level::Ok {
        assert_eq!(findings.worst(), Level::Ok, "{}", text(&findings));
    } else {
        only(&findings, level, words);
    }
}

/// The first NIC with another driver.
#[test_case("igb", Level::Fault, &["bound to the kernel's driver igb", "dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0"]; "the kernel's")]
#[test_case("uio_pci_generic", Level::Note, &["write to all memory"]; "uio")]
#[test_case("mlx5_core", Level::Ok, &[]; "one that shares")]
fn a_binding(driver: &str, level: Level, words: &[&str]) {
    let mut tree = Tree::appliance();
    let link = "/sys/bus/pci/devices/0000:3b:00.0/driver";
    tree.link(link, &format!("../../../../bus/pci/drivers/{driver}"));
    let findings = tree.examine(None);
    if level == Level::Ok {
        assert_eq!(findings.worst(), Level::Ok, "{}", text(&findings));
    } else {
        only(&findings, level, words);
    }
}

#[test]
fn a_rival_in_the_iommu_group_is_named() {
    let mut tree = Tree::appliance();
    tree.nic("0000:3c:00.0", "nvme", "17");
    only(
        &tree.examine(None),
        Level::Fault,
        &[
            "0000:3c:00.0 is in the IOMMU group of 0000:3b:00.0 (17) and bound to nvme",
            "dpdk-devbind.py --unbind 0000:3c:00.0",
        ],
    );
}

#[test]
fn without_an_iommu_vfio_says_no_unless_it_is_told() {
    let mut tree = Tree::appliance();
    tree.files.retain(|path, _| !path.contains("iommu_groups"));
    tree.file("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\n");
    only(&tree.examine(None), Level::Fault, &["no IOMMU is in use", "amd_iommu=on iommu=pt"]);
    tree.file("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
    only(&tree.examine(None), Level::Warning, &["can write to all memory"]);
}

/// What is found of the box's end of the first pair.
#[test_case(r#","addr_info":[{"local":"192.0.2.1","prefixlen":24,"scope":"global"}]"#, "ip address delete 192.0.2.1/24 dev lan"; "an address")]
#[test_case(r#","master":"br0""#, "ip link set lan nomaster"; "a bridge")]
fn a_way_around_is_found(more: &str, remedy: &str) {
    let mut tree = Tree::laptop();
    tree.interfaces("", &[veth(3, "lan", 2, more), veth(4, "wan", 2, "")]);
    let find = |tree: &Tree| {
        let findings = tree.examine(None);
        let found = findings.as_slice().iter().find(|it| it.remedy.as_deref() == Some(remedy));
        found.cloned().unwrap_or_else(|| panic!("{}", text(&findings)))
    };
    assert_eq!((find(&tree).level, find(&tree).port.as_deref()), (Level::Fault, Some("lan0")));
    let allowed = "name = \"lan0\"\nallow_kernel_path = true";
    tree.config = tree.config.replace("name = \"lan0\"", allowed);
    assert_eq!(find(&tree).level, Level::Warning);
}

#[test]
fn forwarding_is_found_and_a_link_local_address_is_no_matter() {
    let mut tree = Tree::laptop();
    let local = r#","addr_info":[{"local":"fe80::1","prefixlen":64,"scope":"link"}]"#;
    tree.interfaces("", &[veth(3, "lan", 2, local), veth(4, "wan", 2, "")]);
    assert_eq!(tree.examine(None).worst(), Level::Note);
    tree.file("/proc/sys/net/ipv4/conf/wan/forwarding", "1\n");
    let said = text(&tree.examine(None));
    assert!(said.starts_with("fault    interface      port wan0: the kernel forwards"), "{said}");
    assert!(said.contains("mend: sysctl -w net.ipv4.conf.wan.forwarding=0"), "{said}");
}

#[test]
fn a_host_that_leaves_checksums_to_a_nic_is_found_where_it_is() {
    let mut tree = Tree::laptop();
    tree.checksums("nsenter --net=/proc/77/ns/net ", "on");
    let said = text(&tree.examine(None));
    assert!(
        said.starts_with("fault    offload        port wan0: eth0, the other end of wan, leaves"),
        "{said}"
    );
    let mend = "mend: nsenter --net=/proc/77/ns/net ethtool -K eth0 tx off";
    assert!(said.contains(mend) && said.matches("fault").count() == 2, "{said}");
}

#[test]
fn what_is_not_there_is_said() {
    let mut tree = Tree::laptop();
    tree.interfaces("", &[veth(3, "lan", 2, "")]);
    let said = text(&tree.examine(None));
    assert!(said.contains("port wan0: there is no interface wan"), "{said}");
    tree.answers.clear();
    let said = text(&tree.examine(None));
    assert!(said.contains("`ip` (package iproute2) is not there"), "{said}");
}

fn running(rss: &str) -> Running {
    let port = PortInfo {
        name: "lan0".into(),
        device: "0000:3b:00.0".into(),
        driver: "net_igb".into(),
        mac: "02:00:00:00:00:01".into(),
        zone: "inside".into(),
        partner: Some("wan0".into()),
        link_up: true,
        speed_bits_per_second: None,
        mtu: 1500,
        rx_queues: 2,
        tx_queues: 2,
        socket: None,
        rss: rss.into(),
        steering: PortSteering::default(),
        kernel_path_allowed: false,
        gone: false,
        held_down: false,
        stats: PortStats::default(),
    };
    Running { pid: 4711, ports: Ports { version: Version, ports: vec![port] } }
}

#[test]
fn a_daemon_that_runs_has_its_pages_and_tells_of_rss() {
    let mut tree = Tree::appliance();
    tree.file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0");
    tree.file("/proc/4711/limits", LIMITS);
    tree.file("/proc/4711/status", "CapEff:\t0000000000004000\n");
    let hardware = tree.examine(Some(&running("hardware: table of 128, ipv4 tcp")));
    assert_eq!(hardware.worst(), Level::Ok, "{}", text(&hardware));
    assert!(text(&hardware).contains("port lan0: hardware: table of 128"));
    let mut pulled = running("hardware: table of 128, ipv4 tcp");
    pulled.ports.ports[0].gone = true;
    only(&tree.examine(Some(&pulled)), Level::Fault, &["its device is gone", "systemctl restart"]);
    let software = tree.examine(Some(&running("software: the device has no RSS")));
    only(&software, Level::Note, &["software: the device has no RSS", "hand frames over"]);
}
