//! One held mail: why it is held, what it says, what would happen; and its raw bytes.
//!
//! # Failure
//! When the mail can't be read, the page says so and still offers the raw mail, release and
//! discard: those need no reading.
//!
//! # Trust
//! Nothing in the mail. Text is escaped; html is sanitized and shown in a sandboxed frame that has
//! a policy of its own and loads nothing; files are downloads, never opened by the browser.

use super::layout::told;
use super::problem::{Problem, sentence};
use super::reading::{self, ReadMail, Unreadable};
use super::review::{self, reason_name, state_chip};
use super::session::Staff;
use super::{SharedApp, disposition, layout, proposal};
use crate::mail::{Locator, Person, QuarantineId, UserId};
use crate::store::{QuarantineFilter, QuarantineItem, QuarantineState};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use std::sync::Arc;

/// For the frame that shows a mail's html: its own inline styles, pictures that came inside it, and
/// nothing else; `sandbox` takes scripts, forms and navigation away.
const MAIL_POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";
/// Header fields shown; the raw mail has the rest.
const HEADERS_SHOWN: usize = 200;
/// Characters of a file's name in a download; file systems take 255 bytes.
const NAME_CHARS_MAX: usize = 150;
/// Characters of its ending (`.jpeg`).
const ENDING_CHARS_MAX: usize = 16;
/// Repairs and attachments shown.
const ROWS_SHOWN: usize = 200;

/// The item, or the page that says there is none.
pub(super) async fn find(app: &SharedApp, id: &str) -> Result<QuarantineItem, Problem> {
    let id: QuarantineId = id.parse().map_err(|_| Problem::not_found("held mail"))?;
    Ok(app.state.store.quarantine_item(id).await?)
}

pub(super) async fn show(State(app): State<SharedApp>, staff: Staff, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let item = find(&app, &id).await?;
    let organisation = app.state.store.organisation_name(item.organisation).await?;
    let actor = actor_name(&app, item.actor.as_deref()).await?;
    app.state.store.note_access(item.organisation, &staff.actor(), "quarantine.read", &item.id.to_string()).await?;
    let read = reading::read(&app, item.locator).await;
    let proposed = if item.state == QuarantineState::Held { proposal::of(&app, &item, read.as_ref().ok()).await } else { None };

    let suggested = match &proposed {
        Some(proposed) => proposal::suggested(&app, proposed).await,
        None => Vec::new(),
    };
    let there = match &proposed {
        Some(proposed) => proposal::there(&app, proposed).await,
        None => None,
    };

    let next = if item.state == QuarantineState::Held { None } else { next_held(&app, item.id).await? };
    let subject = match &read {
        Ok(read) => read.mail.subject.clone(),
        Err(_) => item.subject.clone().unwrap_or_default(),
    };
    let title = if subject.is_empty() { "Mail without a readable subject" } else { &subject };
    let content = html! {
        a.back href=(review::PATH) { "← Quarantine" }
        div.head { h1 dir="auto" { (told(title)) } (state_chip(item.state)) }
        (outcome(&item, &actor, next))
        section.card { (facts(&item, organisation.as_deref(), &read)) }
        section.card {
            h2 { "Why it is held" }
            @for reason in &item.reasons {
                div.reason {
                    h3 { (reason_name(reason.code)) }
                    p { (reason.code.explain()) }
                    @if !reason.detail.is_empty() { p.soft.mono { (reason.detail) } }
                }
            }
        }
        @if item.state == QuarantineState::Held {
            section.card {
                h2 { "What to do" }
                @if let Some(proposed) = &proposed { (proposal::show(proposed)) }
                @if let Some((conversation, links)) = &there { (proposal::show_there(conversation, links)) }
                @if item.group_items > 1 {
                    p.note role="status" {
                        "This is the first of a group of " (item.group_items) " mails. What you decide here holds for all of them."
                    }
                } @else if let Some(first) = item.group.filter(|first| *first != item.id) {
                    p.note role="status" {
                        "This mail was held with others. "
                        a href={ (review::PATH) "/" (first) } { "Decide on the whole group" }
                    }
                }
                (disposition::forms(&staff, item.id, &suggested))
            }
        }
        @match &read {
            Ok(read) => (mail(&app, &item, read)),
            Err(problem) => (unreadable(problem)),
        }
        p { a.button.plain href={ (review::PATH) "/" (item.id) "/raw" } { "Download the raw mail" } }
    };
    Ok(layout::page(title, Some(&staff), content))
}

