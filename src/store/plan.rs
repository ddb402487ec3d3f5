//! The rows a batch will write, gathered while it is decided and written table by table.
//!
//! A mail's rights decide what follows from it: one that is unverified or automatic adds no people
//! and changes no state; only a person who may speak reopens a conversation. Who is a participant is
//! the index's word ([`ThreadIndex::participants_after`]); the plan writes the difference.
//!
//! What becomes of whole conversations is in `merge`.

use super::Error;
use super::activity::{self, Said};
use super::connection::Conn;
use super::index::{standing_word, subject_key};
use super::merge::{Merge, Step};
use super::outbox::{Event, EventKind, record};
use super::value::{Value, count, json, key_text, values};
use super::writes::{
    ATTACHMENTS, BRAKES, CONVERSATIONS, DISPOSITION_ATTACHED, DISPOSITIONS, IDS, ITEM_ATTACHED, ITEMS, LINKS, MAILBOXES,
    MESSAGES, ORDINALS, ORPHANED, OUTBOUND_MAILS, PARTICIPANTS, PARTICIPANTS_LEAVE, PROMOTE, REOPENED, REPEATS, SWEEP_BRAKES,
};
use crate::limits::{BRAKES_SWEPT_MIN, PARTICIPANTS_MAX};
use crate::mail::{
    ConversationId, Decision, IdStanding, Locator, MailboxId, MessageId, OrganisationId, Person, Prepared, QuarantineId,
    QuarantineReason, ThreadIndex, Where,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

#[derive(Debug)]
struct NewConversation {
    organisation: OrganisationId,
    subject: String,
    base_subject: String,
    created_at_us: i64,
    change: Change,
}

impl NewConversation {
    /// A mail begins it.
    fn of(mail: &Prepared) -> NewConversation {
        let (organisation, created_at_us) = (mail.organisation, mail.received_at_us);
        NewConversation {
            organisation,
            subject: mail.mail.subject.clone(),
            base_subject: mail.keys.base_subject.clone(),
            created_at_us,
            change: Change::new(organisation, 0, created_at_us),
        }
    }
}

/// What the mails of a batch do to a conversation.
#[derive(Debug, Clone, Copy)]
struct Change {
    organisation: OrganisationId,
    /// Its messages before the batch.
    messages_before: i64,
    /// When the newest of them was received; without one, when the conversation began.
    before_us: i64,
    added: i64,
    /// The newest message of the batch: when it was received, and the place of its ordinal in the rows.
    newest: Option<(i64, usize)>,
    reopen: bool,
}

impl Change {
    fn new(organisation: OrganisationId, messages_before: i64, before_us: i64) -> Change {
        Change { organisation, messages_before, before_us, added: 0, newest: None, reopen: false }
    }

    /// When its newest message was received, after the batch.
    fn after_us(&self) -> i64 {
        match self.newest {
            Some((batch, _)) if self.messages_before == 0 => batch,
            Some((batch, _)) => batch.max(self.before_us),
            None => self.before_us,
        }
    }
}

#[derive(Debug)]
struct NewParticipant {
    organisation: OrganisationId,
    name: String,
    role: &'static str,
}

/// What an id leads to.
#[derive(Debug)]
struct NewId {
    conversation: ConversationId,
    standing: IdStanding,
    /// The mail that has it, for its next delivery to be known by.
    message: Option<MessageId>,
}

/// Under what the content of a mail is kept whose Message-ID another mail had before: beside that id, with a blank, which no
/// Message-ID has, so that both are on one page of the tree.
pub(super) fn content_key(mail: &Prepared, content_hash: &[u8; 32]) -> String {
    let hash = data_encoding::HEXLOWER.encode(content_hash);
    format!("{} {hash}", key_text(&mail.keys.message_id))
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
    orphaned: Vec<Value>,
    /// By the key they are stored under.
    ids: BTreeMap<(OrganisationId, String), NewId>,
    attachments: Vec<Value>,
    items: Vec<Value>,
    attached_items: Vec<(QuarantineId, MessageId, Locator, OrganisationId)>,
    dispositions: Vec<Value>,
    steps: Vec<Step>,
    /// A pair may be linked in several ways, as a forward and because a later mail ties both.
    links: BTreeSet<(ConversationId, ConversationId, &'static str)>,
    outbound: Vec<Value>,
    brakes: Vec<Value>,
    braked: BTreeSet<OrganisationId>,
    brakes_at_us: i64,
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
            orphaned: Vec::new(),
            ids: BTreeMap::new(),
            attachments: Vec::new(),
            items: Vec::new(),
            attached_items: Vec::new(),
            dispositions: Vec::new(),
            steps: Vec::new(),
            links: BTreeSet::new(),
            outbound: Vec::new(),
            brakes: Vec::new(),
            braked: BTreeSet::new(),
            brakes_at_us: 0,
            events: Vec::new(),
        }
    }

    /// The same content came again.
    pub(super) fn repeat(&mut self, mail: &Prepared, message: MessageId) {
        *self.repeats.entry(message).or_default() += 1;
        self.mailboxes.extend(mail.mailboxes.iter().map(|m| (message, *m)));
        self.disposition(mail, "duplicate", Some(message), None);
    }

    /// A person must look first. What is held as one has a group: that of its first item.
    pub(super) fn hold(
        &mut self,
        mail: &Prepared,
        decision: &Decision,
        reason: QuarantineReason,
        id: QuarantineId,
        group: Option<QuarantineId>,
    ) {
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
            group,
        ]);
        self.disposition(mail, "quarantined", None, Some(id));
        // A group is told once, or a flood of mails would become one of events.
        if group.is_none_or(|group| group == id) {
            self.events.push(Event { item: Some(id), ..Event::new(mail.organisation, EventKind::QuarantineHeld) });
        }
    }

    /// Counts of brakes as they stand after the batch, whose newest mail was received at `at_us`: that is their time.
    pub(super) fn brakes(&mut self, counted: &BTreeMap<(OrganisationId, String), i64>, index: &ThreadIndex, at_us: i64) {
        self.brakes_at_us = at_us;
        for ((organisation, key), window_us) in counted {
            let Some(state) = index.brakes.get(&(*organisation, key.clone())) else { continue };
            // A brake that is on is asked for the window that follows, too.
            let over_at = state.began_at_us.saturating_add(window_us.saturating_mul(2));
            self.brakes.extend(values![
                *organisation,
                key,
                state.began_at_us,
                i64::from(state.count),
                state.group,
                i64::from(state.held),
                over_at
            ]);
            self.braked.insert(*organisation);
        }
    }

    /// Remembers who was in a conversation before this batch: called before a decision about it is applied to the index.
    pub(super) fn remember_people(&mut self, index: &ThreadIndex, conversation: ConversationId) {
        let there = || index.conversations.get(&conversation).map(|facts| facts.participants.clone()).unwrap_or_default();
        self.people_before.entry(conversation).or_insert_with(there);
    }

    /// People of a conversation that were not loaded when it was remembered.
    pub(super) fn also_before(&mut self, conversation: ConversationId, people: Vec<String>) {
        if let Some(before) = self.people_before.get_mut(&conversation) {
            before.extend(people);
        }
    }

    /// Who comes into the conversations of this batch, and who leaves them by a merge: the difference between the index and
    /// what was remembered.
    pub(super) fn people(&mut self, index: &ThreadIndex) {
        let nobody = HashSet::new();
        let mut before = std::mem::take(&mut self.people_before);
        for step in &self.steps {
            // Their rows are moved or copied with the step.
            let (from, into) = match *step {
                Step::Merge(merge) => (merge.from, merge.into),
                Step::Continue(old, new) => (old, new),
            };
            let moved = before.get(&from).cloned().unwrap_or_default();
            before.entry(into).or_default().extend(moved);
        }
        for (conversation, before) in before {
            let facts = index.conversations.get(&conversation);
            if facts.is_none_or(|facts| facts.alias_of.is_some()) {
                continue;
            }
            let (after, organisation) = (facts.map_or(&nobody, |f| &f.participants), index.owners.get(&conversation));
            let Some(organisation) = organisation.copied() else { continue };
            if facts.is_some_and(|facts| facts.orphaned) {
                self.orphaned.extend(values![conversation]);
            }
            let there = before.len().max(facts.and_then(|facts| facts.crowd).unwrap_or_default());
            let room = PARTICIPANTS_MAX.saturating_sub(there);
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
        index: &ThreadIndex,
    ) -> MessageId {
        let message = MessageId(Uuid::now_v7());
        let speaks = index.speaks(decision, conversation) && !mail.keys.class.is_automatic();
        let is_new = decision.place == Where::New;
        let goes_on_open = decision.continues.and_then(|old| index.conversations.get(&old)).is_some_and(|old| old.open);
        if is_new {
            self.new.insert(conversation, NewConversation::of(mail));
        }
        let ordinal_at = self.messages.len() + MESSAGES.width - 1;
        let ordinal = self.change(mail, conversation, index, speaks || goes_on_open, ordinal_at);
        self.message(mail, decision, conversation, message, ordinal);
        self.mailboxes.extend(mail.mailboxes.iter().map(|m| (message, *m)));
        for person in mail.keys.people.iter().chain(&mail.mail.from).filter(|p| !p.name.is_empty()) {
            self.names.entry((mail.organisation, person.address.to_lowercase())).or_insert_with(|| person.name.clone());
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
        if let Some(old) = decision.continues {
            self.steps.push(Step::Continue(old, conversation));
        }
        self.join(mail, decision, conversation, index, Some(message));
        message
    }

    /// What the mail ties to its conversation: others, which are linked to it or become one with it, and ids.
    pub(super) fn join(
        &mut self,
        mail: &Prepared,
        decision: &Decision,
        conversation: ConversationId,
        index: &ThreadIndex,
        message: Option<MessageId>,
    ) {
        for link in decision.links.iter().filter(|l| l.conversation != conversation) {
            self.links.insert((conversation, link.conversation, link.kind.as_str()));
        }
        if !decision.merges.is_empty() {
            self.changed(mail, conversation, index);
        }
        for merged in &decision.merges {
            self.merge(Merge { organisation: mail.organisation, from: *merged, into: conversation });
        }
        self.ties(mail, index, conversation, message);
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

    /// A mail the product sent: its id, for answers to refer to.
    pub(super) fn sent(&mut self, organisation: OrganisationId, conversation: ConversationId, id: &str, at_us: i64) {
        let id = key_text(id);
        self.outbound.extend(values![Uuid::now_v7(), organisation, conversation, id.as_ref(), at_us]);
    }

    /// A conversation the product begins by sending.
    pub(super) fn begin(&mut self, organisation: OrganisationId, id: ConversationId, subject: &str, at_us: i64) {
        let change = Change { reopen: true, ..Change::new(organisation, 0, at_us) };
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

    /// The ids a mail ties to a conversation, without those that the index knows to be as good already: a row that would
    /// not change is not touched. The row of its own id says which message it is, or a row beside it where another has the id.
    fn ties(&mut self, mail: &Prepared, index: &ThreadIndex, conversation: ConversationId, message: Option<MessageId>) {
        // A mail ties its own id first.
        for (n, id) in mail.keys.ties().enumerate() {
            let standing = if n == 0 { IdStanding::Seen } else { IdStanding::Mentioned };
            let known = index.ids.get(&(mail.organisation, id.to_owned()));
            if known.is_none_or(|known| known.standing < standing) {
                let message = message.filter(|_| n == 0);
                self.tie((mail.organisation, key_text(id).into_owned()), NewId { conversation, standing, message });
            } else if n == 0 && message.is_some() {
                let key = content_key(mail, &mail.mail.content_hash);
                self.tie((mail.organisation, key), NewId { conversation, standing, message });
            }
        }
    }

    /// An id of what the product sent leads to its conversation.
    pub(super) fn outbound_id(&mut self, organisation: OrganisationId, id: &str, conversation: ConversationId) {
        let new = NewId { conversation, standing: IdStanding::Outbound, message: None };
        self.tie((organisation, key_text(id).into_owned()), new);
    }

    /// What a key was tied to first stays.
    fn tie(&mut self, key: (OrganisationId, String), new: NewId) {
        let (standing, message) = (new.standing, new.message);
        let entry = self.ids.entry(key).or_insert(new);
        entry.standing = entry.standing.max(standing);
        entry.message = entry.message.or(message);
    }

    pub(super) fn merge(&mut self, merge: Merge) {
        self.steps.push(Step::Merge(merge));
        self.events.push(Event {
            conversation: Some(merge.into),
            merged: Some(merge.from),
            ..Event::new(merge.organisation, EventKind::ConversationMerged)
        });
    }

    /// What the batch does to a conversation: asked for before the decision is applied to the index, which counts on.
    fn changed(&mut self, mail: &Prepared, id: ConversationId, index: &ThreadIndex) -> &mut Change {
        let before = || {
            let facts = index.conversations.get(&id);
            let (messages, at_us) = facts.map_or((0, mail.received_at_us), |f| (f.message_count, f.last_message_at_us));
            Change::new(mail.organisation, messages, at_us)
        };
        match self.new.get_mut(&id) {
            Some(new) => &mut new.change,
            None => self.changed.entry(id).or_insert_with(before),
        }
    }

    /// The conversation has one more message, whose ordinal will stand at this place of the rows; gives what it is as things
    /// stand.
    fn change(&mut self, mail: &Prepared, id: ConversationId, index: &ThreadIndex, speaks: bool, ordinal_at: usize) -> i64 {
        let change = self.changed(mail, id, index);
        change.added += 1;
        // Of those received at once the last is the newest, because ids of messages grow.
        change.newest = change.newest.max(Some((mail.received_at_us, ordinal_at)));
        change.reopen |= speaks;
        change.messages_before + change.added
    }

    fn message(&mut self, mail: &Prepared, decision: &Decision, conversation: ConversationId, id: MessageId, ordinal: i64) {
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
            keys.customer.as_ref().map(json),
            mail.versions.reader,
            mail.versions.classes,
            mail.versions.rules,
            ordinal,
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

    /// Lets the newest message of each conversation say how many it has. Those whose newest message is not of the batch, or
    /// may not be, and how many they have.
    fn count_messages(&mut self) -> Vec<Value> {
        let mut elsewhere = Vec::new();
        for (id, change) in
            self.changed.iter().map(|(id, change)| (id, *change)).chain(self.new.iter().map(|(id, c)| (id, c.change)))
        {
            let total = change.messages_before + change.added;
            let Some((at, ordinal_at)) = change.newest else { continue };
            if let Some(ordinal) = self.messages.get_mut(ordinal_at) {
                *ordinal = Value::from(total);
            }
            if change.messages_before > 0 && at <= change.before_us {
                elsewhere.extend(values![*id, total]);
            }
        }
        elsewhere
    }

    /// Writes it all; what others refer to comes first.
    pub(super) async fn write(mut self, conn: &mut Conn) -> Result<(), Error> {
        let now = self.now_us;
        let counted_elsewhere = self.count_messages();
        let active = self.new.iter().flat_map(|(id, c)| values![c.organisation, c.change.after_us(), *id]).collect();
        let new = self.new.into_iter().flat_map(|(id, c)| {
            let state = if c.change.reopen { "open" } else { "closed" };
            let key = subject_key(&c.base_subject);
            values![id, c.organisation, state, c.subject, c.base_subject, key, c.created_at_us, false]
        });
        conn.bulk(&CONVERSATIONS, new.collect()).await?;
        conn.bulk(&activity::NEW, active).await?;
        conn.bulk(&MESSAGES, self.messages).await?;
        conn.bulk(&ORDINALS, counted_elsewhere).await?;
        conn.bulk(&MAILBOXES, self.mailboxes.into_iter().flat_map(|(message, mailbox)| values![message, mailbox]).collect())
            .await?;
        let promoted: Vec<Value> =
            self.participants.keys().flat_map(|(conversation, address)| values![*conversation, address]).collect();
        let people = self
            .participants
            .into_iter()
            .flat_map(|((conversation, address), p)| values![conversation, address, p.organisation, p.name, p.role, now]);
        conn.bulk(&PARTICIPANTS, people.collect()).await?;
        let ids = self.ids.into_iter().flat_map(|((organisation, id), new)| {
            values![organisation, id, new.conversation, standing_word(new.standing), new.message]
        });
        conn.bulk(&IDS, ids.collect()).await?;
        conn.bulk(&ATTACHMENTS, self.attachments).await?;
        conn.bulk(&ITEMS, self.items).await?;
        conn.bulk(&DISPOSITIONS, self.dispositions).await?;
        for (item, message, Locator { journal, position }, organisation) in self.attached_items {
            conn.run(&ITEM_ATTACHED, values![item, message]).await?;
            conn.run(&DISPOSITION_ATTACHED, values![item, message, now, journal, position, organisation]).await?;
        }
        let said = self.changed.iter().map(|(id, c)| Said {
            organisation: c.organisation,
            conversation: *id,
            before_us: c.before_us,
            after_us: c.after_us(),
        });
        activity::said(conn, &said.collect::<Vec<_>>()).await?;
        let reopened = self.changed.iter().filter(|(_, c)| c.reopen).flat_map(|(id, _)| values![*id]);
        conn.bulk(&REOPENED, reopened.collect()).await?;
        conn.bulk(&REPEATS, self.repeats.into_iter().flat_map(|(id, more)| values![id, more]).collect()).await?;
        conn.bulk(&OUTBOUND_MAILS, self.outbound).await?;
        let links = self.links.into_iter().flat_map(|(from, to, kind)| values![from, to, kind, now]);
        conn.bulk(&LINKS, links.collect()).await?;
        for step in &self.steps {
            step.write(conn).await?;
        }
        let leaving =
            self.leaving.into_iter().flat_map(|(conversation, address)| values![conversation, key_text(&address).as_ref()]);
        conn.bulk(&PARTICIPANTS_LEAVE, leaving.collect()).await?;
        conn.bulk(&ORPHANED, self.orphaned).await?;
        conn.bulk(&PROMOTE, promoted).await?;
        // Twice as many go as came, so that there are never more than the senders of a few windows.
        let swept = count(BRAKES_SWEPT_MIN.max(2 * self.brakes.len() / BRAKES.width));
        conn.bulk(&BRAKES, self.brakes).await?;
        for organisation in self.braked {
            conn.run(&SWEEP_BRAKES, values![self.brakes_at_us, organisation, swept]).await?;
        }
        record(conn, now, self.events).await
    }
}
