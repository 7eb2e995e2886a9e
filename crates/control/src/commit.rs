//! Commit: from the configuration file to the policy that all workers use.
//!
//! The file is read whole, checked whole and compiled on this side; what workers get is finished. A file
//! that is refused changes nothing. There is one file, the one that the daemon was started with.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{Refusal, RefusalKind, ReloadReport, Severity, Version};
use config::{Loaded, SessionSettings, ValidConfig};
use engine::{Limits, Settings, Snapshot};
use policy::{PolicyDifference, RuleNames};

use crate::clock::{Timestamp, now, present};
use crate::plane::Plane;

/// A policy that was published.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    /// Counts the policies since the start, from 1.
    pub generation: u32,
    /// The time of day of its publication.
    pub loaded: Timestamp,
    /// The same on the monotonic clock.
    pub loaded_at: std::time::Instant,
    /// The configuration that it was made from.
    pub config: Arc<ValidConfig>,
    /// The names of all rules that ever were.
    pub names: Arc<RuleNames>,
    /// Why the reload after this one was refused, if the last one was.
    pub last_refusal: Option<String>,
}

/// A policy that is compiled and not yet published: the one that the plane starts with.
#[derive(Debug)]
pub struct FirstPolicy {
    file: PathBuf,
    committed: Committed,
    snapshot: Arc<Snapshot>,
}

impl FirstPolicy {
    /// Compiles a checked configuration as generation 1. `file` is where reloads will find its successors.
    #[must_use]
    pub fn compile(file: &Path, config: ValidConfig) -> Self {
        let mut names = RuleNames::new();
        let snapshot = compile(1, &config, &mut names);
        let committed = Committed {
            generation: 1,
            loaded: present(),
            loaded_at: now(),
            config: Arc::new(config),
            names: Arc::new(names),
            last_refusal: None,
        };
        Self { file: file.to_owned(), committed, snapshot }
    }

    /// What the workers start with.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ValidConfig {
        &self.committed.config
    }
}

/// The policy in force and the way to the next one.
pub(crate) struct Commit<P> {
    file: PathBuf,
    plane: Arc<P>,
    /// Held for a whole reload, so that there is one at a time.
    reloading: Mutex<()>,
    current: Mutex<Arc<Committed>>,
}

impl<P> fmt::Debug for Commit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("file", &self.file).finish_non_exhaustive()
    }
}

impl<P: Plane> Commit<P> {
    /// Begins with the policy that the plane was started with.
    pub(crate) fn new(first: FirstPolicy, plane: Arc<P>) -> Self {
        let FirstPolicy { file, committed, snapshot: _ } = first;
        let current = Mutex::new(Arc::new(committed));
        Self { file, plane, reloading: Mutex::new(()), current }
    }

    /// The policy in force.
    pub(crate) fn current(&self) -> Arc<Committed> {
        Arc::clone(&self.lock())
    }

    /// The file that reloads read.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the file again and publishes what it says.
    ///
    /// # Errors
    /// If the file is refused; the policy in force stays.
    pub(crate) fn reload(&self) -> Result<ReloadReport, Refusal> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let report = self.try_reload();
        match &report {
            Ok(report) => {
                let ReloadReport { generation, rules, .. } = report;
                log::info!("policy: generation {generation} is in force, number of rules: {rules}");
                for warning in &report.warnings {
                    log::warn!("policy: {warning}");
                }
            }
            Err(refusal) => {
                log::error!("policy: reload refused: {}", refusal.message);
                for diagnostic in &refusal.diagnostics {
                    log::error!("policy: {diagnostic}");
                }
                let mut current = self.lock();
                let last_refusal = Some(refusal.message.clone());
                *current = Arc::new(Committed { last_refusal, ..Committed::clone(&current) });
            }
        }
        report
    }

    fn try_reload(&self) -> Result<ReloadReport, Refusal> {
        let Loaded { config, warnings } = config::load(&self.file).map_err(|errors| {
            let count = errors.errors.len();
            let plural = if count == 1 { "" } else { "s" };
            Refusal {
                diagnostics: errors.errors.iter().chain(&errors.warnings).map(diagnostic).collect(),
                ..Refusal::new(
                    RefusalKind::InvalidConfiguration,
                    format!(
                        "{} has {count} error{plural}; the running policy is untouched",
                        self.file.display()
                    ),
                )
            }
        })?;
        let before = self.current();
        let restart = before.config.restart_needed(&config);
        if !restart.is_empty() {
            let message = format!(
                "{} changes {}, which only a restart can take over; the running policy is untouched",
                self.file.display(),
                restart.join(", ")
            );
            return Err(Refusal::new(RefusalKind::RestartNeeded, message));
        }
        let difference = before.config.policy.difference(&config.policy);
        let generation = before.generation.saturating_add(1);
        let mut names = RuleNames::clone(&before.names);
        let snapshot = compile(generation, &config, &mut names);
        let rules = config.policy.rules.len() as u64;
        // Names before the policy: nobody may meet a rule whose name is not known.
        *self.lock() = Arc::new(Committed {
            generation,
            loaded: present(),
            loaded_at: now(),
            config: Arc::new(config),
            names: Arc::new(names),
            last_refusal: None,
        });
        self.plane.publish(snapshot);
        let PolicyDifference { added, removed, changed, reordered, zone_pairs } = difference;
        Ok(ReloadReport {
            version: Version,
            generation,
            rules,
            added,
            removed,
            changed,
            reordered,
            zone_pairs,
            warnings: warnings.iter().map(diagnostic).collect(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Committed>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compile(generation: u32, config: &ValidConfig, names: &mut RuleNames) -> Arc<Snapshot> {
    let SessionSettings { max, ipv6, per_source, embryonic } = config.sessions.clone();
    let ValidConfig { policy, topology, timeouts, screens, .. } = config;
    let limits = Limits { max, ipv6, per_source, embryonic };
    let settings = Settings { timeouts: timeouts.clone(), limits, screens: *screens };
    Snapshot::compile(generation, policy, topology, &settings, names)
}

fn diagnostic(found: &config::Diagnostic) -> api::Diagnostic {
    let config::Diagnostic { severity, subject: _, file, position, path, message, hint } = found;
    api::Diagnostic {
        severity: match severity {
            config::Severity::Error => Severity::Error,
            config::Severity::Warning => Severity::Warning,
        },
        file: file.clone(),
        line: position.as_ref().map(|position| position.line as u64),
        column: position.as_ref().map(|position| position.column as u64),
        path: path.clone(),
        message: message.clone(),
        hint: hint.clone(),
    }
}
