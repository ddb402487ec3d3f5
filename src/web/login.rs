//! Logging in and out, and the one-time link that lets a new user choose a password.
//!
//! # Failure
//! A wrong name, a wrong password and a user without a password look the same and take the same
//! time. Too many failures: 429.
//!
//! # Trust
//! Forms are tied to the browser that got them by a cookie, before there is a session too. A link
//! is used up by a POST only, so that programs that look at links do not use it up.

use super::problem::Problem;
use super::session::{Cookie, Csrf, Secret, Staff, same_origin};
use super::{SharedApp, layout, password, review};
use crate::mail::{QuarantineId, UserId};
use crate::store::now_us;
use axum::Form;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Instant;

/// Seconds a form may lie open before it is sent.
const VISIT_SECONDS: u64 = 3_600;
/// Characters of a user's name.
const NAME_CHARS_MAX: usize = 100;
const ENDED: &str = "You were logged out in the meantime, so nothing was done. Log in and do it again.";
const STALE_FORM: &str = "This form was open for too long, or cookies are switched off. Please try again.";

/// Where somebody wanted to go who was not logged in.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wanted {
    item: String,
    ended: String,
}

/// The held mail with this id, else the list. An id that is none leads to the list: nowhere else.
fn place(item: &str) -> String {
    match item.parse::<QuarantineId>() {
        Ok(id) => format!("{}/{id}", review::PATH),
        Err(_) => review::PATH.to_owned(),
    }
}

