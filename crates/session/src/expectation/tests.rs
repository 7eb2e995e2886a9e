use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// An active FTP data connection: the server's, from any port, to the client's port.
pub(super) fn data(port: u16) -> Expectation {
    let (key, initiator) = Key::new(Context::default(), 6, (CLIENT, 40_000), (SERVER, 21));
    Expectation {
        context: Context::default(),
        protocol: 6,
        source: SERVER,
        source_port: None,
        destination: CLIENT,
        destination_port: port,
        deadline: Time::from_secs(30),
        in_port: 1,
        gateway: 0,
        reads: None,
        standing: false,
        parent: Parent {
            worker: 0,
            slot: 7,
            created: Time::from_millis(1234),
            life: Life::NONE,
            key,
            initiator,
            in_port: 0,
        },
    }
}

pub(super) fn syn(port: u16) -> Newcomer {
    Newcomer {
        context: Context::default(),
        protocol: 6,
        source: (SERVER, 20),
        destination: (CLIENT, port),
    }
}

/// A table, the publishers of its regions, and how expectations ended.
struct Rig {
    table: Arc<Expectations>,
    publishers: Vec<Publisher>,
    ended: Vec<Ended>,
}

impl Rig {
    fn new(workers: u16, capacity: usize) -> Self {
        let table = Arc::new(Expectations::new(workers, capacity, 7));
        let publisher = |worker| Publisher::new(Arc::clone(&table), worker);
        Self { publishers: (0..workers).map(publisher).collect(), ended: Vec::new(), table }
    }

    fn publish(&mut self, worker: usize, second: u64, expectation: &Expectation) -> Ticket {
        let Self { publishers, ended, .. } = self;
        let now = Time::from_secs(second);
        publishers[worker].publish(now, expectation, 0, u32::MAX, &mut |_, why| ended.push(why))
    }

    fn retire(&mut self, worker: usize, ticket: Ticket) {
        let Self { publishers, ended, .. } = self;
        publishers[worker].retire(ticket, Ended::ParentEnded, &mut |_, why| ended.push(why));
    }

    fn sweep(&mut self, worker: usize, second: u64) {
        let Self { publishers, ended, .. } = self;
        let now = Time::from_secs(second);
        while publishers[worker].step(now, &mut |_, why| ended.push(why)) {}
    }

    fn claim(&self, second: u64, newcomer: &Newcomer) -> Option<Expectation> {
        let (found, expectation) = self.table.find(newcomer, Time::from_secs(second), |_| true)?;
        self.table.claim(found).then_some(expectation)
    }
}

#[test]
fn one_packet_claims_it_wherever_it_arrives() {
    let mut four = Rig::new(4, 1024);
    for worker in 0..4 {
        let port = 5000 + u16::try_from(worker).unwrap();
        four.publish(worker, 0, &data(port));
        assert_eq!(four.table.alive(), 1);
        assert_eq!(four.claim(1, &syn(port)), Some(data(port)));
        assert_eq!(four.claim(1, &syn(port)), None, "once");
        assert_eq!(four.table.alive(), 0);
    }
    assert_eq!(four.ended, [], "what is claimed has not ended");
}

#[test]
fn only_what_fits_is_found() {
    let mut one = Rig::new(1, 64);
    one.publish(0, 0, &data(5000));
    let vlan = wire::VlanTags { count: 1, ids: [5, 0] };
    let others = [
        ("another port", syn(5001)),
        ("a third host", Newcomer { source: ("192.0.2.9".parse().unwrap(), 20), ..syn(5000) }),
        ("another protocol", Newcomer { protocol: 17, ..syn(5000) }),
        ("another VLAN", Newcomer { context: Context::new(0, vlan), ..syn(5000) }),
        (
            "the way back",
            Newcomer { source: (CLIENT, 5000), destination: (SERVER, 20), ..syn(5000) },
        ),
    ];
    for (what, newcomer) in others {
        assert_eq!(one.claim(1, &newcomer), None, "{what}");
    }
    let late = one.claim(30, &syn(5000));
    assert_eq!(late, None, "too late");
    let refused = one.table.find(&syn(5000), Time::from_secs(1), |_| false);
    assert_eq!(refused, None, "not accepted");
    assert!(one.claim(29, &syn(5000)).is_some());
    one.publish(0, 0, &Expectation { source_port: Some(20), ..data(5000) });
    assert_eq!(one.claim(1, &Newcomer { source: (SERVER, 1024), ..syn(5000) }), None);
    assert!(one.claim(1, &syn(5000)).is_some(), "from the port that was announced");
}

