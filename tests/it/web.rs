//! The review pages, the HTTP API and the webhooks, over real sockets on a real SQLite store and a
//! real journal.

mod api;
mod both;
mod browser;
mod client;
mod floods;
mod forgeries;
mod gateway;
mod hooks;
mod login;
mod pages;
mod terminal;
