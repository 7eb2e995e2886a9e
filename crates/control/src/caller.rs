//! Who is at the other end of a connection, and what that user may do.

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Gid, Uid, User, geteuid, getgrouplist};

use crate::socket::GroupIds;

/// The process that connected, as the kernel names it (SO_PEERCRED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    uid: Uid,
    gid: Gid,
    pid: i32,
}

impl Caller {
    /// Asks the kernel.
    pub(crate) fn of(stream: &UnixStream) -> io::Result<Self> {
        let peer = getsockopt(stream, sockopt::PeerCredentials)?;
        Ok(Self { uid: Uid::from_raw(peer.uid()), gid: Gid::from_raw(peer.gid()), pid: peer.pid() })
    }

    /// A user who is in no group and owns nothing.
    #[cfg(test)]
    pub(crate) fn stranger() -> Self {
        Self { uid: Uid::from_raw(4_000_000), gid: Gid::from_raw(4_000_000), pid: 1 }
    }

    /// Whether it may read. The socket's mode has let it in already; this holds where the mode was
    /// widened by hand.
    pub(crate) fn may_read(self, groups: GroupIds) -> bool {
        self.is_owner()
            || groups.read.is_some_and(|group| self.is_in(group))
            || self.may_change(groups)
    }

    /// Whether it may reload and clear: root, the daemon's own user, and the members of `admin_group`.
    pub(crate) fn may_change(self, groups: GroupIds) -> bool {
        self.is_owner() || groups.admin.is_some_and(|group| self.is_in(group))
    }

    fn is_owner(self) -> bool {
        self.uid.is_root() || self.uid == geteuid()
    }

    /// Membership by the process's own group, else by the machine's data base of users.
    fn is_in(self, group: Gid) -> bool {
        self.gid == group || self.groups().is_some_and(|groups| groups.contains(&group))
    }

    fn groups(self) -> Option<Vec<Gid>> {
        let user = User::from_uid(self.uid).ok()??;
        let name = CString::new(user.name).ok()?;
        getgrouplist(&name, user.gid).ok()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match User::from_uid(self.uid) {
            Ok(Some(user)) => write!(f, "{} (pid {})", user.name, self.pid),
            Ok(None) | Err(_) => write!(f, "uid {} (pid {})", self.uid, self.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    const STAFF: Gid = Gid::from_raw(4_000_000);
    const ADMIN: Gid = Gid::from_raw(4_000_001);
    const GROUPS: GroupIds = GroupIds { read: Some(STAFF), admin: Some(ADMIN) };

    fn caller(uid: u32, gid: Gid) -> Caller {
        Caller { uid: Uid::from_raw(uid), gid, pid: 1 }
    }

    #[test_case(0, Gid::from_raw(4_000_009), true, true; "root")]
    #[test_case(4_000_000, STAFF, true, false; "a reader")]
    #[test_case(4_000_000, ADMIN, true, true; "an administrator")]
    #[test_case(4_000_000, Gid::from_raw(4_000_009), false, false; "a stranger")]
    fn rights(uid: u32, gid: Gid, read: bool, change: bool) {
        let caller = caller(uid, gid);
        assert_eq!((caller.may_read(GROUPS), caller.may_change(GROUPS)), (read, change));
    }

    #[test]
    fn without_groups_only_the_owner() {
        let groups = GroupIds::default();
        assert!(!caller(4_000_000, STAFF).may_read(groups));
        let own = caller(geteuid().as_raw(), STAFF);
        assert!(own.may_read(groups) && own.may_change(groups));
    }

    #[test]
    fn the_kernel_names_this_process() {
        let (stream, _other) = UnixStream::pair().unwrap();
        let caller = Caller::of(&stream).unwrap();
        assert_eq!((caller.uid, caller.pid.cast_unsigned()), (geteuid(), std::process::id()));
    }
}