/// Whom the audit means, in words for staff.
pub(super) async fn actor_name(app: &SharedApp, actor: Option<&str>) -> Result<String, Problem> {
    Ok(match actor {
        None => "somebody".to_owned(),
        Some("cli") => "the command line".to_owned(),
        Some("api") => "the API".to_owned(),
        Some(actor) => {
            let id: Option<UserId> = actor.strip_prefix("user:").and_then(|id| id.parse().ok());
            let users = if id.is_some() { app.state.store.users().await? } else { Vec::new() };
            users.into_iter().find(|u| Some(u.id) == id).map_or_else(|| actor.to_owned(), |u| u.name)
        }
    })
}

/// The held mail that stands below this one in the list; behind the last, the first.
async fn next_held(app: &SharedApp, id: QuarantineId) -> Result<Option<QuarantineId>, Problem> {
    for before in [Some(id), None] {
        let filter = QuarantineFilter { state: Some(QuarantineState::Held), before, ..QuarantineFilter::default() };
        if let Some(next) = app.state.store.quarantine_matching(&filter, 1).await?.first() {
            return Ok(Some(next.id));
        }
    }
    Ok(None)
}

/// What was decided, as a word; nothing while it is held.
pub(super) const fn decided(state: QuarantineState) -> Option<&'static str> {
    match state {
        QuarantineState::Held => None,
        QuarantineState::Released | QuarantineState::Attached => Some("released"),
        QuarantineState::Discarded => Some("discarded"),
    }
}

/// What became of it, once it is not held any more.
fn outcome(item: &QuarantineItem, by: &str, next: Option<QuarantineId>) -> Markup {
    let (class, verb, what) = match item.state {
        QuarantineState::Held => return html! {},
        QuarantineState::Released => ("note good", "Released", ". It will be in its conversation in a moment. "),
        QuarantineState::Attached => ("note good", "Released", ", and attached to its conversation. "),
        QuarantineState::Discarded => ("note", "Discarded", ". The raw mail stays in the journal. "),
    };
    html! {
        p class=(class) role="status" {
            (verb) " by " (by)
            @if let Some(when) = item.decided_at_us { ", " (layout::time(when)) }
            @if item.group_items > 1 { ", with the others of its group" }
            (what)
            @match next {
                Some(next) => a href={ (review::PATH) "/" (next) } { "Next held mail" }
                None => a href=(review::PATH) { "Nothing else is held" }
            }
        }
    }
}

/// Who wrote to whom, and when.
fn facts(item: &QuarantineItem, organisation: Option<&str>, read: &Result<Arc<ReadMail>, Unreadable>) -> Markup {
    html! {
        dl.facts {
            @match read {
                Ok(read) => {
                    dt { "From" } dd { (people(read.mail.from.as_slice())) }
                    dt { "To" } dd { (people(&read.mail.to)) }
                    @if !read.mail.cc.is_empty() { dt { "Cc" } dd { (people(&read.mail.cc)) } }
                }
                Err(_) => {
                    @if let Some(sender) = &item.sender { dt { "From" } dd { bdi { (told(sender)) } } }
                }
            }
            dt { "Received" } dd { (layout::time(item.received_at_us)) @if let Some(name) = organisation { ", for " (name) } }
        }
    }
}

/// Where it came from, for those who look after mail servers.
fn way(item: &QuarantineItem, read: &ReadMail) -> Markup {
    let envelope = &read.entry.envelope;
    html! {
        dl.facts {
            dt { "Envelope" }
            dd {
                @if envelope.reverse_path.is_empty() { "no sender (as bounces have)" } @else { (envelope.reverse_path) }
                " → "
                @for (n, r) in envelope.recipients.iter().filter(|r| r.organisation == item.organisation).take(10).enumerate() {
                    @if n > 0 { ", " } (r.address)
                }
            }
            dt { "Came from" }
            dd {
                @if let Some(ip) = envelope.client_ip { (ip) } @else { "this machine" }
                @if let Some(helo) = &envelope.helo { " (" (helo) ")" }
                ", " (format!("{:?}", envelope.protocol))
                @if envelope.tls.is_some() { ", encrypted" }
            }
            dt { "Kind" } dd { (read.class.class.as_str()) @if let Some(client) = read.mail.client { ", written with " (client) } }
            dt { "Size" } dd { (layout::bytes(read.entry.body_len)) }
            dt { "Queue id" } dd.mono { (item.locator.position) }
        }
    }
}

