//! Every limit, with its unit and its reason.
//!
//! What an operator may want to change is a key in the configuration and arrives here through
//! `Config::limits`; the rest is fixed. A limit that is hit is counted and answered, never silent.

use std::time::Duration;

/// Steps followed from a merged conversation to the one that stays: a chain longer than this is a
/// loop made by hand in the database.
pub const ALIAS_CHAIN_MAX: usize = 32;

/// `tidegate send`: wait for a connection. A listener that is there answers at once.
pub const SEND_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// `tidegate send`: wait for the greeting. A server that died between the kernel's handshake and its own accept
/// never greets, and nothing else tells.
pub const SEND_GREETING_TIMEOUT: Duration = Duration::from_secs(30);
/// `tidegate send`: wait for a reply (RFC 5321 4.5.3.2: five to ten minutes).
pub const SEND_REPLY_TIMEOUT: Duration = Duration::from_secs(300);
/// `tidegate send`: bytes of one reply line; RFC 5321 says 512, servers say more.
pub const SEND_REPLY_LINE_BYTES_MAX: usize = 4_096;
/// `tidegate send`: lines of one reply; an EHLO of a rich server has 20.
pub const SEND_REPLY_LINES_MAX: usize = 200;
/// `tidegate send`: bytes of mails read ahead, and kept for being sent again.
pub const SEND_MEMORY_BYTES_MAX: usize = 64 << 20;
/// `tidegate send`: failures listed with their words; the rest is counted.
pub const SEND_FAILURES_LISTED: usize = 20;
/// `tidegate send`: connections. One client address has some 28,000 ports.
pub const SEND_CONNECTIONS_MAX: usize = 10_000;
/// Header bytes looked at for the addresses a stored mail was for: a real header has 20 KiB.
pub const ADDRESSEE_HEADER_BYTES_MAX: usize = 256 << 10;
/// Addresses taken from the header of one stored mail, as many as RFC 5321 wants every server to take.
pub const ADDRESSEES_MAX: usize = 100;
/// People of one mail who may become participants: mails to more are circulars.
pub const PEOPLE_MAX: usize = 200;

/// What looks like a token and is checked, in one mail: real ones have one or two.
pub const TOKENS_MAX: usize = 16;

/// Addresses tried as the addressee of a token: each costs two SHA-256 blocks.
pub const TOKEN_ADDRESSEES_MAX: usize = 32;

/// Other organisations tried for a token that is not valid here: only to raise an alarm.
pub const TOKEN_ORGANISATIONS_MAX: usize = 32;

/// A conversation that staff closed goes on in a new one after this many days: who writes after half a year has a new matter.
pub const CLOSED_DAYS_MAX: u32 = 180;
/// A conversation goes on in a new one when it is this old: ten years of a robot are no conversation.
pub const CONVERSATION_DAYS_MAX: u32 = 730;
/// A conversation goes on in a new one with this many messages: nobody reads more, and a merge moves them all at once.
pub const CONVERSATION_MESSAGES_MAX: i64 = 5_000;
/// Rows of `conversation_activity` that one step of a sweep looks at: some ten milliseconds, of which the writer sees what is
/// removed only.
pub const ACTIVITY_SWEPT_ROWS: usize = 5_000;
/// How far back a conversation with the same subject is suggested.
pub const SUBJECT_DAYS_MAX: u32 = 14;

/// Mails of one sender to one organisation in [`FLOOD_WINDOW`]; what comes above is held as one group. A busy person
/// writes 20 in an hour, a busy robot hundreds.
pub const FLOOD_SENDER_MAX: u32 = 2_000;
/// The same for mails that programs wrote, of one sender to one mailbox: two that answer each other make one a second.
pub const FLOOD_AUTOMATIC_MAX: u32 = 500;
/// The same for mails of the product that come back to one mailbox.
pub const FLOOD_OWN_MAX: u32 = 100;
/// The same for mails to reply addresses whose signature is wrong, of one sender or about one conversation.
///
/// Who answers from a second address makes a few; who guesses 128 bits has to make more than anybody can send.
pub const TOKEN_FAILURES_MAX: u32 = 30;
/// How long a mail counts in a brake.
pub const FLOOD_WINDOW: Duration = Duration::from_secs(3_600);
/// Items of one group in the quarantine: what one transaction releases or discards. More begin another group.
pub const GROUP_ITEMS_MAX: u32 = 10_000;
/// Counts of brakes that are over, removed with each batch: at least so many, and twice as many as the batch adds.
pub const BRAKES_SWEPT_MIN: usize = 64;

