use smoltcp::wire::IpCidr;

use super::*;

/// The Ethernet addresses of a frame from host 2 to host 1, which is this one.
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const FROM: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 2]);
const V6: IpAddress = IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 1);
/// A SYN from port 0x1234 to port 2333 with the number 7.
const SYN: [u8; 20] =
    [0x12, 0x34, 0x09, 0x1d, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 0x02, 0, 0, 0, 0, 0, 0];

fn ipv4(fragment: [u8; 2], options: &[u8], segment: &[u8]) -> std::vec::Vec<u8> {
    let header = 20 + options.len();
    let [high, low] = ((header + segment.len()) as u16).to_be_bytes();
    let first = 0x40 | (header / 4) as u8;
    let mut frame = std::vec::Vec::from(MACS);
    frame.extend([8, 0, first, 0, high, low, 0, 0, fragment[0], fragment[1], 64, 6, 0, 0]);
    frame.extend([10, 0, 0, 2, 10, 0, 0, 1]);
    frame.extend(options);
    frame.extend(segment);
    frame
}

fn ipv6(to: IpAddress, protocol: u8, payload: &[u8]) -> std::vec::Vec<u8> {
    let mut frame = std::vec::Vec::from(MACS);
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, payload.len() as u8, protocol, 64]);
    for address in [IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2), to] {
        let IpAddress::Ipv6(address) = address else { panic!("an IPv6 address") };
        frame.extend(address.octets());
    }
    frame.extend(payload);
    frame
}

/// Classifies a frame as host 1 does.
fn classify(frame: &[u8]) -> Subject {
    let ip = [IpCidr::new(IpAddress::v4(10, 0, 0, 1), 24), IpCidr::new(V6, 64)];
    super::classify(frame, &Addresses { mac: EthernetAddress([2, 0, 0, 0, 0, 1]), ip: &ip })
}

fn opens(peer: IpAddress, local: IpAddress) -> Subject {
    let (peer, local) = (IpEndpoint::new(peer, 0x1234), IpEndpoint::new(local, 2333));
    let (flow, opens) = (Flow { peer, local }, Some(Syn { number: TcpSeqNumber(7), scale: 0 }));
    Subject::Segment { flow, from: FROM, opens, resets: None, acks: None, offers: 0 }
}

#[test]
fn a_segment_is_found_behind_any_ipv4_header() {
    let expected = opens(IpAddress::v4(10, 0, 0, 2), IpAddress::v4(10, 0, 0, 1));
    assert_eq!(classify(&ipv4([0, 0], &[], &SYN)), expected);
    assert_eq!(classify(&ipv4([0x40, 0], &[1; 8], &SYN)), expected);
}

#[test]
fn a_segment_is_found_behind_any_ipv6_header_that_smoltcp_accepts() {
    let expected = opens(IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2), V6);
    assert_eq!(classify(&ipv6(V6, 6, &SYN)), expected);
    for length in [0, 1, 2] {
        let mut payload = std::vec![0; 8 + 8 * usize::from(length)];
        payload[..2].copy_from_slice(&[6, length]);
        payload.extend(SYN);
        assert_eq!(classify(&ipv6(V6, 0, &payload)), expected, "{length}");
        // A destination options header: smoltcp answers that it does not know it.
        assert_eq!(classify(&ipv6(V6, 60, &payload)), Subject::Other, "{length}");
    }
}

#[test]
fn what_is_for_many_or_for_others_is_not_answered() {
    let [broadcast, multicast, other] = [[255; 6], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 9]];
    for frame in [ipv4([0, 0], &[], &SYN), ipv6(V6, 6, &SYN)] {
        for mac in [broadcast, multicast, other] {
            let mut frame = frame.clone();
            frame[..6].copy_from_slice(&mac);
            assert_eq!(classify(&frame), Subject::Unanswered, "{mac:x?}");
        }
    }
    // smoltcp itself takes some of these for its own.
    for end in [[10, 0, 0, 255], [255; 4], [224, 0, 0, 1], [10, 0, 0, 9]] {
        let mut frame = ipv4([0, 0], &[], &SYN);
        frame[30..34].copy_from_slice(&end);
        assert_eq!(classify(&frame), Subject::Unanswered, "{end:?}");
    }
    for [first, last] in [[0xff02, 1], [0xfdaa, 0xffff], [0xfdab, 1]] {
        let to = IpAddress::v6(first, 0, 0, 0, 0, 0, 0, last);
        assert_eq!(classify(&ipv6(to, 6, &SYN)), Subject::Unanswered, "{to}");
        assert_eq!(classify(&ipv6(to, 59, &[])), Subject::Unanswered, "{to}");
    }
    assert_eq!(classify(&ipv6(V6, 59, &[])), Subject::Other);
}

