//! H.245 (05/2011): the channels that one side opens and the other acknowledges.
//!
//! Fields that no one reads are there because they are in the way.

use rasn::prelude::*;

use super::asn1::{Flags, Numbered, Octets, Opaque, Passed, Rest, Undefined};
use super::h225::{H221NonStandard, List};

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
pub(crate) enum NonStandardIdentifier {
    Object(Octets),
    H221(H221NonStandard),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct NonStandardParameter {
    identifier: NonStandardIdentifier,
    data: Octets,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct IpAddress {
    pub(crate) network: FixedOctetString<4>,
    pub(crate) tsap: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Ip6Address {
    pub(crate) network: FixedOctetString<16>,
    pub(crate) tsap: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct IpxAddress {
    node: FixedOctetString<6>,
    network: FixedOctetString<4>,
    tsap: FixedOctetString<2>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
pub(crate) enum Routing {
    Strict(()),
    Loose(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct IpSourceRoute {
    routing: Routing,
    network: FixedOctetString<4>,
    tsap: u16,
    route: List<FixedOctetString<4>>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum UnicastAddress {
    Ip(IpAddress),
    Ipx(Passed<IpxAddress>),
    Ip6(Ip6Address),
    NetBios(Passed<FixedOctetString<16>>),
    IpSourceRoute(Passed<IpSourceRoute>),
    #[rasn(extension_addition)]
    Nsap(Opaque),
    #[rasn(extension_addition)]
    NonStandard(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum MulticastAddress {
    Ip(Passed<IpAddress>),
    Ip6(Passed<Ip6Address>),
    #[rasn(extension_addition)]
    Nsap(Opaque),
    #[rasn(extension_addition)]
    NonStandard(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum TransportAddress {
    Unicast(UnicastAddress),
    Multicast(MulticastAddress),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct H261Video {
    #[rasn(value("1..=4"))]
    qcif: Option<u8>,
    #[rasn(value("1..=4"))]
    cif: Option<u8>,
    trade_off: bool,
    #[rasn(value("1..=19200"))]
    bit_rate: u32,
    still_image: bool,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct H262Video {
    profiles: Flags<11>,
    #[rasn(value("0..=1073741823"))]
    bit_rate: Option<u32>,
    #[rasn(value("0..=262143"))]
    buffer_size: Option<u32>,
    #[rasn(value("0..=16383"))]
    samples: Option<u32>,
    #[rasn(value("0..=16383"))]
    lines: Option<u32>,
    #[rasn(value("0..=15"))]
    frames: Option<u8>,
    luminance_sample_rate: Option<u32>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct H263Video {
    #[rasn(value("1..=32"))]
    sqcif: Option<u8>,
    #[rasn(value("1..=32"))]
    qcif: Option<u8>,
    #[rasn(value("1..=32"))]
    cif: Option<u8>,
    #[rasn(value("1..=32"))]
    cif4: Option<u8>,
    #[rasn(value("1..=32"))]
    cif16: Option<u8>,
    #[rasn(value("1..=192400"))]
    bit_rate: u32,
    unrestricted_vector: bool,
    arithmetic_coding: bool,
    advanced_prediction: bool,
    pb_frames: bool,
    trade_off: bool,
    #[rasn(value("0..=524287"))]
    hrd_b: Option<u32>,
    bpp_max_kb: Option<u16>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Is11172Video {
    constrained_bitstream: bool,
    #[rasn(value("0..=1073741823"))]
    bit_rate: Option<u32>,
    #[rasn(value("0..=262143"))]
    buffer_size: Option<u32>,
    #[rasn(value("0..=16383"))]
    samples: Option<u32>,
    #[rasn(value("0..=16383"))]
    lines: Option<u32>,
    #[rasn(value("0..=15"))]
    picture_rate: Option<u8>,
    luminance_sample_rate: Option<u32>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Video {
    NonStandard(NonStandardParameter),
    H261(H261Video),
    H262(H262Video),
    H263(H263Video),
    Is11172(Is11172Video),
    #[rasn(extension_addition)]
    Generic(Opaque),
    #[rasn(extension_addition)]
    Extended(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct G7231 {
    #[rasn(value("1..=256"))]
    frames: u16,
    silence_suppression: bool,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Is11172Audio {
    layers: Flags<8>,
    #[rasn(value("1..=448"))]
    bit_rate: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Is13818Audio {
    layers: Flags<20>,
    #[rasn(value("1..=1130"))]
    bit_rate: u16,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Audio {
    NonStandard(NonStandardParameter),
    #[rasn(value("1..=256"))]
    G711A64(u16),
    #[rasn(value("1..=256"))]
    G711A56(u16),
    #[rasn(value("1..=256"))]
    G711U64(u16),
    #[rasn(value("1..=256"))]
    G711U56(u16),
    #[rasn(value("1..=256"))]
    G722At64(u16),
    #[rasn(value("1..=256"))]
    G722At56(u16),
    #[rasn(value("1..=256"))]
    G722At48(u16),
    G7231(G7231),
    #[rasn(value("1..=256"))]
    G728(u16),
    #[rasn(value("1..=256"))]
    G729(u16),
    #[rasn(value("1..=256"))]
    G729A(u16),
    Is11172(Is11172Audio),
    Is13818(Is13818Audio),
    #[rasn(extension_addition)]
    G729B(Opaque),
    #[rasn(extension_addition)]
    G729AB(Opaque),
    #[rasn(extension_addition)]
    G7231C(Opaque),
    #[rasn(extension_addition)]
    GsmFullRate(Opaque),
    #[rasn(extension_addition)]
    GsmHalfRate(Opaque),
    #[rasn(extension_addition)]
    GsmEnhancedFullRate(Opaque),
    #[rasn(extension_addition)]
    Generic(Opaque),
    #[rasn(extension_addition)]
    G729Extensions(Opaque),
    #[rasn(extension_addition)]
    Vbd(Opaque),
    #[rasn(extension_addition)]
    TelephonyEvent(Opaque),
    #[rasn(extension_addition)]
    Tone(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum DataProtocol {
    NonStandard(NonStandardParameter),
    V14Buffered(()),
    V42Lapm(()),
    HdlcFrameTunnelling(()),
    H310SeparateVcStack(()),
    H310SingleVcStack(()),
    Transparent(()),
    #[rasn(extension_addition)]
    SegmentationAndReassembly(Opaque),
    #[rasn(extension_addition)]
    HdlcFrameTunnellingWithSar(Opaque),
    #[rasn(extension_addition)]
    V120(Opaque),
    #[rasn(extension_addition)]
    SeparateLanStack(Opaque),
    #[rasn(extension_addition)]
    V76WithCompression(Opaque),
    #[rasn(extension_addition)]
    Tcp(Opaque),
    #[rasn(extension_addition)]
    Udp(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct T84Restricted {
    formats: Flags<19>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
pub(crate) enum T84Profile {
    Unrestricted(()),
    Restricted(T84Restricted),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct T84 {
    protocol: DataProtocol,
    profile: T84Profile,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
pub(crate) struct Nlpid {
    protocol: DataProtocol,
    data: Octets,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Application {
    NonStandard(NonStandardParameter),
    T120(DataProtocol),
    DsmCc(DataProtocol),
    UserData(DataProtocol),
    T84(T84),
    T434(DataProtocol),
    H224(DataProtocol),
    Nlpid(Nlpid),
    DsvdControl(()),
    H222DataPartitioning(DataProtocol),
    #[rasn(extension_addition)]
    T30Fax(Opaque),
    #[rasn(extension_addition)]
    T140(Opaque),
    #[rasn(extension_addition)]
    T38Fax(Opaque),
    #[rasn(extension_addition)]
    Generic(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Data {
    application: Application,
    bit_rate: u32,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Encryption {
    NonStandard(NonStandardParameter),
    H233(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum DataType {
    NonStandard(NonStandardParameter),
    Null(()),
    Video(Video),
    Audio(Audio),
    Data(Data),
    Encryption(Encryption),
    #[rasn(extension_addition)]
    H235Control(Opaque),
    #[rasn(extension_addition)]
    H235Media(Opaque),
    #[rasn(extension_addition)]
    MultiplexedStream(Opaque),
    #[rasn(extension_addition)]
    RedundancyEncoding(Opaque),
    #[rasn(extension_addition)]
    MultiplePayloadStream(Opaque),
    #[rasn(extension_addition)]
    DependentFec(Opaque),
    #[rasn(extension_addition)]
    Fec(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct TerminalLabel {
    #[rasn(value("0..=192"))]
    mcu: u8,
    #[rasn(value("0..=192"))]
    terminal: u8,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Packetization {
    H261A(()),
    #[rasn(extension_addition)]
    RtpPayloadType(Opaque),
}

/// H2250LogicalChannelParameters.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct RtpChannel {
    non_standard: Option<List<NonStandardParameter>>,
    session: u8,
    #[rasn(value("1..=255"))]
    associated_session: Option<u8>,
    pub(crate) media: Option<TransportAddress>,
    media_guaranteed: Option<bool>,
    pub(crate) media_control: Option<TransportAddress>,
    media_control_guaranteed: Option<bool>,
    silence_suppression: Option<bool>,
    destination: Option<TerminalLabel>,
    #[rasn(value("96..=127"))]
    payload_type: Option<u8>,
    packetization: Option<Packetization>,
}

/// H2250LogicalChannelAckParameters.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct RtpChannelAck {
    non_standard: Option<List<NonStandardParameter>>,
    #[rasn(value("1..=255"))]
    session: Option<u8>,
    pub(crate) media: Option<TransportAddress>,
    pub(crate) media_control: Option<TransportAddress>,
    #[rasn(value("96..=127"))]
    payload_type: Option<u8>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ForwardMultiplex {
    H222(Undefined),
    H223(Undefined),
    V76(Undefined),
    #[rasn(extension_addition)]
    Rtp(RtpChannel),
    #[rasn(extension_addition)]
    None(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ReverseMultiplex {
    H223(Undefined),
    V76(Undefined),
    #[rasn(extension_addition)]
    Rtp(RtpChannel),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ReverseMultiplexAck {
    H222(Undefined),
    #[rasn(extension_addition)]
    Rtp(RtpChannel),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum ForwardMultiplexAck {
    Rtp(RtpChannelAck),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Forward {
    port: Option<u16>,
    data_type: Passed<DataType>,
    pub(crate) multiplex: ForwardMultiplex,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct Reverse {
    data_type: Passed<DataType>,
    pub(crate) multiplex: Option<ReverseMultiplex>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Distribution {
    Unicast(()),
    Multicast(()),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum NetworkAddress {
    Q2931(Undefined),
    #[rasn(size("1..=128"), from("#", "*", ",", "0..=9"))]
    E164(Passed<Ia5String>),
    LocalArea(TransportAddress),
}

/// NetworkAccessParameters: where T.120 is spoken.
#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct SeparateStack {
    distribution: Option<Distribution>,
    pub(crate) address: NetworkAddress,
    associate_conference: bool,
    #[rasn(size("1..=255"))]
    external_reference: Option<Octets>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct OpenLogicalChannel {
    #[rasn(value("1..=65535"))]
    pub(crate) number: u16,
    pub(crate) forward: Forward,
    pub(crate) reverse: Option<Reverse>,
    #[rasn(extension_addition)]
    pub(crate) separate_stack: Option<SeparateStack>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct ReverseAck {
    #[rasn(value("1..=65535"))]
    number: u16,
    port: Option<u16>,
    pub(crate) multiplex: Option<ReverseMultiplexAck>,
}

#[derive(AsnType, Decode, Debug)]
#[rasn(automatic_tags)]
#[non_exhaustive]
pub(crate) struct OpenLogicalChannelAck {
    #[rasn(value("1..=65535"))]
    pub(crate) number: u16,
    pub(crate) reverse: Option<ReverseAck>,
    #[rasn(extension_addition)]
    pub(crate) separate_stack: Option<SeparateStack>,
    #[rasn(extension_addition)]
    pub(crate) forward: Option<ForwardMultiplexAck>,
}

/// A message of which nothing is wanted stands as [`Rest`], so that its octets are not looked at; one of which only the
/// channel is, as [`Numbered`].
#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Request {
    NonStandard(Rest),
    MasterSlaveDetermination(Rest),
    TerminalCapabilitySet(Rest),
    OpenLogicalChannel(Box<OpenLogicalChannel>),
    CloseLogicalChannel(Numbered<1>),
    RequestChannelClose(Rest),
    MultiplexEntrySend(Rest),
    RequestMultiplexEntry(Rest),
    RequestMode(Rest),
    RoundTripDelayRequest(Rest),
    MaintenanceLoopRequest(Rest),
    #[rasn(extension_addition)]
    CommunicationModeRequest(Opaque),
    #[rasn(extension_addition)]
    ConferenceRequest(Opaque),
    #[rasn(extension_addition)]
    MultilinkRequest(Opaque),
    #[rasn(extension_addition)]
    LogicalChannelRateRequest(Opaque),
    #[rasn(extension_addition)]
    Generic(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Response {
    NonStandard(Rest),
    MasterSlaveDeterminationAck(Rest),
    MasterSlaveDeterminationReject(Rest),
    TerminalCapabilitySetAck(Rest),
    TerminalCapabilitySetReject(Rest),
    OpenLogicalChannelAck(Box<OpenLogicalChannelAck>),
    OpenLogicalChannelReject(Numbered<1>),
    CloseLogicalChannelAck(Rest),
    RequestChannelCloseAck(Rest),
    RequestChannelCloseReject(Rest),
    MultiplexEntrySendAck(Rest),
    MultiplexEntrySendReject(Rest),
    RequestMultiplexEntryAck(Rest),
    RequestMultiplexEntryReject(Rest),
    RequestModeAck(Rest),
    RequestModeReject(Rest),
    RoundTripDelayResponse(Rest),
    MaintenanceLoopAck(Rest),
    MaintenanceLoopReject(Rest),
    #[rasn(extension_addition)]
    CommunicationModeResponse(Opaque),
    #[rasn(extension_addition)]
    ConferenceResponse(Opaque),
    #[rasn(extension_addition)]
    MultilinkResponse(Opaque),
    #[rasn(extension_addition)]
    LogicalChannelRateAcknowledge(Opaque),
    #[rasn(extension_addition)]
    LogicalChannelRateReject(Opaque),
    #[rasn(extension_addition)]
    Generic(Opaque),
}

#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Command {
    NonStandard(Rest),
    MaintenanceLoopOff(Rest),
    SendTerminalCapabilitySet(Rest),
    Encryption(Rest),
    FlowControl(Rest),
    EndSession(Rest),
    Miscellaneous(Rest),
    #[rasn(extension_addition)]
    CommunicationMode(Opaque),
    #[rasn(extension_addition)]
    Conference(Opaque),
    #[rasn(extension_addition)]
    H223MultiplexReconfiguration(Opaque),
    #[rasn(extension_addition)]
    NewAtmVc(Opaque),
    #[rasn(extension_addition)]
    MobileMultilinkReconfiguration(Opaque),
    #[rasn(extension_addition)]
    Generic(Opaque),
}

/// MultimediaSystemControlMessage.
#[derive(AsnType, Decode, Debug)]
#[rasn(choice, automatic_tags)]
#[non_exhaustive]
pub(crate) enum Control {
    Request(Request),
    Response(Response),
    Command(Command),
    Indication(Rest),
}
