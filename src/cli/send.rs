//! `tidegate send`: hand mails to a gateway over SMTP, to try it and to load it.
//!
//! A thread reads the mails ahead, within a budget of memory; connections take them from there,
//! each carrying many mails. All connections live on one thread: sending is waiting, and the cores
//! are for the gateway.
//!
//! # Failure
//! Exit 1 when a mail was not accepted. A mail is sent again only when the session ended before it
//! can have been taken. A server that can't be reached ends the run; what was not tried is not
//! counted as failed, but the run is not fine either.

mod client;
mod reply;
mod tally;
mod wire;

use super::Global;
use super::addressees::Addressees;
use super::mails;
use crate::limits::{SEND_CONNECTIONS_MAX, SEND_MEMORY_BYTES_MAX};
use anyhow::Context;
use client::{Accepted, Client, Envelope, Manner};
use indicatif::{ProgressBar, ProgressStyle};
use reply::{Failure, Stage};
use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::Tally;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wire::{Stamp, Wire};

/// Options of `tidegate send`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Files, mboxes, Maildirs or folders of mails; `-` is standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// For whom; again for more. None: as Delivered-To, X-Original-To or Envelope-To say, else To and Cc
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// From whom, `<>` for nobody. None: as Return-Path says, else From
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where the gateway listens [default: 127.0.0.1:2525, with --lmtp 127.0.0.1:2424]
    #[arg(long, value_name = "HOST:PORT", value_parser = server)]
    server: Option<String>,
    /// Connections side by side
    #[arg(long, short = 'c', default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SEND_CONNECTIONS_MAX as i64))]
    connections: u32,
    /// At most this many mails a second
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// This many mails in all, going round the files; each repeat gets a Message-ID of its own
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// Speak LMTP
    #[arg(long)]
    lmtp: bool,
    /// Hand over every mail by BDAT, not only those that DATA can't carry
    #[arg(long)]
    bdat: bool,
    /// Append a line to this file for each mail answered by 250: the id it was sent with
    /// (in a field X-Tidegate-Send-Id) and the queue id of the reply
    #[arg(long, value_name = "FILE")]
    acknowledged: Option<PathBuf>,
    /// The summary as JSON
    #[arg(long)]
    json: bool,
}

/// A host (or an IPv6 address in brackets) and a port; said before any mail is read.
fn server(text: &str) -> Result<String, String> {
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && bare && port.parse::<u16>().is_ok_and(|p| p > 0)
    });
    if fits { Ok(text.to_owned()) } else { Err("host and port, as 127.0.0.1:2525 or [::1]:2525".to_owned()) }
}

/// Runs it.
///
/// # Errors
/// What the exit code cannot say.
pub(super) fn run(args: Args, _global: &Global) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let json = args.json;
    let summary = tokio::task::LocalSet::new().block_on(&runtime, send(args))?;
    if json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        print!("{summary}");
    }
    Ok(ExitCode::from(u8::from(summary.failed > 0 || summary.stopped_early)))
}

/// A mail to send, and the memory it holds until it is sent.
struct Job {
    mail: Arc<Wire>,
    envelope: Arc<Envelope>,
    stamp: Stamp,
    _memory: Option<OwnedSemaphorePermit>,
}

/// What the connections share.
struct Sending {
    server: String,
    manner: Manner,
    tally: RefCell<Tally>,
    acknowledged: Option<RefCell<std::fs::File>>,
    jobs: tokio::sync::Mutex<mpsc::Receiver<anyhow::Result<Job>>>,
    /// All jobs were taken.
    drained: Cell<bool>,
    /// A path could not be read, or the file of acknowledged ids not be written: ends the run.
    broken: RefCell<Option<anyhow::Error>>,
    pace: Option<Pace>,
    progress: ProgressBar,
}

