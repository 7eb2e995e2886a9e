//! The API socket as a file: taking its path, its owner and mode, and removing it again.
//!
//! A socket file outlives the process that made it. One that nobody answers on is removed; one that a
//! living process answers on is left alone, and its process named.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Group};
use thiserror::Error;

/// Mode of the socket: its user and its group may connect.
const MODE: u32 = 0o660;

/// Why the API socket cannot be had.
#[derive(Debug, Error)]
pub enum ApiSocketError {
    /// A living process answers there.
    #[error(
        "API socket {}: address in use by process {pid}; end that process, or set another \
         `socket` in [system]", path.display()
    )]
    InUse {
        /// The path.
        path: PathBuf,
        /// The process.
        pid: i32,
    },
    /// Something that is no socket lies there.
    #[error("API socket {}: there is a file that is no socket; move it away, or set another `socket` in [system]", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// A group of the configuration does not exist.
    #[error(
        "no group `{group}` on this machine (`{key}` in [system]); create it: groupadd --system {group}"
    )]
    NoGroup {
        /// The key in `[system]`.
        key: &'static str,
        /// The group's name.
        group: String,
    },
    /// The system refused one of the steps.
    #[error("API socket {}: cannot {step}: {source}{}", path.display(), remedy(source))]
    System {
        /// The path.
        path: PathBuf,
        /// The step.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem};
    let kind = error.kind();
    if kind == PermissionDenied || kind == ReadOnlyFilesystem {
        "; run as root, or set `socket` in [system] to a directory that this user may write"
    } else if kind == InvalidInput {
        "; the path may have at most 107 bytes"
    } else {
        ""
    }
}

/// Who may use the socket, as the configuration says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SocketGroups {
    /// The group that may connect and read.
    pub read: Option<String>,
    /// The group that may change the box.
    pub admin: Option<String>,
}

/// The groups, found on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupIds {
    pub(crate) read: Option<Gid>,
    pub(crate) admin: Option<Gid>,
}

impl SocketGroups {
    fn resolve(&self) -> Result<GroupIds, ApiSocketError> {
        let find = |key, name: &Option<String>| {
            let Some(name) = name else { return Ok(None) };
            match Group::from_name(name) {
                Ok(Some(group)) => Ok(Some(group.gid)),
                Ok(None) | Err(_) => Err(ApiSocketError::NoGroup { key, group: name.clone() }),
            }
        };
        Ok(GroupIds {
            read: find("socket_group", &self.read)?,
            admin: find("admin_group", &self.admin)?,
        })
    }
}

/// The bound socket. Connections wait until it is served. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct ApiSocket {
    pub(crate) listener: UnixListener,
    pub(crate) groups: GroupIds,
    pub(crate) file: SocketFile,
}

impl ApiSocket {
    /// Takes the path: makes its directory if need be, removes a dead daemon's socket, binds, and gives
    /// the socket to the group that may read (without one: to the group of administrators).
    ///
    /// # Errors
    /// See [`ApiSocketError`].
    pub(crate) fn bind(path: &Path, groups: &SocketGroups) -> Result<Self, ApiSocketError> {
        let system =
            |step| move |source| ApiSocketError::System { path: path.to_owned(), step, source };
        let groups = groups.resolve()?;
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(system("make its directory"))?;
        }
        remove_dead(path)?;
        let listener = UnixListener::bind(path).map_err(system("bind"))?;
        let file = SocketFile::of(path).map_err(system("look at it"))?;
        // The group first: a mode that lets a group in must not meet the wrong group.
        if let Some(group) = groups.read.or(groups.admin) {
            chown(path, None, Some(group.as_raw())).map_err(system("give it to its group"))?;
        }
        let mode = fs::Permissions::from_mode(MODE);
        fs::set_permissions(path, mode).map_err(system("set its mode"))?;
        Ok(Self { listener, groups, file })
    }
}

/// Removes the socket of a daemon that is dead.
fn remove_dead(path: &Path) -> Result<(), ApiSocketError> {
    let system =
        |step| move |source| ApiSocketError::System { path: path.to_owned(), step, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system("look at it")(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ApiSocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(stream) => {
            let pid = getsockopt(&stream, sockopt::PeerCredentials).map_or(0, |peer| peer.pid());
            Err(ApiSocketError::InUse { path: path.to_owned(), pid })
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(system("remove the socket of a dead daemon"))
        }
        Err(error) => Err(system("find out whether it is in use")(error)),
    }
}

/// The file of a bound socket; removed on drop, unless another has taken its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode));
        if ours && let Err(error) = fs::remove_file(&self.path) {
            log::warn!("{} stays behind: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(path: &Path) -> Result<ApiSocket, ApiSocketError> {
        ApiSocket::bind(path, &SocketGroups::default())
    }

    #[test]
    fn directory_mode_and_removal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/sallyport/api.sock");
        let socket = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, MODE);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_socket_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        bind(&path).unwrap();
    }

    #[test]
    fn a_living_one_is_left_alone_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        let _living = UnixListener::bind(&path).unwrap();
        let error = bind(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn a_file_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        fs::write(&path, "precious").unwrap();
        assert!(matches!(bind(&path).unwrap_err(), ApiSocketError::NotASocket { .. }));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn one_that_took_the_place_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        let socket = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(UnixStream::connect(&path).is_ok());
    }

    #[test]
    fn an_unknown_group_is_named_with_its_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        let groups = SocketGroups { read: None, admin: Some("nobody-has-this".to_owned()) };
        let error = ApiSocket::bind(&path, &groups).unwrap_err().to_string();
        assert!(error.contains("nobody-has-this") && error.contains("admin_group"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn the_socket_belongs_to_its_group() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api.sock");
        let nogroup = Group::from_name("nogroup").unwrap().unwrap();
        let groups = SocketGroups { read: Some("nogroup".to_owned()), admin: None };
        let _socket = ApiSocket::bind(&path, &groups).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().gid(), nogroup.gid.as_raw());
    }
}
