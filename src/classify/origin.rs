//! Who or what wrote a mail: signs in sender, reverse-path and header of programs, lists, calendars.

use super::header;
use crate::mail::{Evidence, FoldKind, NormalizedMail, Person, UNREAD_LOCAL_PARTS, is_unread};

/// Local parts of programs that report on delivery.
const DAEMONS: &[&str] = &[
    "mailer-daemon",
    "mailerdaemon",
    "mailer_daemon",
    "mail-daemon",
    "maildaemon",
    "mail_daemon",
    "postmaster",
    "mailmaster",
    "mail-admin",
    "post_master",
    "post-master",
    "mdaemon",
    "majordomo-bounce",
    "bounce",
    "bounces",
    "bouncehandler",
    "delivery-status",
    "mailsystem",
    "mail-system",
    "mail_system",
    "mailsubsystem",
    "mail-delivery",
    "maildelivery",
    "mail-returned",
    "email-bounces",
    "undeliverable",
];

/// The beginning of "Mail Delivery Subsystem", "System", "Service".
const OPEN_NAME: &str = "mail delivery s";

/// Names under which mail systems report, in the languages of their programs.
const DAEMON_NAMES: &[&str] = &[
    OPEN_NAME,
    "mail delivery agent",
    "mailer-daemon",
    "mailer daemon",
    "mail administrator",
    "internet mail delivery",
    "system administrator",
    "systemadministrator",
    "system-administrator",
    "administrateur système",
    "administrador del sistema",
    "administrador do sistema",
    "amministratore sistema",
    "amministratore di sistema",
    "systeembeheerder",
    "системный администратор",
    "システム管理者",
    "系统管理员",
    "系統管理員",
    "시스템 관리자",
    "mail system",
];

/// Those of them that a person may answer for: alone they say less.
const PEOPLE_TOO: &[&str] = &["postmaster", "mailmaster", "mail-admin", "bounce", "bounces"];

/// How names begin that no person has, among those of mail systems.
const NO_PERSONS_NAMES: &[&str] = &["mail delivery", "mailer", "mail system", "internet mail"];

/// Ends of local parts under which the programs of mailing lists write.
const LIST_ROBOT_ENDS: &[&str] = &["-admin", "-owner", "-request", "-bounces", "-help", "-ctl", "-return"];
/// And their beginnings.
const LIST_ROBOT_STARTS: &[&str] = &["owner-", "majordomo", "listserv", "listproc", "sympa", "mailman", "ezmlm", "mlmmj", "fml"];

/// All of them.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    [DAEMONS, DAEMON_NAMES, LIST_ROBOT_ENDS, LIST_ROBOT_STARTS, UNREAD_LOCAL_PARTS].into_iter().flatten().copied()
}

/// Lines of a header that stands in a text: from whom, when, to whom, about what.
const HEADER_LINES_MIN: usize = 4;

/// What sender and envelope say.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The null reverse-path, in the envelope or in Return-Path.
    pub(super) null_sender: bool,
    /// From (or Sender, or the reverse-path) is a mail system's own address.
    pub(super) daemon: Option<String>,
    /// And that address or name may be a person's, who did not say that a program sent it.
    pub(super) maybe_person: bool,
    /// From is an address that nobody reads.
    pub(super) unread: Option<String>,
    /// It says that a program sent it (RFC 3834).
    pub(super) automatic: bool,
    /// A rule of an Exchange mailbox passed on what somebody wrote: what it put into the header says nothing of the mail.
    pub(super) passed_on: bool,
    /// The program of a mailing list wrote it, and here is the list's address, as far as its own tells.
    pub(super) list_robot: Option<String>,
}

impl Origin {
    pub(super) fn of(mail: &NormalizedMail, reverse_path: Option<&str>) -> Origin {
        let returned = mail.headers_named("Return-Path").any(|v| matches!(v.trim(), "<>" | ""));
        let passed_on = is_passed_on(mail);
        let automatic = mail
            .headers_named("Auto-Submitted")
            .filter(|v| !is_of_rule(passed_on, v))
            .any(|v| v.trim().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("auto-")));
        // A relay that writes itself into From leaves where the report came from. Services send people's letters
        // with `bounces+…` as their return path: that is no mail system's own.
        let paths = reverse_path.into_iter().chain(mail.headers_named("Return-Path").map(str::trim));
        let systems: Vec<Person> = paths
            .map(|path| path.trim_matches(['<', '>', ' ']))
            .filter(|path| !path.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("bounce")))
            .map(|path| Person { name: String::new(), address: path.to_owned() })
            .collect();
        // Sites and services send people's letters by way of such addresses too.
        let is_authored = mail.from.as_ref().is_some_and(|p| !p.address.is_empty());
        let by_way_of = mail.sender.iter().chain(&systems).filter(|p| !(is_authored && may_be_person(p)));
        let daemons = || mail.from.iter().chain(by_way_of.clone()).filter(|p| is_daemon(p));
        let daemon = daemons().next().map(|p| if p.address.is_empty() { p.name.clone() } else { p.address.clone() });
        let null_sender = reverse_path.is_some_and(str::is_empty) || returned;
        let maybe_person = !null_sender && !automatic && daemons().all(may_be_person);
        let unread = mail.from.as_ref().map(|p| p.address.to_lowercase()).filter(|a| is_unread(a));
        let list_robot = mail.from.as_ref().and_then(|p| list_of_robot(&p.address.to_lowercase()));
        Origin { null_sender, daemon, maybe_person, unread, automatic, passed_on, list_robot }
    }

    /// Whether this `Auto-Submitted` is not the mail's, but that of a rule which passed it on.
    pub(super) fn is_of_rule(&self, auto_submitted: &str) -> bool {
        is_of_rule(self.passed_on, auto_submitted)
    }
}

