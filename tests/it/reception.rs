//! Reception over real sockets: a gateway with a journal on loopback, and clients that behave well or not.

mod encrypted;
mod sockets;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tidegate::config::{SmtpConfig, TlsConfig};
use tidegate::journal::{Journal, JournalOptions};
use tidegate::limits::Limits;
use tidegate::mail::{Envelope, Position};
use tidegate::smtp::{ListenerKind, Reception, rehearsal, server_config};
use tidegate::telemetry::{self, Metrics};
use tokio::sync::watch;

/// How long a test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What a gateway is started with.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub config: SmtpConfig,
    pub limits: Limits,
    pub mailboxes: Vec<String>,
    pub tls: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            config: SmtpConfig::default(),
            limits: Limits { disk_free_bytes_min: 0, ..Limits::default() },
            mailboxes: rehearsal::Stage::default().mailboxes,
            tls: false,
        }
    }
}

/// A gateway's reception, running.
pub(super) struct Gateway {
    pub smtp: SocketAddr,
    pub smtps: SocketAddr,
    pub lmtp: SocketAddr,
    pub journal: Journal,
    pub stop: watch::Sender<bool>,
    pub directory: watch::Sender<Arc<tidegate::directory::Directory>>,
    registry: prometheus_client::registry::Registry,
    served: Option<JoinHandle<()>>,
    _tls: Option<watch::Sender<Arc<rustls::ServerConfig>>>,
    folder: tempfile::TempDir,
}

impl Gateway {
    pub(super) fn start(setup: Setup) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        let limits = Arc::new(setup.limits);
        let (metrics, registry) = Metrics::new();
        let journal = Journal::open(JournalOptions {
            dir: dir.path().join("journal"),
            segment_bytes: 4 << 20,
            limits: Arc::clone(&limits),
            metrics: Arc::clone(&metrics),
        })
        .unwrap();
        let (stop, shutdown) = watch::channel(false);
        let (directory_sender, directory) = watch::channel(Arc::new(rehearsal::directory(&setup.mailboxes)));
        let tls = setup.tls.then(|| watch::channel(server_config(&TlsConfig::default(), dir.path(), "mx.test").unwrap()));
        let (tls_sender, tls) = tls.unzip();
        let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = vec![(ListenerKind::Smtp, listen()), (ListenerKind::SmtpTls, listen()), (ListenerKind::Lmtp, listen())];
        let at: Vec<SocketAddr> = listeners.iter().map(|(_, l)| l.local_addr().unwrap()).collect();
        let reception = Reception {
            config: Arc::new(setup.config),
            hostname: "mx.test".into(),
            limits,
            journal: journal.clone(),
            directory,
            tls,
            metrics,
            shutdown,
        };
        let served = std::thread::spawn(move || tidegate::smtp::serve(reception, listeners));
        Gateway {
            smtp: at[0],
            smtps: at[1],
            lmtp: at[2],
            journal,
            stop,
            directory: directory_sender,
            registry,
            served: Some(served),
            _tls: tls_sender,
            folder: dir,
        }
    }

    /// Where its files are.
    pub(super) fn dir(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Everything in the journal.
    pub(super) fn mails(&self) -> Vec<(Envelope, Vec<u8>)> {
        let reader = self.journal.reader();
        let entries = reader.entries(Position::START, 1_000).unwrap();
        entries.into_iter().map(|e| (e.envelope, reader.body(e.position).unwrap())).collect()
    }

    /// A metric with its labels, as Prometheus would see it.
    pub(super) fn metric(&self, name_and_labels: &str) -> u64 {
        let text = telemetry::render(&self.registry).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name_and_labels)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    /// Waits until a metric is as wanted.
    pub(super) fn wait_for(&self, name_and_labels: &str, wanted: u64) {
        wait_until(name_and_labels, || self.metric(name_and_labels) == wanted);
    }

    /// Asks for the shutdown, and waits until it is done.
    pub(super) fn shut_down(mut self) -> Duration {
        let began = Instant::now();
        self.stop.send(true).unwrap();
        self.served.take().unwrap().join().unwrap();
        began.elapsed()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

/// Polls a condition until it holds.
pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A client that says what it is told to, over any stream.
pub(super) struct Client<S: Read + Write> {
    stream: BufReader<S>,
}

impl Client<TcpStream> {
    pub(super) fn connect(to: SocketAddr) -> Client<TcpStream> {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream: BufReader::new(stream) }
    }

    /// Connects and reads the greeting.
    pub(super) fn greeted(to: SocketAddr) -> Client<TcpStream> {
        let mut client = Client::connect(to);
        assert!(client.reply().starts_with("220 "));
        client
    }

    /// Says that it has nothing more to say.
    pub(super) fn end(&mut self) {
        let _ = self.stream.get_mut().shutdown(std::net::Shutdown::Write);
    }

    /// The socket itself, for TLS.
    pub(super) fn into_stream(self) -> TcpStream {
        assert!(self.stream.buffer().is_empty(), "the server said more than it was asked");
        self.stream.into_inner()
    }
}

impl<S: Read + Write> Client<S> {
    pub(super) fn over(stream: S) -> Client<S> {
        Client { stream: BufReader::new(stream) }
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
        self.stream.get_mut().flush().unwrap();
    }

    /// One line, without its end; `None` when the server has closed.
    pub(super) fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8(line).unwrap().strip_suffix("\r\n").expect("a whole line").to_owned()),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => None,
            Err(e) => panic!("no reply came: {e}"),
        }
    }

    /// A whole reply, its lines joined by newlines; empty when the server has closed.
    pub(super) fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                break;
            }
        }
        lines.join("\n")
    }

    /// Sends a command, gives its reply.
    pub(super) fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n"));
        self.reply()
    }

    /// Sends commands one by one, each of which must be answered with this.
    pub(super) fn expect(&mut self, dialogue: &[(&str, &str)]) {
        for (command, reply) in dialogue {
            let got = self.ask(command);
            assert!(got.starts_with(reply), "{command}: wanted {reply}, got {got}");
        }
    }

    /// Sends one small mail; gives the reply at its end.
    pub(super) fn mail(&mut self, body: &str) -> String {
        self.expect(&[("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<u@example.test>", "250"), ("DATA", "354")]);
        self.send(format!("{body}\r\n.\r\n"));
        self.reply()
    }
}

/// Checks each fact `key value` (the value as JSON) against an envelope.
pub(super) fn check_facts(envelope: &Envelope, facts: &HashMap<String, serde_json::Value>) -> Result<(), String> {
    let has = serde_json::to_value(envelope).unwrap();
    for (key, wanted) in facts {
        let got = has.get(key).unwrap_or(&serde_json::Value::Null);
        if got != wanted {
            return Err(format!("the envelope's {key} is {got}, not {wanted}"));
        }
    }
    Ok(())
}
