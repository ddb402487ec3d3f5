//! Who is asking: cookies, sessions, and the token that every form carries.
//!
//! A session is 256 random bits in an HttpOnly, SameSite=Lax cookie; the database holds only
//! their SHA-256. The form token is derived from the same bits, so there is nothing to store and
//! nothing to get out of step.
//!
//! # Trust
//! A cookie is looked up, never believed. Comparing tokens takes the same time whatever they are.

use super::SharedApp;
use super::problem::Problem;
use super::review;
use crate::mail::QuarantineId;
use crate::store::{User, now_us};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use maud::{Markup, html};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// A secret that is handed out once and stored as its hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// A fresh one.
    pub(crate) fn random() -> std::io::Result<Secret> {
        let mut bytes = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|e| std::io::Error::other(e.to_string()))?;
        Ok(Secret(BASE64URL_NOPAD.encode(&bytes)))
    }

    /// One that came by the wire; `None` when it can't be one of ours.
    pub(crate) fn from_wire(text: &str) -> Option<Secret> {
        let well_formed =
            text.len() == BASE64URL_NOPAD.encode_len(SECRET_BYTES) && BASE64URL_NOPAD.decode(text.as_bytes()).is_ok();
        well_formed.then(|| Secret(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the database holds.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// What forms carry.
    pub(crate) fn form_token(&self) -> String {
        let digest = Sha256::new().chain_update(b"tidegate form ").chain_update(self.0.as_bytes()).finalize();
        BASE64URL_NOPAD.encode(&digest)
    }

    /// Whether a form was made for this secret.
    pub(crate) fn allows(&self, form_token: &str) -> bool {
        self.form_token().as_bytes().ct_eq(form_token.as_bytes()).into()
    }
}

/// Which cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cookie {
    /// A logged-in session.
    Session,
    /// Before logging in: ties the form to the browser that got it.
    Visit,
}

impl Cookie {
    const fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            // The prefix makes browsers refuse it from a subdomain or without TLS.
            (Cookie::Session, true) => "__Host-tidegate",
            (Cookie::Session, false) => "tidegate",
            (Cookie::Visit, true) => "__Host-tidegate-visit",
            (Cookie::Visit, false) => "tidegate-visit",
        }
    }

    /// The secret in it, if it was sent and is well-formed.
    pub(super) fn read(self, headers: &HeaderMap, secure: bool) -> Option<Secret> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name(secure))
            .and_then(|(_, value)| Secret::from_wire(value))
    }

    /// Sets it for `seconds`.
    pub(super) fn set(self, secret: &Secret, seconds: u64, secure: bool) -> HeaderValue {
        self.header(secret.as_str(), seconds, secure)
    }

    /// Takes it away.
    pub(super) fn clear(self, secure: bool) -> HeaderValue {
        self.header("", 0, secure)
    }

    fn header(self, value: &str, seconds: u64, secure: bool) -> HeaderValue {
        let name = self.name(secure);
        let end = if secure { "; Secure" } else { "" };
        // The alphabet of the value is base64url: always a valid header.
        HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{end}"))
            .unwrap_or(HeaderValue::from_static(""))
    }
}

/// A person who is logged in.
pub(super) struct Staff {
    pub(super) user: User,
    secret: Secret,
}

/// A form that carries nothing but its token.
#[derive(Deserialize)]
pub(super) struct Csrf {
    pub(super) csrf: String,
}

impl Staff {
    /// Who is logged in with this request's cookie, if anybody.
    pub(super) async fn find(app: &SharedApp, headers: &HeaderMap) -> Result<Option<Staff>, Problem> {
        let Some(secret) = Cookie::Session.read(headers, app.secure) else { return Ok(None) };
        let user = app.state.store.session_user(&secret.hash(), now_us()).await?;
        Ok(user.map(|user| Staff { user, secret }))
    }

    /// The hidden field that every form of this person carries.
    pub(super) fn csrf_field(&self) -> Markup {
        html! { input type="hidden" name="csrf" value=(self.secret.form_token()); }
    }

    /// Whether a form was made for this session, and not on another site.
    pub(super) fn check(&self, app: &SharedApp, headers: &HeaderMap, csrf: &str) -> Result<(), Problem> {
        if same_origin(app, headers) && self.secret.allows(csrf) {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "stale-form",
            "This form was not made for your session. Go back, reload the page and try again.",
        ))
    }

    /// What the database knows the session by.
    pub(super) fn session(&self) -> [u8; 32] {
        self.secret.hash()
    }

    /// How the audit names this person.
    pub(super) fn actor(&self) -> String {
        format!("user:{}", self.user.id)
    }
}

/// Pages for staff take this: nobody else gets in, and a browser is sent to the login form.
impl FromRequestParts<SharedApp> for Staff {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Staff, Response> {
        match Staff::find(app, &parts.headers).await {
            Ok(Some(staff)) => Ok(staff),
            Ok(None) => Err(Redirect::to(&login_path(parts)).into_response()),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// The login form, which leads back to the held mail that was asked for. A form that came too late is told of: nobody shall
/// believe that it did something. Only an id is handed on, so no address of anybody's making is gone to.
fn login_path(parts: &Parts) -> String {
    let rest = parts.uri.path().strip_prefix(review::PATH).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let item: Option<QuarantineId> = rest.split('/').next().and_then(|id| id.parse().ok());
    match (item, parts.method == Method::GET) {
        (None, _) => "/".to_owned(),
        (Some(item), true) => format!("/?item={item}"),
        (Some(item), false) => format!("/?item={item}&ended=yes"),
    }
}

/// Whether a request comes from our own pages. Browsers send `Origin` with every POST; a program
/// that does not has no session to abuse.
pub(super) fn same_origin(app: &SharedApp, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    origin == app.public_url.trim_end_matches('/') || (!host.is_empty() && authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_good_for_its_own_session_only() {
        let (a, b) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert!(a.allows(&a.form_token()));
        assert!(!a.allows(&b.form_token()) && !a.allows("") && !a.allows(a.as_str()));
    }

    #[test]
    fn cookies_survive_the_wire_and_strangers_do_not() {
        let secret = Secret::random().unwrap();
        let set = Cookie::Session.set(&secret, 60, true);
        let set = set.to_str().unwrap();
        assert!(set.contains("; HttpOnly; SameSite=Lax; Secure") && set.starts_with("__Host-tidegate="), "{set}");
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("a=b; tidegate={}; c", secret.as_str()).parse().unwrap());
        assert!(Cookie::Session.read(&headers, false) == Some(secret));
        assert!(Cookie::Session.read(&headers, true).is_none());
        headers.insert(header::COOKIE, "tidegate=short".parse().unwrap());
        assert!(Cookie::Session.read(&headers, false).is_none());
    }
}
