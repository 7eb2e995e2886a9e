#!/usr/bin/env python3
"""Writes vectors.txt: messages of H.323 as an encoder says them that shares no code with the product.

    pip install pycrate && python3 vectors.py > vectors.txt

Two parties and a third: 10.0.0.1 calls or registers, 192.0.2.1 is called or keeps the gate, 198.51.100.7 has no part in
the conversation; 2001:db8::1 and 2001:db8:1::1 are the first two in IPv6. Each line is a name and octets in hexadecimal.

Where the bitmap of a type's additions ends within some octets, pycrate 0.8.1 writes an octet of zero too many behind it:
Setup with callServices is one such message, and a ReleaseComplete with a reason. None of those is written here.
"""

from pycrate_asn1dir import H225, H245

CALLER, CALLED, THIRD = "10.0.0.1", "192.0.2.1", "198.51.100.7"
CALLER6 = bytes.fromhex("20010db8000000000000000000000001")
CALLED6 = bytes.fromhex("20010db8000100000000000000000001")
VERSION = (0, 0, 8, 2250, 0, 6)
GUID = bytes(range(16))
RAS = H225.H323_MESSAGES.RasMessage
USER = H225.H323_MESSAGES.H323_UserInformation
OPEN = H245.MULTIMEDIA_SYSTEM_CONTROL.OpenLogicalChannel
CONTROL = H245.MULTIMEDIA_SYSTEM_CONTROL.MultimediaSystemControlMessage


def say(name, octets):
    print(f"{name} {octets.hex()}")


def octets(host):
    return bytes(map(int, host.split("."))) if isinstance(host, str) else host


def signal(host, port):
    """A transport address of H.225."""
    kind = "ipAddress" if isinstance(host, str) else "ip6Address"
    return (kind, {"ip": octets(host), "port": port})


def media(host, port):
    """A transport address of H.245."""
    kind = "iPAddress" if isinstance(host, str) else "iP6Address"
    return ("unicastAddress", (kind, {"network": octets(host), "tsapIdentifier": port}))


def aper(definition, value):
    definition.set_val(value)
    return definition.to_aper()


VENDOR = {
    "vendor": {"t35CountryCode": 181, "t35Extension": 0, "manufacturerCode": 21324},
    "productId": b"Sallyport's peer",
    "versionId": b"1",
}
NON_STANDARD = {
    "nonStandardIdentifier": ("h221NonStandard", {"t35CountryCode": 9, "t35Extension": 0, "manufacturerCode": 61}),
    "data": b"not of the standard",
}
TERMINAL = {"vendor": VENDOR, "terminal": {}, "mc": False, "undefinedNode": False}
GATEWAY = {
    "nonStandardData": NON_STANDARD,
    "vendor": VENDOR,
    "gateway": {
        "protocol": [
            ("voice", {}), ("h323", {"nonStandardData": NON_STANDARD}), ("nonStandardProtocol", {"supportedPrefixes": []}),
        ]
    },
    "mc": True,
    "undefinedNode": False,
}
ALIASES = [
    ("h323-ID", "caller"),
    ("dialledDigits", "0123456789#*,"),
    ("email-ID", "caller@example.test"),
    ("url-ID", "h323:caller@example.test"),
    ("partyNumber", ("e164Number", {"publicTypeOfNumber": ("unknown", 0), "publicNumberDigits": "5551000"})),
]
SERVICES = {
    "q932Full": True, "q951Full": False, "q952Full": True, "q953Full": False, "q955Full": True, "q956Full": False,
    "q957Full": True, "q954Info": {"conferenceCalling": True, "threePartyService": False},
}
IDENTITY = {"guid": GUID}

# Registration, admission and status.


def ras(name, kind, value):
    say(f"ras_{name}", aper(RAS, (kind, value)))


