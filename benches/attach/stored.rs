//! What attaching a mail costs beside a thousand, a hundred thousand and five million stored messages, and what it costs
//! in a conversation of two and of a hundred thousand.
//!
//! The stored messages are real ones: a thousand are attached by the store, then copied by the database with other keys,
//! so that a new table or column is copied as well. What is attached then answers a stored message (three in four) or
//! begins something new. Which message is answered is decided in two ways: *anywhere*, each with the same chance, which is
//! the worst there is for a database; and *lately*, as people do: what is answered is as often one to ten hours old as ten to
//! a hundred, so its age is spread evenly over its logarithm.

use crate::mails::mail;
use crate::{cpu, show_queries, threading};
use prometheus_client::registry::Registry;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::mail::{JournalId, MailboxId, OrganisationId, Outcome, Prepared, Where};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use uuid::Uuid;

/// Messages that are attached first and copied then.
const SEEDS: usize = 1_000;
/// Mails of one measurement.
const MAILS: usize = 3_000;
/// Rounds that count; what is shown is their median.
const ROUNDS: usize = 7;
/// Microseconds between a copy and the next: five million messages came in seven months.
const COPY_US: i64 = 3_600_000_000;
/// Mails of one transaction: what the intake takes when mail is waiting.
const BATCH: usize = 100;
/// Characters of text in a copied message.
const COPIED_TEXT: usize = 256;
/// Messages in the long conversation.
const LONG: u64 = 100_000;

/// Which database, and how its texts differ.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// An id of a copy: the number of the copy in place of the time that a UUIDv7 begins with.
    fn uuid(self, column: &str) -> String {
        match self {
            Kind::Sqlite => format!("CAST(unhex(printf('%012x', k)) || substr({column}, 7) AS BLOB)"),
            Kind::Postgres => format!("(lpad(to_hex(k), 12, '0') || substr(replace({column}::text, '-', ''), 13))::uuid"),
        }
    }

    /// A Message-ID of a copy, scattered as real ones are.
    fn message_id(self, column: &str) -> String {
        match self {
            Kind::Sqlite => format!("printf('%08x.%d.', (k * 2654435761) % 4294967296, k) || {column}"),
            Kind::Postgres => {
                format!("lpad(to_hex((k::bigint * 2654435761) % 4294967296), 8, '0') || '.' || k || '.' || {column}")
            }
        }
    }

    fn hash(self, column: &str) -> String {
        match self {
            Kind::Sqlite => "randomblob(32)".to_owned(),
            Kind::Postgres => format!("sha256({column} || k::text::bytea)"),
        }
    }

    /// The text of a copy, shortened so that five million of them fit on a disk.
    fn text(column: &str) -> String {
        format!("substr({column}, 1, {COPIED_TEXT})")
    }

    /// The copies 1 to `copies`, as `c (k)`.
    fn copies(self, copies: u64) -> String {
        match self {
            Kind::Sqlite => format!("WITH RECURSIVE c (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM c WHERE k < {copies})"),
            Kind::Postgres => format!("WITH c (k) AS (SELECT generate_series(1, {copies}))"),
        }
    }

    /// An address, or a subject, of a copy.
    fn address(self, column: &str) -> String {
        match self {
            Kind::Sqlite => format!("{column} || printf('%d', k)"),
            Kind::Postgres => format!("{column} || k"),
        }
    }

    /// What a column of a copy holds.
    fn value(self, table: &str, column: &str) -> String {
        let quoted = format!("t.{column}");
        match (table, column) {
            ("conversation_records" | "messages", "id")
            | (_, "conversation")
            | ("message_mailboxes" | "attachments" | "dispositions" | "message_ids", "message") => self.uuid(&quoted),
            ("message_ids", "message_id") | ("messages", "message_id") => self.message_id(&quoted),
            ("conversation_records" | "conversation_activity" | "messages", "created_at" | "last_message_at" | "received_at") => {
                match self {
                    Kind::Sqlite => format!("{quoted} + k * {COPY_US}"),
                    Kind::Postgres => format!("{quoted} + k::bigint * {COPY_US}"),
                }
            }
            ("messages", "text") => Self::text(&quoted),
            ("messages", "sender") => self.address(&quoted),
            ("messages", "content_hash") => self.hash(&quoted),
            ("messages" | "dispositions", "position") => match self {
                Kind::Sqlite => format!("{quoted} + k * 4294967296"),
                Kind::Postgres => format!("{quoted} + k::bigint * 4294967296"),
            },
            ("conversation_records", "subject_key") => format!("{quoted} + k"),
            ("conversation_records", "base_subject") | ("participants", "address") => self.address(&quoted),
            _ => quoted,
        }
    }
}

