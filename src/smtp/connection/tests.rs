//! Connections with time that is paused and a journal that does as it is told.

use super::*;
use crate::mail::{Envelope, Position};
use crate::smtp::rehearsal::{Stage, directory};
use crate::telemetry::Metrics;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Semaphore;

/// A journal in memory.
#[derive(Debug, Clone, Default)]
struct Shelf(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    mails: Mutex<Vec<(Envelope, Vec<u8>)>>,
    /// Bodies that are being streamed now.
    streams: AtomicUsize,
    /// Streamed bodies fail after so many bytes, with this.
    fails_after: Mutex<Option<(usize, Refusal)>>,
    largest_chunk: AtomicUsize,
    /// Appends wait while this is held.
    gate: Mutex<Option<Arc<Semaphore>>>,
    panics: bool,
}

#[derive(Debug)]
struct Streamed {
    bytes: Vec<u8>,
    shelf: Arc<Inner>,
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.shelf.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Spool for Shelf {
    type Large = Streamed;

    async fn append(&self, envelope: Envelope, body: Vec<u8>) -> Result<Position, Refusal> {
        assert!(!self.0.panics, "a fault");
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let mut mails = self.0.mails.lock().unwrap();
        mails.push((envelope, body));
        Ok(Position { segment: 1, offset: mails.len() as u32 })
    }

    async fn begin_large(&self) -> Result<Streamed, Refusal> {
        self.0.streams.fetch_add(1, Ordering::SeqCst);
        Ok(Streamed { bytes: Vec::new(), shelf: Arc::clone(&self.0) })
    }

    async fn write(large: &mut Streamed, chunk: Vec<u8>) -> Result<(), Refusal> {
        large.shelf.largest_chunk.fetch_max(chunk.len(), Ordering::SeqCst);
        large.bytes.extend(chunk);
        match *large.shelf.fails_after.lock().unwrap() {
            Some((bytes, why)) if large.bytes.len() > bytes => Err(why),
            _ => Ok(()),
        }
    }

    async fn append_large(&self, envelope: Envelope, mut large: Streamed) -> Result<Position, Refusal> {
        self.append(envelope, std::mem::take(&mut large.bytes)).await
    }
}

struct House {
    shared: Arc<Shared<Shelf>>,
    shelf: Shelf,
    metrics: Arc<Metrics>,
    stop: watch::Sender<bool>,
    _directory: watch::Sender<Arc<Directory>>,
}

impl House {
    fn new(limits: Limits) -> House {
        House::with(limits, Shelf::default())
    }

    fn with(limits: Limits, shelf: Shelf) -> House {
        let (metrics, _) = Metrics::new();
        let (stop, shutdown) = watch::channel(false);
        let (sender, receiver) = watch::channel(Arc::new(directory(&Stage::default().mailboxes)));
        let shared = Shared::new(&Reception {
            config: Arc::default(),
            hostname: "mx.test".into(),
            limits: Arc::new(limits),
            journal: shelf.clone(),
            directory: receiver,
            tls: None,
            metrics: Arc::clone(&metrics),
            shutdown,
        });
        House { shared, shelf, metrics, stop, _directory: sender }
    }

    /// A client that has read its greeting.
    async fn client(&self) -> Client {
        let (near, far) = tokio::io::duplex(8 << 10);
        tokio::spawn(serve(Arc::clone(&self.shared), far, ListenerKind::Smtp, "192.0.2.1".parse().unwrap()));
        let mut client = Client { io: near, read: Vec::new() };
        assert!(client.line().await.starts_with("220"));
        client
    }