def registration(number, host, signal_port, ras_port, **more):
    return {
        "requestSeqNum": number, "protocolIdentifier": VERSION, "discoveryComplete": True,
        "callSignalAddress": [signal(host, signal_port)], "rasAddress": [signal(host, ras_port)],
        "terminalType": TERMINAL, "terminalAlias": ALIASES, "endpointVendor": VENDOR,
        "keepAlive": False, "willSupplyUUIEs": False, "maintainConnection": True, "supportsAssignedGK": False, **more,
    }


def admission(number, **more):
    return {
        "requestSeqNum": number, "callType": ("pointToPoint", 0), "endpointIdentifier": "endpoint 7",
        "destinationInfo": [("dialledDigits", "200")], "srcInfo": ALIASES[:2], "bandWidth": 1280,
        "callReferenceValue": 4711, "conferenceID": GUID, "activeMC": False, "answerCall": False,
        "canMapAlias": True, "callIdentifier": IDENTITY, "willSupplyUUIEs": False, "canMapSrcAlias": False, **more,
    }


def admitted(number, host, port, **more):
    return {
        "requestSeqNum": number, "bandWidth": 1280, "callModel": ("direct", 0),
        "destCallSignalAddress": signal(host, port), "willRespondToIRR": False,
        "uuiesRequested": {
            "setup": False, "callProceeding": False, "connect": False, "alerting": False, "information": False,
            "releaseComplete": False, "facility": False, "progress": False, "empty": False, "status": False,
            "statusInquiry": False, "setupAcknowledge": False, "notify": False,
        }, **more,
    }


# The gatekeeper is asked for from port 40000, and shall answer to 1719.
ras("grq", "gatekeeperRequest", {
    "requestSeqNum": 1, "protocolIdentifier": VERSION, "nonStandardData": NON_STANDARD,
    "rasAddress": signal(CALLER, 1719), "endpointType": TERMINAL, "gatekeeperIdentifier": "keeper",
    "callServices": SERVICES, "endpointAlias": ALIASES, "supportsAltGK": 0, "supportsAssignedGK": False})
# It says that it is to be spoken to at its port 2719.
ras("gcf", "gatekeeperConfirm", {
    "requestSeqNum": 1, "protocolIdentifier": VERSION, "gatekeeperIdentifier": "keeper",
    "rasAddress": signal(CALLED, 2719)})
ras("gcf_third", "gatekeeperConfirm", {
    "requestSeqNum": 1, "protocolIdentifier": VERSION, "rasAddress": signal(THIRD, 1719)})
# An endpoint that may be called at its port 1720, for at most 300 seconds.
ras("rrq", "registrationRequest", registration(2, CALLER, 1720, 1719, timeToLive=300))
ras("rrq_6", "registrationRequest", registration(2, CALLER6, 1720, 1719))
ras("rrq_third", "registrationRequest", registration(2, THIRD, 1720, 1719))
ras("rrq_gateway", "registrationRequest", registration(
    3, CALLER, 1720, 1719, nonStandardData=NON_STANDARD, terminalType=GATEWAY, gatekeeperIdentifier="keeper",
    timeToLive=86400, multipleCalls=True))
ras("rrq_again", "registrationRequest", registration(
    4, CALLER, 1720, 1719, keepAlive=True, timeToLive=120, endpointIdentifier="endpoint 7"))
ras("rcf", "registrationConfirm", {
    "requestSeqNum": 2, "protocolIdentifier": VERSION, "callSignalAddress": [signal(CALLED, 1720)],
    "terminalAlias": ALIASES, "gatekeeperIdentifier": "keeper", "endpointIdentifier": "endpoint 7", "timeToLive": 200,
    "willRespondToIRR": False, "maintainConnection": True})
ras("rcf_6", "registrationConfirm", {
    "requestSeqNum": 2, "protocolIdentifier": VERSION, "callSignalAddress": [signal(CALLED6, 1720)],
    "endpointIdentifier": "endpoint 7", "willRespondToIRR": False, "maintainConnection": True})
