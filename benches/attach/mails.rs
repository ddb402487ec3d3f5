//! The mails that are attached.

use std::sync::Arc;
use tidegate::mail::{
    Attachment, Class, Classification, JournalId, Locator, MailboxId, NormalizedMail, OrganisationId, Person, Position, Prepared,
    SubjectKind, ThreadKeys, Versions,
};
use uuid::Uuid;

/// Bytes of text in each.
const TEXT_BYTES: usize = 2_048;

/// The nth mail: every conversation has five messages of two people, spread over 5,000 mails; one mail in four has an attachment.
pub(crate) fn mail(organisation: OrganisationId, mailbox: MailboxId, n: usize) -> Prepared {
    let (thread, step) = (n % 1_000 + n / 5_000 * 1_000, n / 1_000 % 5);
    let id = |step: usize| format!("{thread}.{step}.CAF+something-long-enough@mail.example.test");
    let person = |who: &str| Person { name: format!("Person {who} {thread}"), address: format!("{who}{thread}@customer.test") };
    let (customer, colleague) = (person("customer"), person("colleague"));
    let mut content_hash = [0; 32];
    content_hash[..8].copy_from_slice(&(n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let subject = format!("Re: Question about order {thread}");
    let references: Vec<String> = (0..step).map(id).collect();
    Prepared {
        locator: Locator {
            journal: JournalId(Uuid::from_u128(1)),
            position: Position { segment: 1, offset: u32::try_from(n).unwrap() * 64 },
        },
        received_at_us: 1_700_000_000_000_000 + n as i64,
        organisation,
        mailboxes: vec![mailbox],
        reverse_path: customer.address.clone(),
        mail: Arc::new(NormalizedMail {
            from: Some(customer.clone()),
            to: vec![Person { name: "Help".into(), address: "help@desk.test".into() }],
            cc: vec![colleague.clone()],
            subject: subject.clone(),
            date: Some("2026-11-22T10:00:00+01:00".into()),
            message_id: Some(id(step)),
            references: references.clone(),
            text: "All work and no play makes a dull text. ".repeat(TEXT_BYTES / 40),
            attachments: if n.is_multiple_of(4) { vec![attachment(n)] } else { vec![] },
            content_hash,
            size: 4_096,
            ..NormalizedMail::default()
        }),
        class: Arc::new(Classification { class: Class::Person, evidence: vec![], bounce: None }),
        keys: ThreadKeys {
            references,
            base_subject: subject,
            subject_kind: SubjectKind::Reply,
            sender: customer.address.clone(),
            people: vec![customer, colleague],
            received_at_us: 1_700_000_000_000_000 + n as i64,
            ..ThreadKeys::new(organisation, id(step))
        },
        versions: Versions { reader: 1, classes: 1, rules: 1 },
        release: None,
    }
}

fn attachment(n: usize) -> Attachment {
    Attachment {
        name: format!("invoice-{n}.pdf"),
        content_type: "application/pdf".into(),
        size: 100_000,
        sha256: "0".repeat(64),
        inline: false,
        content_id: None,
        part: 1,
    }
}
