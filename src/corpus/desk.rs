//! The way of a mail from bytes to its conversation, in memory: what the gateway does between its journal and its
//! database. `tidegate thread` and the samples of whole conversations run on it.
//!
//! # Failure
//! None. Where the gateway holds a mail for staff, it is filed as if they had released it.

use crate::classify::classify;
use crate::directory::Directory;
use crate::limits::Limits;
use crate::mail::{
    BodyType, Classification, Decision, Envelope, EnvelopeRecipient, NormalizedMail, OrganisationId, Protocol, ThreadKeys,
};
use crate::normalize::normalize;
use crate::threading::{self, Partition, TokenKeys};
use uuid::Uuid;

/// What reception knows of a mail.
#[derive(Debug, Clone, Default)]
pub struct Arrival {
    /// When it came, microseconds since 1970 UTC. Tells the older of two conversations.
    pub at_us: i64,
    /// MAIL FROM, where it is known; empty is the null reverse-path.
    pub reverse_path: Option<String>,
    /// RCPT TO; addresses that are nobody's are passed over.
    pub recipients: Vec<String>,
}

/// A mail that was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// What it says.
    pub mail: NormalizedMail,
    /// What kind it is.
    pub class: Classification,
    /// How it came.
    pub envelope: Envelope,
}

/// A gateway without sockets, disk and database.
#[derive(Debug, Default)]
pub struct Desk {
    /// Who gets mail.
    pub directory: Directory,
    /// What signs reply addresses.
    pub tokens: TokenKeys,
    /// Limits of reading.
    pub limits: Limits,
    /// The conversations so far.
    pub partition: Partition,
}

impl Desk {
    /// Whose a mail is that no recipient tells.
    pub const ORGANISATION: OrganisationId = OrganisationId(Uuid::nil());

    /// Reads a mail.
    #[must_use]
    pub fn read(&self, raw: &[u8], arrival: &Arrival) -> Read {
        let mail = normalize(raw, &self.limits);
        let class = classify(&mail, arrival.reverse_path.as_deref());
        let recipients = arrival.recipients.iter().filter_map(|address| {
            let mailbox = self.directory.lookup(address)?;
            Some(EnvelopeRecipient { address: address.clone(), organisation: mailbox.organisation, mailbox: mailbox.id })
        });
        let envelope = Envelope {
            received_at_us: arrival.at_us,
            session: String::new(),
            protocol: Protocol::Import,
            client_ip: None,
            client_name: None,
            helo: None,
            reverse_path: arrival.reverse_path.clone().unwrap_or_default(),
            recipients: recipients.collect(),
            tls: None,
            authenticated_as: None,
            smtputf8: false,
            body: BodyType::default(),
        };
        Read { mail, class, envelope }
    }

    /// What a mail says about where it belongs, for one organisation.
    #[must_use]
    pub fn keys(&self, read: &Read, organisation: OrganisationId) -> ThreadKeys {
        threading::keys(&read.mail, &read.class, &read.envelope, organisation, &self.directory, &self.tokens, &self.limits)
    }

    /// Files a mail behind all those before it.
    pub fn file(&mut self, keys: &ThreadKeys) -> Decision {
        self.partition.add(keys)
    }
}
