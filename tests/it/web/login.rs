//! Getting in, and not getting in.

use super::client::{Client, PASSWORD};
use super::gateway::Gateway;
use reqwest::{Method, StatusCode};
use tidegate::web::first_admin_link;

#[tokio::test]
async fn the_one_time_link_makes_an_administrator_once() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    let link = first_admin_link(&gateway.store, &gateway.config).await.unwrap().unwrap();
    let path = link[link.find("/login/").unwrap()..].to_owned();
    // Whoever only looks at the link does not use it up.
    for _ in 0..3 {
        assert_eq!(Client::new(&gateway).get(&path).await.status, StatusCode::OK);
    }
    let csrf = browser.get(&path).await.csrf();
    let fields = [("csrf", csrf.as_str()), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)];
    let done = browser.post(&path, &fields).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/quarantine"));
    let cookie =
        done.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap()).find(|v| v.starts_with("tidegate=")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert!(browser.get("/quarantine").await.text().contains("Nothing is held"));

    let mut late = Client::new(&gateway);
    assert_eq!(late.get(&path).await.status, StatusCode::NOT_FOUND);
    let csrf = late.get("/").await.csrf();
    let again = late.post(&path, &[("csrf", &csrf), ("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(first_admin_link(&gateway.store, &gateway.config).await.unwrap(), None, "there is an administrator now");
}

#[tokio::test]
async fn a_bad_choice_of_password_leaves_the_link_usable() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    let link = first_admin_link(&gateway.store, &gateway.config).await.unwrap().unwrap();
    let path = link[link.find("/login/").unwrap()..].to_owned();
    let csrf = browser.get(&path).await.csrf();
    for (password, again, words) in [("short", "short", "at least"), (PASSWORD, "another one", "not the same")] {
        let page = browser.post(&path, &[("csrf", &csrf), ("name", "ada"), ("password", password), ("again", again)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text().contains(words), "{}", page.text());
    }
    let done = browser.post(&path, &[("csrf", &csrf), ("name", "ada"), ("password", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_password_lets_in_and_logging_out_ends_the_session() {
    let gateway = Gateway::start().await;
    Client::new(&gateway).log_in_first().await;
    let mut browser = Client::new(&gateway);
    let form = browser.get("/").await;
    let wrong = browser.post("/login", &[("csrf", &form.csrf()), ("name", "ada"), ("password", "wrong wrong wrong")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let unknown = browser.post("/login", &[("csrf", &form.csrf()), ("name", "eve"), ("password", PASSWORD)]).await;
    assert_eq!((unknown.status, unknown.text()), (wrong.status, wrong.text()), "who exists does not show");
    let right = browser.post("/login", &[("csrf", &form.csrf()), ("name", " ada "), ("password", PASSWORD)]).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER);

    let session = browser.cookies["tidegate"].clone();
    let csrf = browser.get("/quarantine").await.csrf();
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status, StatusCode::SEE_OTHER);
    browser.cookies.insert("tidegate".into(), session);
    assert_eq!(browser.get("/quarantine").await.location(), "/", "the old cookie opens nothing");
}

#[tokio::test]
async fn guessing_is_braked() {
    let gateway = Gateway::start().await;
    Client::new(&gateway).log_in_first().await;
    let mut browser = Client::new(&gateway);
    let csrf = browser.get("/").await.csrf();
    let mut last = StatusCode::OK;
    for _ in 0..11 {
        last = browser.post("/login", &[("csrf", &csrf), ("name", "ada"), ("password", "a wrong password")]).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let right = browser.post("/login", &[("csrf", &csrf), ("name", "ada"), ("password", PASSWORD)]).await;
    assert_eq!(right.status, StatusCode::TOO_MANY_REQUESTS, "the right one has to wait as well");
    assert!(right.text().contains("in 5 minutes") && right.header("retry-after") == "300");
}

#[tokio::test]
async fn nobody_looks_without_logging_in() {
    let gateway = Gateway::start().await;
    let id = "01936d0c-7d1e-7000-8000-000000000000";
    for path in ["", "/live", &format!("/{id}"), &format!("/{id}/raw"), &format!("/{id}/html"), &format!("/{id}/attachments/1")] {
        let mut stranger = Client::new(&gateway);
        stranger.cookies.insert("tidegate".into(), "A".repeat(43));
        let page = stranger.get(&format!("/quarantine{path}")).await;
        let there = if path.contains(id) { format!("/?item={id}") } else { "/".to_owned() };
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, there.as_str()), "{path}");
    }
    for act in ["release", "discard"] {
        let page = Client::new(&gateway).post(&format!("/quarantine/{id}/{act}"), &[("csrf", "x"), ("why", "x")]).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, format!("/?item={id}&ended=yes").as_str()));
    }
}

#[tokio::test]
async fn who_was_logged_out_is_told_that_nothing_was_done_and_comes_back_to_the_mail() {
    let gateway = Gateway::start().await;
    Client::new(&gateway).log_in_first().await;
    let id = gateway.hold(&super::gateway::mail("Subject: held", "x"), tidegate::mail::ReasonCode::Loop).await;
    let mut browser = Client::new(&gateway);
    let late = browser.post(&format!("/quarantine/{id}/release"), &[("csrf", "of the old session")]).await;
    let form = browser.get(late.location()).await;
    assert!(form.text().contains("nothing was done"), "{}", form.text());
    let item = id.to_string();
    let fields = [("csrf", form.csrf()), ("name", "ada".into()), ("password", PASSWORD.into()), ("item", item.clone())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert!(form.text().contains(&format!("name=\"item\" value=\"{item}\"")), "{}", form.text());
    let done = browser.post("/login", &fields).await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, format!("/quarantine/{id}").as_str()));
    assert!(browser.get(done.location()).await.text().contains("Why it is held"));
}

#[tokio::test]
async fn a_login_leads_nowhere_but_into_the_quarantine() {
    let gateway = Gateway::start().await;
    Client::new(&gateway).log_in_first().await;
    for item in ["https://evil.example/", "//evil.example", "/\\evil.example", "../../evil", "x\r\nSet-Cookie: a=b"] {
        let mut browser = Client::new(&gateway);
        let csrf = browser.get("/").await.csrf();
        let done = browser.post("/login", &[("csrf", &csrf), ("name", "ada"), ("password", PASSWORD), ("item", item)]).await;
        assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/quarantine"), "{item}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let gateway = Gateway::start().await;
    let mut browser = Client::new(&gateway);
    browser.log_in_first().await;
    let csrf = browser.get("/quarantine").await.csrf();
    assert_eq!(browser.post("/logout", &[("csrf", "guessed")]).await.status, StatusCode::FORBIDDEN);
    let form = ("application/x-www-form-urlencoded", format!("csrf={csrf}"));
    for origin in ["https://evil.example", "null"] {
        let page = browser.send(Method::POST, "/logout", &[("origin", origin)], Some((form.0, form.1.clone()))).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{origin}");
    }
    let own = gateway.url("");
    let page = browser.send(Method::POST, "/logout", &[("origin", &own)], Some(form)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}
