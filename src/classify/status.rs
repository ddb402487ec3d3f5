//! What a report says went wrong, as an enhanced status code (RFC 3463) and an action (RFC 3464).
//!
//! A report's own code wins. Where it is missing or says nothing (`5.0.0`), the words of the
//! remote server are looked at: an enhanced code in them, phrases, a reply code.

use super::failure;
use super::wording::{Phrases, Table};
use crate::mail::BouncedRecipient;

/// Phrases of mail systems and what they mean (RFC 3463, and 5.7.x of RFC 7372); in lower case, the
/// first that is found counts.
static PHRASES: Table = Table::new(&[
    ("host or domain name not found", "5.1.2"),
    ("domain does not exist", "5.1.2"),
    ("domain doesn't exist", "5.1.2"),
    ("domain name not found", "5.1.2"),
    ("no such domain", "5.1.2"),
    ("no mx ", "5.1.2"),
    ("could not resolve", "5.1.2"),
    ("name or service not known", "5.1.2"),
    ("too many hops", "5.4.6"),
    ("hop count exceeded", "5.4.6"),
    ("mail loop", "5.4.6"),
    ("mail forwarding loop", "5.4.6"),
    ("routing loop", "5.4.6"),
    ("mailbox is full", "5.2.2"),
    ("mailbox full", "5.2.2"),
    ("over quota", "5.2.2"),
    ("quota exceed", "5.2.2"),
    ("exceeded storage", "5.2.2"),
    ("exceeded the local limit", "5.2.2"),
    ("mailbox for user is full", "5.2.2"),
    ("quota full", "5.2.2"),
    ("mailbox exceeds", "5.2.2"),
    ("inbox is full", "5.2.2"),
    ("mail box is full", "5.2.2"),
    ("mailbox size limit", "5.2.2"),
    ("exceeds allowed disk", "5.2.2"),
    ("disk quota", "5.2.2"),
    ("over the quota", "5.2.2"),
    ("out of storage", "5.2.2"),
    ("not enough storage", "5.2.2"),
    ("postfach ist voll", "5.2.2"),
    ("postfach voll", "5.2.2"),
    ("boîte de réception est pleine", "5.2.2"),
    ("boîte aux lettres est pleine", "5.2.2"),
    ("boîte pleine", "5.2.2"),
    ("buzón está lleno", "5.2.2"),
    ("buzón lleno", "5.2.2"),
    ("caixa postal está cheia", "5.2.2"),
    ("caixa de correio cheia", "5.2.2"),
    ("casella è piena", "5.2.2"),
    ("casella piena", "5.2.2"),
    ("postvak is vol", "5.2.2"),
    ("ящик переполнен", "5.2.2"),
    ("邮箱已满", "5.2.2"),
    ("郵箱已滿", "5.2.2"),
    ("メールボックスが一杯", "5.2.2"),
    ("メールボックスがいっぱい", "5.2.2"),
    ("容量を超え", "5.2.2"),
    ("size limit exceeded", "5.3.4"),
    ("message too large", "5.3.4"),
    ("message size exceeds", "5.3.4"),
    ("message is too big", "5.3.4"),
    ("message size limit", "5.3.4"),
    ("message exceeds", "5.3.4"),
    ("exceeds size limit", "5.3.4"),
    ("exceeds the size limit", "5.3.4"),
    ("exceeds maximum message size", "5.3.4"),
    ("exceeds the maximum message size", "5.3.4"),
    ("exceeds fixed maximum", "5.3.4"),
    ("user unknown", "5.1.1"),
    ("unknown user", "5.1.1"),
    ("no such user", "5.1.1"),
    ("no such recipient", "5.1.1"),
    ("unknown recipient", "5.1.1"),
    ("recipient unknown", "5.1.1"),
    ("no mailbox here by that name", "5.1.1"),
    ("mailbox unavailable", "5.1.1"),
    ("mailbox not found", "5.1.1"),
    ("user not found", "5.1.1"),
    ("does not exist", "5.1.1"),
    ("doesn't exist", "5.1.1"),
    ("invalid recipient", "5.1.1"),
    ("invalid address", "5.1.1"),
    ("invalid user", "5.1.1"),
    ("not recognized", "5.1.1"),
    ("unrouteable address", "5.1.1"),
    ("not listed in", "5.1.1"),
    ("this user doesn't have a", "5.1.1"),
    ("no such address", "5.1.1"),
    ("no such mailbox", "5.1.1"),
    ("no mailbox", "5.1.1"),
    ("unknown address", "5.1.1"),
    ("address unknown", "5.1.1"),
    ("addressee unknown", "5.1.1"),
    ("recipient not found", "5.1.1"),
    ("recipient address rejected", "5.1.1"),
    ("invalid mailbox", "5.1.1"),
    ("not a known user", "5.1.1"),
    ("not a valid mailbox", "5.1.1"),
    ("empfänger unbekannt", "5.1.1"),
    ("unbekannter empfänger", "5.1.1"),
    ("existiert nicht", "5.1.1"),
    ("n'existe pas", "5.1.1"),
    ("destinataire inconnu", "5.1.1"),
    ("utilisateur inconnu", "5.1.1"),
    ("usuario desconocido", "5.1.1"),
    ("no existe", "5.1.1"),
    ("não existe", "5.1.1"),
    ("utente sconosciuto", "5.1.1"),
    ("non esiste", "5.1.1"),
    ("bestaat niet", "5.1.1"),
    ("finns inte", "5.1.1"),
    ("findes ikke", "5.1.1"),
    ("nie istnieje", "5.1.1"),
    ("neexistuje", "5.1.1"),
    ("не существует", "5.1.1"),
    ("пользователь не найден", "5.1.1"),
    ("bulunamadı", "5.1.1"),
    ("不存在", "5.1.1"),
    ("宛先不明", "5.1.1"),
    ("あて先不明", "5.1.1"),
    ("存在しません", "5.1.1"),
    ("ディレクトリには見つかりません", "5.1.1"),
    ("존재하지 않", "5.1.1"),
    ("host unknown", "5.1.2"),
    ("host not found", "5.1.2"),
    ("unknown host", "5.1.2"),
    ("domain not found", "5.1.2"),
    ("name server", "5.1.2"),
    ("account disabled", "5.2.1"),
    ("mailbox disabled", "5.2.1"),
    ("account is disabled", "5.2.1"),
    ("account has been disabled", "5.2.1"),
    ("account suspended", "5.2.1"),
    ("account has been suspended", "5.2.1"),
    ("account is inactive", "5.2.1"),
    ("account inactive", "5.2.1"),
    ("mailbox inactive", "5.2.1"),
    ("user is inactive", "5.2.1"),
    ("no longer active", "5.2.1"),
    ("account closed", "5.2.1"),
    ("blacklist", "5.7.1"),
    ("blocked", "5.7.1"),
    ("spam", "5.7.1"),
    // Not the word alone: machines are called so.
    ("relaying", "5.7.1"),
    ("to relay", "5.7.1"),
    ("not relay", "5.7.1"),
    ("cannot relay", "5.7.1"),
    ("won't relay", "5.7.1"),
    ("relay access", "5.7.1"),
    ("relay denied", "5.7.1"),
    ("relay not", "5.7.1"),
    ("relay is", "5.7.1"),
    ("relay prohibited", "5.7.1"),
    ("relay forbidden", "5.7.1"),
    ("relay for", "5.7.1"),
    ("relay mail", "5.7.1"),
    ("relay through", "5.7.1"),
    ("relay operation", "5.7.1"),
    ("relay this", "5.7.1"),
    ("open relay", "5.7.1"),
    ("no relay", "5.7.1"),
    ("access denied", "5.7.1"),
    ("not accepted", "5.7.1"),
    ("permission denied", "5.7.1"),
    ("not allowed to", "5.7.1"),
    ("not authorized to", "5.7.1"),
    ("not permitted", "5.7.1"),
    ("dmarc", "5.7.1"),
    ("virus", "5.7.1"),
    ("not a member of this mailing list", "5.7.1"),
    ("rejected by the list moderator", "5.7.1"),
]);

