//! From a file's name to a running firewall, and to its end.
//!
//! The order keeps half a firewall from standing: everything that can be refused without touching a
//! port is refused first (the file, the API socket, the metrics address, the log), then the ports and
//! workers start or do not, and only then is anybody answered.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{panic, process, thread};

use anyhow::{Result, anyhow, bail};
use config::{Loaded, ValidConfig};
use control::{Control, FirstPolicy, LivePlane, Openings};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::service::{self, Watchdog};

/// How often the main thread looks after signals and workers.
const ROUND: Duration = Duration::from_millis(50);

/// Runs the daemon until it is told to end.
pub(crate) fn run(file: &Path) -> Result<()> {
    let started = clock();
    let Loaded { config, warnings } = config::load(file).map_err(|errors| anyhow!("{errors}"))?;
    for warning in warnings {
        log::warn!("{warning}");
    }
    // From here on a signal to end is kept until the firewall stands, and then obeyed.
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| anyhow!("signals cannot be caught: {error}"))?;
    let first = FirstPolicy::compile(file, config);
    let openings = Openings::take(first.config())?;
    let plane = LivePlane::start(first.config(), &first.snapshot())?;
    let ready = describe(first.config(), &openings);
    let plane = Arc::new(plane);
    cut_on_panic(Arc::clone(&plane));
    let control = match Control::start(openings, first, Arc::clone(&plane), started) {
        Ok(control) => control,
        Err(error) => {
            plane.stop();
            return Err(error.into());
        }
    };
    log::info!("{ready}");
    service::ready(&ready);
    look_after(&control, &mut signals);
    service::stopping();
    control.stop();
    if !plane.stop() {
        bail!("the firewall did not end in order");
    }
    log::info!("ended after {} s", started.elapsed().as_secs());
    Ok(())
}

/// From here on a panic of any thread sets the links down and ends the process, in builds that unwind as well.
fn cut_on_panic(plane: Arc<LivePlane>) {
    panic::set_hook(Box::new(move |panic| {
        let thread = thread::current();
        control::last_words(&*plane, thread.name().unwrap_or("unnamed"), panic);
        process::abort();
    }));
}

/// The main thread's work, until a signal to end.
fn look_after(control: &Control<LivePlane>, signals: &mut Signals) {
    let mut watchdog = Watchdog::new(clock());
    loop {
        for signal in signals.pending() {
            match signal {
                SIGHUP => {
                    service::reloading();
                    service::ready(&reload(control));
                }
                _ => {
                    log::info!("told to end");
                    return;
                }
            }
        }
        if let Err(breakdown) = control.tick() {
            log::error!("{breakdown}");
            service::stopping();
            // A worker that hangs cannot be joined, nor DPDK be cleaned up under it.
            signal_hook::low_level::exit(1);
        }
        watchdog.alive(clock());
        thread::sleep(ROUND);
    }
}

/// Loads the file anew and says in a line what came of it. The log has the details by then.
fn reload(control: &Control<LivePlane>) -> String {
    match control.reload() {
        Ok(report) => {
            format!("generation {} with {} in force", report.generation, rules(report.rules))
        }
        Err(refusal) => format!("reload refused: {}", refusal.message),
    }
}

fn rules(count: u64) -> String {
    if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") }
}

/// The line that says that the firewall stands, and of what it is made.
fn describe(config: &ValidConfig, openings: &Openings) -> String {
    let ports: Vec<_> = config.ports.iter().map(|port| port.name.as_str()).collect();
    let cores: Vec<_> = config.system.worker_cores.iter().map(ToString::to_string).collect();
    let (workers, on_cores) = match cores.len() {
        1 => ("1 worker".to_owned(), "core"),
        count => (format!("{count} workers"), "cores"),
    };
    let metrics = openings.metrics_address().map_or_else(
        || "no metrics".to_owned(),
        |address| format!("metrics http://{address}/metrics"),
    );
    format!(
        "ready: ports {}; {workers} on {on_cores} {}; {}; API {}; {metrics}",
        ports.join(", "),
        cores.join(", "),
        rules(config.policy.rules.len() as u64),
        config.system.socket.display(),
    )
}

#[expect(clippy::disallowed_methods, reason = "the daemon lives in real time")]
fn clock() -> Instant {
    Instant::now()
}
