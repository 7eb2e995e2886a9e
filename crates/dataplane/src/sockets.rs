//! Whether workers sit on the sockets (NUMA nodes) of the ports that they serve, and which CPUs would be better.
//! Pure arithmetic: what is where is an argument.
//!
//! A worker's memory (its mbufs, its shard, the rings that it reads) is on the worker's own socket. Every worker
//! serves every port, so a port on another socket makes each of its frames cross from socket to socket.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

/// Where everything is. A socket that is not known is no socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Ports by name, with the socket of their device, if it has one.
    pub(crate) ports: Vec<(String, Option<u32>)>,
    /// The CPUs of the workers.
    pub(crate) workers: Vec<u32>,
    /// The CPU of the control core.
    pub(crate) control: u32,
    /// The CPUs that could be used, with their sockets.
    pub(crate) cores: BTreeMap<u32, u32>,
}

/// A port that some workers have to reach across sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The port.
    pub port: String,
    /// Its socket.
    pub socket: u32,
    /// CPUs of workers on other sockets.
    pub workers: Vec<u32>,
}

/// What is said of ports and workers on different sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplacement {
    /// Ports that workers reach across sockets.
    pub remote: Vec<Remote>,
    /// As many CPUs for workers that have less of that; none: there are no such.
    pub better: Option<Vec<u32>>,
}

impl Places {
    /// What is to be said, if any port is on another socket than a worker.
    pub(crate) fn misplacement(&self) -> Option<Misplacement> {
        let remote: Vec<Remote> = self.ports.iter().filter_map(|port| self.remote(port)).collect();
        if remote.is_empty() {
            return None;
        }
        let better =
            Some(self.best()).filter(|best| self.crossings(best) < self.crossings(&self.workers));
        Some(Misplacement { remote, better })
    }

    fn remote(&self, (port, socket): &(String, Option<u32>)) -> Option<Remote> {
        let socket = (*socket)?;
        let elsewhere = |core: &u32| self.cores.get(core).is_some_and(|at| *at != socket);
        let workers: Vec<u32> = self.workers.iter().copied().filter(elsewhere).collect();
        (!workers.is_empty()).then(|| Remote { port: port.clone(), socket, workers })
    }

    /// Pairs of a port and a worker on different sockets.
    fn crossings(&self, workers: &[u32]) -> usize {
        workers.iter().map(|core| self.crossings_of(*core)).sum()
    }

    fn crossings_of(&self, core: u32) -> usize {
        let Some(at) = self.cores.get(&core) else { return 0 };
        self.ports.iter().filter(|(_, socket)| socket.is_some_and(|socket| socket != *at)).count()
    }

    /// The CPUs nearest to the ports. Of two that are as near, one that is a worker's already stays.
    fn best(&self) -> Vec<u32> {
        let mut cores: Vec<u32> =
            self.cores.keys().copied().filter(|core| *core != self.control).collect();
        let present: BTreeSet<u32> = self.workers.iter().copied().collect();
        cores.sort_by_key(|core| (self.crossings_of(*core), !present.contains(core), *core));
        cores.truncate(self.workers.len());
        cores.sort_unstable();
        cores
    }
}

impl fmt::Display for Misplacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |cores: &[u32]| cores.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        let mut separator = "";
        for Remote { port, socket, workers } in &self.remote {
            let cores = list(workers);
            write!(
                f,
                "{separator}port {port} is on socket {socket}, and workers on CPUs {cores} are not"
            )?;
            separator = "; ";
        }
        match &self.better {
            Some(better) => write!(f, "; set worker_cores = [{}] in [system]", list(better)),
            None => f.write_str("; no other CPUs would be better"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_case::test_case;

    /// Two sockets of four CPUs, numbered one after the other.
    fn two_by_four() -> BTreeMap<u32, u32> {
        (0..8).map(|core| (core, core / 4)).collect()
    }

    /// Four sockets of two CPUs, numbered by turns.
    fn four_by_two() -> BTreeMap<u32, u32> {
        (0..8).map(|core| (core, core % 4)).collect()
    }

    fn said(ports: &[Option<u32>], workers: &[u32], cores: BTreeMap<u32, u32>) -> Option<String> {
        let named = |(number, socket): (usize, &Option<u32>)| (format!("p{number}"), *socket);
        let places = Places {
            ports: ports.iter().enumerate().map(named).collect(),
            workers: workers.to_vec(),
            control: 0,
            cores,
        };
        places.misplacement().map(|misplacement| misplacement.to_string())
    }

    #[test_case(&[Some(0), Some(0)], &[1, 2], two_by_four(); "all on one socket")]
    #[test_case(&[None, None], &[1, 5], two_by_four(); "virtual devices have none")]
    #[test_case(&[Some(1)], &[5, 6], two_by_four(); "on the other socket")]
    #[test_case(&[Some(0)], &[1, 2], BTreeMap::new(); "nobody knows")]
    fn nothing_is_said(ports: &[Option<u32>], workers: &[u32], cores: BTreeMap<u32, u32>) {
        assert_eq!(said(ports, workers, cores), None);
    }

    #[test_case(&[Some(1), Some(1)], &[1, 2], two_by_four(),
        "port p0 is on socket 1, and workers on CPUs 1, 2 are not; port p1 is on socket 1, and workers on CPUs 1, 2 are \
         not; set worker_cores = [4, 5] in [system]"; "all are remote")]
    #[test_case(&[Some(1), None], &[3, 6], two_by_four(),
        "port p0 is on socket 1, and workers on CPUs 3 are not; set worker_cores = [4, 6] in [system]"; "who is right stays")]
    #[test_case(&[Some(0), Some(0)], &[1, 2, 3, 4], two_by_four(),
        "port p0 is on socket 0, and workers on CPUs 4 are not; port p1 is on socket 0, and workers on CPUs 4 are not; \
         no other CPUs would be better"; "the control core has the fourth CPU")]
    #[test_case(&[Some(0), Some(1)], &[1, 5], two_by_four(),
        "port p0 is on socket 0, and workers on CPUs 5 are not; port p1 is on socket 1, and workers on CPUs 1 are not; \
         no other CPUs would be better"; "a wire between sockets")]
    #[test_case(&[Some(0), Some(1), Some(1)], &[1, 2], two_by_four(),
        "port p1 is on socket 1, and workers on CPUs 1, 2 are not; port p2 is on socket 1, and workers on CPUs 1, 2 are \
         not; set worker_cores = [4, 5] in [system]"; "where most ports are")]
    #[test_case(&[Some(2), Some(2)], &[1, 2], four_by_two(),
        "port p0 is on socket 2, and workers on CPUs 1 are not; port p1 is on socket 2, and workers on CPUs 1 are not; \
         set worker_cores = [2, 6] in [system]"; "CPUs numbered by turns")]
    fn a_port_on_another_socket_is_said(
        ports: &[Option<u32>],
        workers: &[u32],
        cores: BTreeMap<u32, u32>,
        text: &str,
    ) {
        assert_eq!(said(ports, workers, cores).as_deref(), Some(text));
    }
}
