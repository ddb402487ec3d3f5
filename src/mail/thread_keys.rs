//! What a mail says about where it belongs.
//!
//! # Trust
//! Which ids a mail ties follows from the mail and the configuration alone, never from what is stored:
//! that is what makes conversations independent of the order of arrival.

use super::{Brake, Class, ConversationId, OrganisationId, Person, Policy, Rule};
use serde::Serialize;

/// Where in a mail a signed reply address was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum TokenPlace {
    Envelope,
    DeliveredTo,
    To,
    Cc,
    Bcc,
    MessageId,
    Body,
}

/// A signed token that was checked and found ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenEvidence {
    /// The conversation it names.
    pub conversation: ConversationId,
    /// True when the token was given to the sender of this mail.
    pub addressee_is_sender: bool,
    /// Where it was found.
    pub place: TokenPlace,
}

/// What the subject's prefixes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum SubjectKind {
    #[default]
    Plain,
    Reply,
    Forward,
}

/// What a trusted relay says about the sender (RFC 8601): whether From is the domain that sent the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderAuth {
    /// Nobody who is trusted said anything.
    #[default]
    Unknown,
    /// DMARC passed, or SPF or DKIM for the domain of From.
    Pass,
    /// DMARC failed, and no ARC seal explains why.
    Fail,
}

/// Who the customer is, where that is not simply the author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Name, and address in lower case.
    #[serde(flatten)]
    pub person: Person,
    /// Where it was found: `from`, `original-from`, `reply-to`, `forwarded-from`.
    pub evidence: &'static str,
    /// Only a proposal: the mail says so, and nothing proves it.
    pub proposed: bool,
}

/// What a mail says about where it belongs, for one organisation.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadKeys {
    /// Whose conversations are looked at; evidence of others is ignored.
    pub organisation: OrganisationId,
    /// The mail's own Message-ID, or one made from its content hash when it has none.
    pub message_id: String,
    /// Ids that it had before its provider gave it another: its sender goes on to refer to those.
    pub renamed_from: Vec<String>,
    /// References and In-Reply-To, each once, oldest first, the parent last; at most
    /// `Limits::references_max`.
    pub references: Vec<String>,
    /// Valid tokens of this organisation, strongest place first.
    pub tokens: Vec<TokenEvidence>,
    /// A valid token of another organisation was shown at an address of this one.
    pub foreign_token: bool,
    /// RFC 5256 base subject, extended by the locale lists.
    pub base_subject: String,
    /// What the prefixes said, or the body where it plainly passes on another mail.
    pub subject_kind: SubjectKind,
    /// The subject is that of an answer to a forward (`Re: Fwd: …`): what stands in References before the
    /// parent may be the forwarded conversation.
    pub answers_forward: bool,
    /// The text quotes another mail.
    pub quotes: bool,
    /// The first 22 bytes of Thread-Index (Exchange) together with the base subject, as one id of the
    /// form `…@thread-index.invalid`: Exchange keeps the bytes when an old mail is the pattern of a new one.
    pub thread_index: Option<String>,
    /// The case of another system that the subject names, as one id of the form `…@tracker.invalid`.
    pub tracker: Option<String>,
    /// Tags in the subject that may be the product's own, as ids of the form `…@subject-tag.invalid`: looked up, never tied.
    pub subject_tags: Vec<String>,
    /// The same for an authenticated sender, as ids of the form `…@given-tag.invalid` that say to whom a tag was given: looked
    /// up, and the first that is known ties. Empty for everybody else.
    pub given_tags: Vec<String>,
    /// The text as an id of the form `…@text.invalid`, to know the product's own mails by: looked up, never tied.
    pub text_print: Option<String>,
    /// How the texts begin that a mail without references quotes, as ids of the form `…@quoted-text.invalid`: looked up, never
    /// tied.
    pub quoted_prints: Vec<String>,
    /// It carries a mark that only the product's own mails have.
    pub own_mail: bool,
    /// The address whose act this is, lower case; empty when unknown.
    pub sender: String,
    /// What a trusted relay says about the sender.
    pub auth: SenderAuth,
    /// From, To and Cc without the organisation's own mailboxes; addresses lower case.
    pub people: Vec<Person>,
    /// Who the customer is; none when the mail is the organisation's own.
    pub customer: Option<Customer>,
    /// What kind of mail it is.
    pub class: Class,
    /// For a bounce: Message-ID of the mail it is about.
    pub bounced_id: Option<String>,
    /// When it was received, microseconds since 1970 UTC.
    pub received_at_us: i64,
    /// What is counted for it, against loops and floods.
    pub brakes: Vec<Brake>,
    /// The rules and caps that hold for it.
    pub policy: Policy,
}

