//! What stands in `sample.toml`.
//!
//! # Trust
//! None: a key that is unknown is an error, since a misspelt expectation would hold for ever.

use super::scene::{Order, Setup, Truth};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a person says is right; a field that is left out is not checked.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Expect {
    pub from: Option<String>,
    pub from_name: Option<String>,
    pub to: Option<Vec<String>>,
    pub cc: Option<Vec<String>>,
    pub reply_to: Option<Vec<String>>,
    pub subject: Option<String>,
    pub date: Option<String>,
    pub message_id: Option<String>,
    pub in_reply_to: Option<Vec<String>>,
    pub references: Option<Vec<String>>,
    pub text: Option<String>,
    /// Each must be in the text.
    pub text_contains: Option<Vec<String>>,
    pub reply: Option<String>,
    /// Names, in order.
    pub attachments: Option<Vec<String>>,
    /// SHA-256 of the decoded bytes, in order; for parts whose transfer encoding hides their line ends.
    pub attachment_sha256: Option<Vec<String>>,
    /// Names of the attachments that the html shows, in order.
    pub inline: Option<Vec<String>>,
    /// The kinds of the folds, in order.
    pub folds: Option<Vec<String>>,
    /// Each must be in the sanitized html.
    pub html_contains: Option<Vec<String>>,
    /// None may be in the sanitized html.
    pub html_lacks: Option<Vec<String>>,
    /// For whom a bounce or a delay is, in order.
    pub bounced: Option<Vec<String>>,
    /// Their status codes, in the same order.
    pub bounce_status: Option<Vec<String>>,
    /// Message-ID of the mail that bounced; empty: the bounce does not tell.
    pub original_message_id: Option<String>,
    /// What the charset repair says the bytes are.
    pub charset: Option<String>,
    /// The codes, all of them, in any order.
    pub repairs: Option<Vec<String>>,
    pub class: Option<String>,
    pub client: Option<String>,
    /// In a conversation only: which rule decided where the mail goes.
    pub rule: Option<String>,
    /// In a conversation only: what its sender may do there.
    pub may: Option<String>,
    /// In a conversation only: why staff must look first; `""` is that they need not.
    pub hold: Option<String>,
    /// In a conversation only: the mails (or labels) whose conversations are merged into the mail's one.
    pub merges: Option<Vec<String>>,
    /// In a conversation only: the mails (or labels) whose conversations are suggested, all of them.
    pub suggests: Option<Vec<String>>,
    /// In a conversation only: each must be in a line of the evidence, `code where detail`.
    pub evidence_contains: Option<Vec<String>>,
    /// In a conversation only: it is another delivery of this mail; `""` is that it is none.
    pub duplicate_of: Option<String>,
    /// In a conversation only: the participants of its conversation once it is there, in any order.
    pub participants: Option<Vec<String>>,
}

impl Expect {
    /// A key that has no meaning for a mail that stands alone.
    fn of_conversations(&self) -> Option<&'static str> {
        [
            ("rule", self.rule.is_some()),
            ("may", self.may.is_some()),
            ("hold", self.hold.is_some()),
            ("merges", self.merges.is_some()),
            ("suggests", self.suggests.is_some()),
            ("evidence_contains", self.evidence_contains.is_some()),
            ("duplicate_of", self.duplicate_of.is_some()),
            ("participants", self.participants.is_some()),
        ]
        .into_iter()
        .find(|(_, said)| *said)
        .map(|(key, _)| key)
    }
}

/// `sample.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) what: String,
    pub(super) origin: String,
    /// Checked to be a date when it is read.
    pub(super) added: Option<toml::value::Datetime>,
    #[serde(default)]
    pub(super) redacted: bool,
    #[serde(default)]
    pub(super) evidence: Vec<String>,
    pub(super) language: Option<String>,
    pub(super) program: Option<String>,
    pub(super) setup: Option<Setup>,
    /// One mail's expectations, or a conversation's: which one the files beside it tell.
    #[serde(default)]
    pub(super) expect: toml::Table,
}

/// `[expect]` of a conversation.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectConversations {
    #[serde(default)]
    conversations: Vec<Vec<String>>,
    #[serde(default)]
    other_conversations: Vec<Vec<String>>,
    order: Option<String>,
    because: Option<String>,
    #[serde(default)]
    mails: BTreeMap<String, Expect>,
}

impl Description {
    /// `[expect]` of a single mail.
    pub(super) fn expect(&self) -> Result<Expect, String> {
        if self.setup.is_some() {
            return Err("[setup] is for conversations (01.eml 02.eml …)".to_owned());
        }
        let expect: Expect = self.expect.clone().try_into().map_err(|e: toml::de::Error| format!("[expect]: {e}"))?;
        match expect.of_conversations() {
            Some(key) => Err(format!("[expect]: `{key}` is for conversations (01.eml 02.eml …)")),
            None => Ok(expect),
        }
    }

    /// `[expect]` of a conversation: the truth, and what is right for each mail.
    pub(super) fn truth(&self) -> Result<(Truth, BTreeMap<String, Expect>), String> {
        let said: ExpectConversations = self.expect.clone().try_into().map_err(|e: toml::de::Error| format!("[expect]: {e}"))?;
        let order = match (said.order.as_deref(), said.because) {
            (None, None) => Order::Any,
            (Some("as-named"), Some(because)) if !because.trim().is_empty() => Order::AsNamed,
            (Some("as-named"), _) => return Err("[expect]: `order = \"as-named\"` needs a reason in `because`".to_owned()),
            (Some(other), _) => return Err(format!("[expect]: `order` is \"as-named\" or left out, not \"{other}\"")),
            (None, Some(_)) => return Err("[expect]: `because` explains an `order`; there is none".to_owned()),
        };
        Ok((Truth { ours: said.conversations, others: said.other_conversations, order }, said.mails))
    }
}
