//! The rows a batch will write, gathered while it is decided and written table by table.
//!
//! A mail's rights decide what follows from it: one that is unverified or automatic adds no people
//! and changes no state; only a person who may speak reopens a conversation. Who is a participant is
//! the index's word ([`ThreadIndex::participants_after`]); the plan writes the difference.
//!
//! A merge moves rows: messages, people and Message-IDs of the conversation that goes belong to the
//! one that stays, so that `WHERE conversation = …` is the whole truth; the id that goes stays
//! as an alias, for those who still hold it.

use super::connection::{Bulk, Conn, Query};
use super::index::standing_word;
use super::outbox::{Event, EventKind, record};
use super::value::{Value, count, json, key_text, values};
use super::{Error, audit};
use crate::limits::PARTICIPANTS_MAX;
use crate::mail::{
    ConversationId, Decision, IdStanding, Locator, MailboxId, May, MessageId, OrganisationId, Person, Prepared, QuarantineId,
    QuarantineReason, ThreadIndex,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

const CONVERSATIONS: Bulk = Bulk {
    name: "insert_conversations",
    head: "INSERT INTO conversations (id, organisation, state, subject, base_subject, created_at, last_message_at,
           touched_by_person, message_count)",
    tail: "",
    width: 9,
};
const CONVERSATION_CHANGES: Bulk = Bulk {
    name: "update_conversations",
    head: "WITH k (id, added, last, reopen) AS (",
    tail: ") UPDATE conversations SET message_count = message_count + k.added,
           last_message_at = CASE WHEN k.last > last_message_at THEN k.last ELSE last_message_at END,
           state = CASE WHEN k.reopen THEN 'open' ELSE state END
           FROM k WHERE conversations.id = k.id",
    width: 4,
};
const MESSAGES: Bulk = Bulk {
    name: "insert_messages",
    head: "INSERT INTO messages (id, organisation, conversation, journal, position, received_at, reverse_path, size,
           content_hash, repeats, message_id, in_reply_to, reference_ids, from_name, from_address, people, subject,
           sent_at, text, folds, has_html, attachment_count, class, class_evidence, bounce, client, repairs, sender,
           may, rule, confidence, decision, reader_version, classes_version, rules_version)",
    tail: "",
    width: 35,
};
const REPEATS: Bulk = Bulk {
    name: "update_repeats",
    head: "WITH k (id, more) AS (",
    tail: ") UPDATE messages SET repeats = repeats + k.more FROM k WHERE messages.id = k.id",
    width: 2,
};
const MAILBOXES: Bulk = Bulk {
    name: "insert_message_mailboxes",
    head: "INSERT INTO message_mailboxes (message, mailbox)",
    tail: "ON CONFLICT DO NOTHING",
    width: 2,
};
const PARTICIPANTS: Bulk = Bulk {
    name: "insert_participants",
    head: "INSERT INTO participants (conversation, address, organisation, name, role, added_at)",
    tail: "ON CONFLICT DO NOTHING",
    width: 6,
};
const PARTICIPANTS_LEAVE: Bulk = Bulk {
    name: "delete_participants",
    head: "WITH k (conversation, address) AS (",
    tail: ") DELETE FROM participants WHERE (conversation, address) IN (SELECT conversation, address FROM k)",
    width: 2,
};
const IDS: Bulk = Bulk {
    name: "insert_message_ids",
    head: "INSERT INTO message_ids (organisation, message_id, conversation, standing)",
    tail: "ON CONFLICT (organisation, message_id) DO UPDATE SET standing = excluded.standing
           WHERE excluded.standing = 'outbound' OR (excluded.standing = 'seen' AND message_ids.standing = 'mentioned')",
    width: 4,
};
const ATTACHMENTS: Bulk = Bulk {
    name: "insert_attachments",
    head: "INSERT INTO attachments (message, part, name, content_type, size, sha256, inline, content_id)",
    tail: "",
    width: 8,
};
const ITEMS: Bulk = Bulk {
    name: "insert_quarantine_items",
    head: "INSERT INTO quarantine_items (id, organisation, journal, position, received_at, held_at, mailboxes, reasons,
           state, sender, subject, proposed)",
    tail: "",
    width: 12,
};
const DISPOSITIONS: Bulk = Bulk {
    name: "insert_dispositions",
    head: "INSERT INTO dispositions (journal, position, organisation, kind, message, item, decided_at)",
    tail: "",
    width: 7,
};
const DISPOSITION_ATTACHED: Query = Query::new(
    "disposition_attached",
    "UPDATE dispositions SET kind = 'attached', message = $2, decided_at = $3 WHERE item = $1 AND journal = $4 AND position = $5
     AND organisation = $6",
);
const ITEM_ATTACHED: Query = Query::new(
    "quarantine_attached",
    "UPDATE quarantine_items SET state = 'attached', message = $2 WHERE id = $1 AND state = 'released'",
);