#[test]
fn it_may_wait_for_any_host() {
    let mut one = Rig::new(1, 1024);
    let anyone = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    one.publish(0, 0, &Expectation { source: anyone, ..data(5000) });
    assert_eq!(one.claim(1, &syn(5001)), None);
    assert!(
        one.claim(1, &Newcomer { source: ("198.51.100.7".parse().unwrap(), 9), ..syn(5000) })
            .is_some()
    );
    assert_eq!(one.claim(1, &syn(5000)), None, "once");
}

#[test]
fn what_stands_is_there_for_all_until_it_is_over() {
    let mut one = Rig::new(1, 64);
    let standing = Expectation { standing: true, reads: Some(3), ..data(5000) };
    let ticket = one.publish(0, 0, &standing);
    for second in 1..4 {
        assert_eq!(one.claim(second, &syn(5000)), Some(standing));
        assert_eq!(one.table.alive(), 1);
    }
    assert_eq!(one.claim(30, &syn(5000)), None, "too late");
    let (found, _) = one.table.find(&syn(5000), Time::ZERO, |_| true).expect("it is alive");
    one.retire(0, ticket);
    assert!(!one.table.claim(found), "retired before it was taken");
    assert_eq!((&one.ended[..], one.table.alive()), (&[Ended::ParentEnded][..], 0));
}

#[test]
fn what_ends_is_told_once() {
    let mut one = Rig::new(1, 64);
    let ticket = one.publish(0, 0, &data(5000));
    one.retire(0, ticket);
    one.retire(0, ticket);
    assert_eq!(one.ended, [Ended::ParentEnded]);
    assert_eq!(one.claim(1, &syn(5000)), None);
    let claimed = one.publish(0, 0, &data(5000));
    assert!(one.claim(1, &syn(5000)).is_some());
    one.retire(0, claimed);
    one.publish(0, 0, &data(5000));
    one.retire(0, claimed);
    assert_eq!((one.ended.len(), one.table.alive()), (1, 1), "the place is another's by now");
    one.sweep(0, 29);
    assert_eq!(one.table.alive(), 1);
    one.sweep(0, 30);
    assert_eq!((&one.ended[1..], one.table.alive()), (&[Ended::Expired][..], 0));
}

#[test]
fn the_oldest_makes_room() {
    let mut one = Rig::new(1, 8);
    for port in 5000..5008 {
        one.publish(0, 0, &data(port));
    }
    assert_eq!(one.ended, [], "a bucket of eight");
    // Claimed and expired ones go before the oldest.
    assert!(one.claim(1, &syn(5003)).is_some());
    one.publish(0, 1, &data(6000));
    assert_eq!(one.ended, []);
    one.publish(0, 1, &data(6001));
    assert_eq!(one.ended, [Ended::Evicted]);
    assert_eq!(one.claim(1, &syn(5000)), None, "the oldest");
    assert!(one.claim(1, &syn(5001)).is_some());

    // Two gateways, of each at most three.
    let mut two = Rig::new(1, 1024);
    let most = |two: &mut Rig, gateway, port| {
        let Rig { publishers, ended, .. } = two;
        let expectation = Expectation { gateway, ..data(port) };
        publishers[0].publish(Time::ZERO, &expectation, 0, 3, &mut |_, why| ended.push(why));
    };
    for port in 0..5 {
        most(&mut two, 0, 5000 + port);
        most(&mut two, 1, 6000 + port);
    }
    assert_eq!(two.ended, [Ended::Evicted; 4]);
    let left = (0..5).filter(|port| two.claim(1, &syn(5000 + port)).is_some());
    assert_eq!(left.collect::<Vec<_>>(), [2, 3, 4]);
}

