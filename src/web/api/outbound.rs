//! `POST /v1/outbound`: what the product is about to send, and what to put into it so that answers
//! find their conversation.

use super::asked::{AskedJson, id, optional_id};
use super::{Answer, must_exist};
use crate::directory::Directory;
use crate::limits::Limits;
use crate::mail::{ConversationId, OrganisationId, Person};
use crate::store::{Outbound, now_us};
use crate::threading::{
    LOOP_FIELD, TokenClaim, TokenKeys, TokenUse, beginning_print, given_tag_id, message_id_key, subject_tag_id, text_print,
};
use crate::web::SharedApp;
use crate::web::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Recipients of one mail: as many as RFC 5321 lets every server take.
const RECIPIENTS_MAX: usize = 100;
/// Bytes of an address (RFC 5321: 64, `@`, 255).
const ADDRESS_BYTES_MAX: usize = 320;
/// Bytes of a Message-ID: it has to fit on a line (RFC 5322).
const MESSAGE_ID_BYTES_MAX: usize = 900;
/// Bytes of a local part (RFC 5321).
const LOCAL_PART_BYTES_MAX: usize = 64;
/// Bytes of a tag in subjects.
const SUBJECT_TAG_BYTES_MAX: usize = 64;
/// Message-IDs for References: mail programs look at the last few.
const REFERENCES_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sending {
    organisation: String,
    conversation: Option<String>,
    message_id: Option<String>,
    #[serde(default)]
    subject: String,
    recipients: Vec<String>,
    /// The tag the product puts into the subject, such as `Ticket#1234`.
    subject_tag: Option<String>,
    /// The text, to know the mail by if it comes back without its header.
    text: Option<String>,
}

pub(super) async fn register(State(app): State<SharedApp>, AskedJson(sending): AskedJson<Sending>) -> Answer<Json<Value>> {
    let organisation: OrganisationId = id(&sending.organisation)?;
    let known: Option<ConversationId> = optional_id(sending.conversation.as_deref())?;
    must_exist(&app, organisation).await?;
    let recipients = addresses(&sending.recipients)?;
    let directory = app.state.directory.borrow().clone();
    let hostname = app.state.config.hostname();
    let domains = domains(&directory, organisation, &hostname);
    let domain = domains.first().map_or("localhost", String::as_str);
    let tokens = &app.state.tokens;
    // Of the conversation that stays, should this one have become a part of another.
    let known = match known {
        Some(named) => Some(app.state.store.conversation(named).await?.id),
        None => None,
    };
    // Without an addressee of its own a token names the conversation, and lets nobody in.
    let only = if let [one] = recipients.as_slice() { one.as_str() } else { "" };
    let message_id = match sending.message_id.as_deref() {
        Some(given) => given_id(given)?,
        None => {
            let unique = Uuid::now_v7();
            let signed = known.and_then(|c| tokens.message_id(&claim(organisation, c, only), unique, domain));
            signed.unwrap_or_else(|| format!("{}@{domain}", unique.simple()))
        }
    };
    // Answers may name it by its key alone.
    let mut message_ids = vec![message_id.clone()];
    message_ids.extend(Some(message_id_key(&message_id)).filter(|key| *key != message_id).map(str::to_owned));
    let sent = Outbound {
        organisation,
        conversation: known,
        message_ids,
        subject: sending.subject,
        marks: marks(sending.subject_tag.as_deref(), &recipients, sending.text.as_deref(), &app.limits)?,
        addressees: recipients.iter().map(|a| Person { name: String::new(), address: a.clone() }).collect(),
        sent_at_us: now_us(),
    };
    let conversation = app.state.store.register_outbound(&sent).await?.conversation;
    let mut references = app.state.store.newest_message_ids(conversation, REFERENCES_MAX).await?;
    // A key without a domain is no Message-ID (RFC 5322 section 3.6.4).
    references.retain(|id| *id != message_id && id.contains('@'));
    references.reverse();
    let reply_to = |addressee: &str| reply_address(&directory, tokens, &domains, &claim(organisation, conversation, addressee));
    let each: Vec<Value> = recipients.iter().map(|a| json!({ "address": a, "reply_to": reply_to(a) })).collect();
    Ok(Json(json!({
        "conversation": conversation,
        "message_id": message_id,
        "in_reply_to": references.last(),
        "references": references,
        "reply_to": reply_to(only),
        "return_path": reply_to(only),
        "body_marker": tokens.body_marker(&claim(organisation, conversation, only)),
        "headers": headers(tokens, &claim(organisation, conversation, "")),
        "recipients": each,
    })))
}