const MERGE_MESSAGES: Query = Query::new("merge_messages", "UPDATE messages SET conversation = $2 WHERE conversation = $1");
const MERGE_IDS: Query = Query::new("merge_ids", "UPDATE message_ids SET conversation = $2 WHERE conversation = $1");
const MERGE_PEOPLE: Query = Query::new(
    "merge_people",
    "INSERT INTO participants (conversation, address, organisation, name, role, added_at)
     SELECT $2, address, organisation, name, role, added_at FROM participants WHERE conversation = $1
     ON CONFLICT DO NOTHING",
);
const MERGE_PEOPLE_LEAVE: Query = Query::new("merge_people_leave", "DELETE FROM participants WHERE conversation = $1");
const MERGE_FACTS: Query = Query::new(
    "merge_facts",
    "UPDATE conversations SET message_count = conversations.message_count + gone.message_count,
     created_at = CASE WHEN gone.created_at < conversations.created_at THEN gone.created_at ELSE conversations.created_at END,
     last_message_at = CASE WHEN gone.last_message_at > conversations.last_message_at
                       THEN gone.last_message_at ELSE conversations.last_message_at END,
     state = CASE WHEN gone.state = 'open' THEN 'open' ELSE conversations.state END,
     touched_by_person = conversations.touched_by_person OR gone.touched_by_person
     FROM conversations AS gone WHERE gone.id = $1 AND conversations.id = $2",
);
// Whatever pointed to the one that goes points to the one that stays: chains have length one.
const MERGE_ALIAS: Query = Query::new(
    "merge_alias",
    "UPDATE conversations SET alias_of = $2, message_count = 0, state = 'closed' WHERE id = $1 OR alias_of = $1",
);

/// One conversation goes into another.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Merge {
    pub(super) organisation: OrganisationId,
    pub(super) from: ConversationId,
    pub(super) into: ConversationId,
}

#[derive(Debug)]
struct NewConversation {
    organisation: OrganisationId,
    subject: String,
    base_subject: String,
    created_at_us: i64,
    change: Change,
}

/// What the mails of a batch do to a conversation.
#[derive(Debug, Clone, Copy)]
struct Change {
    added: i64,
    last_message_at_us: i64,
    reopen: bool,
}

#[derive(Debug)]
struct NewParticipant {
    organisation: OrganisationId,
    name: String,
    role: &'static str,
}

/// Everything a batch will write.
#[derive(Debug)]
pub(super) struct Plan {
    now_us: i64,
    new: BTreeMap<ConversationId, NewConversation>,
    changed: BTreeMap<ConversationId, Change>,
    messages: Vec<Value>,
    repeats: BTreeMap<MessageId, i64>,
    mailboxes: HashSet<(MessageId, MailboxId)>,
    people_before: HashMap<ConversationId, HashSet<String>>,
    names: HashMap<(OrganisationId, String), String>,
    participants: BTreeMap<(ConversationId, String), NewParticipant>,
    leaving: Vec<(ConversationId, String)>,
    ids: BTreeMap<(OrganisationId, String), (ConversationId, IdStanding)>,
    attachments: Vec<Value>,
    items: Vec<Value>,
    attached_items: Vec<(QuarantineId, MessageId, Locator, OrganisationId)>,
    dispositions: Vec<Value>,
    merges: Vec<Merge>,
    events: Vec<Event>,
}

/// The people of a message that are not its author, as stored in `messages.people`.
#[derive(Serialize)]
struct People<'a> {
    sender: Option<&'a Person>,
    reply_to: &'a [Person],
    to: &'a [Person],
    cc: &'a [Person],
    bcc: &'a [Person],
}

