//! Tidegate: a robust inbound e-mail gateway.
//!
//! Mail servers relay to it over SMTP or LMTP; it makes each mail durable in the
//! [`journal`], reads it leniently ([`normalize`]), says what kind it is ([`classify`]),
//! decides which conversation it belongs to ([`threading`]) and attaches it there
//! ([`intake`], [`store`]). What it is not sure about waits in a quarantine that staff
//! review ([`web`]).
//!
//! The rooms and the direction of their dependencies are in `ARCHITECTURE.md`;
//! `tests/it/architecture.rs` holds them.

pub mod backoff;
pub mod classify;
pub mod cli;
pub mod config;
pub mod corpus;
pub mod directory;
pub mod events;
pub mod intake;
pub mod journal;
pub mod limits;
pub mod mail;
pub mod normalize;
pub mod smtp;
pub mod store;
pub mod telemetry;
pub mod threading;
pub mod web;
