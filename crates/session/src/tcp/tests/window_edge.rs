//! What stands right at the right edge of a window that is full. The windows of both sides are 1000.

use super::{Conversation, O, R, data, segment};
use crate::tcp::TcpState::*;
use crate::track::Refusal;

/// The initiator fills the responder's window.
fn full() -> Conversation {
    let mut it = Conversation::established();
    it.passes(O, data(1001, 5001, 1000), Established);
    it
}

#[test]
fn a_fin_may_stand_at_the_edge_and_is_acknowledged() {
    let mut it = full();
    it.refuses(O, segment("FA", 2002, 5001), Refusal::TcpSeqAboveWindow);
    it.passes(O, segment("FA", 2001, 5001), FinWait);
    it.passes(R, segment("A", 5001, 2002), HalfClosed);
}

#[test]
fn a_fin_may_follow_the_data_that_fills_the_window() {
    let mut it = Conversation::established();
    let fin = wire::TcpSegment { payload: 1000, ..segment("FA", 1001, 5001) };
    it.passes(O, fin, FinWait);
    it.passes(R, segment("FA", 5001, 2002), LastAck);
    it.passes(O, segment("A", 2002, 5002), TimeWait);
}

#[test]
fn acknowledgements_follow_a_fin_beyond_the_edge() {
    let mut it = full();
    it.passes(O, segment("FA", 2001, 5001), FinWait);
    it.passes(R, data(5001, 1001, 100), FinWait);
    it.passes(O, segment("A", 2002, 5101), FinWait);
    it.refuses(O, segment("A", 2003, 5101), Refusal::TcpSeqAboveWindow);
}

#[test]
fn data_at_the_edge_is_refused() {
    let mut it = full();
    it.refuses(O, data(2001, 5001, 1), Refusal::TcpSeqAboveWindow);
    it.passes(O, segment("A", 2001, 5001), Established);
}
