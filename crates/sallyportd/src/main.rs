//! The Sallyport firewall daemon.
fn main() {}
