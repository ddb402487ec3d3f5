use super::*;

fn load(text: &str) -> Result<Config, ConfigError> {
    Config::from_text("t.toml", text, [])
}

#[test]
fn nothing_at_all_is_a_good_configuration() {
    let c = load("").unwrap();
    assert_eq!(c.smtp.listen, vec!["127.0.0.1:2525".parse().unwrap()]);
    assert_eq!(c.limits(), Limits::default());
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let e = load("[smtp]\nlisten = []\nlisten_tsl = []\n").unwrap_err().to_string();
    assert!(e.contains("line 3") && e.contains("listen_tsl") && e.contains("listen_tls"), "{e}");
}

#[test]
fn an_impossible_value_is_named_with_its_line() {
    let e = load("[journal]\n\nsegment_bytes = 3\n").unwrap_err().to_string();
    assert!(e.contains("line 3") && e.contains("`journal.segment_bytes`") && e.contains("1 MiB"), "{e}");
}

#[test]
fn the_environment_overrides_and_is_named_when_wrong() {
    let env = |k: &str, v: &str| [(k.to_owned(), v.to_owned())];
    let c = Config::from_text("t", "", env("TIDEGATE_SMTP__LISTEN", "[\"127.0.0.1:0\"]")).unwrap();
    assert_eq!(c.smtp.listen[0].port(), 0);
    let c = Config::from_text("t", "", env("TIDEGATE_LOG__LEVEL", "debug")).unwrap();
    assert_eq!(c.log.level, "debug");
    let e = Config::from_text("t", "", env("TIDEGATE_SMTP__LISTEN", "7")).unwrap_err().to_string();
    assert!(e.contains("TIDEGATE_SMTP__LISTEN"), "{e}");
}

