//! What a browser does that matters here: cookies, forms, no following of redirects.

use super::gateway::Gateway;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(super) struct Client<'g> {
    /// `http://` and where it listens.
    base: String,
    /// Its inside, where it runs in this process.
    gateway: Option<&'g Gateway>,
    http: reqwest::Client,
    pub(super) cookies: BTreeMap<String, String>,
    /// Sent as `Authorization: Bearer`.
    pub(super) token: Option<String>,
}

pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Page {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }

    pub(super) fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The token of the first form.
    pub(super) fn csrf(&self) -> String {
        let (_, rest) = self.text().split_once("name=\"csrf\" value=\"").expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }
}

impl<'g> Client<'g> {
    pub(super) fn new(gateway: &'g Gateway) -> Client<'g> {
        Client { gateway: Some(gateway), ..Client::at(gateway.address) }
    }

    /// Of a gateway in another process.
    pub(super) fn at(address: SocketAddr) -> Client<'g> {
        super::gateway::install_crypto();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Client { base: format!("http://{address}"), gateway: None, http, cookies: BTreeMap::new(), token: None }
    }

    pub(super) fn with_token(gateway: &'g Gateway) -> Client<'g> {
        Client { token: Some(super::gateway::API_TOKEN.to_owned()), ..Client::new(gateway) }
    }

    pub(super) async fn get(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, &[], None).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = ("application/x-www-form-urlencoded", encoded(fields));
        self.send(Method::POST, path, &[], Some(form)).await
    }

    pub(super) async fn json(&mut self, method: Method, path: &str, body: &Value) -> Page {
        self.send(method, path, &[], Some(("application/json", body.to_string()))).await
    }

    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, String)>,
    ) -> Page {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        let cookies: Vec<String> = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        for cookie in headers.get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Page { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    /// Opens the one-time link, chooses a password, and is logged in.
    pub(super) async fn log_in_first(&mut self) {
        let gateway = self.gateway.expect("a gateway in this process");
        let link = tidegate::web::first_admin_link(&gateway.store, &gateway.config).await.unwrap().unwrap();
        self.log_in_by(&link).await;
    }

    /// Opens a one-time link, chooses a password, and is logged in.
    pub(super) async fn log_in_by(&mut self, link: &str) {
        let path = link[link.find("/login/").unwrap()..].trim().to_owned();
        let form = self.get(&path).await;
        assert_eq!(form.status, StatusCode::OK, "{}", form.text());
        let csrf = form.csrf();
        let fields = [("csrf", csrf.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
        let done = self.post(&path, &fields).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    }
}

pub(super) const PASSWORD: &str = "correct horse battery";

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://x/").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}
