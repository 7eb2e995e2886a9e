//! `[[rule]]` and `[[zone_pair]]`.

use policy::{
    Action, AddressSet, LogWhen, Policy, Rule, RuleLimits, ServiceItem, TcpMode, UnmatchableReason,
    ZonePair, ZoneSet,
};
use toml::de::DeValue;

use crate::addresses::{self, Addresses};
use crate::checker::{At, Checker, Keys, Node, Section};
use crate::diagnostic::Subject;
use crate::ports::Zones;
use crate::services::{self, Services};

const RULE: Keys = Keys {
    known: &[
        "name",
        "from",
        "to",
        "source",
        "not_source",
        "destination",
        "not_destination",
        "service",
        "action",
        "log",
        "enabled",
        "description",
        "tags",
        "tcp",
        "timeouts",
        "limits",
    ],
    later: &["schedule"],
};
const LIMITS: Keys =
    Keys { known: &["sessions", "per_source", "per_destination", "embryonic"], later: &[] };
const ZONE_PAIR: Keys = Keys { known: &["from", "to", "tcp"], later: &[] };

/// What rules refer to.
pub(crate) struct Objects<'o, 'a> {
    pub(crate) zones: &'o Zones,
    pub(crate) addresses: &'o mut Addresses<'a>,
    pub(crate) services: &'o mut Services<'a>,
    /// Sessions of the whole box: what a rule's limits are measured by.
    pub(crate) max: u32,
}

impl<'a> Checker<'a> {
    pub(crate) fn zone_pairs(&mut self, root: &Section<'a>, zones: &Zones) -> Vec<ZonePair> {
        let items = root
            .get("zone_pair")
            .and_then(|node| self.list(&node, "write [[zone_pair]], with two brackets"));
        let mut pairs: Vec<ZonePair> = Vec::new();
        for item in items.unwrap_or_default() {
            let Some(section) = self.section(&item, "[[zone_pair]]", ZONE_PAIR) else { continue };
            let from =
                self.required(&section, "from").and_then(|node| self.known_zone(&node, zones));
            let to = self.required(&section, "to").and_then(|node| self.known_zone(&node, zones));
            let tcp =
                section.get("tcp").map(|node| self.choice(&node, TcpMode::ALL, TcpMode::name));
            let (Some(from), Some(to)) = (from, to) else { continue };
            if pairs.iter().any(|pair| pair.from == from && pair.to == to) {
                let message = "this pair of zones is there already";
                self.error(Subject::Name, &section.at, message, "write each pair once");
                continue;
            }
            let tcp = tcp.flatten().unwrap_or(TcpMode::Strict);
            pairs.push(ZonePair { from, to, tcp });
        }
        pairs
    }

    /// The rules, and the place of each one's name.
    pub(crate) fn rules(
        &mut self,
        root: &Section<'a>,
        objects: &mut Objects<'_, 'a>,
    ) -> (Vec<Rule>, Vec<At>) {
        let mut rules: Vec<Rule> = Vec::new();
        let mut places = Vec::new();
        let Some(node) = root.get("rule") else {
            let message = "there is no [[rule]]: every new session is dropped";
            self.warning(
                Subject::Key,
                &Self::start(),
                message,
                "add the rules that let sessions start",
            );
            return (rules, places);
        };
        for item in self.list(&node, "write [[rule]], with two brackets").unwrap_or_default() {
            let Some(section) = self.section(&item, "[[rule]]", RULE) else { continue };
            let name_node = self.required(&section, "name");
            let name = name_node.as_ref().and_then(|node| self.name(node));
            if let (Some(node), Some(name)) = (&name_node, name)
                && rules.iter().any(|rule| rule.name == name)
            {
                let message = format!("there are two rules called {name:?}");
                self.error(Subject::Name, &node.at, message, "give each rule a name of its own");
            }
            rules.push(self.rule(&section, name.unwrap_or_default(), objects));
            places.push(name_node.map_or_else(|| section.at.clone(), |node| node.at));
        }
        (rules, places)
    }

