//! How fast mail becomes durable, held against one fdatasync a mail in the same run.
//!
//! `cargo bench --bench journal`. A rate says little by itself: the device decides what a sync
//! costs. Judge by mails for each sync, by CPU for each mail, and by the ratio to the first line.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidegate::journal::{Body, Journal, JournalOptions};
use tidegate::limits::Limits;
use tidegate::mail::{BodyType, Envelope, EnvelopeRecipient, MailboxId, OrganisationId, Protocol};
use tidegate::telemetry::Metrics;
use uuid::Uuid;

/// Time for each line.
const TIME: Duration = Duration::from_secs(2);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let dir = tempfile::tempdir_in(std::env::var_os("BENCH_DIR").unwrap_or_else(|| ".".into()))?;
    let single = one_sync_a_mail(dir.path(), 4 << 10)?;
    println!("{:<44} {single:>8.0}/s", "4 KiB, growing file, one fdatasync a mail");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    for (bytes, appenders) in [(4 << 10, 1), (4 << 10, 10), (4 << 10, 100), (4 << 10, 500), (50 << 10, 10), (50 << 10, 100)] {
        let (metrics, registry) = Metrics::new();
        let journal = Journal::open(JournalOptions {
            dir: dir.path().join(format!("{bytes}-{appenders}")),
            segment_bytes: 64 << 20,
            limits: Arc::new(Limits::default()),
            metrics: Arc::clone(&metrics),
        })?;
        let (cpu, began) = (cpu_ms()?, Instant::now());
        let mails = runtime.block_on(crowd(&journal, bytes, appenders))?;
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_ms()? - cpu);
        let syncs = syncs(&registry)?;
        println!(
            "{:<44} {:>8.0}/s  {:>5.1}x  {:>6.1} mails a sync  {:>7.4} ms CPU a mail",
            format!("{} KiB, {appenders} at once", bytes >> 10),
            mails as f64 / seconds,
            mails as f64 / seconds / single,
            mails as f64 / syncs,
            cpu / mails as f64,
        );
        journal.close();
    }
    Ok(())
}

fn one_sync_a_mail(dir: &Path, bytes: usize) -> Result<f64, Failure> {
    let mut file = std::fs::File::create(dir.join("single"))?;
    let (body, began, mut count) = (vec![b'x'; bytes], Instant::now(), 0u64);
    while began.elapsed() < TIME {
        file.write_all(&body)?;
        file.sync_data()?;
        count += 1;
    }
    // Read once, so that nobody can say that it was not written.
    file = std::fs::File::open(dir.join("single"))?;
    file.read_exact_at(&mut vec![0; bytes], (count - 1) * bytes as u64)?;
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

async fn crowd(journal: &Journal, bytes: usize, appenders: usize) -> Result<u64, Failure> {
    let end = Instant::now() + TIME;
    let tasks: Vec<_> = (0..appenders)
        .map(|_| {
            let journal = journal.clone();
            tokio::spawn(async move {
                let mut count = 0u64;
                while Instant::now() < end {
                    journal.append(envelope(), Body::Inline(vec![b'x'; bytes])).await?;
                    count += 1;
                }
                Ok::<u64, tidegate::journal::Error>(count)
            })
        })
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await??;
    }
    Ok(count)
}

fn envelope() -> Envelope {
    Envelope {
        received_at_us: 1,
        session: "0123456789abcdef".to_owned(),
        protocol: Protocol::ESMTP,
        client_ip: None,
        client_name: None,
        helo: Some("client.example".to_owned()),
        reverse_path: "sender@example.net".to_owned(),
        recipients: vec![EnvelopeRecipient {
            address: "help@example.com".to_owned(),
            organisation: OrganisationId(Uuid::from_u128(7)),
            mailbox: MailboxId(Uuid::from_u128(8)),
        }],
        tls: None,
        authenticated_as: None,
        smtputf8: false,
        body: BodyType::default(),
    }
}

/// CPU of this process so far.
fn cpu_ms() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 =
        fields.get(11..13).ok_or("no CPU times in /proc/self/stat")?.iter().filter_map(|t| t.parse::<f64>().ok()).sum();
    Ok(ticks * 10.0)
}

fn syncs(registry: &prometheus_client::registry::Registry) -> Result<f64, Failure> {
    let text = tidegate::telemetry::render(registry)?;
    let line = text.lines().find_map(|l| l.strip_prefix("tidegate_journal_sync_seconds_count ")).ok_or("no count of syncs")?;
    Ok(line.trim().parse()?)
}
