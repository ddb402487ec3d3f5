//! SIGTERM and SIGINT end the gateway in order; SIGHUP reads certificates and the log level again.

use super::listeners::load_tls;
use crate::cli::Global;
use crate::config::Config;
use crate::telemetry::LogHandle;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals, taken from the default handlers.
pub(super) struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    config: Arc<Config>,
    global: Global,
    log: LogHandle,
    tls: watch::Sender<Arc<rustls::ServerConfig>>,
    stop: watch::Sender<bool>,
}

impl Signals {
    pub(super) fn take(
        config: Arc<Config>,
        global: Global,
        log: LogHandle,
        tls: watch::Sender<Arc<rustls::ServerConfig>>,
        stop: watch::Sender<bool>,
    ) -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            config,
            global,
            log,
            tls,
            stop,
        })
    }

    /// Acts on them until the gateway ends.
    pub(super) async fn follow(mut self) {
        loop {
            tokio::select! {
                _ = self.term.recv() => break,
                _ = self.int.recv() => break,
                _ = self.hup.recv() => self.reload(),
            }
        }
        tracing::info!("ending: no new connections; bodies in progress may finish");
        let _ = self.stop.send(true);
        // A second signal does not wait.
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
        std::process::exit(130);
    }

    /// What can't be used is reported, and what was in force stays.
    fn reload(&self) {
        let config = match self.global.load() {
            Ok(config) => config,
            Err(error) => return tracing::error!(%error, "SIGHUP: the configuration can't be used; nothing changed"),
        };
        match load_tls(&config) {
            Ok(tls) => {
                self.tls.send_replace(tls);
            }
            Err(error) => tracing::error!(%error, "SIGHUP: the old certificate stays"),
        }
        if let Err(error) = self.log.set(&config.log.level) {
            tracing::error!(%error, "SIGHUP: the old log level stays");
        }
        if let Some(problem) = super::listeners::out_of_date(&config) {
            tracing::warn!("{problem}");
        }
        if self.config.needs_restart_for(&config) {
            tracing::warn!("SIGHUP: other keys changed too; they need a restart");
        }
        tracing::info!("SIGHUP: certificates and log level read again");
    }
}