    fn rule(&mut self, section: &Section<'a>, name: &str, objects: &mut Objects<'_, 'a>) -> Rule {
        let action = self.required(section, "action");
        let action = action.and_then(|node| self.choice(&node, Action::ALL, Action::name));
        let mut rule = Rule::any(name, action.unwrap_or(Action::Drop));
        rule.from = self.zones(section, "from", objects.zones);
        rule.to = self.zones(section, "to", objects.zones);
        let any = AddressSet::any;
        rule.source = self.addresses(section, "source", objects).unwrap_or_else(any);
        rule.not_source = self.addresses(section, "not_source", objects).unwrap_or_default();
        rule.destination = self.addresses(section, "destination", objects).unwrap_or_else(any);
        rule.not_destination =
            self.addresses(section, "not_destination", objects).unwrap_or_default();
        if let Some(node) = section.get("service") {
            let items = self.items(&node, services::FORMS);
            rule.services = objects.services.items(self, &items);
            self.check_gateways(&rule.services, &node.at);
        }
        let log =
            section.get("log").and_then(|node| self.choice(&node, LogWhen::ALL, LogWhen::name));
        rule.log = log.unwrap_or(LogWhen::None);
        rule.tcp =
            section.get("tcp").and_then(|node| self.choice(&node, TcpMode::ALL, TcpMode::name));
        rule.enabled = section.get("enabled").and_then(|node| self.boolean(&node)).unwrap_or(true);
        let description = section.get("description").and_then(|node| self.string(&node, ""));
        rule.description = description.unwrap_or_default().to_owned();
        rule.tags = section.get("tags").and_then(|node| self.strings(&node)).unwrap_or_default();
        if let Some(node) = section.get("timeouts") {
            rule.timeouts = self.own_timeouts(&node, "timeouts of [[rule]]");
        }
        if let Some(node) = section.get("limits") {
            rule.limits = self.rule_limits(&node, rule.action, objects.max);
        }
        if let Some(node) = section.get("service") {
            self.check_timeouts(&rule, &node.at);
        }
        rule
    }

    fn rule_limits(&mut self, node: &Node<'a>, action: Action, max: u32) -> RuleLimits {
        let Some(section) = self.section(node, "limits of [[rule]]", LIMITS) else {
            return RuleLimits::NONE;
        };
        if section.nodes().is_empty() {
            let hint = "leave the key out, or write { per_source = 100 }";
            self.error(Subject::Value, &node.at, "limits says nothing", hint);
        }
        if action != Action::Allow {
            let message = format!("limits has no effect in a rule with action {:?}", action.name());
            self.warning(Subject::Value, &node.at, message, "only what is allowed is counted");
        }
        RuleLimits {
            sessions: self.limit(&section, "sessions", max),
            per_source: self.limit(&section, "per_source", max),
            per_destination: self.limit(&section, "per_destination", max),
            embryonic: self.limit(&section, "embryonic", max),
        }
    }