/// What is said about a file.
fn said(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

/// What is said about a variable of the environment.
fn said_of(name: &str, value: &str) -> String {
    Config::from_text("t", "", [(name.to_owned(), value.to_owned())]).unwrap_err().to_string()
}

#[test]
fn a_wrong_value_is_answered_in_an_operators_words() {
    for (text, words) in [
        ("[smtp]\nmessage_bytes_max = \"50MB\"", "line 2,whole number without quotes and unit"),
        ("[smtp]\nmessage_bytes_max = 50MB", "line 2,a number without its unit"),
        ("[smtp]\ncommand_timeout_s = -5", "line 2,whole number"),
        ("[smtp]\nlisten = \"127.0.0.1:25\"", "line 2,expected a list"),
        ("[smtp]\nlisten = [\"localhost:25\"]", "line 2,\"127.0.0.1:2525\",names of machines are not looked up"),
        ("[threading.rules]\ntoken = true", "line 2,{ enabled = true"),
    ] {
        let e = said(text);
        assert!(words.split(',').all(|w| e.contains(w)), "{text}: {e}");
        assert!(!e.contains("u64") && !e.contains("usize") && !e.contains("struct"), "{e}");
    }
}

#[test]
fn a_key_that_is_nearly_right_is_named() {
    for (text, meant) in [
        ("[smtp]\nlisten_tsl = []", "did you mean `listen_tls`?"),
        ("[smpt]\nlisten = []", "did you mean `smtp`?"),
        ("[smtp]\ncommand_timeout = 300", "did you mean `command_timeout_s`?"),
        ("[journal]\nmessage_bytes_max = 300", "`message_bytes_max` belongs under [smtp]"),
    ] {
        let e = said(text);
        assert!(e.contains(meant), "{text}: {e}");
    }
    assert!(!said("[smtp]\nfrobnicate = 1").contains("did you mean"));
}

#[test]
fn a_value_that_cannot_work_is_refused_before_anything_starts() {
    for (text, key) in [
        ("[smtp]\nthreads = 100000", "`smtp.threads`"),
        ("[smtp]\ncommand_timeout_s = 9223372036854775807", "`smtp.command_timeout_s`"),
        ("[smtp]\ninflight_bytes_max = 9223372036854775807", "`smtp.inflight_bytes_max`"),
        ("[smtp]\nhostname = \"mx.example.com\\r\\n250 ok\"", "`smtp.hostname`"),
        ("[smtp]\nhostname = \"\\\"mx\"", "`smtp.hostname`"),
        ("[web]\nsession_hours = 9223372036854775807", "`web.session_hours`"),
        ("[web]\npublic_url = \"mail.example.com\"", "`web.public_url`"),
        ("[web]\npublic_url = \"https://mail.example.com/gate?x=1\"", "`web.public_url`"),
        ("[web]\npublic_url = \"https://\"", "`web.public_url`"),
        ("[database]\nconnections_max = 4000000000", "`database.connections_max`"),
        ("[intake]\nworkers = 100000", "`intake.workers`"),
        ("[intake]\nretry_min_ms = 2000\nretry_max_s = 1", "`intake.retry_min_ms`"),
        ("[log]\nlevel = \"verbose\"", "`log.level`"),
        ("[tls]\nkey = \"k.pem\"", "`tls.key`"),
    ] {
        let e = said(text);
        assert!(e.contains(key) && e.contains("line 2"), "{text}: {e}");
    }
    for good in ["mx.example.com", "[192.0.2.1]", "xn--mller-kva.example"] {
        load(&format!("[smtp]\nhostname = {good:?}")).unwrap();
    }
    for good in ["https://mail.example.com/", "http://[::1]:8025", "https://mail.example.com:8443"] {
        load(&format!("[web]\npublic_url = {good:?}")).unwrap();
    }
    for good in ["INFO", "tidegate::smtp=debug,info", "tidegate=trace", "warn, tidegate::web=debug"] {
        load(&format!("[log]\nlevel = {good:?}")).unwrap();
    }
}

#[test]
fn two_listeners_on_one_address_are_named_both() {
    let e = said("[smtp]\nlisten = [\"0.0.0.0:2525\"]\n[lmtp]\nlisten = [\"127.0.0.1:2525\"]\n");
    assert!(e.contains("line 4") && e.contains("`lmtp.listen`") && e.contains("smtp.listen has 0.0.0.0:2525"), "{e}");
    assert!(said("[web]\nlisten = [\"127.0.0.1:80\", \"127.0.0.1:80\"]\n").contains("`web.listen`"));
    load("[smtp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::]:25\", \"0.0.0.0:25\"]\n").unwrap();
}

#[test]
fn a_variable_of_the_environment_is_named_when_its_value_cannot_work() {
    let e = said_of("TIDEGATE_SMTP__THREADS", "0");
    assert!(e.contains("environment TIDEGATE_SMTP__THREADS") && e.contains("`smtp.threads`"), "{e}");
}

#[test]
fn a_variable_that_is_misspelt_is_not_passed_over() {
    assert!(said_of("TIDEGATE_SMTP_LISTEN", "[]").contains("TIDEGATE_SMTP__LISTEN"));
    assert!(said_of("TIDEGATE_WEB_API_TOKEN", "x").contains("TIDEGATE_WEB__API_TOKEN"));
    assert!(said_of("TIDEGATE_SMPT__LISTEN", "[]").contains("did you mean `smtp`?"));
    // What an orchestrator makes of a service's name is none of ours.
    let made = [("TIDEGATE_SMTP_PORT_25_TCP", "tcp://10.0.0.1:25"), ("TIDEGATE_SERVICE_HOST", "10.0.0.1")];
    Config::from_text("t", "", made.map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap();
}

#[test]
fn a_token_of_digits_is_text_and_a_rule_has_a_variable_too() {
    let set = |k: &str, v: &str| Config::from_text("t", "", [(k.to_owned(), v.to_owned())]).unwrap();
    assert_eq!(set("TIDEGATE_WEB__API_TOKEN", "12345").web.api_token, "12345");
    assert_eq!(set("TIDEGATE_WEB__API_TOKEN", "2026-12-01").web.api_token, "2026-12-01");
    assert!(!set("TIDEGATE_THREADING__RULES__TOKEN", "{ enabled = false }").threading.rules.token.enabled);
    assert!(!set("TIDEGATE_THREADING__RULES__TOKEN__ENABLED", "false").threading.rules.token.enabled);
}

#[test]
fn a_file_that_is_not_utf8_is_told_by_its_line_and_a_mark_and_crlf_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    let load = |bytes: &[u8]| {
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        Config::load(Some(&path), [])
    };
    let e = load(b"[smtp]\nhostname = \"m\xfcller\"\n").unwrap_err().to_string();
    assert!(e.contains("line 2") && e.contains("UTF-8"), "{e}");
    assert_eq!(load(b"\xef\xbb\xbf[smtp]\r\nthreads = 2\r\n").unwrap().smtp.threads, 2);
}
