//! `[services]`, and the lists of services that rules hold.

use policy::{
    BuiltinService, Gateway, ICMP_TYPES, ICMPV6_TYPES, IcmpVersion, L4PortRange, PROTOCOLS,
    ReadingTraits, ServiceItem, ServiceMatch, builtin_services,
};
use toml::de::DeValue;

use crate::checker::{At, Checker, Keys, Node, Section};
use crate::diagnostic::Subject;
use crate::suggest;

const SERVICE: Keys =
    Keys { known: &["items", "gateway", "strict", "third_party", "timeouts"], later: &[] };
const ITEM: Keys = Keys { known: &["proto", "port", "source_port"], later: &[] };

pub(crate) const FORMS: &str = "\"tcp/80\", \"udp/5000-5010\", \"icmp/echo-request\", \"icmpv6/128\", \"ip/47\", a service's \
                     name, \"any\", or a table { proto, port, source_port }";

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

/// The services of the file, resolved when first asked for, so that their order does not matter.
#[derive(Debug, Default)]
pub(crate) struct Services<'a> {
    objects: Vec<Object<'a>>,
}

#[derive(Debug)]
struct Object<'a> {
    name: &'a str,
    at: At,
    node: Node<'a>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Untouched,
    Resolving,
    Resolved(Vec<ServiceItem>),
}

fn builtin(name: &str) -> Option<&'static BuiltinService> {
    builtin_services().iter().find(|service| service.name == name)
}

impl<'a> Services<'a> {
    /// The services of the file, their names checked.
    pub(crate) fn new(checker: &mut Checker<'a>, root: &Section<'a>) -> Self {
        let section = root.get("services");
        let section = section.and_then(|node| checker.open_section(&node, "[services]", &[]));
        let mut objects = Vec::new();
        for (name, at, node) in section.map(|section| section.nodes()).unwrap_or_default() {
            if !checker.check_name(name, &at) {
                continue;
            }
            if builtin(name).is_some() || PROTOCOLS.iter().any(|(known, _)| *known == name) {
                let message = format!("the service {name:?} would hide the built-in one");
                checker.error(Subject::Name, &at, message, "choose another name");
                continue;
            }
            objects.push(Object { name, at, node, state: State::Untouched });
        }
        Self { objects }
    }

    /// Resolves what nothing has asked for, so that its faults are found too.
    pub(crate) fn resolve_all(&mut self, checker: &mut Checker<'a>) {
        for index in 0..self.objects.len() {
            let at = self.objects[index].at.clone();
            self.resolve(checker, index, &at);
        }
    }

