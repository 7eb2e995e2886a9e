//! The test behind `cargo xtask vm-test`: the firewall in a virtual machine, between NICs that QEMU emulates, and two
//! hosts that talk through it.
//!
//! Usage: `vm KERNEL INITRAMFS [igb|virtio|vmxnet3]…`, as root. Ends with status 0 if everything holds, 1 if
//! something does not, 130 if it was interrupted. It cleans up in every case.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a test that a person runs talks to a person")]

mod counts;
mod hosts;
mod lie;
mod machine;
mod nic;
mod report;
mod traffic;
mod trial;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use machine::Boot;
use nic::Nic;
use report::{Report, Stop};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((boot, nics)) = understand(&words) else {
        println!("usage: vm KERNEL INITRAMFS [igb|virtio|vmxnet3]...");
        return ExitCode::from(2);
    };
    let mut report = Report::new();
    let mut broken = false;
    for nic in nics {
        // Whatever happens inside, hosts and machine are values that go when it unwinds.
        match catch_unwind(AssertUnwindSafe(|| trial::run(&mut report, &boot, nic))) {
            Ok(Ok(()) | Err(Stop::Hopeless)) => {}
            Ok(Err(Stop::Interrupted)) => {
                println!("\ninterrupted; everything is cleaned up");
                return ExitCode::from(130);
            }
            Err(_) => broken = true,
        }
    }
    if report.close() && !broken { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What to boot, and which NICs to try; all if none is named.
fn understand(words: &[String]) -> Option<(Boot, Vec<Nic>)> {
    let [kernel, initramfs, names @ ..] = words else { return None };
    let boot = Boot { kernel: kernel.into(), initramfs: initramfs.into() };
    let nics: Vec<Nic> = names.iter().map(|name| Nic::named(name)).collect::<Option<_>>()?;
    Some((boot, if nics.is_empty() { Nic::ALL.into() } else { nics }))
}
