//! H.225.0 (12/2009): registration, admission and status.

use rasn::prelude::*;

use super::asn1::{Flags, Numbered, Octets, Opaque, Passed, Rest};
use super::h225::{
    Addresses, AliasAddress, CallType, EndpointType, List, NonStandardParameter, QseriesOptions,
    TransportAddress, VendorIdentifier,
};

/// The number that an answer shares with its request.
type Number = u16;

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct GatekeeperRequest {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    protocol: Octets,
    non_standard: Option<Passed<NonStandardParameter>>,
    pub(crate) ras_address: TransportAddress,
    endpoint_type: Passed<EndpointType>,
    #[rasn(size("1..=128"))]
    gatekeeper: Option<Passed<BmpString>>,
    call_services: Option<Passed<QseriesOptions>>,
    endpoint_alias: Option<List<AliasAddress>>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct GatekeeperConfirm {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    protocol: Octets,
    non_standard: Option<Passed<NonStandardParameter>>,
    #[rasn(size("1..=128"))]
    gatekeeper: Option<Passed<BmpString>>,
    pub(crate) ras_address: TransportAddress,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct RegistrationRequest {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    protocol: Octets,
    non_standard: Option<Passed<NonStandardParameter>>,
    discovery_complete: bool,
    pub(crate) signal_addresses: Addresses,
    pub(crate) ras_addresses: Addresses,
    terminal_type: Passed<EndpointType>,
    terminal_alias: Option<List<AliasAddress>>,
    #[rasn(size("1..=128"))]
    gatekeeper: Option<Passed<BmpString>>,
    vendor: Passed<VendorIdentifier>,
    #[rasn(extension_addition)]
    alternate_endpoints: Option<Opaque>,
    #[rasn(extension_addition, value("1..=4294967295"))]
    pub(crate) time_to_live: Option<u32>,
    #[rasn(extension_addition)]
    tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    crypto_tokens: Option<Opaque>,
    #[rasn(extension_addition)]
    integrity_check: Option<Opaque>,
    #[rasn(extension_addition)]
    pub(crate) keep_alive: Option<bool>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct RegistrationConfirm {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    protocol: Octets,
    non_standard: Option<Passed<NonStandardParameter>>,
    pub(crate) signal_addresses: Addresses,
    terminal_alias: Option<List<AliasAddress>>,
    #[rasn(size("1..=128"))]
    gatekeeper: Option<Passed<BmpString>>,
    #[rasn(size("1..=128"))]
    endpoint: Passed<BmpString>,
    #[rasn(extension_addition)]
    alternate_gatekeeper: Option<Opaque>,
    #[rasn(extension_addition, value("1..=4294967295"))]
    pub(crate) time_to_live: Option<u32>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum CallModel {
    Direct(()),
    GatekeeperRouted(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct AdmissionRequest {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    call_type: CallType,
    call_model: Option<CallModel>,
    #[rasn(size("1..=128"))]
    endpoint: Passed<BmpString>,
    destination_info: Option<List<AliasAddress>>,
    destination_signal_address: Option<Passed<TransportAddress>>,
    destination_extra_call_info: Option<List<AliasAddress>>,
    source_info: List<AliasAddress>,
    source_signal_address: Option<Passed<TransportAddress>>,
    bandwidth: u32,
    pub(crate) call_reference: u16,
    non_standard: Option<Passed<NonStandardParameter>>,
    call_services: Option<Passed<QseriesOptions>>,
    conference: FixedOctetString<16>,
    active_mc: bool,
    answer_call: bool,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct AdmissionConfirm {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    bandwidth: u32,
    call_model: CallModel,
    pub(crate) signal_address: TransportAddress,
    #[rasn(value("1..=65535"))]
    irr_frequency: Option<u32>,
    non_standard: Option<Passed<NonStandardParameter>>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct LocationRequest {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    #[rasn(size("1..=128"))]
    endpoint: Option<Passed<BmpString>>,
    destination_info: List<AliasAddress>,
    non_standard: Option<Passed<NonStandardParameter>>,
    pub(crate) reply_address: TransportAddress,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct LocationConfirm {
    #[rasn(value("1..=65535"))]
    pub(crate) number: Number,
    pub(crate) signal_address: TransportAddress,
    pub(crate) ras_address: TransportAddress,
    non_standard: Option<Passed<NonStandardParameter>>,
}

/// As far as the call that it ends. What follows is not looked at, so the type has no additions here: the mark of them is
/// one of its two flags.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct DisengageRequest {
    flags: Flags<2>,
    #[rasn(value("1..=65535"))]
    number: Number,
    #[rasn(size("1..=128"))]
    endpoint: Passed<BmpString>,
    conference: FixedOctetString<16>,
    pub(crate) call_reference: u16,
}

/// A message of which nothing is wanted stands as [`Rest`], so that its octets are not looked at; one of which only the
/// number is, as [`Numbered`].
#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum RasMessage {
    GatekeeperRequest(GatekeeperRequest),
    GatekeeperConfirm(GatekeeperConfirm),
    GatekeeperReject(Numbered<3>),
    RegistrationRequest(Box<RegistrationRequest>),
    RegistrationConfirm(Box<RegistrationConfirm>),
    RegistrationReject(Numbered<3>),
    UnregistrationRequest(Numbered<4>),
    UnregistrationConfirm(Numbered<2>),
    UnregistrationReject(Numbered<2>),
    AdmissionRequest(AdmissionRequest),
    AdmissionConfirm(AdmissionConfirm),
    AdmissionReject(Numbered<2>),
    BandwidthRequest(Rest),
    BandwidthConfirm(Rest),
    BandwidthReject(Rest),
    DisengageRequest(DisengageRequest),
    DisengageConfirm(Rest),
    DisengageReject(Rest),
    LocationRequest(LocationRequest),
    LocationConfirm(LocationConfirm),
    LocationReject(Numbered<2>),
    InfoRequest(Rest),
    InfoRequestResponse(Rest),
    NonStandardMessage(Rest),
    UnknownMessageResponse(Rest),
    #[rasn(extension_addition)]
    RequestInProgress(Opaque),
    #[rasn(extension_addition)]
    ResourcesAvailableIndicate(Opaque),
    #[rasn(extension_addition)]
    ResourcesAvailableConfirm(Opaque),
    #[rasn(extension_addition)]
    InfoRequestAck(Opaque),
    #[rasn(extension_addition)]
    InfoRequestNak(Opaque),
    #[rasn(extension_addition)]
    ServiceControlIndication(Opaque),
    #[rasn(extension_addition)]
    ServiceControlResponse(Opaque),
    #[rasn(extension_addition)]
    AdmissionConfirmSequence(Opaque),
}