/// Tables whose rows are copied; what refers to others comes later.
const TABLES: &[&str] = &[
    "conversation_records",
    "conversation_activity",
    "messages",
    "message_mailboxes",
    "participants",
    "message_ids",
    "attachments",
    "dispositions",
];

/// Statements that copy every row of the tables `copies` times.
fn copying(kind: Kind, columns: &[(String, String)], copies: u64) -> Vec<String> {
    TABLES
        .iter()
        .map(|table| {
            let names: Vec<&str> = columns.iter().filter(|(t, _)| t == table).map(|(_, c)| c.as_str()).collect();
            let values: Vec<String> = names.iter().map(|c| kind.value(table, c)).collect();
            let (with, names, values) = (kind.copies(copies), names.join(", "), values.join(", "));
            match kind {
                Kind::Sqlite => format!("INSERT INTO {table} ({names}) {with} SELECT {values} FROM c CROSS JOIN {table} t"),
                Kind::Postgres => format!("{with} INSERT INTO {table} ({names}) SELECT {values} FROM c CROSS JOIN {table} t"),
            }
        })
        .collect()
}

/// Fills the database up to `messages`.
async fn fill(kind: Kind, url: &str, messages: u64) {
    let copies = (messages / SEEDS as u64).saturating_sub(1);
    if copies == 0 {
        return;
    }
    match kind {
        Kind::Sqlite => {
            let mut conn = sqlx::SqliteConnection::connect(url).await.unwrap();
            // Thrown away when the machine fails meanwhile. The trees fit into the cache, so they grow as they would in years.
            for pragma in ["journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -4000000"] {
                conn.execute(AssertSqlSafe(format!("PRAGMA {pragma}"))).await.unwrap();
            }
            let mut columns = Vec::new();
            for table in TABLES {
                for row in conn.fetch_all(AssertSqlSafe(format!("PRAGMA table_info({table})"))).await.unwrap() {
                    columns.push(((*table).to_owned(), row.get::<String, _>("name")));
                }
            }
            for statement in copying(kind, &columns, copies) {
                conn.execute(AssertSqlSafe(statement)).await.unwrap();
            }
            conn.execute("PRAGMA journal_mode = WAL").await.unwrap();
            conn.close().await.unwrap();
        }
        Kind::Postgres => {
            let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
            let rows = conn
                .fetch_all(
                    "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = 'public'",
                )
                .await
                .unwrap();
            let columns: Vec<(String, String)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
            // The copies refer to copies that are made in the same order.
            conn.execute("SET session_replication_role = replica").await.unwrap();
            // Made anew afterwards: PostgreSQL leaves a tenth of each page of an index free for what comes.
            let indexes = "SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes WHERE schemaname = 'public'
                           AND indexname NOT IN (SELECT conname FROM pg_constraint)";
            let indexes: Vec<(String, String)> =
                conn.fetch_all(indexes).await.unwrap().iter().map(|r| (r.get(0), r.get(1))).collect();
            let (drops, makes): (Vec<_>, Vec<_>) = indexes.into_iter().unzip();
            for statement in drops.into_iter().chain(copying(kind, &columns, copies)).chain(makes) {
                conn.execute(AssertSqlSafe(statement)).await.unwrap();
            }
            conn.execute("VACUUM ANALYZE").await.unwrap();
            conn.execute("CHECKPOINT").await.unwrap();
            conn.close().await.unwrap();
        }
    }
}

/// The id that a stored message has in copy `k` (0: as it was attached).
fn stored_id(k: u64, id: &str) -> String {
    if k == 0 { id.to_owned() } else { format!("{:08x}.{k}.{id}", (k * 2_654_435_761) % 4_294_967_296) }
}

