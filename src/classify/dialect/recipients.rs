//! Finds the recipients in the words of a bounce, and what was said of each.

use super::phrases::{ANNOUNCEMENTS, opening};
use super::section::{Section, fold_line};
use crate::classify::bounce::{self, RECIPIENTS_MAX};
use crate::classify::fields::field;
use crate::classify::status;
use crate::classify::wording::Phrases;
use crate::mail::{BouncedRecipient, NormalizedMail, ReportPart};

/// Bytes of a diagnostic that are kept.
const DIAGNOSTIC_BYTES_MAX: usize = 1_000;
/// Lines behind an announcement that may hold its recipients.
const ANNOUNCED_LINES_MAX: usize = 500;
/// Recipients of the original taken when the bounce names nobody.
const ORIGINAL_RECIPIENTS_MAX: usize = 20;

/// What is written before an address to say of which kind it is.
const KINDS: &[&str] = &["smtp", "mailto", "rfc822"];

/// Words of a line that tells of an error, wherever its address stands.
static ERROR_WORDS: Phrases = Phrases::new(&[
    "unknown",
    "reject",
    "fail",
    "full",
    "quota",
    "not exist",
    "unable",
    "error",
    "invalid",
    "denied",
    "disabled",
    "refused",
    "exceed",
    "not deliver",
    "undeliver",
    "not found",
    "no such",
    "inactive",
    "suspended",
]);

/// How a recipient was found, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Behind words that announce him.
    Announced,
    /// At the start of a line.
    LineStart,
    /// In the dialogue with the remote server.
    Transcript,
    /// Anywhere else in a line that tells of an error.
    Mentioned,
}

struct Found {
    address: String,
    place: Place,
    line: usize,
    diagnostic: String,
}

/// The recipients a bounce names: of the strongest kind of place that has any.
pub(super) fn find(mail: &NormalizedMail, section: &Section<'_>) -> Vec<BouncedRecipient> {
    // Some write the fields of RFC 3464 into the text.
    if let Some(told) = in_status_fields(section.report) {
        return told;
    }
    let lines: Vec<&str> = section.report.lines().collect();
    let mut found = candidates(&lines);
    // The bounce goes to the sender of the original: he is not who failed, unless nobody else is.
    let strong = |f: &Found| f.place <= Place::LineStart;
    let back_to: Vec<String> =
        mail.to.iter().map(|p| p.address.to_lowercase()).chain(mail.from.iter().map(|p| p.address.to_lowercase())).collect();
    let is_other = |f: &Found| !back_to.contains(&f.address.to_lowercase()) && !is_help(&f.address);
    if found.iter().any(|f| is_other(f) && (strong(f) || !found.iter().any(strong))) {
        found.retain(is_other);
    }
    let announced_none = !found.iter().any(strong);
    // A bounce of a bounce, or one passed on by a mail system: the report inside says who failed.
    if found.iter().all(|f| !strong(f) || is_help(&f.address))
        && let Some(told) = in_status_fields(section.original)
    {
        return told;
    }
    if let Some(best) = found.iter().map(|f| f.place).min() {
        // A dialogue and a list of the failed tell the same; what is only mentioned is a last resort.
        let reach = if best <= Place::LineStart { Place::LineStart } else { best };
        found.retain(|f| f.place <= reach);
    }
    // Each once, by his strongest place; then in the order of the text.
    let mut seen = std::collections::HashSet::new();
    found.retain(|f| seen.insert(f.address.to_lowercase()));
    found.sort_by_key(|f| f.line);
    let named = found.into_iter().take(RECIPIENTS_MAX);
    let out: Vec<BouncedRecipient> =
        named.map(|f| BouncedRecipient { address: f.address, diagnostic: f.diagnostic, ..BouncedRecipient::default() }).collect();
    // Only an address to turn to: the bounce itself names nobody.
    if out.iter().all(|r| is_help(&r.address)) {
        let meant = of_original(mail, section);
        if !meant.is_empty() {
            return meant;
        }
        let outside = of_subject_or_path(mail);
        if !outside.is_empty() || announced_none {
            return outside;
        }
    }
    out
}

