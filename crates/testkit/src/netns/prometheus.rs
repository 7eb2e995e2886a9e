//! A real Prometheus server, scraping one daemon.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::host::{Host, Process};
use super::wait::until;

/// Prometheus on a host's loopback, scraping every second.
#[derive(Debug)]
pub struct Prometheus<'a> {
    host: &'a Host,
    listen: SocketAddr,
    _process: Process,
}

impl<'a> Prometheus<'a> {
    /// Starts it on `listen`, to scrape `target`; its data and log lie in `folder`.
    #[must_use]
    pub fn start(host: &'a Host, listen: SocketAddr, target: SocketAddr, folder: &Path) -> Self {
        let config = folder.join("prometheus.yml");
        let text = format!(
            "global: {{ scrape_interval: 1s }}\n\
             scrape_configs:\n\
             - job_name: sallyport\n  static_configs:\n  - targets: ['{target}']\n"
        );
        fs::write(&config, text).expect("a scratch folder can be written");
        let process = host.spawn(
            &[
                "prometheus".to_owned(),
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.join("tsdb").display()),
                format!("--web.listen-address={listen}"),
            ],
            &folder.join("prometheus.log"),
        );
        until("Prometheus listens", Duration::from_secs(30), || host.reaches(listen));
        Self { host, listen, _process: process }
    }

    /// The answer to an instant query that has one value; `None` while there is none.
    #[must_use]
    pub fn query(&self, query: &str) -> Option<f64> {
        let url = format!("http://{}/api/v1/query", self.listen);
        let expression = format!("query={query}");
        let done = self.host.run(&[
            "curl",
            "-sS",
            "--noproxy",
            "*",
            "-m",
            "5",
            "-G",
            "--data-urlencode",
            &expression,
            &url,
        ]);
        let answer: Value = serde_json::from_str(&done.stdout).ok()?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}