fn is_of_rule(passed_on: bool, auto_submitted: &str) -> bool {
    let word = auto_submitted.trim().to_ascii_lowercase();
    passed_on && word.starts_with("auto-generated") || word.starts_with("auto-forwarded")
}

/// Exchange marks what the rules of a mailbox send with that mailbox and as `auto-generated`, whether they answer or pass on.
/// They passed it on where somebody else wrote it to the mailbox, it was sent again, or it holds a mail that was forwarded.
fn is_passed_on(mail: &NormalizedMail) -> bool {
    let mailboxes: Vec<String> = mail.headers_named("X-MS-Exchange-Inbox-Rules-Loop").map(str::to_lowercase).collect();
    let by_rule = !mailboxes.is_empty()
        || mail
            .headers_named("X-MS-Exchange-Generated-Message-Source")
            .any(|v| v.trim().eq_ignore_ascii_case("Mailbox Rules Agent"));
    if !by_rule {
        return false;
    }
    // A mailbox may have another address beside the one it writes from; what it answers was not written to itself.
    let is_of_mailbox = |p: &Person| !p.address.is_empty() && mailboxes.iter().any(|v| v.contains(&p.address.to_lowercase()));
    let to_itself = !mail.from.iter().any(is_of_mailbox) && mail.to.iter().chain(&mail.cc).any(is_of_mailbox);
    to_itself
        || mail.header("Resent-From").is_some()
        || mail.folds.iter().any(|f| f.kind == FoldKind::Forward)
        || begins_with_a_header(&mail.text)
}

/// A text that begins with who wrote to whom, and when: `From: …`, `Sent: …`, in whatever language.
fn begins_with_a_header(text: &str) -> bool {
    let is_rule = |line: &&str| line.chars().all(|c| matches!(c, '_' | '-' | '=' | ' '));
    let mut lines = text.lines().map(str::trim).skip_while(is_rule).take(HEADER_LINES_MIN);
    let mut addresses = 0;
    let fields = lines.by_ref().filter(|line| {
        addresses += usize::from(line.contains('@'));
        line.split_once([':', '：']).is_some_and(|(name, value)| name.chars().count() <= 20 && !value.trim().is_empty())
    });
    fields.count() == HEADER_LINES_MIN && addresses > 0
}

/// The list that a robot's address is of: `team-owner@x` writes for `team@x`.
fn list_of_robot(address: &str) -> Option<String> {
    let (local, domain) = address.split_once('@')?;
    if let Some(list) = LIST_ROBOT_ENDS.iter().find_map(|e| local.strip_suffix(e)) {
        return Some(format!("{list}@{domain}"));
    }
    if let Some(list) = local.strip_prefix("owner-") {
        return Some(format!("{list}@{domain}"));
    }
    LIST_ROBOT_STARTS.iter().any(|s| local.starts_with(s)).then(String::new)
}

fn is_daemon(person: &Person) -> bool {
    let address = person.address.to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    let name = person.name.to_lowercase();
    DAEMONS.iter().any(|d| local == *d || local.strip_prefix(*d).is_some_and(|rest| rest.starts_with(['-', '+', '.', '='])))
        || local.starts_with("microsoftexchange")
        || DAEMON_NAMES.iter().any(|n| is_named(&name, n))
}

/// Whether a display name is a mail system's, with a host or the like behind it; not one that goes on as a person's does.
fn is_named(name: &str, system: &str) -> bool {
    name.strip_prefix(system).is_some_and(|rest| {
        system == OPEN_NAME
            || rest.trim_start().is_empty()
            || rest.trim_start().starts_with(|c: char| !c.is_alphanumeric())
            || rest.contains(['.', '@'])
    })
}

fn may_be_person(daemon: &Person) -> bool {
    let address = daemon.address.to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    let by_name_alone = !is_daemon(&Person { name: String::new(), address: daemon.address.clone() });
    PEOPLE_TOO.contains(&local) || by_name_alone && !NO_PERSONS_NAMES.iter().any(|n| daemon.name.to_lowercase().starts_with(n))
}