/// The recipients in the fields of RFC 3464 that stand in a text.
fn in_status_fields(text: &str) -> Option<Vec<BouncedRecipient>> {
    let fields: String = text.lines().skip_while(|l| !is_status_field(l)).map(|l| format!("{l}\n")).collect();
    if !fields.to_ascii_lowercase().contains("final-recipient:") {
        return None;
    }
    let told = bounce::delivery_status(&ReportPart { content_type: "message/delivery-status".to_owned(), text: fields });
    told.iter().any(|r| !r.address.is_empty()).then_some(told)
}

fn is_status_field(line: &str) -> bool {
    field(line).is_some_and(|(n, _)| {
        ["Reporting-MTA", "Final-Recipient", "Original-Recipient", "Action"].iter().any(|x| n.eq_ignore_ascii_case(x))
    })
}

/// Addresses to turn to, not addresses that failed.
pub(super) fn is_help(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default().to_ascii_lowercase();
    matches!(local.as_str(), "postmaster" | "mailer-daemon" | "abuse" | "support" | "help" | "helpdesk" | "hostmaster" | "noc")
        || ["-ctl", "-help", "-request", "-admin", "-owner", "-subscribe", "-unsubscribe"].iter().any(|e| local.ends_with(e))
}

/// Every address of the report with its place, in order.
fn candidates(lines: &[&str]) -> Vec<Found> {
    let mut out: Vec<Found> = Vec::new();
    let mut announced = 0_usize;
    let mut spoken = "";
    for (n, line) in lines.iter().enumerate() {
        let bare = line.trim();
        let folded = fold_line(bare);
        if bare.is_empty() {
            continue;
        }
        let announcement = ANNOUNCEMENTS.last_end(&folded);
        let dialogue = bare.starts_with(">>>") || bare.starts_with("<<<") || status::starts_with_code(bare);
        // The line goes on with what the one above says of another: the sender, an alias, a Message-ID.
        let above = std::mem::replace(&mut spoken, bare);
        if speaks_of_another(above) {
            continue;
        }
        let first = first_address(bare);
        let found = |address: String, place: Place| {
            let diagnostic = said_of(lines, n, &address);
            Found { address: whole(lines, n, address), diagnostic, place, line: n }
        };
        if dialogue {
            announced = 0;
            // `>>> RCPT To:<x>`, `550 <x>... User unknown`: the address that comes first, not one that is explained.
            if let Some((address, at)) = addresses(bare).next()
                && !folded.contains("mail from")
                && at <= 24
            {
                out.push(found(address, Place::Transcript));
            }
        } else if let Some(end) = announcement {
            announced = ANNOUNCED_LINES_MAX;
            let (behind, before): (Vec<_>, Vec<_>) =
                addresses(bare).partition(|(_, at)| chars_before(bare, *at) + 2 >= folded[..end].chars().count());
            // `Your message to x@y could not be delivered`, `x@y delivery failed`: whom it is about stands before the words.
            if behind.is_empty() {
                let starts = first.as_ref().filter(|f| before.first().is_some_and(|(a, _)| a == *f));
                out.extend(starts.map(|address| found(address.clone(), Place::LineStart)));
                out.extend(before.into_iter().filter(|_| starts.is_none()).map(|(address, at)| {
                    let place = if is_written_to(&bare[..at]) { Place::Announced } else { Place::Mentioned };
                    found(address, place)
                }));
            }
            for (address, at) in behind {
                let mut found = found(address, Place::Announced);
                // `Unknown user: x@y`: what is said of him stands before him.
                let label = bare.get(..at).unwrap_or_default().trim_end_matches(['<', ' ', ':']);
                if found.diagnostic.is_empty() && status::Said::of(label).status().is_some() {
                    found.diagnostic = cut(label);
                }
                out.push(found);
            }
        } else if let Some(address) = first {
            let place = if announced > 0 { Place::Announced } else { Place::LineStart };
            out.push(found(address, place));
        } else {
            announced = announced.saturating_sub(1);
            if ERROR_WORDS.find(&folded).is_some() && !folded.contains("mail from") {
                for (address, at) in addresses(bare) {
                    // `User mailbox exceeds allowed size: x@y`, and nothing behind it.
                    let is_labelled = bare[..at].trim_end_matches(['<', ' ']).ends_with(':')
                        && bare.get(at + address.len()..).is_some_and(|rest| rest.trim_matches(['>', '.', ' ']).is_empty());
                    if is_labelled {
                        let diagnostic = cut(bare[..at].trim_end_matches(['<', ' ', ':']));
                        out.push(Found { address, place: Place::LineStart, line: n, diagnostic });
                    } else {
                        out.push(found(address, Place::Mentioned));
                    }
                }
            } else if addresses(bare).next().is_some() {
                // `What you sent to x@y was not delivered`; `To: x@y`, out of the header of the original.
                let tells = opening(&folded).is_some();
                let to = field(bare).is_some_and(|(name, _)| name.eq_ignore_ascii_case("to"));
                for (address, _) in addresses(bare).filter(|(_, at)| to || tells && is_written_to(&bare[..*at])) {
                    out.push(found(address, if to { Place::Mentioned } else { Place::Announced }));
                }
            }
        }
    }
    // Behind the list come other words; what begins a line far below it is no longer announced, and that is fine.
    out.sort_by_key(|f| (f.place, f.line));
    out
}