    /// The items of a list that means "any" only if it says so. `"any"` may stand without a list.
    fn items(&mut self, node: &Node<'a>, hint: &str) -> Vec<Node<'a>> {
        if let DeValue::String(text) = node.value
            && text == "any"
        {
            return vec![node.clone()];
        }
        if let DeValue::String(text) = node.value {
            self.wrong_type(node, "a list", &format!("write [{text:?}]"));
            return Vec::new();
        }
        let items = self.list(node, hint).unwrap_or_default();
        if matches!(node.value, DeValue::Array(_)) && items.is_empty() {
            let hint = "leave the key out for any; an empty list never means everything";
            let message = format!("the list {:?} is empty", node.key());
            self.error(Subject::Value, &node.at, message, hint);
        }
        items
    }

    fn zones(&mut self, section: &Section<'a>, key: &str, zones: &Zones) -> ZoneSet {
        let Some(node) = section.get(key) else { return ZoneSet::Any };
        let mut any = false;
        let mut found = Vec::new();
        for item in self.items(&node, "a list of zones: [\"inside\"]") {
            if matches!(item.value, DeValue::String(text) if text == "any") {
                any = true;
            } else {
                found.extend(self.known_zone(&item, zones));
            }
        }
        if any { ZoneSet::Any } else { ZoneSet::only(found) }
    }

    fn addresses(
        &mut self,
        section: &Section<'a>,
        key: &str,
        objects: &mut Objects<'_, 'a>,
    ) -> Option<AddressSet> {
        let node = section.get(key)?;
        let items = self.items(&node, addresses::FORMS);
        Some(objects.addresses.set(self, &items))
    }

    /// One packet has one gateway, which reads it in one way.
    fn check_gateways(&mut self, items: &[ServiceItem], at: &At) {
        let read = items.iter().filter_map(|item| Some((item, item.traits.gateway?)));
        for (index, (item, gateway)) in read.clone().enumerate() {
            let clash = read.clone().take(index).find(|(other, other_gateway)| {
                let differ =
                    *other_gateway != gateway || other.traits.reading != item.traits.reading;
                differ && other.matches.overlaps(&item.matches)
            });
            if let Some((other, other_gateway)) = clash {
                let names = format!("the services {:?} and {:?}", other.service, item.service);
                let (message, hint) = if other_gateway == gateway {
                    (
                        format!("{names} have the gateway {gateway} read one packet in two ways"),
                        "name one of the two, or let strict and third_party be the same in both",
                    )
                } else {
                    (
                        format!(
                            "{names} give one packet two gateways: {other_gateway} and {gateway}"
                        ),
                        "put them into two rules, or part their ports",
                    )
                };
                self.error(Subject::Gateway, at, message, hint);
            }
        }
    }

    /// One packet has the timeouts of one service.
    fn check_timeouts(&mut self, rule: &Rule, at: &At) {
        let items: Vec<_> =
            rule.services.iter().filter(|item| !item.traits.timeouts.is_empty()).collect();
        let in_force = |item: &ServiceItem| item.traits.timeouts.overlaid(&rule.timeouts);
        let mut said: Vec<(&str, &str)> = Vec::new();
        for (index, second) in items.iter().enumerate() {
            for first in items.iter().take(index) {
                let names = (first.service.as_str(), second.service.as_str());
                if said.contains(&names)
                    || !first.matches.overlaps(&second.matches)
                    || in_force(first) == in_force(second)
                {
                    continue;
                }
                said.push(names);
                let message = format!(
                    "the services {:?} and {:?} give one packet different timeouts, and the first counts",
                    names.0, names.1
                );
                let hint = "put them into two rules, or part their ports";
                self.warning(Subject::Value, at, message, hint);
            }
        }
    }

    /// Warns of rules that can never match.
    pub(crate) fn unmatchable(&mut self, policy: &Policy, places: &[At]) {
        for found in policy.unmatchable() {
            let Some((rule, at)) = policy.rules.get(found.rule).zip(places.get(found.rule)) else {
                continue;
            };
            let (why, hint) = match found.reason {
                UnmatchableReason::Shadowed(by) => {
                    let by = policy.rules.get(by).map_or("", |rule| rule.name.as_str());
                    let why = format!("{by:?} before it matches all that it would");
                    (why, "move it before that one, narrow that one, or remove it")
                }
                UnmatchableReason::NoSource => {
                    ("it has no source address".to_owned(), "look at source and not_source")
                }
                UnmatchableReason::NoDestination => (
                    "it has no destination address".to_owned(),
                    "look at destination and not_destination",
                ),
                UnmatchableReason::NoService => ("it has no service".to_owned(), "look at service"),
                UnmatchableReason::NoCommonFamily => (
                    "its sources, destinations and services have no IP version in common"
                        .to_owned(),
                    "an IPv4 rule never matches IPv6: write one rule for each",
                ),
            };
            let message = format!("the rule {:?} can never match: {why}", rule.name);
            self.warning(Subject::UnmatchableRule, at, message, hint);
        }
    }
}
