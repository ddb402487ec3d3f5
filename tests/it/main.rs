//! From outside: the binary over real sockets, real peers, both databases. One test binary, so that it links once.
#![allow(clippy::unwrap_used)]
mod architecture;
mod classify;
mod config;
mod corpora;
mod database;
mod dialogues;
mod directory_commands;
mod gateway;
mod isolation;
mod journal_histories;
mod left_out;
mod mailin_faults;
mod normalize_properties;
mod outage;
mod peers;
mod reading;
mod reception;
mod rig;
mod send_import;
mod serve;
mod store_both;
mod threading_attacks;
mod threading_corpus;
mod threading_order;
mod torture;
mod web;