# Where it is moved to, and at every address that a host may have.
ras("rrq_moved", "registrationRequest", registration(3, CALLER, 2720, 1719))
ras("rrq_many", "registrationRequest", {**registration(2, CALLER, 1720, 1719), "callSignalAddress": [
    signal(THIRD, 1720), *(signal(f"10.0.1.{host}", 1720) for host in range(4)), signal(CALLER6, 1720),
    signal(CALLER, 1720)]})
ras("rrj", "registrationReject", {
    "requestSeqNum": 2, "protocolIdentifier": VERSION, "rejectReason": ("invalidAlias", 0)})
ras("arq", "admissionRequest", admission(5))
ras("arq_all", "admissionRequest", admission(
    5, callModel=("gatekeeperRouted", 0), destCallSignalAddress=signal(CALLED, 1720),
    destExtraCallInfo=[("h323-ID", "extension")], srcCallSignalAddress=signal(CALLER, 1720),
    nonStandardData=NON_STANDARD, callServices=SERVICES))
# The called party may be called at port 1720, or 2720.
ras("acf", "admissionConfirm", admitted(5, CALLED, 1720))
ras("acf_all", "admissionConfirm", admitted(
    5, CALLED, 2720, irrFrequency=30, nonStandardData=NON_STANDARD, destinationInfo=ALIASES))
ras("acf_third", "admissionConfirm", admitted(5, THIRD, 1720))
ras("acf_low", "admissionConfirm", admitted(5, CALLED, 179))
ras("arj", "admissionReject", {"requestSeqNum": 5, "rejectReason": ("callerNotRegistered", 0)})
ras("lrq", "locationRequest", {
    "requestSeqNum": 6, "endpointIdentifier": "endpoint 7", "destinationInfo": ALIASES,
    "nonStandardData": NON_STANDARD, "replyAddress": signal(CALLER, 1719), "canMapAlias": True,
    "canMapSrcAlias": False})
ras("lcf", "locationConfirm", {
    "requestSeqNum": 6, "callSignalAddress": signal(CALLED, 1720), "rasAddress": signal(CALLED, 2719)})
ras("drq", "disengageRequest", {
    "requestSeqNum": 7, "endpointIdentifier": "endpoint 7", "conferenceID": GUID, "callReferenceValue": 4711,
    "disengageReason": ("normalDrop", 0), "answeredCall": False})
ras("urq", "unregistrationRequest", {
    "requestSeqNum": 8, "callSignalAddress": [signal(CALLER, 1720)], "endpointAlias": ALIASES,
    "endpointIdentifier": "endpoint 7"})
ras("ucf", "unregistrationConfirm", {"requestSeqNum": 8})
ras("urj", "unregistrationReject", {"requestSeqNum": 8, "rejectReason": ("callInProgress", 0)})
ras("rip", "requestInProgress", {"requestSeqNum": 5, "delay": 3000})

# H.245.


def rtp(session, at, control, **more):
    parameters = {"sessionID": session, **more}
    if at:
        parameters["mediaChannel"] = media(*at)
    if control:
        parameters["mediaControlChannel"] = media(*control)
    return ("h2250LogicalChannelParameters", parameters)


def forward(number, kind, session, at, control, **more):
    """A channel from the one who opens it."""
    parameters = {"dataType": kind, "multiplexParameters": rtp(session, at, control, **more)}
    return {"forwardLogicalChannelNumber": number, "forwardLogicalChannelParameters": parameters}


def reverse(number, kind, session, at, control):
    """A channel to the one who proposes it (fast start)."""
    return {
        "forwardLogicalChannelNumber": number,
        "forwardLogicalChannelParameters": {"dataType": ("nullData", 0), "multiplexParameters": ("none", 0)},
        "reverseLogicalChannelParameters": {"dataType": kind, "multiplexParameters": rtp(session, at, control)},
    }


def acknowledged(number, session, at, control):
    parameters = {"mediaChannel": media(*at), "mediaControlChannel": media(*control), "sessionID": session}
    return ("response", ("openLogicalChannelAck", {
        "forwardLogicalChannelNumber": number,
        "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", {**parameters, "flowControlToZero": False}),
    }))


def opening(channel):
    return ("request", ("openLogicalChannel", channel))


