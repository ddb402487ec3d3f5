//! The review pages in a real browser: Chromium, driven by chromedriver. Left out, loudly, where there is none.
//!
//! With `TIDEGATE_SCREENSHOTS=FOLDER` it leaves pictures of the pages there.

use super::gateway::{Gateway, mail, until};
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::json;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use tidegate::mail::ReasonCode;
use tidegate::store::QuarantineState;

/// chromedriver on a port of its own choice; ended with its browsers when dropped.
struct Driver {
    child: Child,
    port: u16,
    /// Kept open: it writes there now and then.
    _said: BufReader<ChildStdout>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // A group of its own, so that browsers of a failed test go with it.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        let _ = self.child.wait();
    }
}

impl Driver {
    fn start() -> Option<Driver> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn();
        let Ok(mut child) = child else {
            eprintln!(
                "LEFT OUT: the browser test, because there is no chromedriver (Debian: apt-get install chromium chromium-driver)"
            );
            return None;
        };
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let port = said.by_ref().lines().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("started successfully on port ")?;
            rest.trim_end_matches('.').parse().ok()
        });
        Some(Driver { port: port.expect("chromedriver says its port"), child, _said: said })
    }

    async fn browser(&self, profile: &std::path::Path, size: &str, dark: bool) -> Client {
        let mut args = vec![
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-dev-shm-usage".into(),
            format!("--window-size={size}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        if dark {
            args.push("--force-dark-mode".into());
            args.push("--blink-settings=preferredColorScheme=0".into());
        }
        let mut wanted = serde_json::Map::new();
        wanted.insert("goog:chromeOptions".into(), json!({ "args": args }));
        wanted.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let client = hyper_util::client::legacy::connect::HttpConnector::new();
        ClientBuilder::new(client).capabilities(wanted).connect(&format!("http://127.0.0.1:{}", self.port)).await.unwrap()
    }
}

async fn picture(browser: &Client, name: &str) {
    if let Ok(folder) = std::env::var("TIDEGATE_SCREENSHOTS") {
        let png = browser.screenshot().await.unwrap();
        #[allow(clippy::disallowed_methods)] // a picture for a person to look at, not mail
        std::fs::write(std::path::Path::new(&folder).join(name), png).unwrap();
    }
}

async fn fill(browser: &Client, name: &str, text: &str) {
    let field = browser.wait().for_element(Locator::Css(&format!("input[name={name}]"))).await.unwrap();
    field.clear().await.unwrap();
    field.send_keys(text).await.unwrap();
}

async fn shows(browser: &Client, words: &str) {
    until(words, || async {
        match browser.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.is_ok_and(|text| text.contains(words)),
            Err(_) => false,
        }
    })
    .await;
}

fn letter() -> Vec<u8> {
    mail(
        "Subject: Your invoice 4711, second reminder\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b",
        "--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
         Dear support team,\n\nthe second reminder arrived although we paid on Monday – could you\nlook into it? The transfer slip is attached.\n\n\
         Kind regards\nAda Lovelace\n--c\nContent-Type: text/html; charset=utf-8\n\n<p>Dear support team,</p><p>the <b>second reminder</b> arrived although we paid on Monday.</p>\
         <script>document.title='taken over'</script>\n--c--\n--b\nContent-Type: application/pdf; name=\"transfer slip.pdf\"\n\
         Content-Disposition: attachment; filename=\"transfer slip.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n--b--\n",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_opens_the_link_reads_a_held_mail_and_releases_it() {
    let Some(driver) = Driver::start() else { return };
    let gateway = Gateway::start().await;
    let id = gateway.hold(&letter(), ReasonCode::ReaderTimedOut).await;
    for (n, code) in [ReasonCode::Loop, ReasonCode::ForeignEvidence, ReasonCode::StoreRefused].into_iter().enumerate() {
        gateway.hold(&mail(&format!("Subject: Another one, number {n}"), "x"), code).await;
    }
    let link = tidegate::web::first_admin_link(&gateway.store, &gateway.config).await.unwrap().unwrap();
    let link = gateway.url(&link[link.find("/login/").unwrap()..]);
    let profile = tempfile::tempdir().unwrap();
    let browser = driver.browser(profile.path(), "1100,1250", false).await;

    browser.goto(&link).await.unwrap();
    picture(&browser, "welcome.png").await;
    fill(&browser, "name", "grace").await;
    fill(&browser, "password", "correct horse battery").await;
    fill(&browser, "again", "correct horse battery").await;
    browser.find(Locator::Css("main button[type=submit]")).await.unwrap().click().await.unwrap();
    shows(&browser, "Your invoice 4711").await;
    picture(&browser, "list.png").await;

    // The list is open: a mail that is held now is announced without moving what is being read.
    gateway.hold(&mail("Subject: Late", "x"), ReasonCode::Loop).await;
    shows(&browser, "New mail is being held").await;
    assert!(!browser.find(Locator::Css("main")).await.unwrap().text().await.unwrap().contains("Late"));

    browser.find(Locator::Css(&format!("a[href$='{id}']"))).await.unwrap().click().await.unwrap();
    shows(&browser, "Why it is held").await;
    shows(&browser, "transfer slip.pdf").await;
    picture(&browser, "item.png").await;
    // The sender's html is in a frame of its own, in which no script runs.
    let details = browser.find_all(Locator::Css("details summary")).await.unwrap();
    for summary in details {
        if summary.text().await.unwrap().starts_with("As the sender") {
            summary.click().await.unwrap();
        }
    }
    let frame = browser.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    shows(&browser, "second reminder").await;
    browser.enter_parent_frame().await.unwrap();
    picture(&browser, "formatted.png").await;
    browser.find(Locator::Css("form[action$='/release'] button")).await.unwrap().click().await.unwrap();
    shows(&browser, "Released by grace").await;
    assert_eq!(gateway.store.quarantine_item(id).await.unwrap().state, QuarantineState::Released);
    assert_eq!(browser.title().await.unwrap(), "Your invoice 4711, second reminder · Tidegate");
    picture(&browser, "released.png").await;

    if std::env::var("TIDEGATE_SCREENSHOTS").is_ok() {
        let cookie = browser.get_named_cookie("tidegate").await.unwrap();
        let other = tempfile::tempdir().unwrap();
        let phone = driver.browser(other.path(), "500,1200", true).await;
        phone.goto(&gateway.url("/")).await.unwrap();
        phone.add_cookie(cookie).await.unwrap();
        phone.goto(&gateway.url("/quarantine")).await.unwrap();
        shows(&phone, "Another one").await;
        picture(&phone, "phone-list.png").await;
        phone.find(Locator::Css(".items li a")).await.unwrap().click().await.unwrap();
        shows(&phone, "Why it is held").await;
        picture(&phone, "phone-item.png").await;
        phone.close().await.unwrap();
    }
    browser.close().await.unwrap();
}
