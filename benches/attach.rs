//! How many mails a second the store attaches, in batches of 1, 100 and 500, on one connection.
//!
//! `cargo bench --bench attach` for SQLite in the temporary folder; with TEST_DATABASE_URL PostgreSQL too
//! (`WITH_POSTGRES_DURABLE=1 scripts/with-postgres cargo bench --bench attach`). Every commit is durable.
//! CPU is this process's own: SQLite's work is in it, a PostgreSQL server's is not.

#![allow(clippy::unwrap_used)]

use sqlx::{AssertSqlSafe, Connection, Executor};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::mail::{
    Attachment, Class, Classification, ConversationId, Decision, JournalId, Locator, May, NormalizedMail, OrganisationId, Person,
    Position, Prepared, Rule, SubjectKind, ThreadIndex, ThreadKeys, Versions, Where,
};
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use uuid::Uuid;

/// Mails of one measurement.
const MAILS: usize = 20_000;
/// Mails of one measurement when each is a transaction of its own.
const MAILS_ALONE: usize = 2_000;
/// Bytes of text in each.
const TEXT_BYTES: usize = 2_048;

fn decide(keys: &ThreadKeys, index: &ThreadIndex, _fresh: ConversationId) -> Decision {
    let found = keys.ids().find_map(|id| index.ids.get(&(keys.organisation, id.to_owned())));
    let (place, rule, may) = match found {
        Some(known) => (Where::Existing(index.resolve(known.conversation)), Rule::Reference, May::Participant),
        None => (Where::New, Rule::New, May::Open),
    };
    Decision::new(place, may, rule)
}

/// The nth mail: every conversation has five messages of two people, spread over 5,000 mails; one mail in four has an attachment.
fn mail(organisation: OrganisationId, mailbox: tidegate::mail::MailboxId, n: usize) -> Prepared {
    let (thread, step) = (n % 1_000 + n / 5_000 * 1_000, n / 1_000 % 5);
    let id = |step: usize| format!("{thread}.{step}.CAF+something-long-enough@mail.example.test");
    let person = |who: &str| Person { name: format!("Person {who} {thread}"), address: format!("{who}{thread}@customer.test") };
    let (customer, colleague) = (person("customer"), person("colleague"));
    let mut content_hash = [0; 32];
    content_hash[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let subject = format!("Re: Question about order {thread}");
    let references: Vec<String> = (0..step).map(id).collect();
    Prepared {
        locator: Locator {
            journal: JournalId(Uuid::from_u128(1)),
            position: Position { segment: 1, offset: u32::try_from(n).unwrap() * 64 },
        },
        received_at_us: 1_700_000_000_000_000 + n as i64,
        organisation,
        mailboxes: vec![mailbox],
        reverse_path: customer.address.clone(),
        mail: Arc::new(NormalizedMail {
            from: Some(customer.clone()),
            to: vec![Person { name: "Help".into(), address: "help@desk.test".into() }],
            cc: vec![colleague.clone()],
            subject: subject.clone(),
            date: Some("2026-11-22T10:00:00+01:00".into()),
            message_id: Some(id(step)),
            references: references.clone(),
            text: "All work and no play makes a dull text. ".repeat(TEXT_BYTES / 40),
            attachments: if n.is_multiple_of(4) { vec![attachment(n)] } else { vec![] },
            content_hash,
            size: 4_096,
            ..NormalizedMail::default()
        }),
        class: Arc::new(Classification { class: Class::Person, evidence: vec![], bounce: None }),
        keys: ThreadKeys {
            references,
            base_subject: subject,
            subject_kind: SubjectKind::Reply,
            sender: customer.address.clone(),
            people: vec![customer, colleague],
            received_at_us: 1_700_000_000_000_000 + n as i64,
            ..ThreadKeys::new(organisation, id(step))
        },
        versions: Versions { reader: 1, classes: 1, rules: 1 },
        release: None,
    }
}

fn attachment(n: usize) -> Attachment {
    Attachment {
        name: format!("invoice-{n}.pdf"),
        content_type: "application/pdf".into(),
        size: 100_000,
        sha256: "0".repeat(64),
        inline: false,
        content_id: None,
        part: 1,
    }
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted behind the name in parentheses, in ticks of 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

async fn measure(what: &str, url: &str) {
    let (metrics, registry) = Metrics::new();
    let store = Store::open(url, 4, Duration::from_secs(30), metrics).await.unwrap();
    store.migrate().await.unwrap();
    for size in [1, 100, 500] {
        let organisation = store.add_organisation(&format!("bench {size}"), None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, &format!("help@desk{size}.test")).await.unwrap();
        let mails = if size == 1 { MAILS_ALONE } else { MAILS };
        let batches: Vec<Vec<Prepared>> = (0..mails)
            .step_by(size)
            .map(|from| {
                let mut batch: Vec<Prepared> = (from..from + size).map(|n| mail(organisation, mailbox, n)).collect();
                // A journal of its own for each measurement: positions are identities.
                batch.iter_mut().for_each(|m| m.locator.journal = JournalId(Uuid::from_u128(size as u128)));
                batch
            })
            .collect();
        let (begun, cpu_before) = (Instant::now(), cpu());
        for batch in &batches {
            store.attach(batch, &decide).await.unwrap();
        }
        let (took, cpu) = (begun.elapsed(), cpu() - cpu_before);
        println!(
            "{what:<10} batches of {size:>3}: {:>7.0} mails/s, {:.3} ms each, {:.3} ms CPU each",
            mails as f64 / took.as_secs_f64(),
            took.as_secs_f64() * 1e3 / mails as f64,
            cpu.as_secs_f64() * 1e3 / mails as f64,
        );
    }
    if std::env::var_os("SHOW_QUERIES").is_some() {
        let text = tidegate::telemetry::render(&registry).unwrap();
        let mut sums: Vec<(f64, &str)> = text
            .lines()
            .filter_map(|l| l.strip_prefix("tidegate_store_query_seconds_sum"))
            .filter_map(|l| l.split_once(' '))
            .filter_map(|(name, sum)| Some((sum.parse().ok()?, name)))
            .collect();
        sums.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (sum, name) in sums.iter().take(25) {
            println!("    {sum:8.3} s  {name}");
        }
    }
    store.close().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        measure("sqlite", &format!("sqlite:{}", dir.path().join("bench.sqlite").display())).await;
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            println!("postgres   left out: TEST_DATABASE_URL is not set (scripts/with-postgres sets it)");
            return;
        };
        let name = format!("tidegate_bench_{}", Uuid::now_v7().simple());
        let mut conn = sqlx::PgConnection::connect(&server).await.unwrap();
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        assert_ne!(url, server, "TEST_DATABASE_URL is expected to be of scripts/with-postgres");
        measure("postgres", &url).await;
        conn.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        conn.close().await.unwrap();
    });
}
