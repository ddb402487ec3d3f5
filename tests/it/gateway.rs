//! A running gateway: the real binary, with a data folder and ports of its own.
//!
//! Started with a configuration, waited for with a deadline, ended by its process id when dropped.
//! When a test fails, the end of the gateway's log is printed.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tidegate::journal::{Entry, Reader};
use tidegate::mail::Position;

/// Longest wait for a start, an end or an empty queue: two busy cores, a debug build.
const PATIENCE: Duration = Duration::from_secs(120);

/// A gateway and its data folder.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) smtp: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    pub(crate) web: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) child: Child,
    config: PathBuf,
    /// Free ports and a folder of its own.
    base: String,
    /// Last, so that the folder outlives the process.
    _dir: tempfile::TempDir,
}

impl Gateway {
    /// Starts one on free ports; `config` is TOML that overrides.
    pub(crate) fn start(config: &str) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        // Peers that run as another user pass through it, nobody looks into it.
        let data_dir = dir.path().join("data");
        let path = dir.path().join("tidegate.toml");
        let base = format!(
            "[smtp]\nlisten = [\"127.0.0.1:0\"]\nhostname = \"gate.test\"\n[lmtp]\nlisten = [\"127.0.0.1:0\"]\n\
             [web]\nlisten = [\"127.0.0.1:0\"]\n[data]\ndir = {:?}\n",
            data_dir.to_str().unwrap()
        );
        write(&path, merged(&base, config));
        let (child, ports) = launch(&path, &dir.path().join("log"));
        Gateway { smtp: ports[0], lmtp: ports[1], web: ports[2], data_dir, child, config: path, base, _dir: dir }
    }

    /// Changes the file, for the next start or a SIGHUP; `config` overrides what `start` began with.
    pub(crate) fn configure(&self, config: &str) {
        write(&self.config, merged(&self.base, config));
    }

    /// Runs a subcommand of the same binary on the same configuration.
    pub(crate) fn tidegate(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).env("TIDEGATE_CONFIG", &self.config).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// `tidegate send --json`; its exit code and its summary.
    pub(crate) fn send(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let server = self.smtp.to_string();
        let output = self.tidegate(&[&["send", "--json", "--server", &server], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        let summary = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
        (output.status.code(), summary)
    }

    /// `tidegate ledger --json`. The exit code has to agree with what it says.
    pub(crate) fn books(&self) -> Value {
        let output = self.tidegate(&["ledger", "--json"]);
        let books: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8(output.stderr.clone()).unwrap()));
        assert_eq!(output.status.success(), books["balanced"].as_bool().unwrap(), "{books}");
        books
    }

    /// Waits until the books balance with nothing in flight and at least so many accepted. However
    /// much there is to do: only a queue that stands still is waited for too long.
    pub(crate) fn drained(&self, accepted: u64) -> Value {
        let mut last = (Value::Null, Instant::now());
        loop {
            let began = Instant::now();
            let books = self.books();
            assert_eq!(books["balanced"], true, "{books}");
            if books["in_flight"] == 0 && books["accepted"].as_u64().unwrap() >= accepted {
                return books;
            }
            if books != last.0 {
                last = (books, Instant::now());
            }
            assert!(last.1.elapsed() < PATIENCE, "the queue stands still: {}", last.0);
            // Looking at the books of a large journal costs the gateway its cores: as long again for its work.
            std::thread::sleep(began.elapsed().clamp(Duration::from_millis(50), Duration::from_secs(5)));
        }
    }

    /// Every mail in the journal with its raw bytes, in its order.
    pub(crate) fn each_mail(&self, mut see: impl FnMut(&Entry, &[u8])) {
        let reader = Reader::open(&self.data_dir.join("journal")).unwrap();
        let mut from = Position::START;
        loop {
            let page = reader.entries(from, 500).unwrap();
            let Some(last) = page.last() else { return };
            from = last.next;
            for entry in &page {
                see(entry, &reader.body(entry.position).unwrap());
            }
        }
    }

    /// The same, all at once.
    pub(crate) fn raw_mails(&self) -> Vec<(Entry, Vec<u8>)> {
        let mut out = Vec::new();
        self.each_mail(|entry, body| out.push((entry.clone(), body.to_vec())));
        out
    }

    /// SIGTERM; the exit has to be a clean one.
    pub(crate) fn stop(&mut self) {
        signal("TERM", self.child.id());
        let child = &mut self.child;
        let mut status = None;
        wait_until("the gateway ends after SIGTERM", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.and_then(|s| s.code()), Some(0), "SIGTERM ends it with exit 0");
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same folder, after `stop` or `kill`.
    pub(crate) fn start_again(&mut self) {
        let (child, ports) = launch(&self.config, &self.config.with_file_name("log"));
        self.child = child;
        (self.smtp, self.lmtp, self.web) = (ports[0], ports[1], ports[2]);
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.config.with_file_name("log")).unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the gateway's log, its end:");
            for line in tail.into_iter().rev() {
                eprintln!("  {line}");
            }
        }
    }
}

/// The process, and where it listens: SMTP, LMTP, web.
fn launch(config: &Path, log: &Path) -> (Child, [SocketAddr; 3]) {
    let log_file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("serve").arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
    let mut child = command.spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    // A thread reads, so that a gateway that says nothing runs into the deadline. It goes on
    // reading, so that the gateway never writes into a closed pipe.
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let mut ports = [None; 3];
    loop {
        let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("the gateway did not get ready: {}", std::fs::read_to_string(log).unwrap_or_default())
        });
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["ready"] => break,
            ["listening", kind, address, ..] => {
                if let Some(n) = ["smtp", "lmtp", "web"].iter().position(|k| *k == kind) {
                    ports[n].get_or_insert_with(|| address.parse().unwrap());
                }
            }
            _ => {}
        }
    }
    (child, ports.map(|p| p.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)))))
}

/// A configuration with the keys of another put over it.
fn merged(base: &str, over: &str) -> String {
    let mut table: toml::Table = base.parse().unwrap();
    for (section, keys) in over.parse::<toml::Table>().unwrap() {
        let into = table.entry(section).or_insert_with(|| toml::Table::new().into());
        into.as_table_mut().unwrap().extend(keys.as_table().unwrap().clone());
    }
    table.to_string()
}

/// Polls a condition until it holds; panics with `what` when it does not in time.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -s {name} {pid}");
}

/// A file in a folder.
#[allow(clippy::disallowed_methods)] // a test's file needs no durability
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).unwrap();
    }
    std::fs::write(path, content).unwrap();
}
