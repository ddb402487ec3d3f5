//! Where a mail belongs and what its sender may do there.
//!
//! `threading` turns a mail into [`ThreadKeys`](super::ThreadKeys), the store fills a
//! [`ThreadIndex`](super::ThreadIndex) with what it knows of those keys, and `threading::decide` gives a
//! [`Decision`]. The index is kept current within a batch, so the second mail of a batch finds the first.

use super::{ConversationId, Customer, Evidence};
use serde::Serialize;

/// Where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// A new conversation (with the fresh id that was handed in).
    New,
    /// This one, already resolved through aliases.
    Existing(ConversationId),
}

/// What the sender may do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum May {
    /// Begins the conversation.
    Open,
    /// Known there: speaks as a participant.
    Participant,
    /// Not known there: attached, visible as such, changes no state, adds nobody.
    Unverified,
    /// A program: filed, and nothing follows from it.
    Automatic,
}

impl May {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            May::Open => "open",
            May::Participant => "participant",
            May::Unverified => "unverified",
            May::Automatic => "automatic",
        }
    }
}

/// Which rule decided, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Rule {
    Staff,
    Token,
    OutboundId,
    Reference,
    SharedAncestor,
    BouncedId,
    BodyMarker,
    Tracker,
    ThreadIndex,
    SubjectTag,
    SubjectAndPeople,
    QuotedText,
    Forward,
    NewFromOld,
    Closed,
    Rollover,
    New,
}

impl Rule {
    /// All of them, strongest first.
    pub const ALL: [Rule; 17] = [
        Rule::Staff,
        Rule::Token,
        Rule::OutboundId,
        Rule::Reference,
        Rule::SharedAncestor,
        Rule::BouncedId,
        Rule::BodyMarker,
        Rule::Tracker,
        Rule::ThreadIndex,
        Rule::SubjectTag,
        Rule::SubjectAndPeople,
        Rule::QuotedText,
        Rule::Forward,
        Rule::NewFromOld,
        Rule::Closed,
        Rule::Rollover,
        Rule::New,
    ];

    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::Staff => "staff",
            Rule::Token => "token",
            Rule::OutboundId => "outbound-id",
            Rule::Reference => "reference",
            Rule::SharedAncestor => "shared-ancestor",
            Rule::BouncedId => "bounced-id",
            Rule::BodyMarker => "body-marker",
            Rule::Tracker => "tracker",
            Rule::ThreadIndex => "thread-index",
            Rule::SubjectTag => "subject-tag",
            Rule::SubjectAndPeople => "subject-and-people",
            Rule::QuotedText => "quoted-text",
            Rule::Forward => "forward",
            Rule::NewFromOld => "new-from-old",
            Rule::Closed => "closed",
            Rule::Rollover => "rollover",
            Rule::New => "new",
        }
    }
}

/// Why a decision asks for a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// A token or id of another organisation was shown.
    ForeignEvidence,
    /// The sender claims to be a participant and authentication says otherwise.
    ForgedParticipant,
}

/// Another place it might belong, for staff.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// The conversation.
    pub conversation: ConversationId,
    /// Which rule thinks so.
    pub rule: Rule,
    /// 0.0 to 1.0.
    pub confidence: f32,
}

/// How a conversation is linked to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// It goes on where the other one is over: too long closed, too old, too many messages.
    Continues,
    /// A mail of the other one was passed on, or was the pattern of a new mail.
    Forward,
    /// Mails tie both; staff have worked on both, so no rule makes them one.
    Tied,
}

impl LinkKind {
    /// The stable word for it, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            LinkKind::Continues => "continues",
            LinkKind::Forward => "forward",
            LinkKind::Tied => "tied",
        }
    }
}

/// A link from the conversation a mail went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The other one.
    pub conversation: ConversationId,
    /// How.
    pub kind: LinkKind,
}

/// Where a mail belongs, what its sender may do there, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// Where.
    #[serde(rename = "where")]
    pub place: Where,
    /// Conversations found to be the same one; they become aliases of `place`.
    pub merges: Vec<ConversationId>,
    /// It goes on in a new conversation where this one is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues: Option<ConversationId>,
    /// Conversations to which the one it goes to is linked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// May.
    pub may: May,
    /// Which rule decided.
    pub rule: Rule,
    /// 0.0 to 1.0.
    pub confidence: f32,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Weaker ideas.
    pub suggestions: Vec<Suggestion>,
    /// Set when a person must look first.
    pub hold: Option<HoldReason>,
    /// Who the customer is; shown where that is not simply the author.
    #[serde(skip_serializing_if = "is_plain")]
    pub customer: Option<Customer>,
}

fn is_plain(customer: &Option<Customer>) -> bool {
    customer.as_ref().is_none_or(|c| c.evidence == "from")
}

impl Decision {
    /// A decision without merges, evidence and the like; certain.
    #[must_use]
    pub const fn new(place: Where, may: May, rule: Rule) -> Decision {
        Decision {
            place,
            merges: Vec::new(),
            continues: None,
            links: Vec::new(),
            may,
            rule,
            confidence: 1.0,
            evidence: Vec::new(),
            suggestions: Vec::new(),
            hold: None,
            customer: None,
        }
    }

    /// What follows when the mail is a further delivery of one that is in `here`, decided as if it were new: the conversations
    /// that only this delivery ties, and the one they become. None where that is nothing: what is held, and what no rule ties.
    ///
    /// Nothing goes on in a new conversation for it. With one that is over `here` is linked instead.
    #[must_use]
    pub fn of_repeat(mut self, here: ConversationId) -> Option<(ConversationId, Decision)> {
        if self.hold.is_some() {
            return None;
        }
        let Some(over) = self.continues.take() else {
            return match self.place {
                Where::New => None,
                Where::Existing(home) => Some((home, self)),
            };
        };
        self.links.retain(|link| link.kind != LinkKind::Continues);
        let tied = std::iter::once(over).chain(self.merges.drain(..)).filter(|c| *c != here);
        self.links.extend(tied.map(|conversation| Link { conversation, kind: LinkKind::Tied }));
        Some((here, Decision { place: Where::Existing(here), may: May::Unverified, ..self }))
    }
}
