//! The frame of every page, its stylesheet and its script, and the page for problems.

use super::problem::Problem;
use super::session::Staff;
use axum::http::{Uri, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::borrow::Cow;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("live.js");

/// Changes with every build that changes it, so that a browser never mixes old and new.
const ASSET_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A whole page. `staff` is who is logged in: their name and a logout button show.
pub(super) fn page(title: &str, staff: Option<&Staff>, content: Markup) -> Html<String> {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (told(title)) " · Tidegate" }
                link rel="stylesheet" href={ "/style.css?v=" (ASSET_VERSION) };
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                script src={ "/live.js?v=" (ASSET_VERSION) } defer {}
            }
            body {
                header.top {
                    a.brand href="/" { (mark()) span { "Tidegate" } }
                    @if let Some(staff) = staff {
                        nav { a href="/quarantine" { "Quarantine" } }
                        form.who method="post" action="/logout" {
                            (staff.csrf_field())
                            span.name { (staff.user.name) }
                            button.quiet type="submit" { "Log out" }
                        }
                    }
                }
                main { (content) }
            }
        }
    };
    Html(markup.into_string())
}

/// The mark: a gate in the water. Inline, so that it takes the text's colour.
fn mark() -> Markup {
    PreEscaped(ICON.to_owned())
}

const ICON: &str = include_str!("icon.svg");

pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

pub(super) async fn script() -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "public, max-age=3600")], text).into_response()
}

/// The page for a problem.
pub(super) fn problem(problem: &Problem) -> Html<String> {
    let title = match problem.status.as_u16() {
        404 => "Not found",
        401 | 403 => "Not allowed",
        409 => "Already handled",
        429 => "Too many attempts",
        503 => "Not available right now",
        400 | 413 | 422 => "That can't be done",
        _ => "Something failed",
    };
    page(
        title,
        None,
        html! {
            section.card.narrow {
                h1 { (title) }
                p { (problem.message) }
                p.actions {
                    @if let Some(back) = &problem.back { a.button href=(back) { "Back to the mail" } }
                    a.button.plain[problem.back.is_some()] href="/" { "Back to the quarantine" }
                }
            }
        },
    )
}

pub(super) async fn not_found(uri: Uri) -> Response {
    Problem::not_found("page").respond(uri.path().starts_with("/v1/"))
}

/// A mail's words as they are shown: with what would turn letters around (`exe.fdp` for `pdf.exe`) made visible. Embedding
/// and isolating marks stay; a word in another direction needs them, and they end with the element.
pub(super) fn told(text: &str) -> Cow<'_, str> {
    const OVERRIDES: [char; 2] = ['\u{202d}', '\u{202e}'];
    if text.contains(OVERRIDES) { Cow::Owned(text.replace(OVERRIDES, "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// A time in microseconds since 1970, for people: UTC, to the minute; the script makes it local.
pub(super) fn time(us: i64) -> Markup {
    let Ok(at) = jiff::Timestamp::from_microsecond(us) else { return html! { "–" } };
    let shown = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    html! { time datetime=(at.to_string()) { (shown) } }
}

/// A size for people.
pub(super) fn bytes(n: u64) -> String {
    match n {
        0..=1_023 => format!("{n} bytes"),
        1_024..=1_048_575 => format!("{:.1} KiB", n as f64 / 1_024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_for_people() {
        assert_eq!(bytes(900), "900 bytes");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(5 << 20), "5.0 MiB");
        assert!(time(1_700_000_000_000_000).into_string().contains("2023-11-14 22:13 UTC"));
    }

    #[test]
    fn letters_are_not_turned_around() {
        assert_eq!(told("invoice \u{202e}fdp.exe"), "invoice \u{fffd}fdp.exe");
        assert_eq!(told("\u{2067}שלום\u{2069}"), "\u{2067}שלום\u{2069}");
    }
}
