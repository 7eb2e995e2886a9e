//! The configuration file: one TOML document, checked whole before anything acts on it.
//!
//! [`load`] and [`parse`] read the text, collect every fault with its place and its remedy, and
//! return a [`ValidConfig`], which nothing else can make. Names are looked up, defaults filled in and
//! the policy resolved by then; what depends on the machine (whether a device exists, whether there
//! are enough hugepages) is not asked here.
#![forbid(unsafe_code)]

mod addresses;
mod checker;
mod device;
mod diagnostic;
mod load;
mod ports;
mod reload;
mod rules;
mod scalar;
mod screens;
mod services;
mod source;
mod suggest;
mod system;
mod valid;
mod wires;

pub use device::Device;
pub use diagnostic::{Diagnostic, Errors, Position, Severity, Subject};
pub use load::{Loaded, load, parse};
pub use valid::{
    LogOutput, LogSettings, MetricsSettings, Polling, PortSettings, SessionSettings,
    SystemSettings, ValidConfig,
};
