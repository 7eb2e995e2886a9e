//! A start that cannot be: a clear message that names the thing, a status other than 0, and no
//! half-started box.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use tempfile::TempDir;
use test_case::test_case;
use testkit::netns::{Daemon, Host, Joint, Settings, StartError, config_text, scratch};

use super::{SOON, binaries};

/// A place where a daemon could start: a namespace, a folder, a good configuration.
struct Place {
    host: Host,
    folder: TempDir,
    config: PathBuf,
}

impl Place {
    fn new() -> Self {
        let (host, folder) = (Host::new("box"), scratch());
        let config = folder.path().join("sallyport.toml");
        Self { host, folder, config }
    }

    fn good(&self) -> String {
        let interfaces = ["lan".to_owned(), "wan".to_owned()];
        let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, 9105));
        config_text(&Settings::USUAL, self.folder.path(), Joint::Taps, &interfaces, metrics)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    fn start(&self, config: &Path) -> Result<Daemon, StartError> {
        Daemon::start(&binaries().sallyportd, Some(&self.host), config, self.folder.path())
    }

    /// Starts with this text, which must be refused, and looks for all the words in the message.
    fn refuses(&self, text: &str, words: &[&str]) {
        fs::write(&self.config, text).expect("a scratch folder can be written");
        let error = self.start(&self.config).expect_err("it must not start");
        self.assert_clear(&error, words);
    }

    fn assert_clear(&self, error: &StartError, words: &[&str]) {
        let status = error.status.expect("it ends by itself, not by a signal");
        assert!(status != 0 && status != 101, "status {status}:\n{}", error.log);
        assert!(!error.log.contains("panicked"), "{}", error.log);
        for word in words {
            assert!(error.log.contains(word), "{word:?} is not named in:\n{}", error.log);
        }
        let left = self.host.run(&["ip", "-br", "link", "show", "type", "tun"]).stdout;
        assert_eq!(left.trim(), "", "a half-started box");
    }
}

/// A good file with one thing replaced.
#[test_case("[sessions]\n", "[sessions]\nmaximum = 5\n", &["maximum", "sallyport.toml"]; "an unknown key")]
#[test_case("action = \"allow\"", "action = \"allow\"\nsource = [\"10.0.0.0/33\"]", &["10.0.0.0/33"]; "a bad prefix")]
#[test_case("to = [\"outside\"]", "to = [\"elsewhere\"]", &["elsewhere"]; "an unknown zone")]
#[test_case("\"http\", \"dns\"", "\"htpt\", \"dns\"", &["htpt"]; "an unknown service")]
#[test_case("[[rule]]", "[[rule]]\nname = \"inside-out\"\naction = \"drop\"\n\n[[rule]]", &["inside-out"]; "a duplicate rule name")]
#[test_case("name = \"wan0\"", "name = \"lan0\"", &["lan0"]; "a duplicate port")]
#[test_case("iface=wan", "iface=lan", &["lan"]; "a device named twice")]
#[test_case("action = \"allow\"", "action = 7", &["action"]; "a value of the wrong type")]
#[test_case("max = 10_000", "max = 0", &["max"]; "a table of no session")]
#[test_case("[timeouts]\n", "[timeouts]\ntcp_established = \"0s\"\n", &["tcp_established"]; "a timeout of zero")]
#[test_case("version = 1", "version = 2", &["version"]; "a version of the future")]
#[test_case("[[wire]]", "[[nat]]\n\n[[wire]]", &["nat"]; "a table that is not built")]
#[test_case("worker_cores = [1]", "worker_cores = [9999]", &["9999"]; "a core that is not there")]
#[test_case("worker_cores = [1]", "worker_cores = [1, 998, 999]", &["worker_cores names CPUs 998 and 999", "may use"]; "cores that are not there")]
#[test_case("device = \"net_tap,iface=wan\"", "device = \"net_af_packet,iface=nosuch0\"", &["wan0", "nosuch0"]; "an interface that is not there")]
#[test_case("device = \"net_tap,iface=wan\"", "device = \"0000:ff:1f.7\"", &["wan0", "0000:ff:1f.7"]; "a PCI device that is not there")]
#[test_case("device = \"net_tap,iface=wan\"", "device = \"net_nosuch,x=1\"", &["wan0", "net_nosuch"]; "a driver that is not there")]
#[test_case("hugepages = false\nmemory = \"256MiB\"", "hugepages = true\nmemory = \"4096GiB\"", &["hugepages"]; "too few hugepages")]
fn is_refused(good: &str, bad: &str, words: &[&str]) {
    let place = Place::new();
    let text = place.good();
    assert!(text.contains(good), "{good} is not in the good file");
    place.refuses(&text.replacen(good, bad, 1), words);
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let place = Place::new();
    let text = place
        .good()
        .replace("to = [\"outside\"]", "to = [\"elsewhere\"]")
        .replace("\"http\", \"dns\"", "\"htpt\", \"dns\"")
        .replace("[sessions]\n", "[sessions]\nmaximum = 5\n");
    place.refuses(&text, &["elsewhere", "htpt", "maximum"]);
}