fn people(people: &[Person]) -> Markup {
    html! {
        @if people.is_empty() { span.soft { "nobody" } }
        @for (n, p) in people.iter().take(20).enumerate() {
            @if n > 0 { ", " }
            @if p.name.is_empty() { bdi { (told(&p.address)) } }
            @else { bdi { (told(&p.name)) } " " span.soft { "<" bdi { (told(&p.address)) } ">" } }
        }
        @if people.len() > 20 { span.soft { " and " (people.len() - 20) " more" } }
    }
}

fn mail(app: &SharedApp, item: &QuarantineItem, read: &ReadMail) -> Markup {
    let mail = &read.mail;
    let (text, cut) = shortened(&mail.text, app.limits.web_text_bytes_max);
    let base = format!("{}/{}", review::PATH, item.id);
    html! {
        section.card {
            h2 { "What it says" }
            @if mail.text.trim().is_empty() { p.soft { "There is no text in this mail." } } @else { pre.mail { (told(text)) } }
            @if cut { p.soft { "The text goes on; download the raw mail for all of it." } }
            @if read.html.is_some() {
                details {
                    summary { "As the sender formatted it" }
                    p.soft.small { "Without scripts and without anything from elsewhere." }
                    iframe src={ (base) "/html" } sandbox="" loading="lazy" referrerpolicy="no-referrer" title="The mail's formatted text" {}
                }
            }
            @if !mail.attachments.is_empty() {
                details open {
                    summary { (mail.attachments.len()) @if mail.attachments.len() == 1 { " attachment" } @else { " attachments" } }
                    table {
                        @for a in mail.attachments.iter().take(ROWS_SHOWN) {
                            tr {
                                td { a href={ (base) "/attachments/" (a.part) } { bdi { (told(&a.name)) } } }
                                td.kind.soft { (a.content_type) }
                                td.size.soft { (layout::bytes(a.size)) }
                            }
                        }
                    }
                }
            }
            @if !mail.repairs.is_empty() {
                details {
                    summary { (mail.repairs.len()) @if mail.repairs.len() == 1 { " repair" } @else { " repairs" } " while reading" }
                    table {
                        @for r in mail.repairs.iter().take(ROWS_SHOWN) {
                            tr { td.name.mono { (r.code) } td { (r.place) } td.soft { (r.detail) } }
                        }
                    }
                }
            }
            details {
                summary { "Where it came from" }
                (way(item, read))
            }
            details {
                summary { "Headers" }
                table {
                    @for h in mail.headers.iter().take(HEADERS_SHOWN) {
                        tr { th.name { (h.name) } td { bdi dir="ltr" { (told(shortened(&h.value, 2_000).0)) } } }
                    }
                }
                @if mail.headers.len() > HEADERS_SHOWN { p.soft { (mail.headers.len() - HEADERS_SHOWN) " more in the raw mail." } }
            }
        }
    }
}

fn unreadable(problem: &Unreadable) -> Markup {
    html! {
        section.card {
            h2 { "What it says" }
            p { "The mail can't be shown: " (problem) "." }
            p.soft { "You can still release it, discard it, or download it." }
        }
    }
}

/// At most `max` bytes, cut between characters; and whether it was cut.
fn shortened(text: &str, max: usize) -> (&str, bool) {
    if text.len() <= max {
        return (text, false);
    }
    let end = (0..=max).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
    (&text[..end], true)
}

/// The mail's html for the sandboxed frame.
pub(super) async fn formatted(State(app): State<SharedApp>, _staff: Staff, Path(id): Path<String>) -> Result<Response, Problem> {
    let item = find(&app, &id).await?;
    let read = reading::read(&app, item.locator).await.map_err(could_not_read)?;
    let body = read.html.as_deref().unwrap_or_default();
    let page = format!(
        "<!DOCTYPE html><meta charset=utf-8><base target=_blank><style>body{{font:15px/1.5 sans-serif;margin:1rem;overflow-wrap:anywhere}}</style>{body}"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, MAIL_POLICY),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, page).into_response())
}