ULAW = ("audioData", ("g711Ulaw64k", 20))
G7231 = ("audioData", ("g7231", {"maxAl-sduAudioFrames": 4, "silenceSuppression": True}))
G729AB = ("audioData", ("g729AnnexAwAnnexB", 6))
GSM = ("audioData", ("gsmFullRate", {"audioUnitSize": 33, "comfortNoise": False, "scrambled": False}))
H261 = ("videoData", ("h261VideoCapability", {
    "qcifMPI": 1, "cifMPI": 2, "temporalSpatialTradeOffCapability": False, "maxBitRate": 3840,
    "stillImageTransmission": False, "videoBadMBsCap": False}))
H263 = ("videoData", ("h263VideoCapability", {
    "qcifMPI": 1, "cifMPI": 2, "maxBitRate": 38400, "unrestrictedVector": False, "arithmeticCoding": False,
    "advancedPrediction": True, "pbFrames": False, "temporalSpatialTradeOffCapability": True, "hrd-B": 400000,
    "bppMaxKb": 5, "errorCompensation": False}))
H264 = ("videoData", ("genericVideoCapability", {
    "capabilityIdentifier": ("standard", (0, 0, 8, 241, 0, 0, 1)), "maxBitRate": 3840,
    "collapsing": [{"parameterIdentifier": ("standard", 41), "parameterValue": ("booleanArray", 64)}]}))
# A second stream of video, which shows slides (H.239).
SLIDES = ("videoData", ("extendedVideoCapability", {
    "videoCapability": [H264[1]],
    "videoCapabilityExtension": [{
        "capabilityIdentifier": ("standard", (0, 0, 8, 239, 1, 2)),
        "nonCollapsing": [{"parameterIdentifier": ("standard", 1), "parameterValue": ("booleanArray", 1)}]}]}))
T38 = ("data", {
    "application": ("t38fax", {
        "t38FaxProtocol": ("udp", 0),
        "t38FaxProfile": {"fillBitRemoval": False, "transcodingJBIG": False, "transcodingMMR": False, "version": 0,
                          "t38FaxRateManagement": ("transferredTCF", 0)}}),
    "maxBitRate": 144})
T120 = ("data", {"application": ("t120", ("separateLANStack", 0)), "maxBitRate": 1000})
NON_STANDARD_245 = {
    "nonStandardIdentifier": ("h221NonStandard", {"t35CountryCode": 9, "t35Extension": 0, "manufacturerCode": 61}),
    "data": b"not of the standard",
}


def control(name, value):
    say(f"h245_{name}", aper(CONTROL, value))


# The caller opens audio: reports of it come to port 5005. It is acknowledged: media to 6000, reports to 6001.
control("olc", opening(forward(101, ULAW, 1, None, (CALLER, 5005))))
control("olc_ack", acknowledged(101, 1, (CALLED, 6000), (CALLED, 6001)))
# The called party opens its own: reports to 6001; media to 5004.
control("olc_back", opening(forward(201, G7231, 1, None, (CALLED, 6001), silenceSuppression=True)))
control("olc_back_ack", acknowledged(201, 1, (CALLER, 5004), (CALLER, 5005)))
control("olc_6", opening(forward(101, ULAW, 1, None, (CALLER6, 5005))))
control("olc_6_ack", acknowledged(101, 1, (CALLED6, 6000), (CALLED6, 6001)))
control("olc_back_6", opening(forward(201, G7231, 1, None, (CALLED6, 6001))))
control("olc_back_6_ack", acknowledged(201, 1, (CALLER6, 5004), (CALLER6, 5005)))
control("olc_third", opening(forward(102, ULAW, 1, None, (THIRD, 5005))))
control("olc_third_ack", acknowledged(101, 1, (THIRD, 6000), (THIRD, 6001)))
control("olc_of_the_other", opening(forward(103, ULAW, 1, None, (CALLED, 7005))))
control("olc_low", opening(forward(104, ULAW, 1, None, (CALLER, 139))))
for at, (name, kind) in enumerate([
        ("g729ab", G729AB), ("gsm", GSM), ("h261", H261), ("h263", H263), ("h264", H264), ("t38", T38),
        ("slides", SLIDES)]):
    control(f"olc_{name}", opening(forward(110 + at, kind, 2, None, (CALLER, 5007 + 2 * at))))
