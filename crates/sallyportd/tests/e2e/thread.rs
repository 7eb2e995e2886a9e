//! One thread of the running daemon, made to fail where it stands. The program is the one that users run: what is
//! done to it is done from outside, by ptrace(2), as a debugger does it.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use testkit::netns::{Daemon, within};

/// A thread that stands still; it goes on, or its process ends, when this is dropped.
pub(crate) struct Caught(Pid);

impl Caught {
    /// Stops the thread of that name, and no other.
    pub(crate) fn thread(daemon: &Daemon, name: &str) -> Self {
        let thread = named(daemon.pid(), name);
        ptrace::seize(thread, ptrace::Options::empty()).expect("root may trace");
        ptrace::interrupt(thread).expect("a traced thread can be stopped");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it stops");
        Self(thread)
    }

    /// Lets it go on as if it had called a function of the program that panics.
    pub(crate) fn panic(self, program: &Path) {
        let mut registers = ptrace::getregs(self.0).expect("it stands still");
        let entry = base(self.0, program) + panicking(program);
        registers.rip = entry;
        // Below what the interrupted function may have below its stack pointer, and as a call leaves it
        // (System V ABI: 16 octets and a return address).
        registers.rsp = ((registers.rsp - 1024) & !15) - 8;
        // A system call that was interrupted is not begun again.
        registers.orig_rax = u64::MAX;
        ptrace::setregs(self.0, registers).expect("it stands still");
        ptrace::detach(self.0, None).expect("it stands still");
        core::mem::forget(self);
    }

    /// Waits for the end of the daemon while it stands still. A traced thread has to be waited for on its own, or
    /// its process is never seen to end.
    pub(crate) fn while_daemon_ends(
        &self,
        daemon: &mut Daemon,
        limit: Duration,
    ) -> Option<ExitStatus> {
        within(limit, || {
            waitpid(self.0, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)).ok();
            daemon.wait_for(Duration::from_millis(5))
        })
    }
}

impl Drop for Caught {
    fn drop(&mut self) {
        // It may have ended with its process.
        ptrace::detach(self.0, None).ok();
    }
}

fn named(pid: i32, name: &str) -> Pid {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon runs");
    let found = tasks.filter_map(Result::ok).find(|task| {
        fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
    });
    let task = found.unwrap_or_else(|| unreachable!("no thread {name}")).file_name();
    Pid::from_raw(task.to_str().and_then(|number| number.parse().ok()).expect("a number"))
}

/// Where the program lies in memory: its mappings are in the order of their addresses.
fn base(thread: Pid, program: &Path) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{thread}/maps")).expect("the daemon runs");
    let name = program.to_str().expect("a path of ASCII");
    let first = maps.lines().find(|line| line.ends_with(name)).expect("it is there");
    let address = first.split('-').next().expect("an address");
    u64::from_str_radix(address, 16).expect("a hexadecimal number")
}

/// Where in the program the function is that panics for want of anything better, and takes no argument.
fn panicking(program: &Path) -> u64 {
    let listed = Command::new("nm").arg(program).output().expect("nm, of package binutils");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let line = listed
        .lines()
        .find(|line| line.contains("9panicking19panic_cannot_unwind"))
        .unwrap_or_else(|| unreachable!("no panic in {}", program.display()));
    let address = line.split(' ').next().expect("an address");
    u64::from_str_radix(address, 16).expect("a hexadecimal number")
}