/// A number that looks random and is the same in every run.
fn scattered(n: u64) -> u64 {
    let x = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (x ^ (x >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 17
}

/// Which stored messages are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// Each with the same chance.
    Anywhere,
    /// New ones more often than old ones.
    Lately,
}

impl Answered {
    /// The copy of which one is answered by the nth mail.
    fn copy(self, copies: u64, n: usize) -> u64 {
        let chance = scattered(n as u64 + 77);
        match self {
            Answered::Anywhere => chance % (copies + 1),
            Answered::Lately => {
                let age = ((copies + 1) as f64).powf((chance % 1_000_000) as f64 / 1e6) as u64 - 1;
                copies - age.min(copies)
            }
        }
    }
}

/// The nth of the messages that are copied: five of a conversation follow each other.
fn seed(organisation: OrganisationId, mailbox: MailboxId, n: usize) -> Prepared {
    mail(organisation, mailbox, n / 5 + n % 5 * 1_000)
}

/// Three mails in four answer a stored message, one is new.
fn arriving(organisation: OrganisationId, mailbox: MailboxId, copies: u64, answered: Answered, n: usize) -> Prepared {
    let mut mail = seed(organisation, mailbox, scattered(n as u64) as usize % SEEDS);
    let k = answered.copy(copies, n);
    let now = mail.received_at_us + (i64::try_from(copies).unwrap() + 1) * COPY_US + i64::try_from(n).unwrap() * 1_000;
    (mail.received_at_us, mail.keys.received_at_us) = (now, now);
    // Scattered as those of the stored messages are: most programs begin an id with chance.
    let own = format!("{:08x}.arriving.{n}.{}", scattered(n as u64 + 7) & 0xffff_ffff, Uuid::now_v7().simple());
    let references = if n % 4 == 3 { vec![] } else { vec![stored_id(k, &first_of(&mail)), stored_id(k, &mail.keys.message_id)] };
    if k > 0 {
        // Somebody who takes part in that copy.
        mail.keys.sender.push_str(&k.to_string());
        mail.keys.people.iter_mut().for_each(|p| p.address.push_str(&k.to_string()));
    }
    address(&mut mail, n, own, references);
    mail
}

/// The Message-ID that began the mail's conversation.
fn first_of(mail: &Prepared) -> String {
    mail.keys.references.first().unwrap_or(&mail.keys.message_id).clone()
}

fn address(mail: &mut Prepared, n: usize, own: String, references: Vec<String>) {
    mail.locator.journal = JournalId(Uuid::from_u128(99));
    mail.locator.position.offset = u32::try_from(n).unwrap() * 64;
    let said = Arc::make_mut(&mut mail.mail);
    said.content_hash = [0; 32];
    said.content_hash[..16].copy_from_slice(Uuid::now_v7().as_bytes());
    said.message_id = Some(own.clone());
    said.references.clone_from(&references);
    mail.keys.message_id = own;
    mail.keys.references = references;
}

/// What attaching some mails took.
struct Took {
    /// Milliseconds a mail.
    ms: f64,
    /// Milliseconds of CPU a mail.
    cpu_ms: f64,
    /// Mails that became part of a conversation that was there.
    joined: usize,
}

async fn timed(store: &Store, mails: Vec<Prepared>) -> Took {
    let count = mails.len() as f64;
    let mut mails = mails.into_iter().peekable();
    let (begun, before, mut joined) = (Instant::now(), cpu(), 0);
    while mails.peek().is_some() {
        let batch: Vec<Prepared> = mails.by_ref().take(BATCH).collect();
        let outcomes = store.attach(&batch, &threading).await.unwrap();
        joined += outcomes.iter().filter(|outcome| joins(outcome)).count();
    }
    let (took, cpu) = (begun.elapsed(), cpu() - before);
    Took { ms: took.as_secs_f64() * 1e3 / count, cpu_ms: cpu.as_secs_f64() * 1e3 / count, joined }
}

fn joins(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Attached { decision, .. } if matches!(decision.place, Where::Existing(_)))
}

/// A database with so many messages, and what arrives there.
pub(crate) struct Filled {
    messages: u64,
    store: Store,
    registry: Registry,
    organisation: OrganisationId,
    mailbox: MailboxId,
    /// Milliseconds and milliseconds of CPU a mail, in each round that answers anywhere, and lately.
    rounds: [Vec<(f64, f64)>; 2],
}

impl Filled {
    /// Fills the empty database at `url`.
    pub(crate) async fn new(kind: Kind, what: &str, url: &str, messages: u64) -> Filled {
        let (store, _) = open(url).await;
        store.migrate().await.unwrap();
        let organisation = store.add_organisation("bench", None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, "help@desk.test").await.unwrap();
        for from in (0..SEEDS).step_by(BATCH) {
            // Five messages of each conversation, so that the seeds are whole conversations.
            let batch: Vec<Prepared> = (from..from + BATCH).map(|n| seed(organisation, mailbox, n)).collect();
            store.attach(&batch, &threading).await.unwrap();
        }
        // Copying wants the database for itself.
        store.close().await;
        let begun = Instant::now();
        fill(kind, url, messages).await;
        println!("{what:<10} {messages:>9} stored: filled in {:.0} s", begun.elapsed().as_secs_f64());
        let (store, registry) = open(url).await;
        Filled { messages, store, registry, organisation, mailbox, rounds: [Vec::new(), Vec::new()] }
    }