/// It failed because time was up, for a reason that may pass (RFC 3463 section 3.5).
pub(super) const TIME_IS_UP: &str = "4.4.7";
/// The same, in a report that calls it permanent.
pub(super) const TIME_WAS_UP: &str = "5.4.7";

/// Says that trying goes on no longer because time is up: it failed, for a reason that may pass.
static OUT_OF_TIME: Phrases = Phrases::new(&[
    "in the queue too long",
    "retry timeout exceeded",
    "retry time not reached",
    "connection timed out",
    "operation timed out",
    "not responding",
    "not delivered within",
    "envelope expired",
    "message expired",
    "failing for a long time",
    "could not be delivered within",
    "could not deliver for the last",
    "after multiple retries",
    "could not be delivered for more than",
]);

/// Says that nothing more will be tried.
static FINAL: Phrases = Phrases::new(&[
    "permanent error",
    "permanent fatal",
    "permanent failure",
    "given up",
    "giving up",
    "not going to try again",
    "failed permanently",
    // The time that the mail system allows is over: nothing more will be tried.
    "envelope expired",
    "message expired",
    "was not delivered within",
    "deleted from the queue",
    "deleted from queue",
]);

/// Every phrase that is looked for.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    PHRASES.list().chain(OUT_OF_TIME.list()).chain(FINAL.list())
}