/// The address a recipient was written to, where his own is a mailbox inside a system (`ann@store7`): the same
/// line or the one below says what it was before (Postfix, Sendmail, Messaging Server).
fn whole(lines: &[&str], n: usize, address: String) -> String {
    let is_whole = |a: &str| a.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    if is_whole(&address) {
        return address;
    }
    let before = lines[n..].iter().take(2).find_map(|line| {
        let lower = line.to_ascii_lowercase();
        let at = BEFORE.iter().find_map(|words| lower.find(words))?;
        addresses(&line[at..]).map(|(a, _)| a).find(|a| is_whole(a))
    });
    before.unwrap_or(address)
}

/// Behind what an address stands that was written to before it became another's.
pub(super) const BEFORE: &[&str] = &["expanded from", "original address:"];
/// Behind what an address stands of somebody else.
pub(super) const OF_ANOTHER: &[&str] = &["expanded from", "forwarded from", "sent by", "message from", "message-id"];

/// Ends of lines behind which an address is not whom the report is about, though it begins the next line.
fn speaks_of_another(line: &str) -> bool {
    let folded = fold_line(line);
    let end = folded.trim_end_matches([':', '<', ' ']);
    OF_ANOTHER.iter().any(|e| end.ends_with(e))
}

/// Words behind which the address stands that a mail was for.
pub(super) const TO: &[&str] = &[
    "to",
    "to:",
    "for",
    "an",
    "à",
    "a",
    "para",
    "ao",
    "til",
    "till",
    "aan",
    "naar",
    "na",
    "do",
    "kepada",
    "address",
    "adresse",
    "adresu",
    "adres",
    "adress",
    "dirección",
    "endereço",
    "indirizzo",
    "адрес",
    "адресу",
    "адресату",
    "διεύθυνση",
    "címre",
    "osoitteeseen",
];

/// The words before an address say that the mail was for it: "to", in the languages of mail systems.
fn is_written_to(before: &str) -> bool {
    let folded = fold_line(before.trim_end_matches(['<', '"', '\'', '(', '[', ' ']));
    let word = folded.rsplit(' ').next().unwrap_or_default();
    TO.contains(&word)
}

fn chars_before(text: &str, at: usize) -> usize {
    text.get(..at).map_or(0, |t| t.split_whitespace().collect::<Vec<_>>().join(" ").chars().count())
}