/// It refers to a mail.
pub(super) fn is_answer(mail: &NormalizedMail) -> bool {
    !mail.in_reply_to.is_empty() || !mail.references.is_empty()
}

/// A meeting: a calendar part that is no file among others, unless a program sent it or there are no words beside it; or
/// Outlook's classes.
pub(super) fn calendar(mail: &NormalizedMail, origin: &Origin) -> Option<Evidence> {
    let has_part = || mail.part_types.iter().any(|t| t == "text/calendar" || t == "application/ics");
    let has_words = || mail.part_types.iter().any(|t| matches!(t.as_str(), "text/plain" | "text/html"));
    if mail.is_meeting || has_part() && (origin.automatic || !has_words()) {
        return Some(Evidence { code: "calendar-part", place: "part text/calendar".to_owned(), detail: String::new() });
    }
    let class = mail.header("Content-Class").filter(|c| c.to_ascii_lowercase().contains("calendarmessage"))?;
    Some(header("calendar-class", "Content-Class", class))
}

/// A mailing list (RFC 2369, RFC 2919) or its ancestors.
pub(super) fn list(mail: &NormalizedMail) -> Vec<Evidence> {
    let mut out = Vec::new();
    for name in
        ["List-Id", "List-Post", "X-Mailing-List", "Mailing-List", "X-Mailman-Version", "X-ML-Name", "X-BeenThere", "X-Listname"]
    {
        if let Some(value) = mail.header(name).filter(|v| !v.trim().is_empty()) {
            // "List-Post: NO" (RFC 2369 section 3.4): a newsletter, where nobody answers.
            if !(name == "List-Post" && value.trim().to_ascii_uppercase().starts_with("NO")) {
                out.push(header("list", name, value));
            }
        }
    }
    if out.is_empty()
        && let Some(value) = mail.header("Precedence").filter(|v| v.trim().eq_ignore_ascii_case("list"))
    {
        out.push(header("precedence", "Precedence", value));
    }
    out
}

/// Programs that are none of the above.
pub(super) fn machine(mail: &NormalizedMail, origin: &Origin) -> Vec<Evidence> {
    let mut out = Vec::new();
    let mut take = |code, name: &str, fits: &dyn Fn(&str) -> bool| {
        out.extend(mail.headers_named(name).find(|v| fits(&v.trim().to_ascii_lowercase())).map(|v| header(code, name, v)));
    };
    take("auto-submitted", "Auto-Submitted", &|v| {
        !v.is_empty() && v != "no" && !v.starts_with("no;") && !v.starts_with("no ") && !origin.is_of_rule(v)
    });
    for name in ["Precedence", "X-Precedence"] {
        take("precedence", name, &|v| matches!(v, "bulk" | "junk"));
    }
    take("machine-generated", "X-FC-MachineGenerated", &|v| v == "true");
    take("machine-generated", "X-Amazon-Mail-Relay-Type", &|v| v == "notification");
    take("machine-generated", "X-Auto-Generated", &|v| !v.is_empty());
    take("machine-generated", "X-Cron-Env", &|v| !v.is_empty());
    take("machine-generated", "X-GitHub-Reason", &|v| !v.is_empty());
    // A service by which people write puts these into their letters too; nobody's answer is a mailing.
    if mail.in_reply_to.is_empty() {
        take("list-unsubscribe", "List-Unsubscribe", &|v| !v.is_empty());
        // Amazon gives one to whatever goes out by it.
        take("feedback-id", "Feedback-ID", &|v| !v.is_empty() && !v.ends_with(":amazonses"));
    }
    if let Some(daemon) = origin.daemon.as_ref().filter(|_| !(origin.maybe_person && is_answer(mail))) {
        out.push(header("daemon", "From", daemon));
    }
    if origin.null_sender {
        out.push(Evidence { code: "null-sender", place: "envelope".to_owned(), detail: "<>".to_owned() });
    }
    if let Some(address) = origin.unread.as_ref().filter(|_| !(out.is_empty() && is_written_for_another(mail))) {
        out.push(header("nobody-reads", "From", address));
    }
    out
}

/// A form of a web site: its own address is in From, and who filled it in waits for an answer elsewhere.
fn is_written_for_another(mail: &NormalizedMail) -> bool {
    let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    let site = mail.from.as_ref().and_then(|p| domain(&p.address));
    let [person] = mail.reply_to.as_slice() else { return false };
    let address = person.address.to_lowercase();
    let elsewhere = domain(&address).zip(site).is_some_and(|(a, b)| a != b && !is_below(&a, &b) && !is_below(&b, &a));
    elsewhere && !is_unread(&address) && !is_daemon(person)
}

fn is_below(domain: &str, parent: &str) -> bool {
    domain.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}