control("olc_all", opening(forward(
    120, ("audioData", ("nonStandard", NON_STANDARD_245)), 5, (CALLER, 5040), (CALLER, 5041),
    nonStandard=[NON_STANDARD_245], associatedSessionID=4, mediaGuaranteedDelivery=False,
    mediaControlGuaranteedDelivery=False, silenceSuppression=True,
    destination={"mcuNumber": 1, "terminalNumber": 2}, dynamicRTPPayloadType=100,
    mediaPacketization=("rtpPayloadType", {"payloadDescriptor": ("rfc-number", 2190), "payloadType": 34}),
    source={"mcuNumber": 1, "terminalNumber": 3})))
# Both ways at once: media to 5050 of the opener, to 6050 of the other.
control("olc_both", opening({
    **forward(130, T38, 3, (CALLER, 5050), (CALLER, 5051)),
    "reverseLogicalChannelParameters": {"dataType": T38, "multiplexParameters": rtp(3, (CALLER, 5050), (CALLER, 5051))},
}))
control("olc_both_ack", ("response", ("openLogicalChannelAck", {
    "forwardLogicalChannelNumber": 130,
    "reverseLogicalChannelParameters": {
        "reverseLogicalChannelNumber": 131, "multiplexParameters": rtp(3, (CALLED, 6050), (CALLED, 6051))},
    "forwardMultiplexAckParameters": ("h2250LogicalChannelAckParameters", {
        "sessionID": 3, "mediaChannel": media(CALLED, 6050), "mediaControlChannel": media(CALLED, 6051),
        "flowControlToZero": False}),
})))
# T.120 is spoken over TCP, at port 1503 of the one who acknowledges.
T120_CHANNEL = {
    "forwardLogicalChannelNumber": 140,
    "forwardLogicalChannelParameters": {"dataType": T120, "multiplexParameters": rtp(4, None, None)},
    "reverseLogicalChannelParameters": {"dataType": T120, "multiplexParameters": rtp(4, None, None)},
}
control("olc_t120", opening(T120_CHANNEL))
control("olc_t120_ack", ("response", ("openLogicalChannelAck", {
    "forwardLogicalChannelNumber": 140,
    "reverseLogicalChannelParameters": {"reverseLogicalChannelNumber": 141, "multiplexParameters": rtp(4, None, None)},
    "separateStack": {
        "networkAddress": ("localAreaAddress", media(CALLED, 1503)), "associateConference": False,
        "externalReference": b"7"},
})))
control("olc_h324", opening({
    "forwardLogicalChannelNumber": 150,
    "forwardLogicalChannelParameters": {
        "dataType": ULAW,
        "multiplexParameters": ("h223LogicalChannelParameters", {
            "adaptationLayerType": ("al1Framed", 0), "segmentableFlag": True})}}))
control("msd", ("request", ("masterSlaveDetermination", {"terminalType": 50, "statusDeterminationNumber": 4711})))
control("tcs", ("request", ("terminalCapabilitySet", {
    "sequenceNumber": 1, "protocolIdentifier": (0, 0, 8, 245, 0, 13),
    "capabilityTable": [{"capabilityTableEntryNumber": 1, "capability": ("receiveAudioCapability", ("g711Ulaw64k", 20))}],
})))
control("tcs_ack", ("response", ("terminalCapabilitySetAck", {"sequenceNumber": 1})))
control("clc", ("request", ("closeLogicalChannel", {
    "forwardLogicalChannelNumber": 101, "source": ("user", 0), "reason": ("unknown", 0)})))
control("clc_back", ("request", ("closeLogicalChannel", {
    "forwardLogicalChannelNumber": 201, "source": ("user", 0), "reason": ("unknown", 0)})))
