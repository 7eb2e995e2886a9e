//! The built program as its users run it: output, messages, exit statuses.

mod commands;
mod live;
mod replay;
mod support;
