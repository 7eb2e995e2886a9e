//! The command line's grammar, and the help that goes with it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Talks to the running Sallyport daemon, or works on configuration and capture files alone.
#[derive(Debug, Parser)]
#[command(
    name = "sallyctl",
    version,
    after_help = "Exit status: 0 done, 1 refused or found wanting, 2 usage, 3 daemon not reached."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) general: General,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the daemon listens if nothing else is said.
pub(crate) const DEFAULT_SOCKET: &str = "/run/sallyport/api.sock";

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct General {
    /// Print JSON: one document, or an object a line where the answer streams
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The daemon's socket
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Validate a configuration file
    Check(CheckArguments),
    /// Run a capture through the engine, with the capture's own timestamps
    Replay(ReplayArguments),
    /// Say which screen, state check and rule would judge a packet, step by step
    Explain(ExplainArguments),
    /// How the running box is
    Status,
    /// Its ports: link, speed, what they counted
    Ports,
    /// What became of the frames it received
    Counters,
    /// Its rules in their order, with hit counts and last hits
    Rules,
    /// Its live sessions: list, count, clear
    Sessions(SessionsArguments),
    /// Have the daemon load its configuration file anew
    Reload,
    /// Examine the machine: hugepages, NICs, cores; say what is wrong and the command that mends it
    Doctor(DoctorArguments),
}

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Refuse a file with warnings, too
    #[arg(long)]
    pub(crate) strict: bool,
    /// The configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Looks and changes nothing. Each finding is ok, a note, a warning or a fault; the last two make exit status 1.
The daemon need not run; if it does, it is asked for what only NICs know. Run it as root: others see less.")]
pub(crate) struct DoctorArguments {
    /// The configuration file to examine the machine for; by default the daemon's usual one,
    /// /etc/sallyport/sallyport.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Prints one line for every frame of the capture, in their order, and a summary: as JSON, or as a table if
standard output is a terminal and --json is not given.

At which port a frame enters, --side says by its source address: --side lan0=10.0.0.0/8 has the sources in
10.0.0.0/8 at lan0 and all others at lan0's partner. By default (auto), of each pair of addresses the first
to send is at the first port of the configuration, and its peer at that port's partner.")]
pub(crate) struct ReplayArguments {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The capture: pcap or pcapng, plain or gzip'd
    #[arg(long, value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,
    /// Where sources are: PORT=PREFIX,… or auto
    #[arg(long, value_name = "PORT=PREFIX,…", value_delimiter = ',')]
    pub(crate) side: Vec<String>,
    /// How many workers share the sessions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=128))]
    pub(crate) workers: u16,
    /// Write the frames that were sent, forwarded and made, to this pcap file; if its name ends in .pcapng, all frames,
    /// each with what became of it as its comment
    #[arg(long, value_name = "OUT.pcap")]
    pub(crate) write: Option<PathBuf>,
    /// Print the table even if standard output is no terminal
    #[arg(long, conflicts_with = "json")]
    pub(crate) text: bool,
}

/// `explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example: sallyctl explain tcp 10.1.1.7:40000 192.0.2.80:443 in=lan0
         sallyctl explain tcp [2001:db8::1]:40000 [2001:db8:1::80]:443 in=lan0 flags=SA

Without --config the running daemon answers, and its live sessions count.")]
pub(crate) struct ExplainArguments {
    /// Judge by this configuration file alone, without the daemon
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The packet
    #[arg(
        value_name = "TUPLE",
        required = true,
        help = "proto source[:port] destination[:port] in=PORT [flags=S] [seq=N] [ack=N] [length=N]; IPv6 in \
                brackets where a port follows; tcp, udp and sctp need the destination port"
    )]
    pub(crate) tuple: Vec<String>,
}

/// `sessions`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
FILTER: words key=value that must all hold; keys are host, net, port, proto, state, zone, rule, wire, id.
Example: sallyctl sessions host=10.1.1.7 proto=tcp --limit 20"
)]
pub(crate) struct SessionsArguments {
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
    /// Words key=value, all must hold
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    /// Show at most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

/// What else can be done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// Count them
    Count {
        /// Words key=value, all must hold
        #[arg(value_name = "FILTER")]
        filter: Vec<String>,
    },
    /// End them: their next packets are judged as new
    Clear {
        /// Words key=value, all must hold
        #[arg(value_name = "FILTER", required = true)]
        filter: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sessions_take_a_filter_or_a_command() {
        let sessions = |words: &str| {
            let arguments = Arguments::try_parse_from(words.split(' ')).unwrap();
            let Command::Sessions(sessions) = arguments.command else { panic!("{words}") };
            sessions
        };
        let list = sessions("sallyctl sessions host=10.0.0.1 proto=tcp --limit 5 --json");
        assert_eq!((list.filter.len(), list.limit), (2, Some(5)));
        let count = sessions("sallyctl sessions count proto=udp").command;
        assert!(
            matches!(count, Some(SessionsCommand::Count { filter }) if filter == ["proto=udp"])
        );
        assert!(Arguments::try_parse_from(["sallyctl", "sessions", "clear"]).is_err());
    }

    #[test]
    fn commands_that_are_not_built_are_absent() {
        for word in ["capture", "top", "diff", "confirm", "rollback"] {
            assert!(Arguments::try_parse_from(["sallyctl", word]).is_err(), "{word}");
        }
        assert!(Arguments::try_parse_from(["sallyctl", "reload", "--dry-run"]).is_err());
    }
}