/// One source announces as much as it can. Another loses nothing by that, and finds room.
#[test]
fn who_has_most_gives_way() {
    let mut one = Rig::new(1, 1024);
    let Rig { publishers, ended, .. } = &mut one;
    let mut publish = |client: [u8; 4], port| {
        let (key, initiator) =
            Key::new(Context::default(), 6, (client.into(), 40_000), (SERVER, 21));
        let expectation = data(port);
        let parent = Parent { key, initiator, ..expectation.parent };
        let expectation = Expectation { parent, ..expectation };
        publishers[0].publish(Time::ZERO, &expectation, 0, 40, &mut |_, why| ended.push(why))
    };
    let first = publish([10, 0, 0, 1], 5000);
    for port in 6000..6100 {
        publish([10, 0, 0, 2], port);
    }
    let second = publish([10, 0, 0, 3], 7000);
    for port in 6100..6200 {
        publish([10, 0, 0, 2], port);
    }
    assert_eq!(one.ended, [Ended::Evicted; 162]);
    assert!([first, second].iter().all(|ticket| one.publishers[0].is_alive(*ticket)));
    let left = (6000..6200).filter(|port| one.claim(1, &syn(*port)).is_some());
    assert_eq!(left.collect::<Vec<_>>(), Vec::from_iter(6162..6200), "its own oldest went");
}

#[test]
fn the_same_takes_the_place_of_what_was_said_before() {
    let mut one = Rig::new(1, 64);
    let ticket = one.publish(0, 0, &data(5000));
    let later = Expectation { deadline: Time::from_secs(77), ..data(5000) };
    let again = one.publish(0, 1, &later);
    assert_eq!((&one.ended[..], one.table.alive()), (&[Ended::Replaced][..], 1));
    assert!(!one.publishers[0].is_alive(ticket) && one.publishers[0].is_alive(again));
    one.publish(0, 2, &Expectation { source_port: Some(20), ..later });
    assert_eq!((one.ended.len(), one.table.alive()), (1, 2), "another");
    let sooner = one.publish(0, 3, &data(5000));
    assert!(one.publishers[0].is_alive(sooner));
    assert_eq!(one.claim(76, &syn(5000)), Some(later), "the later deadline holds");
}

#[test]
fn a_ticket_knows_its_group() {
    let mut one = Rig::new(1, 64);
    let publisher = &mut one.publishers[0];
    let standing = Expectation { standing: true, ..data(5000) };
    let ticket = publisher.publish(Time::ZERO, &standing, 7, u32::MAX, &mut |_, _| {});
    assert_eq!(ticket.group(), 7);
    assert!(publisher.stands(ticket, Time::from_secs(29)));
    assert!(!publisher.stands(ticket, Time::from_secs(30)), "its time is over");
    publisher.retire(ticket, Ended::Withdrawn, &mut |_, _| {});
    assert!(!publisher.stands(ticket, Time::ZERO), "it was taken back");
    // What nobody takes back stays so, though a call announces the same.
    for group in [0, 7] {
        let ticket = publisher.publish(Time::ZERO, &standing, group, u32::MAX, &mut |_, _| {});
        assert_eq!(ticket.group(), 0);
    }
}

/// A parent is held while one of its children lives, wherever they are; its successor in the same place is not.
#[test]
fn children_hold_their_parent() {
    let mut two = Rig::new(2, 16);
    let life = two.publishers[1].begin_life();
    let parent = Parent { worker: 1, life, ..data(5000).parent };
    let held = |two: &Rig, life| {
        let Held { now, ever, left: _ } = two.publishers[1].held(life);
        (now, ever)
    };
    assert_eq!(held(&two, life), (false, false));
    assert!(two.table.join(&parent) && two.table.join(&parent));
    two.table.leave(&parent, Time::from_secs(3));
    assert_eq!(held(&two, life), (true, true));
    two.table.leave(&parent, Time::from_secs(3));
    assert_eq!(held(&two, life), (false, true));
    assert_eq!(two.publishers[1].held(life).left, Time::from_secs(3));
    two.publishers[1].end_life(life);
    let next = two.publishers[1].begin_life();
    assert!(!two.table.join(&parent), "that one has ended");
    two.table.leave(&parent, Time::from_secs(3));
    assert_eq!(held(&two, next), (false, false));
    let stranger = Parent { worker: 9, ..parent };
    assert!(!two.table.join(&stranger) && !two.table.join(&Parent { life: Life::NONE, ..parent }));
    // As many as there are places: eight in each region, and one is taken.
    let rest: Vec<_> = (0..8).map(|_| two.publishers[1].begin_life()).collect();
    assert_eq!(rest.iter().filter(|life| **life == Life::NONE).count(), 1);
}