    async fn round(&self, answered: Answered, n: usize) -> (f64, f64) {
        let copies = (self.messages / SEEDS as u64).saturating_sub(1);
        let mails: Vec<Prepared> =
            (n * MAILS..(n + 1) * MAILS).map(|n| arriving(self.organisation, self.mailbox, copies, answered, n)).collect();
        let answers = mails.iter().filter(|mail| !mail.keys.references.is_empty()).count();
        let took = timed(&self.store, mails).await;
        // An answer that finds nothing costs something else than what is measured here.
        assert_eq!(took.joined, answers, "mails that joined a stored conversation, and answers");
        (took.ms, took.cpu_ms)
    }
}

async fn open(url: &str) -> (Store, Registry) {
    let (metrics, registry) = Metrics::new();
    (Store::open(url, 4, Duration::from_secs(600), metrics).await.unwrap(), registry)
}

/// Measures all sizes in turns, so that whatever else the machine does meets them alike, and shows each beside the first.
pub(crate) async fn measure(what: &str, mut sizes: Vec<Filled>) {
    // What is warm in a running gateway is warm here: a first round that is not counted.
    let ways = [(Answered::Anywhere, "anywhere"), (Answered::Lately, "lately")];
    for n in 0..=ROUNDS {
        for size in &mut sizes {
            for (way, (answered, _)) in ways.iter().enumerate() {
                let took = size.round(*answered, 2 * n + way).await;
                if n > 0 {
                    size.rounds[way].push(took);
                }
            }
        }
    }
    let Some(first) = sizes.first().map(|size| size.rounds.clone()) else { return };
    for size in sizes {
        for (way, (_, named)) in ways.iter().enumerate() {
            let (rounds, first) = (&size.rounds[way], &first[way]);
            let all = rounds.iter().fold(String::new(), |all, took| format!("{all} {:.3}", took.0));
            println!(
                "{what:<10} {:>9} stored, answers {named:<8}: {:.3} ms each, {:.3} ms CPU each, {:.2} times the first, {:.2} in CPU \
                 (rounds:{all})",
                size.messages,
                median(rounds.iter().map(|r| r.0)),
                median(rounds.iter().map(|r| r.1)),
                median(rounds.iter().zip(first).map(|(r, first)| r.0 / first.0)),
                median(rounds.iter().zip(first).map(|(r, first)| r.1 / first.1)),
            );
        }
        show_queries(&size.registry);
        size.store.close().await;
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A conversation of two messages and one of a hundred thousand: what the next message costs in each.
pub(crate) async fn long_conversation(what: &str, url: &str) {
    let (store, _) = open(url).await;
    store.migrate().await.unwrap();
    let organisation = store.add_organisation("bench", None).await.unwrap();
    let mailbox = store.add_mailbox(organisation, "help@desk.test").await.unwrap();
    let answers = |first: &str, from: usize, count: usize| -> Vec<Prepared> {
        (from..from + count)
            .map(|n| {
                let mut mail = mail(organisation, mailbox, 0);
                address(&mut mail, n, format!("long.{n}.{first}"), vec![first.to_owned()]);
                mail
            })
            .collect()
    };
    let mut number = 0;
    let mut short = f64::INFINITY;
    for round in 0..3 {
        // Many short ones: no conversation of this round grows beyond three messages.
        let mails: Vec<Prepared> = (0..1_000).flat_map(|n| answers(&format!("short.{round}.{n}"), number + n * 3, 3)).collect();
        number += 3_000;
        short = short.min(timed(&store, mails).await.ms);
    }
    let mut growing = Vec::new();
    while (growing.len() * 10_000) < LONG as usize {
        let took = timed(&store, answers("endless", number, 10_000)).await.ms;
        number += 10_000;
        growing.push(took);
    }
    let shown: Vec<String> = growing.iter().map(|t| format!("{t:.3}")).collect();
    println!(
        "{what:<10} in short conversations {short:.3} ms each; in one of 100,000, by ten thousand: {} ms each",
        shown.join(" ")
    );
    store.close().await;
}