    /// What the items of a list mean.
    pub(crate) fn items(
        &mut self,
        checker: &mut Checker<'a>,
        nodes: &[Node<'a>],
    ) -> Vec<ServiceItem> {
        nodes.iter().filter_map(|node| self.item(checker, node)).flatten().collect()
    }

    fn item(&mut self, checker: &mut Checker<'a>, node: &Node<'a>) -> Option<Vec<ServiceItem>> {
        let plain = |matches| vec![ServiceItem::plain(matches)];
        if let DeValue::Table(_) = node.value {
            return checker.service_table(node).map(plain);
        }
        let text = checker.string(node, FORMS)?;
        if text == "any" {
            return Some(plain(ServiceMatch::Any));
        }
        if let Some(index) = self.objects.iter().position(|object| object.name == text) {
            return self.resolve(checker, index, &node.at);
        }
        if let Some(service) = builtin(text) {
            return Some(service.items().collect());
        }
        match parse_item(text) {
            Some(Ok(matches)) => {
                checker.warn_of_icmp_error(&matches, text, &node.at);
                Some(plain(matches))
            }
            Some(Err((message, hint))) => {
                checker.error(Subject::Value, &node.at, message, hint);
                None
            }
            None => {
                let own = self.objects.iter().map(|object| object.name);
                let names = own.chain(builtin_services().iter().map(|service| service.name));
                let meant = suggest::nearest(text, names);
                let meant =
                    meant.map(|meant| format!("did you mean {meant:?}? ")).unwrap_or_default();
                let hint = format!("{meant}a service is {FORMS}");
                checker.error(Subject::Name, &node.at, format!("unknown service {text:?}"), hint);
                None
            }
        }
    }

    /// The items of the service that is named at `at`.
    fn resolve(
        &mut self,
        checker: &mut Checker<'a>,
        index: usize,
        at: &At,
    ) -> Option<Vec<ServiceItem>> {
        let object = &mut self.objects[index];
        match &object.state {
            State::Resolved(items) => return Some(items.clone()),
            State::Resolving => {
                let message = format!("the service {:?} contains itself", object.name);
                checker.error(Subject::Name, at, message, "take it out of what it consists of");
                return None;
            }
            State::Untouched => object.state = State::Resolving,
        }
        let (name, at, node) = (object.name, object.at.clone(), object.node.clone());
        let errors = checker.errors.len();
        let mut items = self.object(checker, name, &node).unwrap_or_default();
        for item in &mut items {
            name.clone_into(&mut item.service);
        }
        if items.is_empty() && checker.errors.len() == errors {
            let message = format!("the service {name:?} is empty and matches nothing");
            checker.warning(Subject::EmptyObject, &at, message, "put items into it, or remove it");
        }
        self.objects[index].state = State::Resolved(items.clone());
        Some(items)
    }

    fn object(
        &mut self,
        checker: &mut Checker<'a>,
        name: &str,
        node: &Node<'a>,
    ) -> Option<Vec<ServiceItem>> {
        if let DeValue::Array(_) = node.value {
            let nodes = checker.list(node, FORMS)?;
            return Some(self.items(checker, &nodes));
        }
        if !matches!(node.value, DeValue::Table(_)) {
            checker.wrong_type(
                node,
                "a list or a table",
                "write [\"tcp/80\"] or { items = [\"tcp/80\"] }",
            );
            return None;
        }
        let title = format!("service {name:?}");
        let section = checker.section(node, title.clone(), SERVICE)?;
        let nodes = checker.required(&section, "items")?;
        let nodes = checker.list(&nodes, FORMS).unwrap_or_default();
        let mut items = self.items(checker, &nodes);
        if let Some(node) = section.get("timeouts") {
            let own = checker.own_timeouts(&node, &format!("timeouts of {title}"));
            for item in &mut items {
                item.traits.timeouts = item.traits.timeouts.overlaid(&own);
            }
        }
        let mut is_sound = true;
        if let Some(node) = section.get("gateway") {
            match checker.choice(&node, Gateway::ALL, Gateway::name) {
                Some(gateway) => {
                    for item in &mut items {
                        checker.give_gateway(item, gateway, &node.at);
                    }
                }
                None => is_sound = false,
            }
        }
        for (key, set, heeded_by) in READING {
            let Some(node) = section.get(key) else { continue };
            let Some(wanted) = checker.boolean(&node) else {
                is_sound = false;
                continue;
            };
            let gateways = items.iter().filter_map(|item| item.traits.gateway);
            if gateways.clone().next().is_none() && section.get("gateway").is_none() {
                let message = format!("{key:?} says how a gateway reads, and here is none");
                let hint = "name the gateway: gateway = \"sip\"";
                checker.error(Subject::Gateway, &node.at, message, hint);
            }
            if let Some(gateway) = gateways.clone().next()
                && !gateways.clone().any(|gateway| heeded_by.contains(&gateway))
            {
                let message = format!("{key:?} has no effect on the gateway {gateway}");
                let heeding: Vec<_> = heeded_by.iter().map(|gateway| gateway.name()).collect();
                let hint = format!("it is heeded by {}: leave it out", heeding.join(", "));
                checker.warning(Subject::Gateway, &node.at, message, hint);
            }
            for item in &mut items {
                set(&mut item.traits.reading, wanted);
            }
        }
        is_sound.then_some(items)
    }
}

type SetReading = fn(&mut ReadingTraits, bool);

/// The keys that say how a service's gateway reads, and which gateways heed them.
const READING: [(&str, SetReading, &[Gateway]); 2] = [
    (
        "strict",
        |reading, wanted| reading.strict = wanted,
        &[Gateway::Ftp, Gateway::Sip, Gateway::Mgcp, Gateway::H323],
    ),
    (
        "third_party",
        |reading, wanted| reading.third_party = wanted,
        &[Gateway::Sip, Gateway::Mgcp, Gateway::Irc, Gateway::H323],
    ),
];

/// The protocols over which a gateway reads its control conversation.
const fn carriers(gateway: Gateway) -> &'static [u8] {
    match gateway {
        Gateway::Ftp | Gateway::Rtsp | Gateway::Pptp | Gateway::Irc => &[TCP],
        Gateway::Tftp | Gateway::Mgcp => &[UDP],
        Gateway::Sip | Gateway::H323 => &[TCP, UDP],
    }
}