impl ThreadKeys {
    /// The keys of a mail that says nothing but its id.
    #[must_use]
    pub fn new(organisation: OrganisationId, message_id: impl Into<String>) -> ThreadKeys {
        ThreadKeys {
            organisation,
            message_id: message_id.into(),
            renamed_from: Vec::new(),
            references: Vec::new(),
            tokens: Vec::new(),
            foreign_token: false,
            base_subject: String::new(),
            subject_kind: SubjectKind::Plain,
            answers_forward: false,
            quotes: false,
            thread_index: None,
            tracker: None,
            subject_tags: Vec::new(),
            given_tags: Vec::new(),
            text_print: None,
            quoted_prints: Vec::new(),
            own_mail: false,
            sender: String::new(),
            auth: SenderAuth::Unknown,
            people: Vec::new(),
            customer: None,
            class: Class::Person,
            bounced_id: None,
            received_at_us: 0,
            brakes: Vec::new(),
            policy: Policy::default(),
        }
    }

    /// Every id worth looking up for this mail: its own, its references, the mail that bounced, the
    /// Exchange thread, the case of another system.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.message_id.as_str())
            .chain(self.renamed_from.iter().map(String::as_str))
            .chain(self.references.iter().map(String::as_str))
            .chain(self.bounced_id.as_deref())
            .chain(self.thread_index.as_deref())
            .chain(self.tracker.as_deref())
    }

    /// Those, and what is only looked up.
    pub fn lookups(&self) -> impl Iterator<Item = &str> {
        let listed = self.subject_tags.iter().chain(&self.given_tags).chain(&self.quoted_prints).map(String::as_str);
        self.ids().chain(listed).chain(self.text_print.as_deref())
    }

    /// The ids this mail ties to its conversation: what is stored as seen (its own) and as
    /// mentioned (the others). Which ids tie depends on the mail alone, so that the order of arrival does not matter.
    ///
    /// A mail that [stands alone](ThreadKeys::stands_alone) ties its own only. An answer to a forward ties its parent but not
    /// what stands before: that may be the conversation the forward was taken from.
    pub fn ties(&self) -> impl Iterator<Item = &str> {
        let rules = self.policy.rules;
        let answers = if self.stands_alone() || !rules.has(Rule::Reference) {
            &[]
        } else if self.answers_forward {
            &self.references[self.references.len().saturating_sub(1)..]
        } else {
            &self.references[..]
        };
        let also = |id: &'_ Option<String>, rule: Rule| !self.stands_alone() && rules.has(rule) && id.is_some();
        let bounced = also(&self.bounced_id, Rule::BouncedId);
        let exchange = also(&self.thread_index, Rule::ThreadIndex) && !self.answers_forward;
        let tracker = also(&self.tracker, Rule::Tracker);
        std::iter::once(self.message_id.as_str())
            .chain(self.renamed_from.iter().filter(|_| !self.stands_alone()).map(String::as_str))
            .chain(answers.iter().map(String::as_str))
            .chain(self.bounced_id.as_deref().filter(|_| bounced))
            .chain(self.thread_index.as_deref().filter(|_| exchange))
            .chain(self.tracker.as_deref().filter(|_| tracker))
    }

    /// Tags that may tie the mail to the conversation that the product gave them out for, to this sender. They are only looked
    /// up: what they tie was registered before they could be shown, so the order of arrival does not matter for them either.
    pub fn tags_that_tie(&self) -> impl Iterator<Item = &str> {
        let tie = self.policy.rules.has(Rule::SubjectTag) && !self.stands_alone();
        self.given_tags.iter().map(String::as_str).filter(move |_| tie)
    }

    /// A forward, a new mail made from an old one, and a mail that a reply address has placed: what they refer to does not
    /// say where they belong.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        self.is_forward() || self.is_new_from_old() || self.reply_address().is_some()
    }

    /// A person passes on another mail and is not answering to a reply address of ours.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        self.policy.rules.has(Rule::Forward)
            && self.subject_kind == SubjectKind::Forward
            && !self.class.is_automatic()
            && self.reply_address().is_none()
    }

    /// A person began a new mail from an old one: it refers to mails, but its subject is not that of an answer and it quotes
    /// nothing. Only where this rule was switched on: some programs answer in this way.
    #[must_use]
    pub fn is_new_from_old(&self) -> bool {
        self.policy.rules.has(Rule::NewFromOld)
            && self.subject_kind == SubjectKind::Plain
            && !self.references.is_empty()
            && !self.quotes
            && self.class == Class::Person
            && self.reply_address().is_none()
    }

    /// The token of the reply address this mail was sent to. (Tokens in quoted text and in
    /// Message-IDs are weaker: they travel with the text.)
    #[must_use]
    pub fn reply_address(&self) -> Option<&TokenEvidence> {
        let strong = |t: &&TokenEvidence| !matches!(t.place, TokenPlace::MessageId | TokenPlace::Body);
        self.tokens.iter().find(strong).filter(|_| self.policy.rules.has(Rule::Token))
    }
}