/// Bytes of a subject looked at for the cases of trackers.
pub const TRACKER_SUBJECT_BYTES_MAX: usize = 1_000;
/// Quotes of a mail that are looked up as texts of the product: a mail answers one, or a few.
pub const QUOTED_PRINTS_MAX: usize = 4;
/// Tags of a subject that are looked up: real subjects have one.
pub const SUBJECT_TAGS_MAX: usize = 4;

/// Conversations suggested to staff beside the decision: more is no help.
pub const SUGGESTIONS_MAX: usize = 5;

/// Bytes of an address or a Message-ID that is a key in the database: longer ones are cut and ended with
/// their hash. PostgreSQL refuses index entries above 2,704 bytes; RFC 5322 lines have at most 998.
pub const KEY_TEXT_BYTES_MAX: usize = 800;

/// Rows of a page, whatever was asked for: what a screen or an API client takes at once.
pub const PAGE_ROWS_MAX: usize = 200;

/// Characters of a message's text in a list of messages; one message alone has all of it.
pub const LISTED_TEXT_CHARS_MAX: i64 = 65_536;

/// People of one conversation: no real one has more, and a merge looks at all of them.
pub const PARTICIPANTS_MAX: usize = 2_000;

/// People of one conversation that are loaded to decide on a mail; of a larger one only those that mails of the batch are from. All of
/// them are loaded when it is made one with another.
pub const PARTICIPANTS_LOADED_MAX: usize = 200;

/// Rows written or looked up by one statement.
///
/// 64 rows of the widest table are about 2,300 variables, of which SQLite allows 32,766, and larger statements cost memory in every connection without being faster.
pub const STATEMENT_ROWS_MAX: usize = 64;

/// `tidegate import`: bytes of mails read that are not in the journal yet.
pub const IMPORT_MEMORY_BYTES_MAX: usize = 64 << 20;
/// `tidegate import`: mails listed that nobody gets; the rest is counted.
pub const IMPORT_PROBLEMS_LISTED: usize = 20;

