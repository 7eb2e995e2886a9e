//! A box in a namespace of its own between two hosts, joined by veth pairs, as af_packet and af_xdp want it.

use testkit::netns::Host;

pub(crate) struct Between {
    pub(crate) cli: Host,
    pub(crate) fw: Host,
    pub(crate) srv: Host,
}

impl Between {
    pub(crate) fn new() -> Self {
        let between = Self { cli: Host::new("cli"), fw: Host::new("fw"), srv: Host::new("srv") };
        testkit::netns::veth((&between.cli, "eth0"), (&between.fw, "lan"));
        testkit::netns::veth((&between.srv, "eth0"), (&between.fw, "wan"));
        between
    }
}
