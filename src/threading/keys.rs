//! What a mail says about where it belongs, for one organisation.
//!
//! # Trust
//! Headers are claims. A token counts where its MAC is right; everything else is handed on as what
//! the mail says.

use super::brakes::{Seen, brakes};
use super::subject::{Signs, Subject, take_apart};
use super::token::{TokenKeys, TokenUse, token_in_address, tokens_in_text};
use super::{auth, customer, ids, own, token, trackers};
use crate::directory::Directory;
use crate::limits::{
    Limits, PEOPLE_MAX, QUOTED_PRINTS_MAX, SUBJECT_TAGS_MAX, TOKEN_ADDRESSEES_MAX, TOKEN_ORGANISATIONS_MAX, TOKENS_MAX,
};
use crate::mail::{
    BouncedRecipient, Classification, ConversationId, Envelope, FoldKind, NormalizedMail, OrganisationId, Person, SenderAuth,
    SubjectKind, ThreadKeys, TokenEvidence, TokenPlace,
};
use base64::Engine as _;
use sha2::{Digest, Sha256};
use std::collections::HashSet;

/// Header fields in which relays and forwarders keep the address a mail was sent to.
const DELIVERED_TO: &[&str] = &[
    "Delivered-To",
    "X-Original-To",
    "X-Forwarded-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Rcpt-To",
    "X-Original-Recipient",
    "Original-Recipient",
    "Apparently-To",
    "Resent-To",
];

/// Those of them that are the time; a GUID follows.
const THREAD_INDEX_TIME_BYTES: usize = 6;
/// Bytes of Thread-Index that all mails of an Exchange thread share: a time and a GUID.
const THREAD_INDEX_BYTES: usize = 22;

/// What a mail says about where it belongs, for one organisation.
#[must_use]
pub fn keys(
    mail: &NormalizedMail,
    class: &Classification,
    envelope: &Envelope,
    organisation: OrganisationId,
    directory: &Directory,
    tokens: &TokenKeys,
    limits: &Limits,
) -> ThreadKeys {
    let message_id = ids::own(mail);
    let references = ids::references(mail, &message_id, limits.references_max);
    let sender = sender(mail, envelope);
    let search = Tokens {
        mail,
        envelope,
        organisation,
        directory,
        keys: tokens,
        sender: &sender,
        references: &references,
        bounced: class.bounce.as_ref().map(|b| b.recipients.as_slice()).unwrap_or_default(),
    };
    let Found { ours: found, foreign: foreign_token, failed } = search.find();
    let own_mail = own::is_marked(mail, organisation, tokens, &search.addressees());
    let threading = &limits.threading;
    let believed = threading.authserv_relays.is_empty()
        || envelope.client_ip.is_some_and(|ip| threading.authserv_relays.iter().any(|network| network.contains(ip)));
    let auth = if believed { auth::sender_auth(mail, &sender, &threading.authserv_ids) } else { SenderAuth::Unknown };
    let automatic = class.class.is_automatic();
    let subject = subject(mail, &references, automatic);
    let subject_tags = own::subject_tags(&mail.subject, SUBJECT_TAGS_MAX);
    // Who is not known to be himself was given nothing.
    let known = auth == SenderAuth::Pass && !sender.is_empty();
    let case = |subject: &str| trackers::case(mail, subject, automatic, auth, &threading.trackers);
    ThreadKeys {
        organisation,
        thread_index: thread_index(mail, &subject.base),
        tracker: case(&mail.subject).or_else(|| case(&subject.base)),
        given_tags: subject_tags.iter().filter(|_| known).map(|tag| own::given_tag(tag, &sender)).collect(),
        subject_tags,
        text_print: own::text_print(mail),
        quoted_prints: if references.is_empty() { own::quoted_prints(mail, QUOTED_PRINTS_MAX) } else { Vec::new() },
        customer: customer::customer(mail, class.class, organisation, directory, &threading.agents),
        people: people(mail, organisation, directory),
        bounced_id: class.bounce.as_ref().and_then(|b| b.original_message_id.as_deref()).and_then(ids::clean).map(str::to_owned),
        class: class.class,
        received_at_us: envelope.received_at_us,
        brakes: brakes(
            &Seen { sender: &sender, class: class.class, own_mail, failed: &failed },
            envelope,
            organisation,
            threading,
        ),
        policy: policy(envelope, organisation, directory, limits),
        quotes: mail.folds.iter().any(|f| f.kind == FoldKind::Quote),
        tokens: found,
        foreign_token,
        renamed_from: ids::renamed_from(mail, &message_id, &references),
        message_id,
        references,
        base_subject: subject.base,
        subject_kind: subject.kind,
        answers_forward: subject.answers_forward,
        own_mail,
        auth,
        sender,
    }
}

/// The rules for the mailboxes of the organisation that the mail is for, by the addresses they were set up with.
fn policy(envelope: &Envelope, organisation: OrganisationId, directory: &Directory, limits: &Limits) -> crate::mail::Policy {
    let recipients = envelope.recipients.iter().filter(|r| r.organisation == organisation);
    let mut mailboxes: Vec<&str> = recipients.filter_map(|r| directory.lookup(&r.address)).map(|m| m.address.as_str()).collect();
    mailboxes.dedup();
    limits.threading.for_mailboxes(&mailboxes)
}

