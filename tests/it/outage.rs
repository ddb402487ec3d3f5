//! The database may be down: accepting goes on, and when it answers again every mail is attached once.
//!
//! PostgreSQL stands behind a proxy that can cut every connection; SQLite is locked by somebody else.

use crate::database::Database;
use crate::rig::{Rig, mail};
use std::time::Duration;
use tidegate::intake::read_mail;
use tidegate::limits::Limits;
use tidegate::mail::DispositionKind;
use tidegate::store::Store;
use tidegate::telemetry::Metrics;
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// Passes connections on to a Unix socket while it is open, and cuts them all when it is not.
struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
}

impl Proxy {
    async fn to(socket: std::path::PathBuf) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = watch::Sender::new(true);
        let state = open.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut state = state.subscribe();
                if !*state.borrow() {
                    continue;
                }
                let socket = socket.clone();
                tokio::spawn(async move {
                    let mut server = UnixStream::connect(socket).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                        _ = state.wait_for(|open| !*open) => {}
                    }
                });
            }
        });
        Proxy { port, open }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_accepted_while_postgresql_is_away_and_attached_once_when_it_is_back() {
    let Some(db) = Database::postgres().await else { return };
    let (before, query) = db.url.split_once('?').unwrap();
    let name = before.rsplit('/').next().unwrap();
    let dir = query.split('&').find_map(|p| p.strip_prefix("host=")).unwrap();
    let proxy = Proxy::to(std::path::Path::new(dir).join(".s.PGSQL.5432")).await;
    let url = format!("postgres://tidegate@127.0.0.1:{}/{name}", proxy.port);
    let store = Store::open(&url, 4, Duration::from_secs(5), Metrics::new().0).await.unwrap();
    let rig = Rig::on(tempfile::tempdir().unwrap(), store, Limits::default()).await;
    rig.start(read_mail(rig.limits.clone()));
    let first = rig.accept(&mail(0, "before")).await;
    rig.settled(&[first]).await;

    proxy.open.send_replace(false);
    let mut positions = Vec::new();
    for n in 1..60 {
        positions.push(rig.accept(&mail(n, "while it is away")).await);
    }
    // It was tried, and is tried again.
    while rig.retries("attach") < 2 {
        tokio::task::yield_now().await;
    }
    assert!(db.store.dispositions(rig.journal.id(), &positions).await.unwrap().is_empty());

    proxy.open.send_replace(true);
    let settled = rig.settled(&positions).await;
    assert!(settled.values().all(|kind| *kind == DispositionKind::Attached), "{settled:?}");
    rig.counted("attached", 60).await;
    drop(rig);
    db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_accepted_while_sqlite_is_locked_and_attached_once_when_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.sqlite");
    let store = Store::open(&format!("sqlite:{}", path.display()), 4, Duration::from_secs(3), Metrics::new().0).await.unwrap();
    let rig = Rig::on(dir, store, Limits::default()).await;
    let somebody = sqlx::sqlite::SqlitePoolOptions::new().connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut lock = somebody.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *lock).await.unwrap();

    rig.start(read_mail(rig.limits.clone()));
    let mut positions = Vec::new();
    for n in 0..60 {
        positions.push(rig.accept(&mail(n, "while it is locked")).await);
    }
    while rig.retries("attach") < 1 {
        tokio::task::yield_now().await;
    }
    sqlx::query("ROLLBACK").execute(&mut *lock).await.unwrap();
    let settled = rig.settled(&positions).await;
    assert!(settled.values().all(|kind| *kind == DispositionKind::Attached), "{settled:?}");
    rig.counted("attached", 60).await;
}
