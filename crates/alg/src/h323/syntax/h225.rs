//! H.225.0 (12/2009): call signalling, and the types that RAS shares with it.
//!
//! Fields that no one reads are there because they are in the way.

use rasn::prelude::*;

use super::asn1::{Encoded, First, Octets, Opaque, Passed, Undefined};

/// A list of which no element is of interest.
pub(super) type List<T> = Vec<Passed<T>>;

/// Messages in one: proposals of a fast start, or what goes in a tunnel.
pub(crate) type Enclosed = First<Encoded, 32>;

/// Places that an endpoint or gatekeeper names; one that listens at all of its addresses names many.
pub(crate) type Addresses = First<TransportAddress, 16>;

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct H221NonStandard {
    #[rasn(value("0..=255"))]
    country: u16,
    #[rasn(value("0..=255"))]
    extension: u16,
    #[rasn(value("0..=65535"))]
    manufacturer: u32,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct ExtensibleH221NonStandard {
    #[rasn(value("0..=255"))]
    country: u16,
    #[rasn(value("0..=255"))]
    extension: u16,
    #[rasn(value("0..=65535"))]
    manufacturer: u32,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum NonStandardIdentifier {
    Object(Octets),
    H221(ExtensibleH221NonStandard),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct NonStandardParameter {
    identifier: NonStandardIdentifier,
    data: Octets,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct IpAddress {
    pub(crate) ip: FixedOctetString<4>,
    pub(crate) port: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Ip6Address {
    pub(crate) ip: FixedOctetString<16>,
    pub(crate) port: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Routing {
    Strict(()),
    Loose(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct IpSourceRoute {
    ip: FixedOctetString<4>,
    port: u16,
    route: List<FixedOctetString<4>>,
    routing: Routing,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct IpxAddress {
    node: FixedOctetString<6>,
    network: FixedOctetString<4>,
    port: FixedOctetString<2>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum TransportAddress {
    Ip(IpAddress),
    IpSourceRoute(Passed<IpSourceRoute>),
    Ipx(Passed<IpxAddress>),
    Ip6(Ip6Address),
    NetBios(Passed<FixedOctetString<16>>),
    #[rasn(size("1..=20"))]
    Nsap(Octets),
    NonStandard(Passed<NonStandardParameter>),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum AliasAddress {
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    DialledDigits(Ia5String),
    #[rasn(size("1..=256"))]
    H323Id(BmpString),
    #[rasn(extension_addition)]
    Url(Opaque),
    #[rasn(extension_addition)]
    Transport(Opaque),
    #[rasn(extension_addition)]
    Email(Opaque),
    #[rasn(extension_addition)]
    PartyNumber(Opaque),
    #[rasn(extension_addition)]
    MobileUim(Opaque),
    #[rasn(extension_addition)]
    IsupNumber(Opaque),
}

/// Capabilities of a protocol: all that was there at first is a non-standard parameter.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Capabilities {
    non_standard: Option<Passed<NonStandardParameter>>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum SupportedProtocols {
    NonStandard(NonStandardParameter),
    H310(Capabilities),
    H320(Capabilities),
    H321(Capabilities),
    H322(Capabilities),
    H323(Capabilities),
    H324(Capabilities),
    Voice(Capabilities),
    T120Only(Capabilities),
    #[rasn(extension_addition)]
    NonStandardProtocol(Opaque),
    #[rasn(extension_addition)]
    T38FaxAnnexBOnly(Opaque),
    #[rasn(extension_addition)]
    Sip(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct GatewayInfo {
    protocol: Option<List<SupportedProtocols>>,
    non_standard: Option<Passed<NonStandardParameter>>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct VendorIdentifier {
    vendor: ExtensibleH221NonStandard,
    #[rasn(size("1..=256"))]
    product: Option<Octets>,
    #[rasn(size("1..=256"))]
    version: Option<Octets>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct EndpointType {
    non_standard: Option<Passed<NonStandardParameter>>,
    vendor: Option<Passed<VendorIdentifier>>,
    gatekeeper: Option<Passed<Capabilities>>,
    gateway: Option<Passed<GatewayInfo>>,
    mcu: Option<Passed<Capabilities>>,
    terminal: Option<Passed<Capabilities>>,
    mc: bool,
    undefined_node: bool,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Q954Details {
    conference_calling: bool,
    three_party_service: bool,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct QseriesOptions {
    q932: bool,
    q951: bool,
    q952: bool,
    q953: bool,
    q955: bool,
    q956: bool,
    q957: bool,
    q954: Q954Details,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum CallType {
    PointToPoint(()),
    OneToN(()),
    NToOne(()),
    NToN(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ConferenceGoal {
    Create(()),
    Join(()),
    Invite(()),
    #[rasn(extension_addition)]
    CapabilityNegotiation(Opaque),
    #[rasn(extension_addition)]
    CallIndependentSupplementaryService(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Setup {
    protocol: Octets,
    pub(crate) h245_address: Option<TransportAddress>,
    source_address: Option<List<AliasAddress>>,
    source_info: Passed<EndpointType>,
    destination_address: Option<List<AliasAddress>>,
    destination_signal_address: Option<Passed<TransportAddress>>,
    destination_extra_call_info: Option<List<AliasAddress>>,
    destination_extra_crv: Option<List<u16>>,
    active_mc: bool,
    conference: FixedOctetString<16>,
    conference_goal: ConferenceGoal,
    call_services: Option<Passed<QseriesOptions>>,
    call_type: CallType,
    #[rasn(extension_addition)]
    source_signal_address: Option<Opaque>,
    #[rasn(extension_addition)]
    remote_extension_address: Option<Opaque>,
    #[rasn(extension_addition)]
    call_identifier: Option<Opaque>,
    #[rasn(extension_addition)]
    h245_security_capability: Option<Opaque>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) fast_start: Option<Enclosed>,
    #[rasn(extension_addition)]
    media_wait_for_connect: Option<Opaque>,
    #[rasn(extension_addition)]
    can_overlap_send: Option<Opaque>,
    #[rasn(extension_addition)]
    endpoint: Option<Opaque>,
    #[rasn(extension_addition)]
    multiple_calls: Option<Opaque>,
    #[rasn(extension_addition)]
    maintain_connection: Option<Opaque>,
    #[rasn(extension_addition)]
    connection_parameters: Option<Opaque>,
    #[rasn(extension_addition)]
    language: Option<Opaque>,
    #[rasn(extension_addition)]
    presentation: Option<Opaque>,
    #[rasn(extension_addition)]
    screening: Option<Opaque>,
    #[rasn(extension_addition)]
    service_control: Option<Opaque>,
    #[rasn(extension_addition)]
    symmetric_operation_required: Option<Opaque>,
    #[rasn(extension_addition)]
    capacity: Option<Opaque>,
    #[rasn(extension_addition)]
    circuit_info: Option<Opaque>,
    #[rasn(extension_addition)]
    desired_protocols: Option<Opaque>,
    #[rasn(extension_addition)]
    needed_features: Option<Opaque>,
    #[rasn(extension_addition)]
    desired_features: Option<Opaque>,
    #[rasn(extension_addition)]
    supported_features: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) parallel_h245_control: Option<Enclosed>,
}

/// CallProceeding-UUIE and Alerting-UUIE, which are the same as far as fast start.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Proceeding {
    protocol: Octets,
    destination: Passed<EndpointType>,
    pub(crate) h245_address: Option<TransportAddress>,
    #[rasn(extension_addition)]
    call_identifier: Option<Opaque>,
    #[rasn(extension_addition)]
    h245_security_mode: Option<Opaque>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) fast_start: Option<Enclosed>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Connect {
    protocol: Octets,
    pub(crate) h245_address: Option<TransportAddress>,
    destination: Passed<EndpointType>,
    conference: FixedOctetString<16>,
    #[rasn(extension_addition)]
    call_identifier: Option<Opaque>,
    #[rasn(extension_addition)]
    h245_security_mode: Option<Opaque>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) fast_start: Option<Enclosed>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Information {
    protocol: Octets,
    #[rasn(extension_addition)]
    call_identifier: Option<Opaque>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) fast_start: Option<Enclosed>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ReleaseCompleteReason {
    NoBandwidth(()),
    GatekeeperResources(()),
    UnreachableDestination(()),
    DestinationRejection(()),
    InvalidRevision(()),
    NoPermission(()),
    UnreachableGatekeeper(()),
    GatewayResources(()),
    BadFormatAddress(()),
    AdaptiveBusy(()),
    InConference(()),
    Undefined(()),
    #[rasn(extension_addition)]
    FacilityCallDeflection(Opaque),
    #[rasn(extension_addition)]
    SecurityDenied(Opaque),
    #[rasn(extension_addition)]
    CalledPartyNotRegistered(Opaque),
    #[rasn(extension_addition)]
    CallerNotRegistered(Opaque),
    #[rasn(extension_addition)]
    NewConnectionNeeded(Opaque),
    #[rasn(extension_addition)]
    NonStandard(Opaque),
    #[rasn(extension_addition)]
    ReplaceWithConferenceInvite(Opaque),
    #[rasn(extension_addition)]
    GenericData(Opaque),
    #[rasn(extension_addition)]
    NeededFeatureNotSupported(Opaque),
    #[rasn(extension_addition)]
    TunnelledSignallingRejected(Opaque),
    #[rasn(extension_addition)]
    InvalidCid(Opaque),
    #[rasn(extension_addition)]
    SecurityError(Opaque),
    #[rasn(extension_addition)]
    HopCountExceeded(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct ReleaseComplete {
    protocol: Octets,
    reason: Option<ReleaseCompleteReason>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum FacilityReason {
    RouteCallToGatekeeper(()),
    CallForwarded(()),
    RouteCallToMc(()),
    Undefined(()),
    #[rasn(extension_addition)]
    ConferenceListChoice(Opaque),
    #[rasn(extension_addition)]
    StartH245(Opaque),
    #[rasn(extension_addition)]
    NoH245(Opaque),
    #[rasn(extension_addition)]
    NewTokens(Opaque),
    #[rasn(extension_addition)]
    FeatureSetUpdate(Opaque),
    #[rasn(extension_addition)]
    ForwardedElements(Opaque),
    #[rasn(extension_addition)]
    TransportedInformation(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Facility {
    protocol: Octets,
    alternative_address: Option<Passed<TransportAddress>>,
    alternative_alias_address: Option<List<AliasAddress>>,
    conference: Option<FixedOctetString<16>>,
    reason: FacilityReason,
    #[rasn(extension_addition)]
    call_identifier: Option<Opaque>,
    #[rasn(extension_addition)]
    destination_extra_call_info: Option<Opaque>,
    #[rasn(extension_addition)]
    remote_extension_address: Option<Opaque>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    conferences: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) h245_address: Option<TransportAddress>,
    #[rasn(extension_addition)]
    pub(crate) fast_start: Option<Enclosed>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct CallIdentifier {
    guid: FixedOctetString<16>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum H245Security {
    NonStandard(Passed<NonStandardParameter>),
    None(()),
    Tls(Undefined),
    Ipsec(Undefined),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Progress {
    protocol: Octets,
    destination: Passed<EndpointType>,
    pub(crate) h245_address: Option<TransportAddress>,
    call_identifier: CallIdentifier,
    h245_security_mode: Option<H245Security>,
    tokens: Option<List<Undefined>>,
    crypto_tokens: Option<List<Undefined>>,
    pub(crate) fast_start: Option<Enclosed>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Body {
    Setup(Box<Setup>),
    CallProceeding(Proceeding),
    Connect(Connect),
    Alerting(Proceeding),
    Information(Information),
    ReleaseComplete(Passed<ReleaseComplete>),
    Facility(Facility),
    #[rasn(extension_addition)]
    Progress(Progress),
    #[rasn(extension_addition)]
    Empty(Opaque),
    #[rasn(extension_addition)]
    Status(Opaque),
    #[rasn(extension_addition)]
    StatusInquiry(Opaque),
    #[rasn(extension_addition)]
    SetupAcknowledge(Opaque),
    #[rasn(extension_addition)]
    Notify(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Pdu {
    pub(crate) body: Body,
    non_standard: Option<Passed<NonStandardParameter>>,
    #[rasn(extension_addition)]
    h4501_supplementary_service: Option<Opaque>,
    #[rasn(extension_addition)]
    h245_tunnelling: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) h245_control: Option<Enclosed>,
}

/// H323-UserInformation, without the user data that may follow.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct UserInformation {
    pub(crate) pdu: Pdu,
    user_data: Option<super::asn1::Rest>,
}