/// Fills what can be told from the rest.
pub(super) fn complete(r: &mut BouncedRecipient) {
    if is_vague(&r.status)
        && let Some(found) = Said::of(&r.diagnostic).status()
        && (r.status.is_empty() || found.starts_with(&r.status[..1]))
        && (r.status.is_empty() || !is_vague(&found))
    {
        r.status = found;
    }
    if r.status.is_empty() {
        match r.action.as_str() {
            "failed" => "5.0.0",
            "delayed" => "4.0.0",
            "delivered" | "relayed" | "expanded" => "2.0.0",
            _ => "",
        }
        .clone_into(&mut r.status);
    }
    if r.action.is_empty() {
        let delivered = r.status.starts_with('2');
        if delivered { "delivered" } else { "failed" }.clone_into(&mut r.action);
    }
}

fn is_vague(status: &str) -> bool {
    status.is_empty() || status.ends_with(".0.0")
}

/// What a text says of a failure.
#[derive(Debug, Default)]
pub(super) struct Said {
    enhanced: Option<String>,
    reply: Option<u16>,
    phrase: Option<&'static str>,
    time_is_up: bool,
    is_final: bool,
}

impl Said {
    pub(super) fn of(text: &str) -> Said {
        let lower = text.to_lowercase();
        let enhanced = enhanced(text);
        let exact = enhanced.as_deref().is_some_and(|s| !is_vague(s));
        Said {
            reply: reply_code(text),
            phrase: PHRASES.find(&lower).or_else(|| (!exact).then(|| failure::status(&lower)).flatten()),
            enhanced,
            is_final: FINAL.find(&lower).is_some(),
            time_is_up: OUT_OF_TIME.find(&lower).is_some(),
        }
    }

    /// It is called permanent.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// It says that there is no such mailbox or domain, or that a mailbox takes nothing.
    pub(super) fn is_of_a_mailbox(&self) -> bool {
        self.phrase.is_some_and(|status| status.starts_with("5.1.") || status.starts_with("5.2."))
    }

    /// A server's words are in it: a code of an error, of either kind.
    pub(super) fn has_code(&self) -> bool {
        self.reply.is_some() || self.enhanced.as_deref().is_some_and(|s| !s.starts_with('2'))
    }

    /// A server's words are in it: a reply code and an enhanced one.
    pub(super) fn has_both_codes(&self) -> bool {
        self.enhanced.is_some() && self.reply.is_some()
    }

    /// A code that says why, as a server wrote it.
    pub(super) fn exact(&self) -> Option<String> {
        self.enhanced.clone().filter(|s| !is_vague(s) && !s.starts_with('2'))
    }

    /// The status all that comes to.
    pub(super) fn status(&self) -> Option<String> {
        let class = self.reply.map(|r| r / 100);
        let exact = self.enhanced.as_deref().filter(|s| !is_vague(s));
        let phrase = self.phrase.filter(|s| class.is_none_or(|c| s.starts_with(&c.to_string())));
        exact
            .or(phrase)
            .or(self.enhanced.as_deref())
            .map(str::to_owned)
            .or_else(|| class.map(|c| format!("{c}.0.0")))
            .or_else(|| self.time_is_up.then(|| TIME_IS_UP.to_owned()))
    }
}