/// Of many that a session has announced some end with it and the others in a few steps; meanwhile nobody comes by them.
#[test]
fn what_many_waited_for_ends_in_steps() {
    let mut one = Rig::new(1, 2048);
    let life = one.publishers[0].begin_life();
    let parent = Parent { life, ..data(5000).parent };
    let expectation = |port| Expectation { parent, ..data(port) };
    let tickets: Vec<_> = (5000..5400).map(|port| one.publish(0, 0, &expectation(port))).collect();
    let alive = one.table.alive();
    assert!(alive > 350 && one.claim(1, &syn(5399)).is_some(), "{alive}");
    let Rig { publishers, ended, .. } = &mut one;
    ended.clear();
    publishers[0].retire_all(tickets, Ended::ParentEnded, &mut |_, why| ended.push(why));
    publishers[0].end_life(life);
    assert_eq!(one.ended, [Ended::ParentEnded; 256]);
    assert_eq!((5000..5400).find(|port| one.claim(1, &syn(*port)).is_some()), None);
    // The place is announced again meanwhile, by another.
    one.publish(0, 1, &data(5398));
    one.sweep(0, 1);
    assert_eq!(one.table.alive(), 1);
    assert!(one.claim(1, &syn(5398)).is_some());
    assert_eq!(one.ended.len(), alive as usize - 1);
}

proptest! {
    #[test]
    fn words_hold_an_expectation(
        v6: [bool; 3], bits: [u128; 4], numbers: [u16; 6], octets: [u8; 6], slot: u32, times: [u32; 2], reads: Option<u8>, standing: bool,
    ) {
        let address = |v6: bool, bits: u128| {
            if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4(u32::try_from(bits >> 96).unwrap().into()) }
        };
        let ends = [(address(v6[2], bits[2]), numbers[2]), (address(v6[2], bits[3]), numbers[3])];
        let context = Context::from_bits(slot.rotate_left(7));
        let (key, initiator) = Key::new(context, octets[0], ends[0], ends[1]);
        let expectation = Expectation {
            context,
            protocol: octets[1],
            source: address(v6[0], bits[0]),
            source_port: (numbers[0] != 0).then_some(numbers[0]),
            destination: address(v6[1], bits[1]),
            destination_port: numbers[1],
            deadline: Time::from_nanos(u64::from(times[0])),
            in_port: octets[2],
            gateway: octets[3],
            reads: reads.filter(|reads| *reads < u8::MAX),
            standing,
            parent: Parent {
                worker: numbers[4],
                slot,
                created: Time::from_millis(u64::from(times[1]) << 12),
                life: Life { place: slot.rotate_left(3), number: times[0].rotate_left(9) },
                key,
                initiator,
                in_port: octets[4],
            },
        };
        prop_assert_eq!(unpack(&pack(&expectation, 5)), expectation);
    }

    /// Beside a list: whatever is published, claimed and retired, as many are alive as are not over, and each is
    /// claimed once.
    #[test]
    fn it_is_a_list_that_many_read(
        steps in prop::collection::vec((0u8..4, 0u16..12, 0usize..3), 1..200),
    ) {
        let mut three = Rig::new(3, 48);
        let mut published = 0;
        let mut claimed = 0;
        let mut tickets = Vec::new();
        for (second, (what, port, worker)) in (0..).zip(steps) {
            let now = Time::from_secs(second);
            match what {
                0 => {
                    let expectation = Expectation { deadline: now + Duration::from_secs(20), ..data(port) };
                    tickets.push((worker, three.publish(worker, second, &expectation)));
                    published += 1;
                }
                1 => claimed += usize::from(three.claim(second, &syn(port)).is_some()),
                2 => if let Some((worker, ticket)) = tickets.pop() {
                    three.retire(worker, ticket);
                },
                _ => three.sweep(worker, second),
            }
            let ended = three.ended.len();
            prop_assert_eq!(three.table.alive() as usize, published - claimed - ended);
        }
        for worker in 0..3 {
            three.sweep(worker, 10_000);
            prop_assert_eq!(three.publishers[worker].booked, 0);
        }
        prop_assert_eq!(three.table.alive(), 0);
    }
}