async fn send(args: Args) -> anyhow::Result<tally::Summary> {
    let acknowledged = match &args.acknowledged {
        None => None,
        Some(path) => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            Some(RefCell::new(file.with_context(|| format!("--acknowledged {}", path.display()))?))
        }
    };
    let connections = args.connections;
    let (sender, receiver) = mpsc::channel(connections as usize + 64);
    let sending = Rc::new(Sending {
        server: args.server.clone().unwrap_or_else(|| if args.lmtp { "127.0.0.1:2424" } else { "127.0.0.1:2525" }.to_owned()),
        manner: Manner { lmtp: args.lmtp, bdat: args.bdat },
        tally: RefCell::default(),
        acknowledged,
        jobs: tokio::sync::Mutex::new(receiver),
        drained: Cell::new(false),
        broken: RefCell::default(),
        pace: args.rate.map(Pace::new),
        progress: progress(args.count),
    });
    let reading = tokio::task::spawn_blocking(move || read_ahead(&args, &sender));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..connections {
        tasks.spawn_local(Rc::clone(&sending).one_connection());
    }
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    let took = started.elapsed();
    // Whatever was not taken is let go, so that the reading thread ends.
    sending.jobs.lock().await.close();
    while sending.jobs.lock().await.recv().await.is_some() {}
    reading.await?;
    sending.progress.finish_and_clear();
    if let Some(error) = sending.broken.take() {
        return Err(error);
    }
    let summary = sending.tally.borrow().summary(took, !sending.drained.get());
    Ok(summary)
}