control("olc_reject", ("response", ("openLogicalChannelReject", {
    "forwardLogicalChannelNumber": 101, "cause": ("dataTypeNotSupported", 0)})))
control("flow", ("command", ("flowControlCommand", {
    "scope": ("logicalChannelNumber", 101), "restriction": ("noRestriction", 0)})))
control("end", ("command", ("endSessionCommand", ("disconnect", 0))))
control("user_input", ("indication", ("userInput", ("alphanumeric", "1"))))
control("generic", ("request", ("genericRequest", {"messageIdentifier": ("standard", (0, 0, 8, 239, 1, 1))})))

# Call signalling: TPKT, Q.931, and the user-user information element.

SETUP, CALL_PROCEEDING, ALERTING, CONNECT, PROGRESS, FACILITY, INFORMATION, RELEASE, STATUS = (
    0x05, 0x02, 0x01, 0x07, 0x03, 0x62, 0x7B, 0x5A, 0x7D)


def element(identifier, contents):
    return bytes([identifier, len(contents)]) + contents


def tpkt(message):
    return bytes([3, 0]) + (len(message) + 4).to_bytes(2, "big") + message


def q931(kind, from_called, user, others=b"", reference=4711):
    reference |= 0x8000 if from_called else 0
    message = bytes([8, 2]) + reference.to_bytes(2, "big") + bytes([kind]) + others
    if user is not None:
        message += b"\x7e" + (len(user) + 1).to_bytes(2, "big") + b"\x05" + user
    return tpkt(message)


# Bearer capability (unrestricted digital), display, and a number.
ASIDES = element(0x04, b"\x88\x90\xa5") + element(0x28, b"caller\0") + element(0x70, b"\x81200")


def call(name, kind, from_called, body, others=b"", **pdu):
    user = aper(USER, {"h323-uu-pdu": {"h323-message-body": body, "h245Tunnelling": bool(pdu.get("h245Control")), **pdu}})
    say(f"call_{name}", q931(kind, from_called, user, others))


def setup(**more):
    return ("setup", {
        "protocolIdentifier": VERSION, "sourceAddress": ALIASES[:2], "sourceInfo": TERMINAL,
        "destinationAddress": [("dialledDigits", "200")], "activeMC": False, "conferenceID": GUID,
        "conferenceGoal": ("create", 0), "callType": ("pointToPoint", 0), "callIdentifier": IDENTITY,
        "mediaWaitForConnect": False, "canOverlapSend": False, "multipleCalls": False, "maintainConnection": False,
        **more})


def answer(kind, **more):
    return (kind, {
        "protocolIdentifier": VERSION, "destinationInfo": TERMINAL, "callIdentifier": IDENTITY,
        "multipleCalls": False, "maintainConnection": False, **more})


def connected(**more):
    return answer("connect", conferenceID=GUID, **more)


def facility(reason, **more):
    return ("facility", {
        "protocolIdentifier": VERSION, "reason": (reason, 0), "callIdentifier": IDENTITY, "multipleCalls": False,
        "maintainConnection": False, **more})


def proposed(caller):
    return [aper(OPEN, channel) for channel in [
        forward(1, ULAW, 1, None, (caller, 5005)), forward(2, G729AB, 1, None, (caller, 5005)),
        reverse(0x8001, ULAW, 1, (caller, 5004), (caller, 5005)),
        reverse(0x8002, G729AB, 1, (caller, 5004), (caller, 5005)),
    ]]


def accepted(caller, called):
    return [aper(OPEN, channel) for channel in [
        forward(1, ULAW, 1, (called, 6000), (called, 6001)),
        reverse(0x8001, ULAW, 1, (caller, 5004), (called, 6001)),
    ]]


PROPOSED, ACCEPTED = proposed(CALLER), accepted(CALLER, CALLED)

