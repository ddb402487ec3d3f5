//! A desk in memory: conversations, and mails that come in one by one.

use std::collections::HashSet;
use tidegate::classify::classify;
use tidegate::directory::{Directory, Mailbox};
use tidegate::limits::Limits;
use tidegate::mail::{
    ConversationId, Decision, Envelope, EnvelopeRecipient, MailboxId, NormalizedMail, OrganisationId, Person, Protocol,
    ThreadIndex, ThreadKeys, Where,
};
use tidegate::threading::{TokenClaim, TokenKeys, decide, keys};
use uuid::Uuid;

pub(crate) const ORG: OrganisationId = OrganisationId(Uuid::from_u128(1));
pub(crate) const OTHER: OrganisationId = OrganisationId(Uuid::from_u128(2));
pub(crate) const DESK: &str = "help@desk.test";
pub(crate) const OTHER_DESK: &str = "help@other.test";

/// A desk with its conversations, and mails that come in one by one.
pub(crate) struct Desk {
    pub(crate) index: ThreadIndex,
    directory: Directory,
    pub(crate) tokens: TokenKeys,
    pub(crate) limits: Limits,
    /// When the next mail is received, microseconds.
    pub(crate) now_us: i64,
    fresh: u128,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let mailbox = |n, organisation, address: &str| Mailbox {
            id: MailboxId(Uuid::from_u128(n)),
            organisation,
            address: address.to_owned(),
        };
        let mailboxes = [
            mailbox(1, ORG, DESK),
            mailbox(2, ORG, "reply+*@desk.test"),
            mailbox(3, OTHER, OTHER_DESK),
            mailbox(4, OTHER, "reply+*@other.test"),
        ];
        Desk {
            index: ThreadIndex::default(),
            directory: Directory::new(1, mailboxes),
            tokens: TokenKeys::from_secrets(["a secret of at least sixteen bytes"]),
            limits: Limits::default(),
            now_us: 0,
            fresh: 0,
        }
    }

    fn envelope(&self, mail: &NormalizedMail, rcpt: &str) -> Envelope {
        Envelope {
            received_at_us: self.now_us,
            session: String::new(),
            protocol: Protocol::ESMTP,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: mail.from.as_ref().or(mail.sender.as_ref()).map(|p| p.address.clone()).unwrap_or_default(),
            recipients: vec![EnvelopeRecipient {
                address: rcpt.to_owned(),
                organisation: ORG,
                mailbox: MailboxId(Uuid::from_u128(1)),
            }],
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: Default::default(),
        }
    }

    pub(crate) fn keys(&self, mail: &NormalizedMail, rcpt: &str) -> ThreadKeys {
        let envelope = self.envelope(mail, rcpt);
        let class = classify(mail, Some(&envelope.reverse_path));
        keys(mail, &class, &envelope, ORG, &self.directory, &self.tokens, &self.limits)
    }

    /// Takes a mail in, and tells what was decided and where it went.
    pub(crate) fn take(&mut self, mail: &NormalizedMail, rcpt: &str) -> (Decision, ConversationId) {
        self.fresh += 1;
        self.now_us += 1;
        let fresh = ConversationId(Uuid::from_u128(0x1000 + self.fresh));
        let keys = self.keys(mail, rcpt);
        let decision = decide(&keys, &self.index, fresh);
        let there = match decision.place {
            Where::New => fresh,
            Where::Existing(c) => c,
        };
        self.index.apply(&keys, &decision, there);
        (decision, self.index.resolve(there))
    }

    /// Another organisation with a mailbox of the same rank.
    pub(crate) fn keys_of_other(&self, mail: &NormalizedMail, rcpt: &str) -> ThreadKeys {
        let mut envelope = self.envelope(mail, rcpt);
        envelope.recipients[0].organisation = OTHER;
        envelope.recipients[0].mailbox = MailboxId(Uuid::from_u128(3));
        let class = classify(mail, Some(&envelope.reverse_path));
        keys(mail, &class, &envelope, OTHER, &self.directory, &self.tokens, &self.limits)
    }

    pub(crate) fn participants(&self, conversation: ConversationId) -> HashSet<&str> {
        self.index.conversations[&self.index.resolve(conversation)].participants.iter().map(String::as_str).collect()
    }

    pub(crate) fn reply_address(&self, organisation: OrganisationId, conversation: ConversationId, addressee: &str) -> String {
        let domain = if organisation == ORG { "desk.test" } else { "other.test" };
        self.tokens.reply_address(&TokenClaim { organisation, conversation, addressee, epoch: 0 }, domain).unwrap()
    }
}

pub(crate) fn person(address: &str) -> Person {
    Person { name: String::new(), address: address.to_owned() }
}

pub(crate) fn mail(from: &str, id: &str, subject: &str, references: &[&str]) -> NormalizedMail {
    NormalizedMail {
        from: Some(person(from)),
        to: vec![person(DESK)],
        subject: subject.to_owned(),
        message_id: Some(id.to_owned()),
        references: references.iter().map(|r| (*r).to_owned()).collect(),
        text: "Hello".to_owned(),
        content_type: "text/plain".to_owned(),
        ..NormalizedMail::default()
    }
}
