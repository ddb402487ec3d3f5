//! A Postfix of a test's own: takes mail on a free loopback port and relays it.

use crate::gateway::{signal, wait_until, write};
use crate::left_out::left_out;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const MAIN: &str = "compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = peer.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
append_dot_mydomain = no
smtpd_peername_lookup = no
disable_dns_lookups = yes
default_transport = {transport}
relayhost =
message_size_limit = 67108864
smtpd_recipient_restrictions = permit_mynetworks, reject
smtp_line_length_limit = 0
lmtp_line_length_limit = 0
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
maillog_file = /dev/stdout
";

const MASTER: &str = "{address} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix.
pub(super) struct Postfix {
    pub(super) address: SocketAddr,
    /// `postfix start-fg`: the master's parent.
    script: Child,
    dir: tempfile::TempDir,
}

impl Postfix {
    /// Starts one that relays everything through a transport; `None` where that can't be.
    pub(super) fn relaying_to(transport: &str, more: &str) -> Option<Postfix> {
        let program = ["/usr/sbin/postfix", "/usr/local/sbin/postfix"].into_iter().find(|p| Path::new(p).exists());
        let Some(program) = program else {
            left_out("Postfix as a peer", "it is not installed");
            return None;
        };
        if !is_root() {
            left_out("Postfix as a peer", "it starts as root only");
            return None;
        }
        // Its processes run as another user, so the folder must be open to pass through.
        let dir = tempfile::Builder::new().prefix("pf").tempdir_in("/tmp").unwrap();
        // A port that was just free. Postfix can't be given a socket, nor say which port it took.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let fill = |text: &str| {
            text.replace("{dir}", dir.path().to_str().unwrap())
                .replace("{transport}", transport)
                .replace("{address}", &address.to_string())
        };
        let conf = dir.path().join("conf");
        write(&conf.join("main.cf"), fill(MAIN) + more);
        write(&conf.join("master.cf"), fill(MASTER));
        for folder in ["spool", "data"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let quiet = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().unwrap();
            assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        };
        let path = |folder: &str| dir.path().join(folder).to_str().unwrap().to_owned();
        quiet("chmod", &["755", &path("."), &path("conf"), &path("spool")]);
        quiet("chown", &["postfix", &path("data")]);
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let script = Command::new(program)
            .args(["-c", conf.to_str().unwrap(), "start-fg"])
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        let mut postfix = Postfix { address, script, dir };
        wait_until("Postfix listens", || {
            let gone = postfix.script.try_wait().unwrap();
            assert!(gone.is_none(), "Postfix did not start: {}", postfix.log());
            TcpStream::connect(address).is_ok()
        });
        Some(postfix)
    }

    /// What it logged.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Nothing waits in any of its queues.
    pub(super) fn queue_is_empty(&self) -> bool {
        ["maildrop", "incoming", "active", "deferred"].iter().all(|q| is_empty(&self.dir.path().join("spool").join(q)))
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Postfix' log:\n{}", self.log());
        }
        // `postfix start-fg` runs the master as a child with a session of its own, and names it here.
        let pid = std::fs::read_to_string(self.dir.path().join("spool/pid/master.pid"));
        let pid: u32 = pid.ok().and_then(|p| p.trim().parse().ok()).unwrap_or_else(|| self.script.id());
        signal("TERM", pid);
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.script.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > deadline {
                // Its session is all its own: the master and the daemons it started.
                let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{pid}")]).status();
                let _ = self.script.wait();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn is_empty(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return true };
    entries.flatten().all(|e| e.path().is_dir() && is_empty(&e.path()))
}

pub(super) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|o| o.stdout.trim_ascii() == b"0")
}