/// Whose act the mail is: From, else Sender, else the reverse-path. Never Reply-To, never an address in the text.
fn sender(mail: &NormalizedMail, envelope: &Envelope) -> String {
    let of = |p: &Option<Person>| p.as_ref().map(|p| p.address.to_lowercase()).filter(|a| !a.is_empty());
    of(&mail.from).or_else(|| of(&mail.sender)).unwrap_or_else(|| envelope.reverse_path.to_lowercase())
}

/// From, To and Cc without the organisation's own mailboxes, each once.
fn people(mail: &NormalizedMail, organisation: OrganisationId, directory: &Directory) -> Vec<Person> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for person in mail.from.iter().chain(&mail.to).chain(&mail.cc) {
        let address = person.address.to_lowercase();
        if out.len() < PEOPLE_MAX
            && address.contains('@')
            && !is_own(&address, organisation, directory)
            && seen.insert(address.clone())
        {
            out.push(Person { name: person.name.clone(), address });
        }
    }
    out
}

/// An address of the organisation. The catch-all of everything makes no address its own.
pub(super) fn is_own(address: &str, organisation: OrganisationId, directory: &Directory) -> bool {
    directory.lookup(address).is_some_and(|m| m.organisation == organisation && m.address != "@")
}

/// The base subject, and whether the mail answers or passes on.
fn subject(mail: &NormalizedMail, references: &[String], automatic: bool) -> Subject {
    let forwards = mail.folds.iter().any(|f| f.kind == FoldKind::Forward);
    // Exchange marks an answer even where its ids were lost.
    let refers = !references.is_empty() || index_bytes(mail).is_some_and(|b| b.len() > THREAD_INDEX_BYTES);
    let mut subject = take_apart(&mail.subject, Signs { refers, forwards });
    // A forward whose subject was retyped: a forwarded mail in the text, and nothing it answers. One that was sent on
    // as it is (RFC 5322 section 3.6.6) is not a new mail of whoever did so.
    if subject.kind == SubjectKind::Plain && forwards && references.is_empty() {
        subject.kind = SubjectKind::Forward;
    }
    // `Undeliverable: Fwd: …`, `Automatic reply: WG: …`: what a program answers was passed on, whatever it calls its answer.
    if automatic && let Some((_, answered)) = mail.subject.split_once([':', '：']) {
        let answered = take_apart(answered, Signs { refers: true, forwards: false });
        subject.answers_forward |= answered.kind == SubjectKind::Forward || answered.answers_forward;
    }
    subject
}

/// The Exchange thread with the subject, as one id: the same bytes under another subject are a new mail
/// written on the pattern of an old one.
fn thread_index(mail: &NormalizedMail, base_subject: &str) -> Option<String> {
    let bytes = index_bytes(mail)?;
    let thread = bytes.get(..THREAD_INDEX_BYTES)?;
    // A GUID of one byte over and over is no thread's: a program fills the field.
    let (_, guid) = thread.split_at_checked(THREAD_INDEX_TIME_BYTES)?;
    if base_subject.is_empty() || guid.iter().all(|b| Some(b) == guid.first()) {
        return None;
    }
    let hash = Sha256::new().chain_update(thread).chain_update(base_subject.to_lowercase()).finalize();
    Some(format!("{}@thread-index.invalid", data_encoding::HEXLOWER.encode(&hash[..20])))
}

/// Thread-Index as it came: a head that the thread shares, and five bytes for each answer.
fn index_bytes(mail: &NormalizedMail) -> Option<Vec<u8>> {
    let value: String = mail.header("Thread-Index")?.chars().filter(|c| !c.is_whitespace()).take(1_000).collect();
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    lenient.decode(value).ok()
}

/// The search for tokens in one mail.
struct Tokens<'a> {
    mail: &'a NormalizedMail,
    envelope: &'a Envelope,
    organisation: OrganisationId,
    directory: &'a Directory,
    keys: &'a TokenKeys,
    sender: &'a str,
    references: &'a [String],
    /// Whom a bounce is about: the token of the reverse-path was given to one of them.
    bounced: &'a [BouncedRecipient],
}

/// What became of the search.
struct Found {
    /// Valid ones of this organisation, strongest place first, each conversation once.
    ours: Vec<TokenEvidence>,
    /// A valid one of another organisation was shown at an address of ours.
    foreign: bool,
    /// Conversations for which a reply address with a wrong signature was shown.
    failed: Vec<ConversationId>,
}