/// The raw mail, as a download. Audited.
pub(super) async fn raw(State(app): State<SharedApp>, staff: Staff, Path(id): Path<String>) -> Result<Response, Problem> {
    let item = find(&app, &id).await?;
    app.state.store.note_access(item.organisation, &staff.actor(), "quarantine.raw", &item.id.to_string()).await?;
    raw_mail(&app, item.locator).await
}

/// An attachment, as a download. Audited.
pub(super) async fn attachment(
    State(app): State<SharedApp>,
    staff: Staff,
    Path((id, part)): Path<(String, u32)>,
) -> Result<Response, Problem> {
    let item = find(&app, &id).await?;
    app.state
        .store
        .note_access(item.organisation, &staff.actor(), "quarantine.attachment", &format!("{} part {part}", item.id))
        .await?;
    let read = reading::read(&app, item.locator).await.map_err(could_not_read)?;
    let Some(found) = read.mail.attachments.iter().find(|a| a.part == part) else {
        return Err(Problem::not_found("attachment"));
    };
    let bytes = reading::attachment(&app, item.locator, part).await.map_err(could_not_read)?;
    Ok(download("application/octet-stream", &found.name, bytes.ok_or_else(|| Problem::not_found("attachment"))?))
}

/// A raw mail as a download, named by its place in the journal.
pub(super) async fn raw_mail(app: &SharedApp, locator: Locator) -> Result<Response, Problem> {
    let (length, body) = reading::raw(app, locator).await.map_err(could_not_read)?;
    let mut response = download("message/rfc822", &format!("{}.eml", locator.position), body);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Bytes that a browser saves and never opens.
pub(super) fn download(content_type: &str, name: &str, bytes: impl Into<Body>) -> Response {
    let content_type = HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let mut response = bytes.into().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment_named(name));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    response
}

/// At most so many characters, the ending among them: without it nothing knows what to do with a file.
fn cut_name(name: &str, max: usize) -> String {
    let length = name.chars().count();
    if length <= max {
        return name.to_owned();
    }
    let ending = name.rfind('.').map(|at| &name[at..]).filter(|e| e.chars().count() <= ENDING_CHARS_MAX).unwrap_or_default();
    name.chars().take(max - ending.chars().count()).chain(ending.chars()).collect()
}

/// RFC 6266: the name for old clients in ASCII, and the true one (RFC 8187).
fn attachment_named(name: &str) -> HeaderValue {
    let name = cut_name(&layout::told(name), NAME_CHARS_MAX);
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || " ._-".contains(c) { c } else { '_' }).collect();
    let mut full = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            full.push(char::from(byte));
        } else {
            full.push_str(&format!("%{byte:02X}"));
        }
    }
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

pub(super) fn could_not_read(problem: Unreadable) -> Problem {
    use axum::http::StatusCode;
    let (status, code) = match &problem {
        Unreadable::Elsewhere => (StatusCode::NOT_FOUND, "elsewhere"),
        Unreadable::Journal(error) if error.is_transient() => (StatusCode::SERVICE_UNAVAILABLE, "journal"),
        Unreadable::Journal(_) => (StatusCode::GONE, "journal"),
        Unreadable::Panicked => (StatusCode::UNPROCESSABLE_ENTITY, "reader-failed"),
        Unreadable::TimedOut | Unreadable::Busy => (StatusCode::SERVICE_UNAVAILABLE, "reader-busy"),
    };
    Problem::new(status, code, sentence(&problem.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_file_name_stays_a_name() {
        let header = attachment_named("../..\\\"; x=\r\n\u{202e}é.exe");
        assert_eq!(
            header.to_str().unwrap(),
            "attachment; filename=\".._..___ x_____.exe\"; filename*=UTF-8''..%2F..%5C%22%3B%20x%3D%0D%0A%EF%BF%BD%C3%A9.exe"
        );
    }

    #[test]
    fn a_long_file_name_keeps_its_ending() {
        assert_eq!(cut_name(&format!("{}.pdf", "é".repeat(300)), 150), format!("{}.pdf", "é".repeat(146)));
        assert_eq!(cut_name(&"x".repeat(151), 150), "x".repeat(150));
        assert_eq!(cut_name(&format!("a.{}", "y".repeat(300)), 150).chars().count(), 150);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(shortened("aé", 2), ("a", true));
        assert_eq!(shortened("aé", 3), ("aé", false));
    }
}