call("setup", SETUP, False, setup(), ASIDES)
call("setup_all", SETUP, False, setup(
    h245Address=signal(CALLER, 3230), sourceInfo=GATEWAY, destCallSignalAddress=signal(CALLED, 1720),
    destExtraCallInfo=[("h323-ID", "extension")], destExtraCRV=[1, 2],
    sourceCallSignalAddress=signal(CALLER, 1720), remoteExtensionAddress=ALIASES[0], fastStart=PROPOSED,
    language=["en"], hopCount=5), ASIDES,
    nonStandardData=NON_STANDARD)
call("setup_fast", SETUP, False, setup(fastStart=PROPOSED), ASIDES)
call("setup_fast_6", SETUP, False, setup(fastStart=proposed(CALLER6)), ASIDES)
call("setup_tunnel", SETUP, False, setup(
    parallelH245Control=[aper(CONTROL, opening(forward(101, ULAW, 1, None, (CALLER, 5005))))]), ASIDES,
    h245Control=[])
call("proceeding", CALL_PROCEEDING, True, answer("callProceeding"))
call("proceeding_h245", CALL_PROCEEDING, True, answer("callProceeding", h245Address=signal(CALLED, 3230)))
call("alerting", ALERTING, True, answer("alerting"))
call("alerting_fast", ALERTING, True, answer("alerting", fastStart=ACCEPTED))
call("progress_fast", PROGRESS, True, ("progress", {
    "protocolIdentifier": VERSION, "destinationInfo": TERMINAL, "callIdentifier": IDENTITY, "fastStart": ACCEPTED,
    "multipleCalls": False, "maintainConnection": False}), element(0x1E, b"\x80\x88"))
call("connect", CONNECT, True, connected())
call("connect_h245", CONNECT, True, connected(h245Address=signal(CALLED, 3230)))
call("connect_h245_third", CONNECT, True, connected(h245Address=signal(THIRD, 3230)))
call("connect_h245_low", CONNECT, True, connected(h245Address=signal(CALLED, 22)))
call("connect_h245_6", CONNECT, True, connected(h245Address=signal(CALLED6, 3230)))
call("connect_fast", CONNECT, True, connected(fastStart=ACCEPTED))
call("connect_fast_6", CONNECT, True, connected(fastStart=accepted(CALLER6, CALLED6)))
call("connect_wrong_side", CONNECT, False, connected(h245Address=signal(CALLER, 3230)))
call("facility_h245", FACILITY, False, facility("startH245", h245Address=signal(CALLER, 3230)))
call("facility_forward", FACILITY, True, facility("callForwarded", alternativeAddress=signal(THIRD, 1720)))
for name, from_called, messages in [
        ("olc", False, [("request", ("terminalCapabilitySet", {
            "sequenceNumber": 1, "protocolIdentifier": (0, 0, 8, 245, 0, 13)})),
            opening(forward(101, ULAW, 1, None, (CALLER, 5005)))]),
        ("olc_ack", True, [acknowledged(101, 1, (CALLED, 6000), (CALLED, 6001))])]:
    call(f"facility_{name}", FACILITY, from_called, facility("transportedInformation"),
         h245Control=[aper(CONTROL, message) for message in messages])
call("facility_end", FACILITY, False, facility("transportedInformation"),
     h245Control=[aper(CONTROL, ("command", ("endSessionCommand", ("disconnect", 0))))])
# A body of nothing but a tunnel.
call("empty_olc", FACILITY, False, ("empty", 0),
     h245Control=[aper(CONTROL, opening(forward(101, ULAW, 1, None, (CALLER, 5005))))])
call("information", INFORMATION, False, ("information", {"protocolIdentifier": VERSION, "callIdentifier": IDENTITY}))
call("notify", 0x6E, True, ("notify", {"protocolIdentifier": VERSION, "callIdentifier": IDENTITY}))
call("release", RELEASE, False, ("releaseComplete", {
    "protocolIdentifier": VERSION, "callIdentifier": IDENTITY}),
    element(0x08, b"\x80\x90"))
say("call_status", q931(STATUS, True, None, element(0x08, b"\x80\x9e") + element(0x14, b"\x01")))