    fn refused(&self, why: Refused) -> u64 {
        self.metrics.smtp_refused.get_or_create(&[("reason", why.as_str())]).get()
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        self.shelf.0.mails.lock().unwrap().iter().map(|m| m.1.clone()).collect()
    }
}

struct Client {
    io: DuplexStream,
    read: Vec<u8>,
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next line; empty when the server has closed.
    async fn line(&mut self) -> String {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.read) {
                return String::from_utf8(self.read.drain(..=at).collect()).unwrap().trim_end().to_owned();
            }
            if self.io.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                return String::new();
            }
        }
    }

    async fn expect(&mut self, line: &str) {
        let got = self.line().await;
        assert!(got.starts_with(line), "wanted {line:?}, got {got:?}");
    }

    async fn begin_body(&mut self, parameters: &str) {
        self.send(format!("MAIL FROM:<a@b.test>{parameters}\r\nRCPT TO:<u@example.test>\r\nDATA\r\n")).await;
        for code in ["250", "250", "354"] {
            self.expect(code).await;
        }
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn a_command_that_comes_byte_by_byte_is_cut_in_time() {
    let house = House::new(Limits::default());
    let mut client = house.client().await;
    let began = Instant::now();
    let mut sent = 0;
    // Each byte comes early enough; the command does not.
    while client.io.write_all(b"N").await.is_ok() && began.elapsed() < seconds(1_000) {
        tokio::time::sleep(seconds(10)).await;
        sent += 1;
    }
    assert!((29..=32).contains(&sent), "{sent} bytes of one command were waited for");
    client.expect("421 4.4.2").await;
    assert_eq!(house.refused(Refused::CommandTimeout), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_is_cut_and_a_busy_one_is_not() {
    let house = House::new(Limits::default());
    let (mut idle, mut busy) = (house.client().await, house.client().await);
    for _ in 0..4 {
        tokio::time::sleep(seconds(200)).await;
        busy.send("NOOP\r\n").await;
        busy.expect("250").await;
    }
    idle.expect("421 4.4.2").await;
    idle.expect("").await;
}

#[tokio::test(start_paused = true)]
async fn a_busy_client_is_cut_at_the_end_of_the_session() {
    let house = House::new(Limits { session_timeout: seconds(1_000), ..Limits::default() });
    let mut client = house.client().await;
    for _ in 0..9 {
        tokio::time::sleep(seconds(100)).await;
        client.send("NOOP\r\n").await;
        client.expect("250").await;
    }
    client.expect("421 4.4.2").await;
    assert_eq!(house.refused(Refused::SessionTimeout), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_taken_and_one_that_only_drips_is_cut() {
    let house = House::new(Limits::default());
    let mut client = house.client().await;
    client.begin_body("").await;
    for _ in 0..10 {
        client.send(vec![b'x'; BLOCK_BYTES]).await;
        tokio::time::sleep(seconds(100)).await;
    }
    client.send("\r\n.\r\n").await;
    client.expect("250").await;
    client.begin_body("").await;
    let began = Instant::now();
    while client.io.write_all(b"x").await.is_ok() && began.elapsed() < seconds(1_000) {
        tokio::time::sleep(seconds(20)).await;
    }
    assert!(began.elapsed() < seconds(240), "{:?}", began.elapsed());
    client.expect("421 4.4.2").await;
    assert_eq!((house.refused(Refused::BodyTimeout), house.bodies().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut() {
    let house = House::new(Limits::default());
    let mut client = house.client().await;
    let began = Instant::now();
    while client.io.write_all(&b"HELP\r\n".repeat(1_000)).await.is_ok() {}
    assert!(began.elapsed() < seconds(400), "{:?}", began.elapsed());
    assert_eq!(house.refused(Refused::WriteTimeout), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_ends_idle_sessions_and_lets_a_body_finish() {
    let house = House::new(Limits::default());
    let (mut idle, mut busy) = (house.client().await, house.client().await);
    busy.begin_body("").await;
    busy.send("half\r\n").await;
    house.stop.send(true).unwrap();
    idle.expect("421 4.3.2").await;
    idle.expect("").await;
    busy.send("the rest\r\n.\r\nMAIL FROM:<a@b.test>\r\n").await;
    busy.expect("250 2.0.0 Ok: queued as").await;
    busy.expect("421 4.3.2").await;
    assert_eq!(house.bodies(), [b"half\r\nthe rest\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_before_it_is_stored() {
    let house = House::new(Limits::default());
    let gate = Arc::new(Semaphore::new(0));
    *house.shelf.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let mut client = house.client().await;
    client.begin_body("").await;
    client.send("x\r\n.\r\n").await;
    let early = tokio::time::timeout(seconds(60), client.line()).await;
    assert!(early.is_err(), "{early:?} came before the mail was stored");
    gate.add_permits(1);
    client.expect("250 2.0.0 Ok: queued as 0000000100000001").await;
}

#[tokio::test(start_paused = true)]
async fn without_memory_a_mail_is_put_off_and_the_connection_goes_on() {
    let limits = Limits { inflight_bytes_max: FIRST_SHARE as u64, ..Limits::default() };
    let house = House::new(limits);
    let (mut first, mut second) = (house.client().await, house.client().await);
    first.begin_body("").await;
    first.send("first").await;
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(house.metrics.smtp_inflight.get(), FIRST_SHARE as i64);
    // The second finds nothing, waits, and is told at its end.
    let began = Instant::now();
    second.begin_body("").await;
    second.send("second\r\nQUIT\r\n.\r\n").await;
    second.expect("452 4.3.1").await;
    assert!(began.elapsed() >= Limits::default().inflight_wait, "{:?}", began.elapsed());
    // Once the first is done there is room for the second.
    first.send("\r\n.\r\n").await;
    first.expect("250").await;
    second.begin_body("").await;
    second.send("again\r\n.\r\n").await;
    second.expect("250").await;
    assert_eq!(house.bodies(), [b"first\r\n".as_slice(), b"again\r\n"]);
    assert_eq!((house.refused(Refused::Memory), house.metrics.smtp_inflight.get()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_mail_that_waits_for_memory_is_taken_when_there_is_some() {
    let house = House::new(Limits { inflight_bytes_max: FIRST_SHARE as u64, ..Limits::default() });
    let (mut first, mut second) = (house.client().await, house.client().await);
    first.begin_body("").await;
    first.send("first").await;
    second.begin_body("").await;
    second.send("second\r\n.\r\n").await;
    tokio::time::sleep(seconds(5)).await;
    first.send("\r\n.\r\n").await;
    first.expect("250").await;
    second.expect("250").await;
}

#[tokio::test(start_paused = true)]
async fn a_large_body_goes_to_the_disk_and_is_never_whole_in_memory() {
    let house = House::new(Limits::default());
    let mut client = house.client().await;
    let body: Vec<u8> = (0..5 << 20).map(|n: u32| if n.is_multiple_of(70) { b'\n' } else { n as u8 | 1 }).collect();
    for parameters in ["", " SIZE=5242880"] {
        client.begin_body(parameters).await;
        let sending = async {
            for chunk in body.chunks(100_000) {
                client.send(chunk).await;
            }
            client.send("\r\n.\r\n").await;
            client.expect("250").await;
        };
        sending.await;
    }
    let mut whole = body.clone();
    whole.extend_from_slice(b"\r\n");
    assert!(house.bodies() == [whole.clone(), whole], "what is stored is not what was sent");
    let largest = house.shelf.0.largest_chunk.load(Ordering::SeqCst) as u64;
    assert!(largest <= Limits::default().large_body_bytes + 1, "{largest} bytes were held at once");
    assert_eq!((house.shelf.0.streams.load(Ordering::SeqCst), house.metrics.smtp_inflight.get()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_in_the_middle_is_answered_at_the_end() {
    let house = House::new(Limits::default());
    *house.shelf.0.fails_after.lock().unwrap() = Some((300_000, Refusal::DiskFull));
    let mut client = house.client().await;
    client.begin_body(" SIZE=4000000").await;
    for _ in 0..40 {
        client.send("RCPT TO:<u@example.test>\r\n".repeat(3_846)).await;
    }
    assert!(client.read.is_empty(), "nothing is said in the middle of a body");
    client.send(".\r\n").await;
    client.expect("452 4.3.1").await;
    client.begin_body("").await;
    client.send("small\r\n.\r\n").await;
    client.expect("250").await;
    assert_eq!(house.bodies(), [b"small\r\n"]);
    assert_eq!(house.refused(Refused::DiskFull), 1);
    assert_eq!((house.shelf.0.streams.load(Ordering::SeqCst), house.metrics.smtp_inflight.get()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_in_a_body_leaves_nothing() {
    let house = House::new(Limits::default());
    let mut client = house.client().await;
    client.begin_body(" SIZE=4000000").await;
    client.send(vec![b'x'; 300_000]).await;
    drop(client);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(house.refused(Refused::BrokenBody), 1);
    assert_eq!((house.shelf.0.streams.load(Ordering::SeqCst), house.metrics.smtp_inflight.get()), (0, 0));
    assert!(house.bodies().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_network_has_so_many_seats() {
    let house = House::new(Limits { connections_per_network_max: 1, ..Limits::default() });
    let mut first = house.client().await;
    let (near, far) = tokio::io::duplex(1 << 10);
    tokio::spawn(serve(Arc::clone(&house.shared), far, ListenerKind::Smtp, "192.0.2.99".parse().unwrap()));
    let mut second = Client { io: near, read: Vec::new() };
    second.expect("421 4.7.0").await;
    first.send("QUIT\r\n").await;
    first.expect("221").await;
    first.expect("").await;
    house.client().await;
}

#[test]
fn a_panic_ends_its_own_session_only() {
    let shelf = Shelf(Arc::new(Inner { panics: true, ..Inner::default() }));
    let house = House::with(Limits::default(), shelf);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (shared, stop) = (Arc::clone(&house.shared), house.stop.clone());
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(crate::smtp::listener::serve_shared(shared, vec![(ListenerKind::Smtp, listener)]));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connect = || async { tokio::net::TcpStream::connect(at).await.unwrap() };
        let (mut unlucky, mut other) = (connect().await, connect().await);
        unlucky.write_all(b"MAIL FROM:<>\r\nRCPT TO:<u@example.test>\r\nDATA\r\n.\r\n").await.unwrap();
        let mut said = Vec::new();
        let _ = unlucky.read_to_end(&mut said).await;
        assert!(!said.windows(6).any(|w| w == b"queued"), "{}", said.escape_ascii());
        other.write_all(b"NOOP\r\nQUIT\r\n").await.unwrap();
        let mut said = Vec::new();
        other.read_to_end(&mut said).await.unwrap();
        assert!(said.ends_with(b"250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n"), "{}", said.escape_ascii());
    });
    stop.send(true).unwrap();
    server.join().unwrap();
    assert_eq!((house.refused(Refused::Panic), house.metrics.smtp_connections_open.get()), (1, 0));
}