/// The limits in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    // --- reception ---
    /// Connections open at once over all listeners: each costs about 40 KiB.
    pub connections_max: usize,
    /// Connections from one client network (/24 or /64): one neighbour does not take every seat.
    pub connections_per_network_max: usize,
    /// Bytes of a command line with its CRLF: RFC 5321 says 512, parameters and SMTPUTF8 want more.
    pub command_bytes_max: usize,
    /// Recipients in one transaction: RFC 5321 wants 100 at least; lists send 1,000.
    pub recipients_max: usize,
    /// Bytes of one mail: above it 552. The advertised SIZE.
    pub message_bytes_max: u64,
    /// Bad commands in one session before 421: scanners, not mail servers, make more.
    pub errors_max: u32,
    /// Mails in one session before 421: lets a balancer spread long-lived relays.
    pub transactions_max: u32,
    /// Wait for the next command (RFC 5321 4.5.3.2.7: five minutes).
    pub command_timeout: Duration,
    /// Wait for the next block of a body (RFC 5321 4.5.3.2.5: three minutes).
    pub body_block_timeout: Duration,
    /// Wait for a TLS handshake or a PROXY header: a peer that speaks does so at once.
    pub handshake_timeout: Duration,
    /// A whole session, however busy: a stuck peer goes at last.
    pub session_timeout: Duration,
    /// Bytes of bodies held in memory over all sessions, before they are in the journal.
    pub inflight_bytes_max: u64,
    /// Wait of a client for room in that memory before 452: senders wait minutes for a body's reply.
    pub inflight_wait: Duration,
    /// Bodies in progress may take this long to finish after SIGTERM.
    pub shutdown_grace: Duration,
    // --- journal ---
    /// A body above this goes to the disk as it comes, and is never whole in memory. Bytes.
    pub large_body_bytes: u64,
    /// Bytes that must stay free on the journal's disk; below it new mail gets 452.
    pub disk_free_bytes_min: u64,
    // --- reading ---
    /// Nesting of MIME parts that is followed; deeper parts are kept as attachments.
    pub nesting_max: usize,
    /// Parts of one mail that are read; the rest is one attachment.
    pub parts_max: usize,
    /// Header fields of one mail that are read.
    pub headers_max: usize,
    /// Bytes of one report part handed to `classify`: a status is small, an original need not be whole.
    pub report_part_bytes_max: usize,
    /// Message-IDs taken from References: the newest count, floods do not.
    pub references_max: usize,
    // --- threading ---
    /// Which rules hold where, and the caps of conversations and floods.
    pub threading: crate::mail::ThreadingPolicy,
    // --- intake ---
    /// Time one mail may take to be read.
    pub mail_time_max: Duration,
    /// Starts of reading one mail before it is held for staff: the process died on it each time, the last time
    /// while reading it alone.
    pub attempts_max: u32,
    /// Mails above this size take the slow lane. Bytes.
    pub slow_lane_bytes: u64,
    /// Mails attached in one transaction.
    pub batch_max: usize,
    /// Wait for a batch to fill.
    pub batch_wait: Duration,
    /// Mails looked at ahead of the oldest unfinished one: what fairness can choose from.
    pub window_max: usize,
    // --- views ---
    /// Rows of a page, whatever was asked for.
    pub page_rows_max: usize,
    /// HTTP connections open at once: browsers hold a few each; a flood must not take every file handle.
    pub web_connections_max: usize,
    /// HTTP requests worked on at once; above it 503 with Retry-After. Protects the database from the pages.
    pub web_requests_max: usize,
    /// Bytes of a request body: forms and small JSON.
    pub web_body_bytes_max: usize,
    /// Time one request may take until its response begins.
    pub web_request_time_max: Duration,
    /// Wait for the header of a request, also on a connection that is kept open.
    pub web_header_timeout: Duration,
    /// Watchers of live updates at once; above it 503. Each costs a connection.
    pub web_watchers_max: usize,
    /// Updates to one watcher are at least this far apart: a screen needs no more, the database suffers from more.
    pub web_update_interval: Duration,
    /// Held mails read at once for staff: one that hangs its reader occupies a seat until it ends.
    pub web_readers_max: usize,
    /// Time reading one mail for a page may take: staff wait for it.
    pub web_read_time_max: Duration,
    /// Bytes of text of one mail shown on a page; the rest is in the raw mail. Browsers choke on more.
    pub web_text_bytes_max: usize,
    /// Passwords hashed at once: each takes 19 MiB and a core.
    pub web_hashing_max: usize,
    /// Failed logins from one network within [`Limits::login_window`] before it has to wait; a tenth of it for one name.
    pub login_failures_max: u32,
    /// How long a failed login counts.
    pub login_window: Duration,
    // --- events ---
    /// Webhook deliveries in flight over all endpoints.
    pub webhook_inflight_max: usize,
    /// Failures in a row after which an endpoint's circuit opens: one probe at a time from then on.
    pub webhook_failures_max: u32,
    /// Bytes of a webhook's answer that are read (and thrown away).
    pub webhook_answer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_max: 1_000,
            connections_per_network_max: 500,
            command_bytes_max: 4_096,
            recipients_max: 1_000,
            message_bytes_max: 50 << 20,
            errors_max: 20,
            transactions_max: 10_000,
            command_timeout: Duration::from_secs(300),
            body_block_timeout: Duration::from_secs(180),
            handshake_timeout: Duration::from_secs(30),
            session_timeout: Duration::from_secs(3_600),
            inflight_bytes_max: 64 << 20,
            inflight_wait: Duration::from_secs(30),
            shutdown_grace: Duration::from_secs(20),
            large_body_bytes: 1 << 20,
            disk_free_bytes_min: 256 << 20,
            nesting_max: 50,
            parts_max: 10_000,
            headers_max: 5_000,
            report_part_bytes_max: 64 << 10,
            references_max: 50,
            threading: crate::mail::ThreadingPolicy::default(),
            mail_time_max: Duration::from_secs(20),
            attempts_max: 2,
            slow_lane_bytes: 2 << 20,
            batch_max: 500,
            batch_wait: Duration::from_millis(2),
            window_max: 10_000,
            page_rows_max: PAGE_ROWS_MAX,
            web_connections_max: 512,
            web_requests_max: 64,
            web_body_bytes_max: 256 << 10,
            web_request_time_max: Duration::from_secs(30),
            web_header_timeout: Duration::from_secs(30),
            web_watchers_max: 100,
            web_update_interval: Duration::from_secs(1),
            web_readers_max: 2,
            web_read_time_max: Duration::from_secs(5),
            web_text_bytes_max: 256 << 10,
            web_hashing_max: 2,
            login_failures_max: 100,
            login_window: Duration::from_secs(300),
            webhook_inflight_max: 8,
            webhook_failures_max: 5,
            webhook_answer_bytes_max: 64 << 10,
        }
    }
}
