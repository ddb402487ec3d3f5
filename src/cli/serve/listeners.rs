//! The sockets and the certificate, before anything runs.
//!
//! # Failure
//! An address that is taken or forbidden is a configuration error that names the key.
//!
//! Sockets given by systemd (`LISTEN_FDS`) replace the configured ones of the same name:
//! `smtp`, `smtps`, `lmtp`, `web` in `FileDescriptorName=`.

use crate::config::{Config, ConfigError};
use crate::smtp::{ListenerKind, TlsError};
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::watch;

/// Connections the kernel keeps for us while we are busy: a burst of relays must not wait for SYN to be sent again.
const BACKLOG: i32 = 4_096;

/// The certificate in force, to be replaced on SIGHUP.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) sender: watch::Sender<Arc<rustls::ServerConfig>>,
}

/// Loads the certificate, or makes a self-signed one.
pub(super) fn tls(config: &Config) -> Result<Tls, ConfigError> {
    Ok(Tls { sender: watch::Sender::new(load_tls(config)?) })
}

/// Loads the certificate again.
pub(super) fn load_tls(config: &Config) -> Result<Arc<rustls::ServerConfig>, ConfigError> {
    crate::smtp::tls::server_config(&config.tls, &config.data.dir, &config.hostname()).map_err(|e| match e {
        TlsError::File { key, path, problem } => config.invalid(key, format!("names {}: {problem}", path.display())),
        other => config.invalid("tls.certificate", format!("can't be used: {other}")),
    })
}

/// What is wrong with the certificate's dates now.
pub(super) fn out_of_date(config: &Config) -> Option<String> {
    crate::smtp::tls::out_of_date(&config.tls, crate::store::now_us() / 1_000_000)
}

/// All sockets, bound.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) mail: Vec<(ListenerKind, TcpListener)>,
    pub(super) web: Vec<TcpListener>,
    /// What could not be bound because the gateway that runs has it: told by a check, an error at a start.
    pub(super) held: Vec<String>,
}

impl Listeners {
    /// Binds them all. Beside a gateway that runs, what is taken is taken by that, so far as one can tell.
    pub(super) fn bind(config: &Config, beside_a_running_one: bool) -> Result<Listeners, ConfigError> {
        let mut given = Given::take();
        given.beside_a_running_one = beside_a_running_one;
        let mut mail = Vec::new();
        for (kind, name, key, configured) in [
            (ListenerKind::Smtp, "smtp", "smtp.listen", &config.smtp.listen),
            (ListenerKind::SmtpTls, "smtps", "smtp.listen_tls", &config.smtp.listen_tls),
            (ListenerKind::Lmtp, "lmtp", "lmtp.listen", &config.lmtp.listen),
        ] {
            mail.extend(given.or_bind(config, name, key, configured)?.into_iter().map(|l| (kind, l)));
        }
        let web = given.or_bind(config, "web", "web.listen", &config.web.listen)?;
        let held = given.held;
        if mail.is_empty() && held.is_empty() {
            return Err(
                config.invalid("smtp.listen", "is empty, and so are smtp.listen_tls and lmtp.listen: no mail could come in")
            );
        }
        Ok(Listeners { mail, web, held })
    }

    /// Whether strangers can reach a mail listener.
    pub(super) fn beyond_loopback(&self) -> bool {
        self.mail.iter().any(|(_, l)| l.local_addr().is_ok_and(|a| !a.ip().to_canonical().is_loopback()))
    }

    /// How browsers reach the pages when the configuration does not say: the first address that is listened on.
    pub(super) fn public_url(&self, config: &Config) -> Option<String> {
        let address = self.web.first()?.local_addr().ok()?;
        Some(if address.ip().is_unspecified() {
            format!("http://{}:{}", config.hostname(), address.port())
        } else {
            format!("http://{address}")
        })
    }

    /// `smtp 127.0.0.1:2525`, a line each.
    pub(super) fn describe(&self) -> Vec<String> {
        let name = |kind: ListenerKind| match kind {
            ListenerKind::Smtp => "smtp",
            ListenerKind::SmtpTls => "smtps",
            ListenerKind::Lmtp => "lmtp",
        };
        self.mail
            .iter()
            .map(|(kind, l)| (name(*kind), l))
            .chain(self.web.iter().map(|l| ("web", l)))
            .filter_map(|(name, l)| l.local_addr().ok().map(|a| format!("{name} {a}")))
            .chain(self.held.iter().cloned())
            .collect()
    }
}

/// Sockets given by systemd, by name, and what is found while binding others.
#[derive(Default)]
struct Given {
    sockets: Vec<(String, TcpListener)>,
    beside_a_running_one: bool,
    held: Vec<String>,
}

impl Given {
    fn take() -> Given {
        let names: Vec<String> = std::env::var("LISTEN_FDNAMES").unwrap_or_default().split(':').map(str::to_owned).collect();
        let mut fds = listenfd::ListenFd::from_env();
        let sockets = (0..fds.len())
            .filter_map(|n| {
                let listener = fds.take_tcp_listener(n).ok().flatten()?;
                Some((names.get(n).cloned().unwrap_or_default(), listener))
            })
            .collect();
        Given { sockets, ..Given::default() }
    }

    fn or_bind(
        &mut self,
        config: &Config,
        name: &str,
        key: &'static str,
        configured: &[SocketAddr],
    ) -> Result<Vec<TcpListener>, ConfigError> {
        let (mine, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sockets).into_iter().partition(|(n, _)| n == name);
        self.sockets = rest;
        if !mine.is_empty() {
            return Ok(mine.into_iter().map(|(_, l)| l).collect());
        }
        let mut bound = Vec::new();
        for address in configured {
            match bind(*address) {
                Ok(listener) => bound.push(listener),
                Err(e) if self.beside_a_running_one && e.kind() == std::io::ErrorKind::AddrInUse => {
                    self.held.push(format!("{name} {address} (taken now, by the gateway that runs on this data folder?)"));
                }
                Err(e) => return Err(config.invalid(key, explain(*address, &e))),
            }
        }
        Ok(bound)
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Or `[::]` and `0.0.0.0` could not both be listed.
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn explain(address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("has {address}, which is taken by another program (another Tidegate?): stop it, or choose another port")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "has {address}, which needs a privilege for ports below 1024: use systemd sockets, CAP_NET_BIND_SERVICE, or a higher port"
            )
        }
        std::io::ErrorKind::AddrNotAvailable => format!("has {address}, which is no address of this machine"),
        _ => format!("has {address}, which can't be listened on: {error}"),
    }
}