/// Fields to add to the mail: by the first it is known when it comes back.
fn headers(tokens: &TokenKeys, claim: &TokenClaim<'_>) -> Value {
    let mark = tokens.loop_mark(claim).map(|mark| (LOOP_FIELD.to_owned(), Value::from(mark)));
    Value::Object(mark.into_iter().collect())
}

/// What is looked up beside the Message-ID.
fn marks(tag: Option<&str>, recipients: &[String], text: Option<&str>, limits: &Limits) -> Result<Vec<String>, Problem> {
    let tag = tag.map(str::trim).filter(|t| !t.is_empty());
    if let Some(tag) = tag
        && (!(3..=SUBJECT_TAG_BYTES_MAX).contains(&tag.len()) || !tag.chars().any(|c| c.is_ascii_digit()))
    {
        let problem = format!("`subject_tag` has 3 to {SUBJECT_TAG_BYTES_MAX} bytes and a digit, such as Ticket#1234.");
        return Err(Problem::bad_request(problem));
    }
    // Read as it is read when it comes back, so that the same is left out.
    let prints = text.into_iter().flat_map(|text| {
        let mut mail = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".to_vec();
        mail.extend_from_slice(text.as_bytes());
        let mail = crate::normalize::normalize(&mail, limits);
        text_print(&mail).into_iter().chain(beginning_print(&mail.reply()))
    });
    let tags = tag.into_iter().flat_map(|tag| recipients.iter().map(move |a| given_tag_id(tag, a)).chain([subject_tag_id(tag)]));
    Ok(tags.chain(prints).collect())
}

fn claim(organisation: OrganisationId, conversation: ConversationId, addressee: &str) -> TokenClaim<'_> {
    TokenClaim { organisation, conversation, addressee, epoch: 0 }
}

fn addresses(given: &[String]) -> Result<Vec<String>, Problem> {
    if given.is_empty() || given.len() > RECIPIENTS_MAX {
        return Err(Problem::bad_request(format!("`recipients` are 1 to {RECIPIENTS_MAX} addresses.")));
    }
    given
        .iter()
        .map(|a| {
            let a = a.trim();
            let good = a.len() <= ADDRESS_BYTES_MAX
                && a.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
                && !a.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | ','));
            if good {
                Ok(a.to_lowercase())
            } else {
                Err(Problem::bad_request("`recipients` are addresses such as ada@example.com, without names."))
            }
        })
        .collect()
}

fn given_id(given: &str) -> Result<String, Problem> {
    let bare = given.trim().trim_start_matches('<').trim_end_matches('>');
    let good = !bare.is_empty()
        && bare.len() <= MESSAGE_ID_BYTES_MAX
        && !bare.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'));
    if good { Ok(bare.to_owned()) } else { Err(Problem::bad_request("`message_id` is one Message-ID such as id@example.com.")) }
}

/// Domains at which the organisation may get mail; this host's name is the last resort.
fn domains(directory: &Directory, organisation: OrganisationId, hostname: &str) -> Vec<String> {
    let own = directory.mailboxes().filter(|m| m.organisation == organisation);
    let mut domains: Vec<String> =
        own.filter_map(|m| m.address.rsplit_once('@')).map(|(_, d)| d.to_owned()).filter(|d| !d.is_empty()).collect();
    // The directory has no order; an answer should not depend on its whim.
    domains.sort();
    domains.dedup();
    domains.push(hostname.to_lowercase());
    domains
}

