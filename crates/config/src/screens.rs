//! `[screens]`: what packets must not bear, whoever they are of.

use policy::{Checksums, Ipv4Options, Ipv6Options, Permission, Screens};

use crate::checker::{Checker, Keys, Section};

const SCREENS: Keys = Keys {
    known: &["ipv4_options", "ipv6_options", "checksums", "udp6_zero_checksum"],
    later: &[],
};
const IPV4_OPTIONS: Keys =
    Keys { known: &["source_route", "record", "router_alert", "other"], later: &[] };
const IPV6_OPTIONS: Keys = Keys { known: &["router_alert", "other"], later: &[] };

impl<'a> Checker<'a> {
    pub(crate) fn screens(&mut self, root: &Section<'a>) -> Screens {
        let mut screens = Screens::default();
        let Some(section) =
            root.get("screens").and_then(|node| self.section(&node, "[screens]", SCREENS))
        else {
            return screens;
        };
        let options = |checker: &mut Self, key, keys| {
            let node = section.get(key)?;
            checker.section(&node, format!("{key} of [screens]"), keys)
        };
        if let Some(options) = options(self, "ipv4_options", IPV4_OPTIONS) {
            let Ipv4Options { source_route, record, router_alert, other } =
                &mut screens.ipv4_options;
            self.permission(&options, "source_route", source_route);
            self.permission(&options, "record", record);
            self.permission(&options, "router_alert", router_alert);
            self.permission(&options, "other", other);
        }
        if let Some(options) = options(self, "ipv6_options", IPV6_OPTIONS) {
            let Ipv6Options { router_alert, other } = &mut screens.ipv6_options;
            self.permission(&options, "router_alert", router_alert);
            self.permission(&options, "other", other);
        }
        if let Some(node) = section.get("checksums")
            && let Some(checksums) = self.choice(&node, Checksums::ALL, Checksums::name)
        {
            screens.checksums = checksums;
        }
        self.permission(&section, "udp6_zero_checksum", &mut screens.udp6_zero_checksum);
        screens
    }

    /// Keeps the default where the file says nothing, or nothing right.
    fn permission(&mut self, section: &Section<'a>, key: &str, permission: &mut Permission) {
        if let Some(node) = section.get(key)
            && let Some(word) = self.choice(&node, Permission::ALL, Permission::name)
        {
            *permission = word;
        }
    }
}