/// `/`: the quarantine for staff, else the login form.
pub(super) async fn home(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    match Staff::find(&app, &headers).await? {
        Some(_) => Ok(Redirect::to(&place(&wanted.item)).into_response()),
        None => {
            let complaint = (!wanted.ended.is_empty()).then_some(ENDED);
            login_page(&app, &headers, StatusCode::OK, complaint, &wanted.item)
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Login {
    csrf: String,
    name: String,
    password: String,
    #[serde(default)]
    item: String,
}

pub(super) async fn log_in(
    State(app): State<SharedApp>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Problem> {
    if !visit_allows(&app, &headers, &login.csrf) {
        return login_page(&app, &headers, StatusCode::FORBIDDEN, Some(STALE_FORM), &login.item);
    }
    if !app.throttle.admits(peer.ip(), &login.name, Instant::now()) {
        let minutes = app.limits.login_window.as_secs().div_ceil(60);
        let words = format!("Too many failed attempts to log in. Try again in {minutes} minutes.");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", words);
        return Err(Problem { retry_s: Some(app.limits.login_window.as_secs()), ..problem });
    }
    // Counted before it is known to be wrong: many at once must not slip through while one is checked.
    app.throttle.failed(peer.ip(), &login.name, Instant::now());
    let user = app.state.store.user_named(login.name.trim()).await?;
    let hash = user.as_ref().and_then(|u| u.password_hash.clone());
    let right = app.hashing.verify(login.password, hash).await.map_err(|_| Problem::internal())?;
    match user {
        Some(user) if right => {
            app.throttle.succeeded(peer.ip(), &login.name);
            begin_session(&app, user.id, &place(&login.item)).await
        }
        _ => {
            let complaint = Some("The name or the password is not right.");
            login_page(&app, &headers, StatusCode::UNAUTHORIZED, complaint, &login.item)
        }
    }
}

pub(super) async fn log_out(
    State(app): State<SharedApp>,
    staff: Staff,
    headers: HeaderMap,
    Form(form): Form<Csrf>,
) -> Result<Response, Problem> {
    staff.check(&app, &headers, &form.csrf)?;
    app.state.store.end_session(&staff.session()).await?;
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().insert(header::SET_COOKIE, Cookie::Session.clear(app.secure));
    Ok(response)
}

/// The one-time link: shows the form, uses nothing up.
pub(super) async fn show_link(
    State(app): State<SharedApp>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let link = Secret::from_wire(&token).ok_or_else(no_such_link)?;
    let user = app.state.store.login_link_user(&link.hash(), now_us()).await?.ok_or_else(no_such_link)?;
    link_page(&app, &headers, &link, &user.name, StatusCode::OK, None)
}

#[derive(Deserialize)]
pub(super) struct ChosenPassword {
    csrf: String,
    name: String,
    password: String,
    again: String,
}

/// Uses the one-time link up: sets name and password, and logs in.
pub(super) async fn use_link(
    State(app): State<SharedApp>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(form): Form<ChosenPassword>,
) -> Result<Response, Problem> {
    let link = Secret::from_wire(&token).ok_or_else(no_such_link)?;
    let name = form.name.trim().to_owned();
    let complaint = if !visit_allows(&app, &headers, &form.csrf) {
        Some(STALE_FORM.to_owned())
    } else if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        Some(format!("Choose a name of 1 to {NAME_CHARS_MAX} characters."))
    } else if form.password != form.again {
        Some("The two passwords are not the same.".to_owned())
    } else {
        password::weakness(&form.password)
    };
    if let Some(complaint) = complaint {
        return link_page(&app, &headers, &link, &name, StatusCode::UNPROCESSABLE_ENTITY, Some(&complaint));
    }
    // Looked up before the costly hash, so that made-up links cost nothing.
    app.state.store.login_link_user(&link.hash(), now_us()).await?.ok_or_else(no_such_link)?;
    let hash = app.hashing.hash(form.password).await.map_err(|_| Problem::internal())?;
    let user = app.state.store.use_login_link(&link.hash(), &name, &hash, now_us()).await?.ok_or_else(no_such_link)?;
    begin_session(&app, user.id, review::PATH).await
}

async fn begin_session(app: &SharedApp, user: UserId, place: &str) -> Result<Response, Problem> {
    let secret = Secret::random().map_err(|_| Problem::internal())?;
    let seconds = app.state.config.web.session_hours * 3_600;
    let now = now_us();
    let until = now.saturating_add_unsigned(seconds.saturating_mul(1_000_000));
    app.state.store.begin_session(&secret.hash(), user, now, until).await?;
    let mut response = Redirect::to(place).into_response();
    response.headers_mut().append(header::SET_COOKIE, Cookie::Session.set(&secret, seconds, app.secure));
    response.headers_mut().append(header::SET_COOKIE, Cookie::Visit.clear(app.secure));
    Ok(response)
}

fn no_such_link() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-link",
        "This link was used, or is older than a day. The gateway prints a new one when it starts and nobody has a password yet; \
         `tidegate user` makes one for everybody else.",
    )
}

/// Whether a form was made for this browser, and not on another site.
fn visit_allows(app: &SharedApp, headers: &HeaderMap, csrf: &str) -> bool {
    same_origin(app, headers) && Cookie::Visit.read(headers, app.secure).is_some_and(|visit| visit.allows(csrf))
}

/// A page with a form for somebody who is not logged in; the cookie that ties them is kept or made.
fn form_page(
    app: &SharedApp,
    headers: &HeaderMap,
    status: StatusCode,
    title: &str,
    complaint: Option<&str>,
    form: impl FnOnce(Markup) -> Markup,
) -> Result<Response, Problem> {
    let visit = match Cookie::Visit.read(headers, app.secure) {
        Some(visit) => visit,
        None => Secret::random().map_err(|_| Problem::internal())?,
    };
    let csrf = html! { input type="hidden" name="csrf" value=(visit.form_token()); };
    let content = html! {
        section.card.narrow {
            h1 { (title) }
            @if let Some(complaint) = complaint { p.note role="alert" { (complaint) } }
            (form(csrf))
        }
    };
    let mut response = (status, layout::page(title, None, content)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, Cookie::Visit.set(&visit, VISIT_SECONDS, app.secure));
    Ok(response)
}

fn login_page(
    app: &SharedApp,
    headers: &HeaderMap,
    status: StatusCode,
    complaint: Option<&str>,
    item: &str,
) -> Result<Response, Problem> {
    let item: Option<QuarantineId> = item.parse().ok();
    form_page(app, headers, status, "Log in", complaint, |csrf| {
        html! {
            form method="post" action="/login" {
                (csrf)
                @if let Some(item) = item { input type="hidden" name="item" value=(item); }
                label { "Name" input name="name" autocomplete="username" required autofocus maxlength=(NAME_CHARS_MAX); }
                label { "Password" input name="password" type="password" autocomplete="current-password" required; }
                p.actions { button type="submit" { "Log in" } }
            }
            p.soft.small { "The first administrator uses the one-time link that the gateway prints when it starts." }
        }
    })
}

fn link_page(
    app: &SharedApp,
    headers: &HeaderMap,
    link: &Secret,
    name: &str,
    status: StatusCode,
    complaint: Option<&str>,
) -> Result<Response, Problem> {
    form_page(app, headers, status, "Welcome to Tidegate", complaint, |csrf| {
        html! {
            p.lead { "Choose the name and the password you will log in with. This link works once." }
            form method="post" action={ "/login/" (link.as_str()) } {
                (csrf)
                label { "Name" input name="name" value=(name) autocomplete="username" required maxlength=(NAME_CHARS_MAX); }
                label {
                    "Password " span.soft.small { "(" (password::PASSWORD_CHARS_MIN) " characters or more)" }
                    input name="password" type="password" autocomplete="new-password" required minlength=(password::PASSWORD_CHARS_MIN);
                }
                label { "Password again" input name="again" type="password" autocomplete="new-password" required; }
                p.actions { button type="submit" { "Set password and log in" } }
            }
        }
    })
}