/// A ping to all is answered, but one that is for this host alone teaches.
#[test]
fn a_ping_for_this_host_is_told_from_one_for_all() {
    let ping = [8, 0, 0, 0, 0, 0, 0, 0];
    let mut frame = ipv4([0, 0], &[], &ping);
    frame[23] = 1;
    let peer = IpAddress::v4(10, 0, 0, 2);
    assert_eq!(classify(&frame), Subject::Ping { peer, from: FROM });
    frame[30..34].copy_from_slice(&[10, 0, 0, 255]);
    assert_eq!(classify(&frame), Subject::Other);
    let ping = [128, 0, 0, 0, 0, 0, 0, 0];
    let peer = IpAddress::v6(0xfdaa, 0, 0, 0, 0, 0, 0, 2);
    assert_eq!(classify(&ipv6(V6, 58, &ping)), Subject::Ping { peer, from: FROM });
    let all = IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1);
    assert_eq!(classify(&ipv6(all, 58, &ping)), Subject::Other);
}

#[test]
fn only_a_syn_by_itself_opens_and_any_reset_resets() {
    for (flags, expected) in [(0x02, true), (0x12, false), (0x06, false), (0x03, false)] {
        let mut segment = SYN;
        segment[13] = flags;
        let Subject::Segment { opens, resets, .. } = classify(&ipv4([0, 0], &[], &segment)) else {
            panic!("no segment with flags {flags:#x}");
        };
        assert_eq!(opens.is_some(), expected, "{flags:#x}");
        let number = TcpSeqNumber(7);
        assert_eq!(resets, (flags & 4 != 0).then_some(number), "{flags:#x}");
    }
}

#[test]
fn the_unit_of_windows_is_found_among_the_options_of_a_syn() {
    for (options, expected) in [
        (&[1, 3, 3, 7][..], 7),
        (&[2, 4, 5, 0xb4, 1, 3, 3, 15], 14),
        (&[0, 3, 3, 7], 0),
        (&[1, 1, 3, 4], 0),
    ] {
        let mut segment = std::vec::Vec::from(SYN);
        segment[12] += (options.len() as u8 / 4) << 4;
        segment.extend(options);
        let Subject::Segment { opens: Some(syn), .. } = classify(&ipv4([0, 0], &[], &segment))
        else {
            panic!("no SYN with {options:?}");
        };
        assert_eq!(syn.scale, expected, "{options:?}");
    }
}

#[test]
fn fragments_are_not_answered_and_what_is_cut_off_is_left_to_smoltcp() {
    assert_eq!(classify(&ipv4([0x20, 0], &[], &SYN)), Subject::Unanswered);
    assert_eq!(classify(&ipv4([0, 1], &[], &SYN)), Subject::Unanswered);
    let frame = ipv4([0, 0], &[], &SYN);
    for length in 0..frame.len() {
        assert_eq!(classify(&frame[..length]), Subject::Other, "{length} bytes");
    }
}

#[test]
fn hashes_depend_on_both_ends_and_on_the_seed() {
    let end = |last, port| IpEndpoint::new(IpAddress::v4(10, 0, 0, last), port);
    let flow = Flow { peer: end(2, 40_000), local: end(1, 2333) };
    let others = [
        Flow { peer: end(2, 40_001), ..flow },
        Flow { peer: end(3, 40_000), ..flow },
        Flow { local: end(4, 2333), ..flow },
    ];
    for other in others {
        assert_ne!(other.hash(1), flow.hash(1));
    }
    assert_ne!(flow.hash(2), flow.hash(1));
}