/// The address a line begins with, behind signs such as `<`, `"`, `*` or `To:`.
fn first_address(line: &str) -> Option<String> {
    let start =
        line.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '<' | '"' | '\'' | '*' | '-' | '(' | '[' | '>' | '•'));
    let mut all = addresses(line);
    let (mut address, at) = all.next()?;
    // A name that is an address itself: `ann@x.example <ann@y.example>` is for the one in brackets.
    if let Some((behind, its_at)) = all.next()
        && line.get(at + address.len()..its_at).is_some_and(|between| between.trim_matches([' ', '"', '\'']) == "<")
    {
        address = behind;
    }
    // `[SMTP:x@y]`, `mailto:x@y`: the kind of address is none of its letters.
    let kind = start.split_once(':').filter(|(kind, _)| KINDS.iter().any(|k| kind.eq_ignore_ascii_case(k)));
    let start = kind.map_or(start, |(_, rest)| rest.trim_start());
    let offset = line.len() - start.len();
    // Exim: `name <address>`; Exchange: `'Display Name' on date` has none. What a server said is no name.
    let is_name = |name: &str| name.chars().count() <= 60 && !name.contains(':') && !status::Said::of(name).has_code();
    (at <= offset + 1 || line[..at].trim_end().ends_with('<') && is_name(&line[..at])).then_some(address)
}

/// The addresses in a line with their offsets.
pub(super) fn addresses(line: &str) -> impl Iterator<Item = (String, usize)> {
    line.match_indices('@').filter_map(|(at, _)| {
        let stop = |c: char| {
            c.is_whitespace()
                || matches!(
                    c,
                    '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | '"' | '\'' | '|' | '\u{3000}'
                        // The same signs of other scripts.
                        | '「' | '」' | '『' | '』' | '【' | '】' | '《' | '》' | '（' | '）' | '＜' | '＞' | '：' | '；' | '，' | '、' | '。'
                        | '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '‹' | '›' | '،' | '؛'
                )
        };
        let start =
            line[..at].rfind(|c: char| stop(c) || c == ':').map_or(0, |n| n + line[n..].chars().next().map_or(1, char::len_utf8));
        let end = line[at..].find(|c: char| stop(c) || c == ':').map_or(line.len(), |n| at + n);
        // A quoted local part: the quotes belong to it.
        let start = match line[..at].strip_suffix('"').and_then(|l| l.rfind('"')) {
            Some(quote) => quote,
            None => start,
        };
        let text = line[start..end].trim_end_matches(['.', '!', '?']);
        address(text).filter(|a| plausible(a)).map(|a| (a, start))
    })
}

fn plausible(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    !local.contains('/')
        && domain.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
        && !domain.starts_with('.')
}

/// An address out of a word or a header's value, without `<>`, `mailto:` and quotes around the whole.
pub(in crate::classify) fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let inside = text.split_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest));
    let edges = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '\'' | ',' | ';' | ':' | '(' | ')' | '[' | ']');
    let inside = inside.trim_matches(edges);
    let inside = inside.strip_prefix("mailto:").unwrap_or(inside).trim_end_matches('.');
    // A source route (RFC 5321 appendix C): `@a,@b:user@c`.
    let inside = if inside.starts_with('@') { inside.split_once(':').map_or(inside, |(_, rest)| rest) } else { inside };
    let inside = if inside.starts_with('"') && inside.ends_with('"') { inside.trim_matches('"') } else { inside };
    let (local, domain) = inside.rsplit_once('@')?;
    let quoted = local.starts_with('"') && local.ends_with('"');
    let fine =
        !local.is_empty() && !domain.is_empty() && inside.len() <= 320 && (quoted || !inside.chars().any(char::is_whitespace));
    fine.then(|| inside.to_owned())
}

/// What a bounce says of one recipient: the rest of his line and the lines below it, to the next blank line or recipient.
fn said_of(lines: &[&str], n: usize, address: &str) -> String {
    let mut said = String::new();
    let rest = lines[n].find(address).map_or(lines[n], |at| &lines[n][at + address.len()..]);
    said.push_str(rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | ':' | '"' | ')' | '.' | '-')).trim());
    for (k, line) in lines[n + 1..].iter().enumerate() {
        let bare = line.trim();
        // Where each line is a paragraph, what was said is the next one.
        let is_apart = || k == 0 && said.is_empty() && lines.get(n + 2).is_some_and(|l| status::starts_with_code(l.trim()));
        if bare.is_empty() && is_apart() {
            continue;
        }
        if bare.is_empty() || said.len() > DIAGNOSTIC_BYTES_MAX {
            break;
        }
        if first_address(bare).is_some_and(|a| !a.eq_ignore_ascii_case(address)) && !status::starts_with_code(bare) {
            break;
        }
        if !said.is_empty() {
            said.push(' ');
        }
        said.push_str(bare);
    }
    cut(&said)
}

