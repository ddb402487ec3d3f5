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
//!
//! A fuzzer's build leaves out the rooms that no target reaches: instrumented, they take most of its time.

pub mod backoff;
pub mod classify;
#[cfg(not(fuzzing))]
pub mod cli;
pub mod config;
pub mod corpus;
pub mod directory;
#[cfg(not(fuzzing))]
pub mod events;
#[cfg(not(fuzzing))]
pub mod intake;
pub mod journal;
pub mod limits;
pub mod mail;
pub mod normalize;
pub mod smtp;
#[cfg(not(fuzzing))]
pub mod store;
pub mod telemetry;
pub mod threading;
#[cfg(not(fuzzing))]
pub mod web;
