//! The quarantine as a list: paged by key, filtered by state, reason and organisation, newest first.
//!
//! # Failure
//! Senders and subjects that were not stored (the reader never got that far) are read from the
//! raw headers while the page is made, for a bounded time; what is not there by then is left out.

use super::live::Events;
use super::problem::Problem;
use super::reading::{self, Glimpse};
use super::session::Staff;
use super::{SharedApp, layout};
use crate::mail::{OrganisationId, QuarantineId, ReasonCode};
use crate::store::{QuarantineFilter, QuarantineItem, QuarantineState};
use axum::extract::{Query, State};
use axum::response::Html;
use axum::response::sse::Event;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;

/// Where the list is.
pub(super) const PATH: &str = "/quarantine";
/// Rows of a page of the list: what a person scans at once.
const ROWS: usize = 50;

/// What the address says: all optional, an empty value is none.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct Asked {
    state: String,
    reason: String,
    organisation: String,
    after: String,
}

impl Asked {
    fn filter(&self) -> Result<QuarantineFilter, Problem> {
        let state = match self.state.as_str() {
            "" => Some(QuarantineState::Held),
            "all" => None,
            word => Some(QuarantineState::from_word(word).ok_or_else(|| Problem::bad_request("There is no such state."))?),
        };
        let reason = match self.reason.as_str() {
            "" => None,
            word => Some(ReasonCode::from_word(word).ok_or_else(|| Problem::bad_request("There is no such reason."))?),
        };
        let organisation = parse_id::<OrganisationId>(&self.organisation)?;
        let before = parse_id::<QuarantineId>(&self.after)?;
        Ok(QuarantineFilter { state, reason, organisation, before })
    }

    /// The address of the page behind `last`, with the same filters.
    fn next(&self, last: QuarantineId) -> String {
        // Every value was parsed: words and ids only, nothing to escape.
        format!("{PATH}?state={}&reason={}&organisation={}&after={last}", self.state, self.reason, self.organisation)
    }

    fn filtered(&self) -> bool {
        !(self.state.is_empty() && self.reason.is_empty() && self.organisation.is_empty())
    }
}

fn parse_id<T: std::str::FromStr<Err = crate::mail::ParseIdError>>(text: &str) -> Result<Option<T>, Problem> {
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(|e: crate::mail::ParseIdError| Problem::bad_request(e.to_string()))
    }
}

pub(super) async fn list(
    State(app): State<SharedApp>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let filter = asked.filter()?;
    let rows = ROWS.min(app.limits.page_rows_max);
    // One more than is shown tells whether there is a next page.
    let mut items = app.state.store.quarantine_matching(&filter, rows + 1).await?;
    let more = items.len() > rows;
    items.truncate(rows);
    let newest = app.state.store.newest_held().await?;
    let organisations = app.state.store.organisation_names(app.limits.page_rows_max).await?;
    let names: HashMap<OrganisationId, &str> = organisations.iter().map(|(id, name)| (*id, name.as_str())).collect();
    let glimpses = glimpses(&app, &items).await;
    let next = more.then(|| items.last().map(|last| asked.next(last.id))).flatten();

    let content = html! {
        div.head {
            div {
                h1 { "Quarantine" }
                p.lead { "Mail that Tidegate was not sure about. Nothing here is lost: release it or discard it." }
            }
        }
        p.note #changed hidden role="status" data-since=(newest.map(|id| id.to_string()).unwrap_or_default()) {
            "New mail is being held. " a href=(PATH) { "Show it" }
        }
        (filters(&asked, &organisations))
        section.card.list {
            @if items.is_empty() {
                div.empty {
                    @if !asked.after.is_empty() { h2 { "That was the last page" } }
                    @else if asked.filtered() { h2 { "Nothing matches" } p.soft { "Try other filters." } }
                    @else { h2 { "Nothing is held" } p.soft { "Every mail found its conversation." } }
                }
            } @else {
                ul.items {
                    @for (item, glimpse) in items.iter().zip(&glimpses) {
                        li { (row(item, glimpse.as_ref(), names.get(&item.organisation).copied(), names.len() > 1)) }
                    }
                }
            }
        }
        div.pages {
            @if asked.after.is_empty() { span {} } @else { a href=(PATH) { "← Newest" } }
            @if let Some(next) = next { a href=(next) rel="next" { "Older →" } }
        }
    };
    Ok(layout::page("Quarantine", Some(&staff), content))
}

