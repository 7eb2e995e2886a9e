//! File servers on a host: FTP by vsftpd, TFTP by in.tftpd, each with a folder of its own.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::host::{Host, Process};
use super::site::scratch;
use super::wait::{until, within};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(15);

/// A server and the files that it serves: `get` of them may be read, to `put` one may write. Ended and deleted
/// when dropped.
#[derive(Debug)]
pub struct FileServer {
    _process: Process,
    folder: TempDir,
}

impl FileServer {
    /// Puts a file among those that may be read.
    pub fn offer(&self, name: &str, content: &[u8]) {
        write(&self.folder.path().join("root/get").join(name), content);
    }

    /// What was written under a name, once all of so many octets has come.
    #[must_use]
    pub fn received(&self, name: &str, octets: usize) -> Option<Vec<u8>> {
        let path = self.folder.path().join("root/put").join(name);
        // The client has sent all before the server has written all.
        within(START, || fs::read(&path).ok().filter(|content| content.len() >= octets))
    }

    /// What the server itself said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Host {
    /// Serves FTP to anybody on port 21 of all addresses. It obeys a PORT of another host's address: to refuse
    /// that is the firewall's.
    #[must_use]
    pub fn serve_ftp(&self) -> FileServer {
        let folder = folders();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = folder.path().join("vsftpd.conf");
        // The sandboxes of vsftpd are made for older kernels, and one takes the network from a session.
        let lines = [
            "listen=NO\nlisten_ipv6=YES\nbackground=NO\n".to_owned(),
            "anonymous_enable=YES\nno_anon_password=YES\nlocal_enable=NO\n".to_owned(),
            "write_enable=YES\nanon_upload_enable=YES\nanon_umask=022\nanon_other_write_enable=YES\n".to_owned(),
            "port_promiscuous=YES\nisolate=NO\nisolate_network=NO\nseccomp_sandbox=NO\n".to_owned(),
            format!("anon_root={}\n", path("root")),
            format!("secure_chroot_dir={}\n", path("empty")),
        ];
        write(&config, lines.concat().as_bytes());
        let process =
            self.spawn(&["vsftpd", &config.display().to_string()], &folder.path().join("log"));
        let server = FileServer { _process: process, folder };
        self.await_listener(&server, (IpAddr::from([127, 0, 0, 1]), 21).into());
        server
    }

    /// Serves TFTP to anybody on port 69 of one address.
    #[must_use]
    pub fn serve_tftp(&self, address: IpAddr) -> FileServer {
        let folder = folders();
        let root = folder.path().join("root").display().to_string();
        let at = SocketAddr::new(address, 69).to_string();
        let words = ["in.tftpd", "--foreground", "--secure", "--create", "--address", &at, &root];
        let process = self.spawn(&words, &folder.path().join("log"));
        let hexadecimal = ":0045 ";
        until("in.tftpd listens on port 69", START, || {
            ["udp", "udp6"].iter().any(|table| {
                self.run(&["cat", &format!("/proc/net/{table}")]).stdout.contains(hexadecimal)
            })
        });
        FileServer { _process: process, folder }
    }

    fn await_listener(&self, server: &FileServer, address: SocketAddr) {
        let listens = within(START, || self.reaches(address).then_some(()));
        assert!(listens.is_some(), "no server on {address}:\n{}", server.log());
    }
}

/// A folder that servers can enter without any right.
fn folders() -> TempDir {
    let folder = scratch();
    let modes =
        [("", 0o755), ("empty", 0o755), ("root", 0o755), ("root/get", 0o755), ("root/put", 0o777)];
    for (name, mode) in modes {
        let path: PathBuf = folder.path().join(name);
        fs::create_dir_all(&path).expect("a scratch folder can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a folder of ours");
    }
    folder
}

fn write(path: &Path, content: &[u8]) {
    fs::File::create(path)
        .and_then(|mut file| file.write_all(content))
        .unwrap_or_else(|error| panic!("{path:?}: {error}"));
}