/// The five actions of RFC 3464, however they are written.
pub(super) fn action(value: &str) -> String {
    let word: String = value.trim().to_ascii_lowercase().chars().take_while(char::is_ascii_alphabetic).collect();
    match word.as_str() {
        "failed" | "failure" | "fail" => "failed",
        "delayed" | "delay" | "deferred" => "delayed",
        "delivered" | "deliverable" => "delivered",
        "relayed" => "relayed",
        "expanded" => "expanded",
        _ => "",
    }
    .to_owned()
}

/// The first enhanced status code in a text: class 2, 4 or 5, then two numbers of at most three digits,
/// not part of an IP address or a version.
pub(super) fn enhanced(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for found in memchr::memchr3_iter(b'2', b'4', b'5', bytes) {
        if found > 0 && (bytes[found - 1].is_ascii_alphanumeric() || matches!(bytes[found - 1], b'.' | b'-' | b'/')) {
            continue;
        }
        let mut end = found + 1;
        let mut parts = 0;
        while parts < 2 && bytes.get(end) == Some(&b'.') {
            let digits = bytes[end + 1..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 || digits > 3 {
                break;
            }
            end += 1 + digits;
            parts += 1;
        }
        let goes_on = bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'/')
            || bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if parts == 2 && !goes_on {
            return Some(text[found..end].to_owned());
        }
    }
    None
}

/// A line of a remote server: a reply code, then a space, a dash or the end.
pub(super) fn starts_with_code(line: &str) -> bool {
    let line = line.strip_prefix("<<<").map_or(line, str::trim_start).as_bytes();
    line.len() >= 3
        && matches!(line[0], b'4' | b'5')
        && line[1].is_ascii_digit()
        && line[2].is_ascii_digit()
        && matches!(line.get(3), None | Some(b' ' | b'-' | b':'))
}

/// The first reply code of an error in a text (RFC 5321 section 4.2).
fn reply_code(text: &str) -> Option<u16> {
    let of_word = |c: char| c.is_alphanumeric() || c == '.';
    memchr::memchr2_iter(b'4', b'5', text.as_bytes())
        .filter_map(|at| Some((at, text.get(at..at + 3)?)))
        .filter(|(_, digits)| digits.bytes().all(|b| b.is_ascii_digit()))
        .filter(|(at, _)| !text[..*at].ends_with(of_word) && !text[at + 3..].starts_with(of_word))
        .filter_map(|(_, digits)| digits.parse().ok())
        .find(|n| matches!(n, 421 | 422 | 430..=459 | 471..=499 | 500..=559 | 571..=579))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(status: &str, action: &str, diagnostic: &str) -> (String, String) {
        let mut r = BouncedRecipient {
            address: "a@x".to_owned(),
            status: status.to_owned(),
            action: action.to_owned(),
            diagnostic: diagnostic.to_owned(),
        };
        complete(&mut r);
        (r.status, r.action)
    }

    #[test]
    fn an_address_of_a_host_is_no_status() {
        assert_eq!(enhanced("host 5.1.1.4 said: 550 5.7.1 no"), Some("5.7.1".to_owned()));
        assert_eq!(enhanced("(#5.1.1)"), Some("5.1.1".to_owned()));
        assert_eq!(enhanced("Sendmail 8.15.2/4.1.2b 5.1 2.2"), None);
        assert_eq!(enhanced("code: 5.7.509."), Some("5.7.509".to_owned()));
    }

    #[test]
    fn a_vague_status_gives_way_to_what_the_server_said_of_the_same_class() {
        assert_eq!(completed("5.0.0", "failed", "550 5.1.1 no such user").0, "5.1.1");
        assert_eq!(completed("5.0.0", "failed", "450 4.2.2 later").0, "5.0.0");
        assert_eq!(completed("", "failed", "550 mailbox full").0, "5.2.2");
        assert_eq!(completed("", "failed", "451 try later").0, "4.0.0");
        assert_eq!(completed("", "delayed", ""), ("4.0.0".to_owned(), "delayed".to_owned()));
        assert_eq!(completed("2.1.5", "", "").1, "delivered");
    }

    #[test]
    fn actions_are_known_however_they_are_written() {
        assert_eq!(action("Failed (permanent)"), "failed");
        assert_eq!(action("deferred"), "delayed");
        assert_eq!(action("nonsense"), "");
    }
}