#[test]
fn an_empty_file_is_refused() {
    Place::new().refuses("", &["sallyport.toml"]);
}

#[test]
fn a_directory_in_place_of_the_file_is_refused() {
    let place = Place::new();
    fs::create_dir(&place.config).unwrap();
    let error = place.start(&place.config).expect_err("a directory is no file");
    place.assert_clear(&error, &["sallyport.toml", "directory"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let place = Place::new();
    let error = place.start(&place.config).expect_err("there is no file");
    place.assert_clear(&error, &["sallyport.toml"]);
}

#[test]
fn an_interface_that_is_taken_is_named() {
    let place = Place::new();
    let words = ["ip", "link", "add", "wan", "type", "veth", "peer", "name", "wan-peer"];
    drop(place.host.run(&words).expect_ok());
    place.refuses(&place.good(), &["wan0", "wan exists already: another program has it"]);
}

/// A second daemon beside the first, with everything of its own but the interfaces.
#[test_case("net_tap"; "taps")]
#[test_case("net_af_packet"; "af_packet")]
fn a_device_that_another_daemon_has_is_named(driver: &str) {
    let place = Place::new();
    let text = |place: &Place| place.good().replace("net_tap", driver);
    if driver != "net_tap" {
        for interface in ["lan", "wan"] {
            let words = ["ip", "link", "add", interface, "type", "veth"];
            drop(place.host.run(&words).expect_ok());
        }
    }
    fs::write(&place.config, text(&place)).expect("a scratch folder can be written");
    let mut first = place.start(&place.config).unwrap_or_else(|error| unreachable!("{error}"));

    let folder = scratch();
    let config = folder.path().join("second.toml");
    let own = folder.path().to_str().expect("a path of ASCII");
    let shared = place.folder.path().to_str().expect("a path of ASCII");
    fs::write(&config, text(&place).replace(shared, own).replace(":9105", ":9106"))
        .expect("a scratch folder can be written");
    let daemon = binaries().sallyportd;
    let second = || Daemon::start(&daemon, Some(&place.host), &config, folder.path());
    let error = second().expect_err("the first has the wire");
    assert_eq!(error.status, Some(1), "{}", error.log);
    let named = "port lan0 (DRIVER,iface=lan) cannot be used: another sallyportd has the interface";
    assert!(error.log.contains(&named.replace("DRIVER", driver)), "{}", error.log);
    assert!(first.runs(), "{}", first.log());

    // However the first ends, the second can follow.
    first.end(Signal::SIGKILL, SOON);
    second().unwrap_or_else(|error| unreachable!("{error}"));
}

#[test]
fn a_living_socket_is_not_taken_away() {
    let place = Place::new();
    let _other = UnixListener::bind(place.socket()).unwrap();
    place.refuses(&place.good(), &["api.sock"]);
    assert!(place.socket().exists());
}

#[test]
fn a_dead_socket_does_not_stand_in_the_way() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(place.socket().exists());
    fs::write(&place.config, place.good()).unwrap();
    place.start(&place.config).unwrap_or_else(|error| unreachable!("{error}"));
}

#[test]
fn a_taken_metrics_address_is_named() {
    let place = Place::new();
    let _other = place.host.inside(|| TcpListener::bind("127.0.0.1:9105")).unwrap();
    place.refuses(&place.good(), &["127.0.0.1:9105"]);
}

/// The daemon as a user without any right.
fn start_as_nobody(place: &Place) -> StartError {
    // The build's own folder may be closed to others.
    let program = place.folder.path().join("sallyportd");
    fs::copy(binaries().sallyportd, &program).expect("a scratch folder can be written");
    let done = place.host.run(&[
        "setpriv".as_ref(),
        "--reuid=65534".as_ref(),
        "--regid=65534".as_ref(),
        "--clear-groups".as_ref(),
        program.as_os_str(),
        "--config".as_ref(),
        place.config.as_os_str(),
    ]);
    StartError { status: done.status, log: done.stdout + &done.stderr }
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of ours");
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let place = Place::new();
    fs::write(&place.config, place.good()).unwrap();
    open_to_all(place.folder.path(), 0o755);
    open_to_all(&place.config, 0o600);
    let error = start_as_nobody(&place);
    place.assert_clear(&error, &["sallyport.toml", "ermission denied"]);
}

#[test]
fn without_the_rights_of_a_firewall_it_says_so() {
    let place = Place::new();
    fs::write(&place.config, place.good()).unwrap();
    open_to_all(place.folder.path(), 0o777);
    open_to_all(&place.config, 0o644);
    let error = start_as_nobody(&place);
    place.assert_clear(
        &error,
        &[
            "port lan0",
            "net_tap needs CAP_NET_ADMIN",
            "as root",
            "AmbientCapabilities=CAP_NET_ADMIN",
        ],
    );
    assert_eq!(error.status, Some(1), "{}", error.log);
}