impl Plan {
    pub(super) fn new(now_us: i64) -> Plan {
        Plan {
            now_us,
            new: BTreeMap::new(),
            changed: BTreeMap::new(),
            messages: Vec::new(),
            repeats: BTreeMap::new(),
            mailboxes: HashSet::new(),
            people_before: HashMap::new(),
            names: HashMap::new(),
            participants: BTreeMap::new(),
            leaving: Vec::new(),
            ids: BTreeMap::new(),
            attachments: Vec::new(),
            items: Vec::new(),
            attached_items: Vec::new(),
            dispositions: Vec::new(),
            merges: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The same content came again.
    pub(super) fn repeat(&mut self, mail: &Prepared, message: MessageId) {
        *self.repeats.entry(message).or_default() += 1;
        self.mailboxes.extend(mail.mailboxes.iter().map(|m| (message, *m)));
        self.disposition(mail, "duplicate", Some(message), None);
    }

    /// A person must look first.
    pub(super) fn hold(&mut self, mail: &Prepared, decision: &Decision, reason: QuarantineReason) -> QuarantineId {
        let id = QuarantineId(Uuid::now_v7());
        self.items.extend(values![
            id,
            mail.organisation,
            mail.locator.journal,
            mail.locator.position,
            mail.received_at_us,
            self.now_us,
            json(&mail.mailboxes),
            json(&[reason]),
            "held",
            mail.keys.sender.as_str(),
            mail.mail.subject.as_str(),
            json(decision),
        ]);
        self.disposition(mail, "quarantined", None, Some(id));
        self.events.push(Event { item: Some(id), ..Event::new(mail.organisation, EventKind::QuarantineHeld) });
        id
    }

    /// Remembers who was in a conversation before this batch: called before a decision about it is applied to the index.
    pub(super) fn remember_people(&mut self, index: &ThreadIndex, conversation: ConversationId) {
        let there = || index.conversations.get(&conversation).map(|facts| facts.participants.clone()).unwrap_or_default();
        self.people_before.entry(conversation).or_insert_with(there);
    }

    /// Who comes into the conversations of this batch, and who leaves them by a merge: the difference between the index and
    /// what was remembered.
    pub(super) fn people(&mut self, index: &ThreadIndex) {
        let nobody = HashSet::new();
        let mut before = std::mem::take(&mut self.people_before);
        for merge in &self.merges {
            // Their rows move with the merge.
            let moved = before.get(&merge.from).cloned().unwrap_or_default();
            before.entry(merge.into).or_default().extend(moved);
        }
        for (conversation, before) in before {
            let facts = index.conversations.get(&conversation);
            if facts.is_none_or(|facts| facts.alias_of.is_some()) {
                continue;
            }
            let (after, organisation) = (facts.map_or(&nobody, |f| &f.participants), index.owners.get(&conversation));
            let Some(organisation) = organisation.copied() else { continue };
            let room = PARTICIPANTS_MAX.saturating_sub(before.len());
            let coming: BTreeSet<&String> = after.difference(&before).filter(|address| !address.is_empty()).collect();
            for address in coming.into_iter().take(room) {
                let name = self.names.get(&(organisation, address.clone())).cloned().unwrap_or_default();
                self.participant(organisation, conversation, &Person { name, address: address.clone() }, "correspondent");
            }
            self.leaving.extend(before.difference(after).map(|address| (conversation, address.clone())));
        }
    }

    /// It becomes a message of a conversation, which is new or was there.
    pub(super) fn attach(
        &mut self,
        mail: &Prepared,
        decision: &Decision,
        conversation: ConversationId,
        is_new: bool,
    ) -> MessageId {
        let message = MessageId(Uuid::now_v7());
        let speaks = matches!(decision.may, May::Open | May::Participant) && !mail.keys.class.is_automatic();
        self.conversation(mail, conversation, is_new, speaks);
        self.message(mail, decision, conversation, message);
        self.mailboxes.extend(mail.mailboxes.iter().map(|m| (message, *m)));
        for person in mail.keys.people.iter().chain(&mail.mail.from).filter(|p| !p.name.is_empty()) {
            self.names.entry((mail.organisation, person.address.to_lowercase())).or_insert_with(|| person.name.clone());
        }
        // A mail ties its own id first.
        for (n, id) in mail.keys.ties().enumerate() {
            let standing = if n == 0 { IdStanding::Seen } else { IdStanding::Mentioned };
            self.id(mail.organisation, id, conversation, standing);
        }
        for attachment in &mail.mail.attachments {
            self.attachments.extend(values![
                message,
                attachment.part,
                attachment.name.as_str(),
                attachment.content_type.as_str(),
                count(attachment.size),
                attachment.sha256.as_str(),
                attachment.inline,
                attachment.content_id.as_deref(),
            ]);
        }
        // A released mail has a disposition already, which changes.
        if mail.release.is_none() {
            self.disposition(mail, "attached", Some(message), None);
        }
        if is_new {
            self.events
                .push(Event { conversation: Some(conversation), ..Event::new(mail.organisation, EventKind::ConversationOpened) });
        }
        self.events.push(Event {
            conversation: Some(conversation),
            message: Some(message),
            ..Event::new(mail.organisation, EventKind::MessageAttached)
        });
        for merged in &decision.merges {
            self.merge(Merge { organisation: mail.organisation, from: *merged, into: conversation });
        }
        message
    }

    /// The mail was held, and is not any more.
    pub(super) fn released(&mut self, mail: &Prepared, item: QuarantineId, message: MessageId) {
        self.attached_items.push((item, message, mail.locator, mail.organisation));
        self.events.push(Event {
            item: Some(item),
            message: Some(message),
            ..Event::new(mail.organisation, EventKind::QuarantineAttached)
        });
    }

    /// A conversation the product begins by sending.
    pub(super) fn begin(&mut self, organisation: OrganisationId, id: ConversationId, subject: &str, at_us: i64) {
        let change = Change { added: 0, last_message_at_us: at_us, reopen: true };
        let (subject, base_subject) = (subject.to_owned(), subject.to_owned());
        self.new.insert(id, NewConversation { organisation, subject, base_subject, created_at_us: at_us, change });
        self.events.push(Event { conversation: Some(id), ..Event::new(organisation, EventKind::ConversationOpened) });
    }

    pub(super) fn participant(
        &mut self,
        organisation: OrganisationId,
        conversation: ConversationId,
        person: &Person,
        role: &'static str,
    ) {
        let entry = self
            .participants
            .entry((conversation, key_text(&person.address).into_owned()))
            .or_insert_with(|| NewParticipant { organisation, name: String::new(), role });
        if entry.name.is_empty() {
            entry.name.clone_from(&person.name);
        }
    }

    pub(super) fn id(&mut self, organisation: OrganisationId, id: &str, conversation: ConversationId, standing: IdStanding) {
        let entry = self.ids.entry((organisation, key_text(id).into_owned())).or_insert((conversation, standing));
        entry.1 = entry.1.max(standing);
    }

    pub(super) fn merge(&mut self, merge: Merge) {
        self.merges.push(merge);
        self.events.push(Event {
            conversation: Some(merge.into),
            merged: Some(merge.from),
            ..Event::new(merge.organisation, EventKind::ConversationMerged)
        });
    }

    fn conversation(&mut self, mail: &Prepared, id: ConversationId, is_new: bool, speaks: bool) {
        if is_new {
            self.new.insert(
                id,
                NewConversation {
                    organisation: mail.organisation,
                    subject: mail.mail.subject.clone(),
                    base_subject: mail.keys.base_subject.clone(),
                    created_at_us: mail.received_at_us,
                    change: Change { added: 0, last_message_at_us: mail.received_at_us, reopen: false },
                },
            );
        }
        let change = match self.new.get_mut(&id) {
            Some(new) => &mut new.change,
            None => self.changed.entry(id).or_insert(Change { added: 0, last_message_at_us: i64::MIN, reopen: false }),
        };
        change.added += 1;
        change.last_message_at_us = change.last_message_at_us.max(mail.received_at_us);
        change.reopen |= speaks;
    }

    fn message(&mut self, mail: &Prepared, decision: &Decision, conversation: ConversationId, id: MessageId) {
        let (said, keys) = (&mail.mail, &mail.keys);
        let people =
            People { sender: said.sender.as_ref(), reply_to: &said.reply_to, to: &said.to, cc: &said.cc, bcc: &said.bcc };
        self.messages.extend(values![
            id,
            mail.organisation,
            conversation,
            mail.locator.journal,
            mail.locator.position,
            mail.received_at_us,
            mail.reverse_path.as_str(),
            count(said.size),
            said.content_hash.as_slice(),
            0_i64,
            said.message_id.as_deref(),
            json(&said.in_reply_to),
            json(&said.references),
            said.from.as_ref().map_or("", |p| p.name.as_str()),
            said.from.as_ref().map_or("", |p| p.address.as_str()),
            json(&people),
            said.subject.as_str(),
            said.date.as_deref(),
            said.text.as_str(),
            json(&said.folds),
            said.html_source.is_some(),
            count(said.attachments.len()),
            mail.class.class.as_str(),
            json(&mail.class.evidence),
            mail.class.bounce.as_ref().map(json),
            said.client,
            json(&said.repairs),
            keys.sender.as_str(),
            decision.may.as_str(),
            decision.rule.as_str(),
            f64::from(decision.confidence),
            json(decision),
            mail.versions.reader,
            mail.versions.classes,
            mail.versions.rules,
        ]);
    }

    fn disposition(&mut self, mail: &Prepared, kind: &'static str, message: Option<MessageId>, item: Option<QuarantineId>) {
        self.dispositions.extend(values![
            mail.locator.journal,
            mail.locator.position,
            mail.organisation,
            kind,
            message,
            item,
            self.now_us,
        ]);
    }

    /// Writes it all; what others refer to comes first.
    pub(super) async fn write(self, conn: &mut Conn) -> Result<(), Error> {
        let now = self.now_us;
        let new = self.new.into_iter().flat_map(|(id, c)| {
            let state = if c.change.reopen { "open" } else { "closed" };
            let (last, added) = (c.change.last_message_at_us, c.change.added);
            values![id, c.organisation, state, c.subject, c.base_subject, c.created_at_us, last, false, added]
        });
        conn.bulk(&CONVERSATIONS, new.collect()).await?;
        conn.bulk(&MESSAGES, self.messages).await?;
        conn.bulk(&MAILBOXES, self.mailboxes.into_iter().flat_map(|(message, mailbox)| values![message, mailbox]).collect())
            .await?;
        let people = self
            .participants
            .into_iter()
            .flat_map(|((conversation, address), p)| values![conversation, address, p.organisation, p.name, p.role, now]);
        conn.bulk(&PARTICIPANTS, people.collect()).await?;
        let ids = self.ids.into_iter().flat_map(|((organisation, id), (conversation, standing))| {
            values![organisation, id, conversation, standing_word(standing)]
        });
        conn.bulk(&IDS, ids.collect()).await?;
        conn.bulk(&ATTACHMENTS, self.attachments).await?;
        conn.bulk(&ITEMS, self.items).await?;
        conn.bulk(&DISPOSITIONS, self.dispositions).await?;
        for (item, message, Locator { journal, position }, organisation) in self.attached_items {
            conn.run(&ITEM_ATTACHED, values![item, message]).await?;
            conn.run(&DISPOSITION_ATTACHED, values![item, message, now, journal, position, organisation]).await?;
        }
        let changed = self.changed.into_iter().flat_map(|(id, c)| values![id, c.added, c.last_message_at_us, c.reopen]);
        conn.bulk(&CONVERSATION_CHANGES, changed.collect()).await?;
        conn.bulk(&REPEATS, self.repeats.into_iter().flat_map(|(id, more)| values![id, more]).collect()).await?;
        for merge in &self.merges {
            let pair = || values![merge.from, merge.into];
            conn.run(&MERGE_MESSAGES, pair()).await?;
            conn.run(&MERGE_IDS, pair()).await?;
            conn.run(&MERGE_PEOPLE, pair()).await?;
            conn.run(&MERGE_PEOPLE_LEAVE, values![merge.from]).await?;
            conn.run(&MERGE_FACTS, pair()).await?;
            conn.run(&MERGE_ALIAS, pair()).await?;
            audit::write(conn, Some(merge.organisation), "rules", "conversation.merged", &merge.from.to_string(), &json(merge))
                .await?;
        }
        let leaving =
            self.leaving.into_iter().flat_map(|(conversation, address)| values![conversation, key_text(&address).as_ref()]);
        conn.bulk(&PARTICIPANTS_LEAVE, leaving.collect()).await?;
        record(conn, now, self.events).await
    }
}