/// What the remote server said, where the bounce shows the dialogue.
pub(super) fn transcript(section: &Section<'_>) -> String {
    let mut said = String::new();
    for line in section.report.lines().map(str::trim) {
        let line = line.strip_prefix("<<<").map_or(line, str::trim_start);
        if status::starts_with_code(line) && said.len() < DIAGNOSTIC_BYTES_MAX {
            if !said.is_empty() {
                said.push(' ');
            }
            said.push_str(line);
        }
    }
    cut(&said)
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(DIAGNOSTIC_BYTES_MAX)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or_default();
    text[..end].trim().to_owned()
}

/// Whom the subject names, or the address that the report was sent to (`bounces+ann=a.test@home.test`, RFC 3464 appendix D and
/// VERP), where the report itself names nobody.
fn of_subject_or_path(mail: &NormalizedMail) -> Vec<BouncedRecipient> {
    let back_to: Vec<String> = mail.to.iter().chain(&mail.from).map(|p| p.address.to_lowercase()).collect();
    let named = addresses(&mail.subject).map(|(a, _)| a).filter(|a| !back_to.contains(&a.to_lowercase()) && !is_help(a));
    let path = mail.to.iter().filter_map(|p| p.address.rsplit_once('@')).filter_map(|(local, _)| {
        let (before, domain) = local.rsplit_once('=')?;
        let mailbox = before.rsplit(['+', '-']).next()?;
        address(&format!("{mailbox}@{domain}")).filter(|a| plausible(a) && domain.contains('.'))
    });
    named.chain(path).take(1).map(|address| BouncedRecipient { address, ..BouncedRecipient::default() }).collect()
}

