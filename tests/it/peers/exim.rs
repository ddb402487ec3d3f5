//! An Exim of a test's own: delivers what it is handed at once, so there is no daemon to run.

use super::postfix::is_root;
use crate::gateway::write;
use crate::left_out::left_out;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIG: &str = "exim_path = {program}
primary_hostname = peer.test
spool_directory = {dir}/spool
log_file_path = {dir}/spool/log/%slog
exim_user = Debian-exim
exim_group = Debian-exim
message_size_limit = 64M
rfc1413_query_timeout = 0s
host_lookup =
never_users =
keep_environment =
begin routers
relay:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  port = {port}
  allow_localhost
  message_linelength_limit = 1000000
  tls_verify_hosts = :
  tls_try_verify_hosts = :
  {options}
begin retry
* * F,1h,1s
";

/// How to run it.
pub(super) struct Exim {
    program: PathBuf,
    dir: tempfile::TempDir,
}

impl Exim {
    /// One that relays everything to a port; `options` are those of its smtp transport. `None`
    /// where that can't be.
    pub(super) fn relaying_to(port: u16, options: &str) -> Option<Exim> {
        let named = std::env::var_os("TIDEGATE_TEST_EXIM").map(PathBuf::from);
        let usual = ["/usr/sbin/exim4", "/usr/sbin/exim"].map(PathBuf::from);
        let Some(program) = named.into_iter().chain(usual).find(|p| p.exists()) else {
            left_out("Exim as a peer", "it is not installed, and TIDEGATE_TEST_EXIM names none");
            return None;
        };
        if !is_root() {
            left_out("Exim as a peer", "it takes another configuration from root only");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("exim").tempdir_in("/tmp").unwrap();
        let config = CONFIG
            .replace("{dir}", dir.path().to_str().unwrap())
            .replace("{program}", program.to_str().unwrap())
            .replace("{port}", &port.to_string())
            .replace("{options}", options);
        write(&dir.path().join("exim.conf"), config);
        std::fs::create_dir(dir.path().join("spool")).unwrap();
        for (program, arguments) in
            [("chmod", ["755", "."]), ("chmod", ["644", "exim.conf"]), ("chown", ["Debian-exim:", "spool"])]
        {
            let output = Command::new(program).args(arguments).current_dir(dir.path()).output().unwrap();
            assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        }
        Some(Exim { program, dir })
    }

    /// Delivers one mail, and returns when it is delivered.
    pub(super) fn hand_over(&self, from: &str, to: &str, file: &Path) {
        let output = Command::new(&self.program)
            .arg("-C")
            .arg(self.dir.path().join("exim.conf"))
            .args(["-odf", "-oi", "-f", from, to])
            .stdin(File::open(file).unwrap())
            .output()
            .unwrap();
        let log = std::fs::read_to_string(self.dir.path().join("spool/log/mainlog")).unwrap_or_default();
        assert!(output.status.success() && log.trim_end().ends_with(" Completed"), "{output:?}\n{log}");
    }
}
