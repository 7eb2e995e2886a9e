//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// The Sallyport firewall daemon.
///
/// Runs in the foreground and logs to standard error. SIGHUP loads the configuration file anew, SIGTERM
/// and SIGINT end it with status 0.
#[derive(Debug, Parser)]
#[command(name = "sallyportd", version)]
pub(crate) struct Arguments {
    /// The configuration file; `sallyctl check FILE` tells whether it is right.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_file_is_needed() {
        let arguments = Arguments::try_parse_from(["sallyportd", "--config", "a.toml"]).unwrap();
        assert_eq!(arguments.config, PathBuf::from("a.toml"));
        let error = Arguments::try_parse_from(["sallyportd"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_version_is_told() {
        let told = Arguments::try_parse_from(["sallyportd", "--version"]).unwrap_err();
        assert_eq!(told.to_string(), format!("sallyportd {}\n", env!("CARGO_PKG_VERSION")));
    }
}