impl Tokens<'_> {
    fn find(&self) -> Found {
        let shown = if self.keys.is_empty() { Vec::new() } else { self.shown() };
        let addressees = self.addressees();
        let mut ours: Vec<TokenEvidence> = Vec::new();
        let (mut foreign, mut failed) = (false, Vec::new());
        for (place, token) in shown {
            let purpose = match place {
                TokenPlace::MessageId => TokenUse::MessageId,
                TokenPlace::Body => TokenUse::Body,
                _ => TokenUse::ReplyAddress,
            };
            if let Some((conversation, n)) = self.verify(token, purpose, self.organisation, &addressees) {
                if !ours.iter().any(|t| t.conversation == conversation) {
                    let addressee_is_sender = !self.sender.is_empty() && addressees[n] == self.sender;
                    ours.push(TokenEvidence { conversation, addressee_is_sender, place });
                }
            } else if purpose == TokenUse::ReplyAddress && !foreign {
                // A mail to two desks quotes the ids of both: only an address made for one and used at the other is odd.
                foreign = self.others().into_iter().any(|o| self.verify(token, purpose, o, &addressees).is_some());
                let claimed = self.keys.claimed(token).filter(|c| !foreign && !failed.contains(c));
                failed.extend(claimed);
            }
        }
        Found { ours, foreign, failed }
    }

    fn verify(
        &self,
        token: &str,
        purpose: TokenUse,
        org: OrganisationId,
        addressees: &[String],
    ) -> Option<(ConversationId, usize)> {
        self.keys.verify(token, purpose, org, addressees.iter().map(String::as_str))
    }

    /// What looks like a token, and where, strongest place first. At addresses: only at those that are not another
    /// organisation's.
    fn shown(&self) -> Vec<(TokenPlace, &str)> {
        let m = self.mail;
        let mut places: Vec<(TokenPlace, &str)> = self
            .envelope
            .recipients
            .iter()
            .filter(|r| r.organisation == self.organisation)
            .map(|r| (TokenPlace::Envelope, r.address.as_str()))
            .collect();
        for name in DELIVERED_TO {
            places.extend(
                m.headers
                    .iter()
                    .filter(|h| h.name.eq_ignore_ascii_case(name))
                    .map(|h| (TokenPlace::DeliveredTo, h.value.as_str())),
            );
        }
        for (people, place) in [(&m.to, TokenPlace::To), (&m.cc, TokenPlace::Cc), (&m.bcc, TokenPlace::Bcc)] {
            places.extend(people.iter().map(|p| (place, p.address.as_str())));
        }
        let mut seen = HashSet::new();
        let mut out: Vec<(TokenPlace, &str)> = Vec::new();
        for (place, text) in places {
            let Some(token) = token_in_address(text) else { continue };
            let theirs = place != TokenPlace::Envelope
                && self.directory.lookup(address_around(text, token)).is_some_and(|m| m.organisation != self.organisation);
            if !theirs && out.len() < TOKENS_MAX && seen.insert(token) {
                out.push((place, token));
            }
        }
        let ids = m.message_id.iter().chain(self.references.iter().rev());
        let ids = ids.filter_map(|id| token_in_address(id)).map(|t| (TokenPlace::MessageId, t));
        // A marker in the text is for systems that keep nothing else in their answers.
        let body = tokens_in_text(if self.references.is_empty() { &m.text } else { "" }).map(|t| (TokenPlace::Body, t));
        for (place, token) in ids.chain(body) {
            if out.len() >= 2 * TOKENS_MAX {
                break;
            }
            if seen.insert(token) {
                out.push((place, token));
            }
        }
        out
    }

    /// To whom a token may have been given: the sender, the other addresses of the mail, nobody.
    fn addressees(&self) -> Vec<String> {
        let m = self.mail;
        let people = m.from.iter().chain(&m.sender).chain(&m.reply_to).chain(&m.to).chain(&m.cc).chain(&m.bcc);
        let mut out = vec![self.sender.to_owned()];
        let bounced = self.bounced.iter().map(|r| r.address.to_lowercase());
        let path = [self.envelope.reverse_path.to_lowercase()];
        for address in people.map(|p| p.address.to_lowercase()).chain(path).chain(bounced) {
            if out.len() < TOKEN_ADDRESSEES_MAX && !address.is_empty() && !out.contains(&address) {
                out.push(address);
            }
        }
        if !self.sender.is_empty() {
            out.push(String::new());
        }
        out
    }

    /// Other organisations of this installation.
    fn others(&self) -> Vec<OrganisationId> {
        let all: HashSet<OrganisationId> = self.directory.mailboxes().map(|m| m.organisation).collect();
        let mut all: Vec<OrganisationId> = all.into_iter().filter(|o| *o != self.organisation).collect();
        all.sort();
        all.truncate(TOKEN_ORGANISATIONS_MAX);
        all
    }
}

/// The address that holds a token, out of a header's value (`rfc822; <reply+…@x>`).
fn address_around<'a>(text: &'a str, token: &str) -> &'a str {
    let at = text.find(token).unwrap_or_default();
    let outside = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')');
    let start = text[..at].rfind(outside).map_or(0, |n| n + text[n..].chars().next().map_or(1, char::len_utf8));
    let end = text[at + token::TOKEN_LETTERS..].find(outside).map_or(text.len(), |n| at + token::TOKEN_LETTERS + n);
    &text[start..end]
}
