//! Who or what wrote a mail: signs in sender, reverse-path and header of programs, lists, calendars.

use super::header;
use crate::mail::{Evidence, NormalizedMail, Person};

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

/// Names under which mail systems report, in the languages of their programs.
const DAEMON_NAMES: &[&str] = &[
    "mail delivery s",
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

/// Ends of local parts under which the programs of mailing lists write.
const LIST_ROBOT_ENDS: &[&str] = &["-admin", "-owner", "-request", "-bounces", "-help", "-ctl", "-return"];
/// And their beginnings.
const LIST_ROBOT_STARTS: &[&str] = &["owner-", "majordomo", "listserv", "listproc", "sympa", "mailman", "ezmlm", "mlmmj", "fml"];

/// All of them.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    [DAEMONS, DAEMON_NAMES, LIST_ROBOT_ENDS, LIST_ROBOT_STARTS, UNREAD].into_iter().flatten().copied()
}

/// Local parts nobody reads.
const UNREAD: &[&str] = &[
    "no-reply",
    "noreply",
    "no_reply",
    "no.reply",
    "donotreply",
    "do-not-reply",
    "do_not_reply",
    "do.not.reply",
    "dont-reply",
    "notreply",
    "mailer-daemon",
    "automailer",
    "autoreply",
    "auto-reply",
    "notification-noreply",
];

/// What sender and envelope say.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The null reverse-path, in the envelope or in Return-Path.
    pub(super) null_sender: bool,
    /// From (or Sender, or the reverse-path) is a mail system's own address.
    pub(super) daemon: Option<String>,
    /// From is an address that nobody reads.
    pub(super) unread: Option<String>,
    /// It says that a program sent it (RFC 3834).
    pub(super) automatic: bool,
    /// The program of a mailing list wrote it, and here is the list's address, as far as its own tells.
    pub(super) list_robot: Option<String>,
}

impl Origin {
    pub(super) fn of(mail: &NormalizedMail, reverse_path: Option<&str>) -> Origin {
        let returned = mail.headers_named("Return-Path").any(|v| matches!(v.trim(), "<>" | ""));
        let automatic = mail
            .headers_named("Auto-Submitted")
            .any(|v| v.trim().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("auto-")));
        // A relay that writes itself into From leaves where the report came from. Services send people's letters
        // with `bounces+…` as their return path: that is no mail system's own.
        let paths = reverse_path.into_iter().chain(mail.headers_named("Return-Path").map(str::trim));
        let systems: Vec<Person> = paths
            .map(|path| path.trim_matches(['<', '>', ' ']))
            .filter(|path| !path.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("bounce")))
            .map(|path| Person { name: String::new(), address: path.to_owned() })
            .collect();
        let daemon = mail
            .from
            .iter()
            .chain(&mail.sender)
            .chain(&systems)
            .find(|p| is_daemon(p))
            .map(|p| if p.address.is_empty() { p.name.clone() } else { p.address.clone() });
        let unread = mail.from.as_ref().map(|p| p.address.to_lowercase()).filter(|a| is_unread(a));
        let list_robot = mail.from.as_ref().and_then(|p| list_of_robot(&p.address.to_lowercase()));
        Origin { null_sender: reverse_path.map_or(returned, str::is_empty) || returned, daemon, unread, automatic, list_robot }
    }
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

fn is_unread(address: &str) -> bool {
    let local = address.split('@').next().unwrap_or_default();
    UNREAD.iter().any(|u| local == *u || local.strip_prefix(*u).is_some_and(|r| r.starts_with(['-', '+', '.', '_'])))
}

fn is_daemon(person: &Person) -> bool {
    let address = person.address.to_lowercase();
    let local = address.split('@').next().unwrap_or_default();
    let name = person.name.to_lowercase();
    DAEMONS.iter().any(|d| local == *d || local.strip_prefix(*d).is_some_and(|rest| rest.starts_with(['-', '+', '.', '='])))
        || local.starts_with("microsoftexchange")
        || DAEMON_NAMES.iter().any(|n| name.starts_with(n))
}

/// A meeting: a calendar part with a method, or Outlook's classes.
pub(super) fn calendar(mail: &NormalizedMail) -> Option<Evidence> {
    if mail.part_types.iter().any(|t| t == "text/calendar" || t == "application/ics") {
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
    take("auto-submitted", "Auto-Submitted", &|v| !v.is_empty() && v != "no" && !v.starts_with("no;") && !v.starts_with("no "));
    for name in ["Precedence", "X-Precedence"] {
        take("precedence", name, &|v| matches!(v, "bulk" | "junk"));
    }
    take("machine-generated", "X-FC-MachineGenerated", &|v| v == "true");
    take("machine-generated", "X-Amazon-Mail-Relay-Type", &|v| v == "notification");
    take("machine-generated", "X-Auto-Generated", &|v| !v.is_empty());
    take("machine-generated", "X-GitHub-Reason", &|v| !v.is_empty());
    take("list-unsubscribe", "List-Unsubscribe", &|v| !v.is_empty());
    take("feedback-id", "Feedback-ID", &|v| !v.is_empty());
    if let Some(daemon) = &origin.daemon {
        out.push(header("daemon", "From", daemon));
    }
    if origin.null_sender {
        out.push(Evidence { code: "null-sender", place: "envelope".to_owned(), detail: "<>".to_owned() });
    }
    if let Some(address) = &origin.unread {
        out.push(header("nobody-reads", "From", address));
    }
    out
}