/// Tells a list that there is more.
pub(super) async fn live(State(app): State<SharedApp>, _staff: Staff) -> Result<Events, Problem> {
    let seat = app.live.seat().ok_or_else(Problem::busy)?;
    Ok(app.live.stream(seat, app.live.held(), |mut held| async move {
        held.changed().await.ok()?;
        let newest = held.borrow_and_update().map(|id| id.to_string()).unwrap_or_default();
        Some((Event::default().event("held").data(newest), held))
    }))
}

/// Reads from the raw headers what the items do not have.
async fn glimpses(app: &SharedApp, items: &[QuarantineItem]) -> Vec<Option<Glimpse>> {
    let missing: Vec<_> = items.iter().filter(|i| i.subject.is_none()).map(|i| i.locator).collect();
    let mut read = if missing.is_empty() { Vec::new() } else { reading::glimpses(app, &missing).await }.into_iter();
    let stored = |i: &QuarantineItem| {
        let subject = i.subject.clone()?;
        Some(Glimpse { from: i.sender.clone().unwrap_or_default(), subject })
    };
    items.iter().map(|i| stored(i).or_else(|| read.next().flatten())).collect()
}

fn row(item: &QuarantineItem, glimpse: Option<&Glimpse>, organisation: Option<&str>, show_organisation: bool) -> Markup {
    let subject = glimpse.map(|g| g.subject.as_str()).unwrap_or_default();
    let from = glimpse.map(|g| g.from.as_str()).unwrap_or_default();
    html! {
        a.item href={ (PATH) "/" (item.id) } {
            span.subject { @if subject.is_empty() { span.soft { "No readable subject" } } @else { bdi { (layout::told(subject)) } } }
            span.when { (layout::time(item.received_at_us)) }
            span.from {
                @if from.is_empty() { "Unknown sender" } @else { bdi { (layout::told(from)) } }
                @if show_organisation { @if let Some(name) = organisation { " · " (name) } }
            }
            span.chips {
                @for reason in &item.reasons { span.chip.warn { (reason_name(reason.code)) } " " }
                @if item.group_items > 1 { span.chip { "Group of " (item.group_items) } " " }
                @if item.state != QuarantineState::Held { (state_chip(item.state)) }
            }
        }
    }
}

fn filters(asked: &Asked, organisations: &[(OrganisationId, String)]) -> Markup {
    let states = [("", "Held"), ("released", "Released"), ("attached", "Attached"), ("discarded", "Discarded"), ("all", "All")];
    html! {
        form.filters method="get" action=(PATH) {
            label {
                "State"
                select name="state" {
                    @for (word, name) in states { option value=(word) selected[asked.state == word] { (name) } }
                }
            }
            label {
                "Reason"
                select name="reason" {
                    option value="" { "Any" }
                    @for code in ReasonCode::ALL {
                        option value=(code.as_str()) selected[asked.reason == code.as_str()] { (reason_name(code)) }
                    }
                }
            }
            @if organisations.len() > 1 {
                label {
                    "Organisation"
                    select name="organisation" {
                        option value="" { "Any" }
                        @for (id, name) in organisations {
                            option value=(id) selected[asked.organisation == id.to_string()] { (name) }
                        }
                    }
                }
            }
            button.plain type="submit" { "Filter" }
        }
    }
}

/// A reason in two or three words.
pub(super) const fn reason_name(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::ReaderPanicked => "Reader failed",
        ReasonCode::ReaderTimedOut => "Took too long to read",
        ReasonCode::ReaderCrashed => "Crashed the gateway",
        ReasonCode::StoreRefused => "Database refused it",
        ReasonCode::ForeignEvidence => "Another organisation's token",
        ReasonCode::ForgedParticipant => "Sender may be forged",
        ReasonCode::Loop => "Loop or flood",
        ReasonCode::InvalidTokens => "Invalid reply addresses",
    }
}

pub(super) fn state_chip(state: QuarantineState) -> Markup {
    match state {
        QuarantineState::Held => html! { span.chip.warn { "Held" } },
        QuarantineState::Released => html! { span.chip.good { "Released" } },
        QuarantineState::Attached => html! { span.chip.good { "Attached" } },
        QuarantineState::Discarded => html! { span.chip { "Discarded" } },
    }
}