/// An address that is signed for the addressee and that this gateway takes for the organisation: `reply+TOKEN@…` where a
/// mailbox takes that, else a mailbox with the token as its detail. `None` when no mailbox can.
fn reply_address(directory: &Directory, tokens: &TokenKeys, domains: &[String], claim: &TokenClaim<'_>) -> Option<String> {
    let taken = |address: &str| directory.lookup(address).is_some_and(|m| m.organisation == claim.organisation);
    for domain in domains {
        if let Some(address) = tokens.reply_address(claim, domain).filter(|a| taken(a)) {
            return Some(address);
        }
    }
    let token = tokens.sign(TokenUse::ReplyAddress, claim)?;
    let mut own: Vec<&str> = directory
        .mailboxes()
        .filter(|m| m.organisation == claim.organisation && !m.address.contains('*'))
        .map(|m| m.address.as_str())
        .collect();
    own.sort_unstable();
    own.into_iter().filter_map(|address| address.rsplit_once('@')).find_map(|(local, domain)| {
        let local = format!("{local}+{token}");
        let address = format!("{local}@{domain}");
        (local.len() <= LOCAL_PART_BYTES_MAX && !local.starts_with('+') && taken(&address)).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Mailbox;
    use crate::mail::MailboxId;

    fn directory(addresses: &[&str]) -> (Directory, OrganisationId) {
        let organisation = OrganisationId(Uuid::from_u128(1));
        let mailbox = |(n, a): (usize, &&str)| Mailbox {
            id: MailboxId(Uuid::from_u128(n as u128)),
            organisation: if a.starts_with("other") { OrganisationId(Uuid::from_u128(2)) } else { organisation },
            address: (*a).to_owned(),
        };
        (Directory::new(1, addresses.iter().enumerate().map(mailbox)), organisation)
    }

    fn found(addresses: &[&str]) -> Option<String> {
        let (directory, organisation) = directory(addresses);
        let tokens = TokenKeys::from_secrets(["a secret for tests"]);
        let conversation = ConversationId(Uuid::from_u128(7));
        let claim = TokenClaim { organisation, conversation, addressee: "ada@example.com", epoch: 0 };
        let domains = domains(&directory, organisation, "gate.test");
        let address = reply_address(&directory, &tokens, &domains, &claim)?;
        let (local, domain) = address.rsplit_once('@').unwrap();
        assert!(local.len() <= LOCAL_PART_BYTES_MAX, "{address}");
        Some(format!("{}@{domain}", local.split('+').next().unwrap()))
    }

    #[test]
    fn a_reply_address_is_one_that_the_organisation_gets() {
        assert_eq!(found(&["help@a.test", "reply+*@b.test"]).as_deref(), Some("reply@b.test"));
        assert_eq!(found(&["@a.test"]).as_deref(), Some("reply@a.test"));
        assert_eq!(found(&["support@a.test"]).as_deref(), Some("support@a.test"));
        assert_eq!(found(&["customer-service@a.test"]), None, "a token would make it too long");
        assert_eq!(found(&["customer-service@a.test", "other@a.test"]), None);
        assert_eq!(found(&["@"]).as_deref(), Some("reply@gate.test"), "everything is taken");
    }

    #[test]
    fn odd_addresses_and_ids_are_refused() {
        assert_eq!(addresses(&[" Ada@Example.com ".into()]).unwrap(), ["ada@example.com"]);
        for bad in ["", "ada", "@x", "a@b,c@d", "Ada <a@b>", "a\r\n@b"] {
            assert!(addresses(&[bad.into()]).is_err(), "{bad:?}");
        }
        assert!(addresses(&[]).is_err());
        assert_eq!(given_id("<a@b>").unwrap(), "a@b");
        assert!(given_id("a b").is_err() && given_id("<>").is_err() && given_id("a@b> <c@d").is_err());
    }
}