fn progress(count: Option<u64>) -> ProgressBar {
    // Draws on a terminal only.
    let bar = count.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let template = if count.is_some() { "{bar:40} {pos}/{len} mails, {per_sec}, {eta} left" } else { "{pos} mails, {per_sec}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

impl Sending {
    async fn one_connection(self: Rc<Self>) {
        let mut session: Option<Client> = None;
        while let Some(job) = self.next().await {
            if let Some(pace) = &self.pace {
                pace.wait().await;
            }
            let failure = match self.hand_over(&mut session, &job).await {
                Ok(()) => continue,
                Err(failure) => failure,
            };
            self.tally.borrow_mut().failed(&job.mail.name, &failure);
            self.progress.inc(1);
            let unreachable = matches!(
                failure,
                Failure::Broken { stage: Stage::Connect | Stage::Greeting, .. }
                    | Failure::Refused { stage: Stage::Connect | Stage::Greeting | Stage::Hello, .. }
            );
            if unreachable {
                return;
            }
        }
        if let Some(session) = session {
            session.quit().await;
        }
    }

    async fn next(&self) -> Option<Job> {
        if self.broken.borrow().is_some() {
            return None;
        }
        let job = self.jobs.lock().await.recv().await;
        match job {
            Some(Ok(job)) => Some(job),
            Some(Err(error)) => {
                self.broken.borrow_mut().get_or_insert(error);
                None
            }
            None => {
                self.drained.set(true);
                None
            }
        }
    }

    /// Sends one mail; on a fresh session if the old one turns out to have ended.
    async fn hand_over(&self, session: &mut Option<Client>, job: &Job) -> Result<(), Failure> {
        let mut fresh = session.is_none();
        loop {
            let client = match session {
                Some(client) => client,
                None => session.insert(Client::connect(&self.server, self.manner).await?),
            };
            let started = Instant::now();
            match client.send(&job.mail, &job.stamp, &job.envelope, self.manner).await {
                Ok(accepted) => {
                    self.accepted(job, started.elapsed(), &accepted);
                    return Ok(());
                }
                Err(failure) => {
                    if failure.ends_session() {
                        *session = None;
                    }
                    if fresh || !failure.wants_a_fresh_session() {
                        return Err(failure);
                    }
                    fresh = true;
                }
            }
        }
    }

    fn accepted(&self, job: &Job, took: Duration, accepted: &Accepted) {
        self.tally.borrow_mut().accepted(job.mail.len(&job.stamp), took, &accepted.refused);
        self.progress.inc(1);
        if let (Some(file), Some(id)) = (&self.acknowledged, &job.stamp.id) {
            // One write for a line, so that a killed run leaves whole lines.
            let line = format!("{id} {}\n", accepted.reply.queue_id().unwrap_or("-"));
            if let Err(error) = file.borrow_mut().write_all(line.as_bytes()) {
                self.broken.borrow_mut().get_or_insert(anyhow::Error::new(error).context("--acknowledged"));
            }
        }
    }
}

/// Spreads mails evenly over time.
#[derive(Debug)]
struct Pace {
    gap: Duration,
    next: Cell<tokio::time::Instant>,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace { gap: Duration::from_secs(1) / rate, next: Cell::new(tokio::time::Instant::now()) }
    }

    /// Gaps that were missed are made up for, up to a second's worth: the rate is one of the long run.
    async fn wait(&self) {
        let earliest = tokio::time::Instant::now().checked_sub(Duration::from_secs(1));
        let mine = earliest.map_or(self.next.get(), |e| self.next.get().max(e));
        self.next.set(mine + self.gap);
        tokio::time::sleep_until(mine).await;
    }
}

/// Reads the mails and hands them to the connections, until there are enough or nobody listens.
fn read_ahead(args: &Args, out: &mpsc::Sender<anyhow::Result<Job>>) {
    if let Err(error) = read_rounds(args, out) {
        let _ = out.blocking_send(Err(error));
    }
}

fn read_rounds(args: &Args, out: &mpsc::Sender<anyhow::Result<Job>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Handle::current();
    let memory = Arc::new(Semaphore::new(SEND_MEMORY_BYTES_MAX >> 10));
    let run = getrandom::u32().map_err(|e| anyhow::anyhow!("no random number: {e}"))?;
    let mut sent: u64 = 0;
    let enough = |sent: u64| args.count.is_some_and(|n| sent >= n);
    let mut kept: Option<Vec<(Arc<Wire>, Arc<Envelope>)>> = args.count.map(|_| Vec::new());
    let mut kept_bytes = 0;
    for round in 0_u64.. {
        let before = sent;
        let stamp = |sent: u64| Stamp {
            id: (round > 0 || args.acknowledged.is_some()).then(|| format!("{run:08x}-{sent}")),
            repeat: round > 0,
        };
        if round > 0
            && let Some(kept) = &kept
        {
            for (mail, envelope) in kept {
                let job = Job { mail: Arc::clone(mail), envelope: Arc::clone(envelope), stamp: stamp(sent), _memory: None };
                if enough(sent) || out.blocking_send(Ok(job)).is_err() {
                    return Ok(());
                }
                sent += 1;
            }
        } else {
            for found in mails::walk(&args.paths) {
                if enough(sent) {
                    return Ok(());
                }
                let found = found?;
                // A mail larger than the budget gets all of it, alone.
                let cost = (found.raw.len() >> 10).clamp(1, SEND_MEMORY_BYTES_MAX >> 10) as u32;
                let permit = runtime.block_on(Arc::clone(&memory).acquire_many_owned(cost))?;
                let envelope = Arc::new(envelope(args, &found.raw));
                let mail = Arc::new(Wire::new(&found.name, found.raw));
                kept_bytes += mail.len(&Stamp::default());
                if kept_bytes > SEND_MEMORY_BYTES_MAX {
                    kept = None;
                } else if let Some(kept) = &mut kept {
                    kept.push((Arc::clone(&mail), Arc::clone(&envelope)));
                }
                let job = Job { mail, envelope, stamp: stamp(sent), _memory: Some(permit) };
                if out.blocking_send(Ok(job)).is_err() {
                    return Ok(());
                }
                sent += 1;
            }
        }
        if args.count.is_none() || enough(sent) {
            return Ok(());
        }
        anyhow::ensure!(sent > before, "no mail in {}", list(&args.paths));
    }
    Ok(())
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn envelope(args: &Args, raw: &[u8]) -> Envelope {
    let bare = |a: &String| a.trim_start_matches('<').trim_end_matches('>').to_owned();
    let given = (!args.to.is_empty()).then(|| args.to.iter().map(bare).collect());
    if let (Some(to), Some(from)) = (&given, &args.from) {
        return Envelope { from: bare(from), to: Vec::clone(to) };
    }
    let found = Addressees::of(raw);
    let from = args.from.as_ref().map(bare).or(found.sender).unwrap_or_default();
    let to = given.unwrap_or(if found.delivered.is_empty() { found.addressed } else { found.delivered });
    // Somebody has to get it, and every server has a postmaster.
    Envelope { from, to: if to.is_empty() { vec!["postmaster".to_owned()] } else { to } }
}
