//! Replay.
mod correspondents;
mod lines;
mod packet;
mod sent;
mod sides;