fn protocol_name(protocol: u8) -> String {
    let named = PROTOCOLS.iter().find(|(_, number)| *number == protocol);
    named.map_or_else(|| format!("ip/{protocol}"), |(name, _)| (*name).to_owned())
}

impl<'a> Checker<'a> {
    fn give_gateway(&mut self, item: &mut ServiceItem, gateway: Gateway, at: &At) {
        if let Some(other) = item.traits.gateway.filter(|other| *other != gateway) {
            let message = format!("its items are read by the gateway {other} already");
            self.error(Subject::Gateway, at, message, "a packet can have one gateway");
            return;
        }
        let carriers = carriers(gateway);
        let carried = match item.matches {
            ServiceMatch::Ports { protocol, .. } => carriers.contains(&protocol),
            ServiceMatch::Any | ServiceMatch::Protocol(_) | ServiceMatch::Icmp { .. } => false,
        };
        if !carried {
            let names: Vec<_> = carriers.iter().map(|protocol| protocol_name(*protocol)).collect();
            let hint = format!("items with ports, over {}", names.join(" or "));
            let message = format!("the gateway {gateway} cannot read all items of this service");
            self.error(Subject::Gateway, at, message, hint);
            return;
        }
        item.traits.gateway = Some(gateway);
    }

    /// `{ proto, port, source_port }`.
    fn service_table(&mut self, node: &Node<'a>) -> Option<ServiceMatch> {
        let section = self.section(node, "service item", ITEM)?;
        let protocol = self.required(&section, "proto").and_then(|node| self.protocol(&node));
        let destination = section.get("port").map(|node| self.ports_of_item(&node));
        let source = section.get("source_port").map(|node| self.ports_of_item(&node));
        let protocol = protocol?;
        if !matches!(protocol, TCP | UDP | SCTP) {
            if destination.is_some() || source.is_some() {
                let message = format!("{} has no ports", protocol_name(protocol));
                let hint = "ports are for tcp, udp and sctp; an ICMP type is written \"icmp/echo-request\"";
                self.error(Subject::Value, &section.at, message, hint);
                return None;
            }
            return Some(whole_protocol(protocol));
        }
        Some(ServiceMatch::Ports {
            protocol,
            destination: destination.unwrap_or(Some(L4PortRange::ANY))?,
            source: source.unwrap_or(Some(L4PortRange::ANY))?,
        })
    }

    fn protocol(&mut self, node: &Node<'a>) -> Option<u8> {
        if let DeValue::Integer(_) = node.value {
            return self.integer(node, 0..=u8::MAX);
        }
        let names: Vec<_> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
        let text = self.string(node, "a name (\"tcp\") or a number (47)")?;
        let found = parse_protocol(text);
        if found.is_none() {
            let hint = suggest::hint(text, "a number from 0 to 255, or one of", &names);
            self.error(Subject::Value, &node.at, format!("{text:?} is not an IP protocol"), hint);
        }
        found
    }

    fn ports_of_item(&mut self, node: &Node<'a>) -> Option<L4PortRange> {
        if let DeValue::Integer(_) = node.value {
            return self.integer(node, 1..=u16::MAX).map(L4PortRange::one);
        }
        let text = self.string(node, "a port (443), or a range (\"80-90\")")?;
        match parse_ports(text) {
            Ok(range) => Some(range),
            Err((message, hint)) => {
                self.error(Subject::Value, &node.at, message, hint);
                None
            }
        }
    }

    /// An ICMP error passes by the session that it quotes, so a rule for one is a misunderstanding.
    fn warn_of_icmp_error(&mut self, matches: &ServiceMatch, text: &str, at: &At) {
        let error = match matches {
            ServiceMatch::Icmp { version: IcmpVersion::V4, kind: Some(kind), .. } => {
                matches!(kind, 3 | 4 | 11 | 12)
            }
            ServiceMatch::Icmp { version: IcmpVersion::V6, kind: Some(kind), .. } => {
                (1..=4).contains(kind)
            }
            ServiceMatch::Any
            | ServiceMatch::Protocol(_)
            | ServiceMatch::Ports { .. }
            | ServiceMatch::Icmp { kind: None, .. } => false,
        };
        if error {
            let message = format!("{text:?} is an ICMP error, and no rule is asked about those");
            let hint = "remove it: an error passes if the packet it quotes belongs to a session";
            self.warning(Subject::Value, at, message, hint);
        }
    }
}