/// To whom the original was, where the bounce says nothing of it.
fn of_original(mail: &NormalizedMail, section: &Section<'_>) -> Vec<BouncedRecipient> {
    let parts = mail
        .report_parts
        .iter()
        .filter(|p| p.content_type.starts_with("message/rfc822") || p.content_type.contains("rfc822-headers"));
    let texts = parts.map(|p| p.text.as_str()).chain([section.original]);
    let mut out: Vec<BouncedRecipient> = Vec::new();
    for text in texts {
        let mut inside = false;
        for line in text.trim_start().lines().take_while(|l| !l.trim().is_empty()) {
            if let Some((name, _)) = field(line).filter(|_| !line.starts_with([' ', '\t'])) {
                inside = ["to", "x-rcpt-to", "delivered-to", "x-failed-recipients"].iter().any(|x| name.eq_ignore_ascii_case(x));
            }
            for (address, _) in addresses(line).filter(|_| inside) {
                if out.len() < ORIGINAL_RECIPIENTS_MAX && !out.iter().any(|r| r.address.eq_ignore_ascii_case(&address)) {
                    out.push(BouncedRecipient { address, ..BouncedRecipient::default() });
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Person;

    fn named(text: &str) -> Vec<(String, String)> {
        let mail = NormalizedMail {
            to: vec![Person { name: String::new(), address: "me@home.test".to_owned() }],
            ..NormalizedMail::default()
        };
        find(&mail, &Section::of(text)).into_iter().map(|r| (r.address, r.diagnostic)).collect()
    }

    fn addresses_of(text: &str) -> Vec<String> {
        named(text).into_iter().map(|(a, _)| a).collect()
    }

    #[test]
    fn recipients_at_the_start_of_a_line_are_found_with_what_was_said_of_them() {
        let found = named("Sorry, no luck:\n\n<ann@a.test>:\n550 no such person\n\n<bob@b.test>: host x said: 552 full\n");
        assert_eq!(found[0], ("ann@a.test".to_owned(), "550 no such person".to_owned()));
        assert_eq!(found[1], ("bob@b.test".to_owned(), "host x said: 552 full".to_owned()));
    }

    #[test]
    fn recipients_are_found_behind_words_that_announce_them() {
        assert_eq!(addresses_of("There was an error delivering your mail to <ann@a.test>.\n"), ["ann@a.test"]);
        assert_eq!(
            addresses_of("Message to ann@a.test could not be delivered to: ann@a.test\nWrite to postmaster@x.test\n"),
            ["ann@a.test"]
        );
        assert_eq!(
            addresses_of("did not reach the following recipient(s):\n\nann@a.test on Monday\n  unknown\n"),
            ["ann@a.test"]
        );
    }

    #[test]
    fn what_was_said_of_a_recipient_may_be_the_next_paragraph() {
        let found = named("Sorry, no luck:\n\n<ann@a.test>:\n\n550 no such person\n\nSome more words.\n");
        assert_eq!(found, [("ann@a.test".to_owned(), "550 no such person".to_owned())]);
        let found = named("Sorry, no luck:\n\n<ann@a.test>:\n\nSome more words.\n");
        assert_eq!(found, [("ann@a.test".to_owned(), String::new())]);
    }

    #[test]
    fn recipients_are_found_before_the_words_about_them() {
        assert_eq!(addresses_of("Your message to ann@a.test could not be delivered.\n"), ["ann@a.test"]);
        assert_eq!(addresses_of("<ann@a.test>: maildir delivery failed: no room\n"), ["ann@a.test"]);
        assert_eq!(addresses_of("A mail by bob@b.test to ann@a.test was not delivered to the list.\n"), ["ann@a.test"]);
    }

    #[test]
    fn senders_aliases_and_ids_on_a_line_of_their_own_are_no_recipients() {
        assert_eq!(
            addresses_of("A message sent by\n  <bob@b.test>\ncould not be delivered. The following failed:\n  ann@a.test\n"),
            ["ann@a.test"]
        );
        assert_eq!(addresses_of("<ann@a.test> (expanded from\n    <team@b.test>): unknown\n"), ["ann@a.test"]);
        assert_eq!(addresses_of("Message-ID:\n<1@b.test>\nThe following address failed:\nann@a.test\n"), ["ann@a.test"]);
        assert_eq!(
            addresses_of("Message to <ann@a.test> was undeliverable:\n5.7.1 denied by 550 <bob@b.test>\n"),
            ["ann@a.test"]
        );
    }

    #[test]
    fn a_mailbox_inside_a_system_gives_way_to_the_address_that_was_written_to() {
        assert_eq!(addresses_of("<ann@store7> (expanded from <ann@a.test>): full\n"), ["ann@a.test"]);
        assert_eq!(addresses_of("Recipient address: ann@store7\n Original address: ann@a.test\n"), ["ann@a.test"]);
        assert_eq!(addresses_of("<ann@store7>: full\n"), ["ann@store7"]);
    }

    #[test]
    fn the_sender_of_the_original_is_not_who_failed() {
        assert_eq!(addresses_of("me@home.test wrote to us.\n<ann@a.test>: no\n"), ["ann@a.test"]);
        assert_eq!(
            addresses_of("554 rejected\n>>> MAIL From:<me@home.test>\n>>> RCPT To:<ann@a.test>\n<<< 550 no\n"),
            ["ann@a.test"]
        );
    }

    #[test]
    fn a_bounce_that_names_nobody_is_about_the_recipients_of_the_original() {
        assert_eq!(
            addresses_of(
                "421 x: deferred\n\n--- Unsent message follows ---\nFrom: me@home.test\nTo: ann@a.test,\n bob@b.test\nSubject: s\n\nTo: c@c\n"
            ),
            ["ann@a.test", "bob@b.test"]
        );
    }

    #[test]
    fn quoted_local_parts_and_trailing_dots_are_understood() {
        assert_eq!(address("\"a b\"@x.test").as_deref(), Some("\"a b\"@x.test"));
        assert_eq!(address("rfc822 <a@x.test.>").as_deref(), Some("a@x.test"));
        assert_eq!(address("mailto:a@x.test").as_deref(), Some("a@x.test"));
        assert_eq!(address("nobody"), None);
    }
}
