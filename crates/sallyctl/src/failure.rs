//! Why a command was not done, and the exit status that tells it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use api::ClientError;

/// Every way to end other than with status 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refused, or found wanting: status 1.
    Refused(anyhow::Error),
    /// Refused or found wanting, and everything was said on standard output: status 1.
    Told,
    /// The command line makes no sense: status 2.
    Usage(anyhow::Error),
    /// The daemon was not reached: status 3.
    NotReached(ClientError),
    /// Nobody reads the output any more. The reader had what it wanted: status 0.
    ReaderGone,
}

impl Failure {
    /// The words for a refusal.
    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::Refused(anyhow::anyhow!("{message}"))
    }

    /// The words for a command line that makes no sense.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::Usage(anyhow::anyhow!("{message}"))
    }

    /// Says it on `errors`, and gives the exit status.
    pub(crate) fn tell(&self, errors: &mut impl io::Write) -> ExitCode {
        let (message, code) = match self {
            Self::Refused(error) => (format!("sallyctl: {error:#}"), 1),
            Self::Usage(error) => (
                format!("sallyctl: {error:#}\nTry `sallyctl --help`, or --help after a command."),
                2,
            ),
            Self::NotReached(error) => (format!("sallyctl: {error}"), 3),
            Self::Told => return ExitCode::from(1),
            Self::ReaderGone => return ExitCode::SUCCESS,
        };
        // There is nobody left to tell if standard error is closed; the status still says it.
        drop(writeln!(errors, "{message}"));
        ExitCode::from(code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Refused(anyhow::Error::new(error).context("cannot write the output"))
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotReached { .. } => Self::NotReached(error),
            ClientError::Lost { .. } => Self::NotReached(error),
            ClientError::Refused(_) | ClientError::NotUnderstood { .. } => {
                Self::Refused(error.into())
            }
        }
    }
}