type Parsed<T> = Result<T, (String, String)>;

/// An item that is written in place. `None`: it has no such form, so it can only be a name.
fn parse_item(text: &str) -> Option<Parsed<ServiceMatch>> {
    let Some((protocol, rest)) = text.split_once('/') else {
        let named = matches!(text, "tcp" | "udp" | "sctp" | "icmp" | "icmpv6");
        return parse_protocol(text).filter(|_| named).map(|protocol| Ok(whole_protocol(protocol)));
    };
    let matches = match protocol {
        "tcp" => parse_ports(rest).map(|range| to_ports(TCP, range)),
        "udp" => parse_ports(rest).map(|range| to_ports(UDP, range)),
        "sctp" => parse_ports(rest).map(|range| to_ports(SCTP, range)),
        "icmp" => parse_icmp(IcmpVersion::V4, ICMP_TYPES, rest),
        "icmpv6" => parse_icmp(IcmpVersion::V6, ICMPV6_TYPES, rest),
        "ip" => parse_protocol(rest).map(ServiceMatch::Protocol).ok_or_else(|| {
            let hint = "a number from 0 to 255: \"ip/47\"".to_owned();
            (format!("{rest:?} in {text:?} is not an IP protocol"), hint)
        }),
        _ => {
            let known = ["tcp", "udp", "sctp", "icmp", "icmpv6", "ip"];
            let hint = suggest::hint(protocol, "one of", &known);
            Err((format!("{protocol:?} in {text:?} is not a protocol"), hint))
        }
    };
    Some(matches)
}

const fn to_ports(protocol: u8, destination: L4PortRange) -> ServiceMatch {
    ServiceMatch::Ports { protocol, destination, source: L4PortRange::ANY }
}

/// Everything of a protocol. ICMP and ICMPv6 are bound to their IP version.
const fn whole_protocol(protocol: u8) -> ServiceMatch {
    match protocol {
        1 => ServiceMatch::Icmp { version: IcmpVersion::V4, kind: None, code: None },
        58 => ServiceMatch::Icmp { version: IcmpVersion::V6, kind: None, code: None },
        TCP | UDP | SCTP => to_ports(protocol, L4PortRange::ANY),
        _ => ServiceMatch::Protocol(protocol),
    }
}

fn parse_protocol(text: &str) -> Option<u8> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    named.or_else(|| parse_digits(text))
}

/// A number without sign, blanks or anything else.
fn parse_digits<T: core::str::FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn parse_ports(text: &str) -> Parsed<L4PortRange> {
    let hint = || "a port from 1 to 65535, or a range: \"443\", \"5000-5010\"".to_owned();
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Some(first), Some(last)) = (parse_digits(first), parse_digits(last)) else {
        return Err((format!("{text:?} is not a port"), hint()));
    };
    if first > last {
        return Err((
            format!("the range of ports {text:?} is reversed"),
            format!("write \"{last}-{first}\""),
        ));
    }
    if last == 0 {
        // A packet with port 0 is dropped before a rule is asked; a range may begin there.
        return Err((format!("{text:?} matches nothing: port 0 never passes"), hint()));
    }
    Ok(L4PortRange { first, last })
}

/// `type` or `type/code`; a type by name or number.
fn parse_icmp(version: IcmpVersion, types: &[(&str, u8)], text: &str) -> Parsed<ServiceMatch> {
    let (kind, code) = text.split_once('/').map_or((text, None), |(kind, code)| (kind, Some(code)));
    let named = types.iter().find(|(name, _)| *name == kind).map(|(_, number)| *number);
    let Some(kind) = named.or_else(|| parse_digits(kind)) else {
        let names: Vec<_> = types.iter().map(|(name, _)| *name).collect();
        let hint = suggest::hint(kind, "a number from 0 to 255, or one of", &names);
        return Err((format!("{kind:?} is not an ICMP type"), hint));
    };
    let code = match code.map(|code| (code, parse_digits(code))) {
        None => None,
        Some((_, Some(code))) => Some(code),
        Some((code, None)) => {
            return Err((
                format!("{code:?} is not an ICMP code"),
                "a number from 0 to 255".to_owned(),
            ));
        }
    };
    Ok(ServiceMatch::Icmp { version, kind: Some(kind), code })
}
