//! Files fetched by FTP: the data connection passes because the control conversation announced it.

use std::net::SocketAddr;

use testkit::netns::{INSIDE_V4, OUTSIDE_V4, Process, Site, until};

use super::scenes::{SOON, grown, told};
use super::stage::Shown;

/// Enough of an FTP server, by Python alone: `RETR` sends one line, in passive and in active mode.
const SERVER: &str = r#"
import socket
def serve(control):
    say = lambda text: control.sendall((text + "\r\n").encode())
    say("220 ready")
    for line in control.makefile("r", newline="\r\n"):
        verb, _, rest = line.strip().partition(" ")
        if verb == "USER":
            say("230 welcome")
        elif verb == "PASV":
            listener = socket.create_server((control.getsockname()[0], 0))
            host, port = listener.getsockname()
            data = lambda: listener.accept()[0]
            say("227 Entering Passive Mode (%s,%d,%d)" % (host.replace(".", ","), port >> 8, port & 255))
        elif verb == "PORT":
            numbers = rest.split(",")
            target = (".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5]))
            data = lambda: socket.create_connection(target)
            say("200 agreed")
        elif verb == "RETR":
            say("150 here it comes")
            with data() as connection:
                connection.sendall(b"Fetched by FTP.\n")
            say("226 done")
        elif verb in ("TYPE", "NOOP"):
            say("200 agreed")
        elif verb == "QUIT":
            say("221 goodbye")
            return
        else:
            say("500 what?")
listener = socket.create_server(("", 21))
while True:
    with listener.accept()[0] as control:
        try:
            serve(control)
        except OSError:
            pass  # it has gone
"#;

/// Starts the server outside.
pub(crate) fn serve(site: &Site) -> Process {
    let server = site.outside.spawn(&["python3", "-c", SERVER], &site.folder().join("ftp.log"));
    let address = SocketAddr::from((OUTSIDE_V4, 21));
    until("the FTP server listens", SOON * 5, || site.outside.reaches(address));
    server
}

/// Fetches a file by curl, in both modes.
pub(crate) fn fetch(site: &Site) -> Shown {
    let url = format!("ftp://{OUTSIDE_V4}/line");
    let limit = SOON.as_secs().to_string();
    let mut holds = true;
    let mut evidence = Vec::new();
    for (mode, words) in
        [("passive", &["--disable-epsv"][..]), ("active", &["--ftp-port", "-", "--disable-eprt"])]
    {
        let before = site.ctl().created("tcp");
        let always = ["curl", "-sS", "--noproxy", "*", "-m", &limit, &url];
        let got = site.inside.run(&[&always, words].concat());
        let made = site.ctl().created("tcp") - before;
        holds &= got.stdout == "Fetched by FTP.\n" && made == 2;
        evidence.push(format!(
            "curl {url}, {mode}: {:?}; TCP sessions created: {made}",
            got.stdout.trim_end()
        ));
    }
    let claimed = site
        .metrics()
        .sum("sallyport_expectations_claimed_total", &[("proto", "ftp")])
        .unwrap_or(0.0);
    holds &= claimed >= 2.0;
    evidence.push(format!("announced connections that came: {claimed}"));
    Shown { holds, evidence }
}

/// Connects as an FTP server would, from its data port, to a port that nobody has announced.
pub(crate) fn intrude(site: &Site) -> Shown {
    let target = SocketAddr::from((INSIDE_V4, 5001));
    let before = site.ctl().all_drops();
    let came = site.outside.connect(target, SOON).is_ok();
    let after = grown(&before, &site.ctl().all_drops());
    Shown {
        holds: !came && after.contains_key("no_rule"),
        evidence: vec![
            format!(
                "{OUTSIDE_V4} > {target}: {}",
                if came { "connected" } else { "no answer in 3 s" }
            ),
            told(&after),
        ],
    }
}
