//! What tests of Sallyport are written with, and nothing that the product itself uses.
//!
//! - [`packet`]: frames written byte by byte from plain descriptions. It shares no code with the
//!   product's own parser, so that a mistake in one is not repeated in the other.
//! - [`conversation`]: TCP and UDP peers on virtual time, for engines that take time as an argument.
//! - [`h323`]: messages of H.323, encoded by others.
//! - [`netns`]: real hosts in network namespaces, a guard around the daemon, raw sockets.
//!
//! A failed precondition panics with what was asked for: everything here runs inside a test.
#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a test that cannot be set up fails, and says why")]

pub mod conversation;
pub mod h323;
pub mod netns;
pub mod packet;
