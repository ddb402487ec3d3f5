//! What the database knows of the keys of a batch, loaded set-wise: a handful of queries, however
//! many mails.

use super::connection::{Bulk, Conn, Dialect, Query};
use super::value::{Columns, Value, key_text, values};
use super::{Error, Store};
use crate::limits::{ALIAS_CHAIN_MAX, PARTICIPANTS_LOADED_MAX};
use crate::mail::{
    BrakeState, ConversationFacts, ConversationId, IdStanding, KnownId, OrganisationId, QuarantineId, Rule, ThreadIndex,
    ThreadKeys,
};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const IDS: Bulk = Bulk {
    name: "index_ids",
    head: "WITH k (organisation, message_id) AS (",
    tail: ") SELECT m.organisation, m.message_id, m.conversation, m.standing FROM k CROSS JOIN message_ids m
           WHERE m.organisation = k.organisation AND m.message_id = k.message_id",
    width: 2,
};
const CONVERSATIONS: Bulk = Bulk {
    name: "index_conversations",
    head: "WITH k (id) AS (",
    tail: ") SELECT c.id, c.organisation, c.alias_of, c.continued_by, c.state, c.closed_at, c.created_at, c.last_message_at,
           c.touched_by_person, c.message_count, c.orphaned FROM k CROSS JOIN conversations c WHERE c.id = k.id",
    width: 1,
};
// One more than are wanted tells that there are more. SQLite has no LATERAL; see below.
const PARTICIPANTS_SQLITE: Bulk = Bulk {
    name: "index_participants",
    head: "WITH k (id) AS (",
    tail: ") SELECT p.conversation, p.address FROM k CROSS JOIN participants p WHERE p.conversation = k.id AND p.address IN (
           SELECT x.address FROM participants x WHERE x.conversation = k.id ORDER BY x.address LIMIT 201)",
    width: 1,
};
const PARTICIPANTS_POSTGRES: Bulk = Bulk {
    name: "index_participants",
    head: "WITH k (id) AS (",
    tail: ") SELECT p.conversation, p.address FROM k CROSS JOIN LATERAL (
           SELECT x.conversation, x.address FROM participants x WHERE x.conversation = k.id ORDER BY x.address LIMIT 201) p",
    width: 1,
};
const EVERYBODY: Query = Query::new("index_everybody", "SELECT address FROM participants WHERE conversation = $1");
const CROWD: Query = Query::new("index_crowd", "SELECT COUNT(*) FROM participants WHERE conversation = $1");
// The newest of each subject, of those the ones in which something was said lately. SQLite has no LATERAL, and takes the list of ids as keys; PostgreSQL would read the whole table for that.
const SUBJECTS_SQLITE: Bulk = Bulk {
    name: "index_subjects",
    head: "WITH k (organisation, subject_key, since) AS (",
    tail: ") SELECT c.organisation, c.subject_key, c.id, c.last_message_at FROM k CROSS JOIN conversations c WHERE c.id IN (
           SELECT x.id FROM conversation_records x WHERE x.organisation = k.organisation AND x.subject_key = k.subject_key
           AND x.alias_of IS NULL ORDER BY x.id DESC LIMIT 5) AND c.last_message_at > k.since",
    width: 3,
};
const SUBJECTS_POSTGRES: Bulk = Bulk {
    name: "index_subjects",
    head: "WITH k (organisation, subject_key, since) AS (",
    tail: ") SELECT k.organisation, k.subject_key, c.id, c.last_message_at FROM k CROSS JOIN LATERAL (
           SELECT x.id, x.last_message_at FROM conversations x WHERE x.organisation = k.organisation
           AND x.subject_key = k.subject_key AND x.alias_of IS NULL ORDER BY x.id DESC LIMIT 5) c
           WHERE c.last_message_at > k.since",
    width: 3,
};
const MEMBERS: Bulk = Bulk {
    name: "index_members",
    head: "WITH k (conversation, address) AS (",
    tail: ") SELECT p.conversation, p.address FROM k CROSS JOIN participants p
           WHERE p.conversation = k.conversation AND p.address = k.address",
    width: 2,
};
const BRAKES: Bulk = Bulk {
    name: "index_brakes",
    head: "WITH k (organisation, key) AS (",
    tail: ") SELECT b.organisation, b.key, b.began_at, b.count, b.group_id, b.held FROM k CROSS JOIN brakes b
           WHERE b.organisation = k.organisation AND b.key = k.key",
    width: 2,
};

/// What a base subject is looked up by; none for an empty one.
pub(super) fn subject_key(base_subject: &str) -> Option<i64> {
    let hash = Sha256::digest(base_subject.to_lowercase().as_bytes());
    let first = hash.first_chunk::<8>().copied().unwrap_or_default();
    (!base_subject.is_empty()).then(|| i64::from_be_bytes(first))
}

/// The word for a standing, as stored.
pub(super) const fn standing_word(standing: IdStanding) -> &'static str {
    match standing {
        IdStanding::Mentioned => "mentioned",
        IdStanding::Seen => "seen",
        IdStanding::Outbound => "outbound",
    }
}

fn standing(word: &str) -> Option<IdStanding> {
    [IdStanding::Mentioned, IdStanding::Seen, IdStanding::Outbound].into_iter().find(|s| standing_word(*s) == word)
}

impl Store {
    /// What is known of the keys of some mails, as attaching them would find it now.
    ///
    /// # Errors
    /// The database.
    pub async fn thread_index(&self, keys: &[ThreadKeys]) -> Result<ThreadIndex, Error> {
        load(&mut self.reader().await?, keys.iter().map(|k| (k, None))).await
    }
}

/// Message-IDs and the conversations that own them, those that tokens and staff name, all they are
/// aliases of, and the people in them.
pub(super) async fn load<'a>(
    conn: &mut Conn,
    mails: impl Iterator<Item = (&'a ThreadKeys, Option<ConversationId>)>,
) -> Result<ThreadIndex, Error> {
    // Sorted, so that the database walks its index in order.
    let mut ids: BTreeMap<(OrganisationId, String), &str> = BTreeMap::new();
    let mut conversations: BTreeSet<ConversationId> = BTreeSet::new();
    let mut all: Vec<&ThreadKeys> = Vec::new();
    for (keys, named) in mails {
        for id in keys.lookups() {
            ids.entry((keys.organisation, key_text(id).into_owned())).or_insert(id);
        }
        conversations.extend(keys.tokens.iter().map(|t| t.conversation));
        conversations.extend(named);
        all.push(keys);
    }
    let mut index = load_keys(conn, &ids, conversations).await?;
    load_crowds(conn, &mut index, &all).await?;
    load_subjects(conn, &mut index, &all).await?;
    load_brakes(conn, &mut index, &all).await?;
    Ok(index)
}

/// Of conversations with more people than were loaded: how many there are, and which senders of the batch are among them.
async fn load_crowds(conn: &mut Conn, index: &mut ThreadIndex, all: &[&ThreadKeys]) -> Result<(), Error> {
    let crowds = index.conversations.iter().filter(|(_, facts)| facts.participants.len() > PARTICIPANTS_LOADED_MAX);
    let crowds: BTreeMap<ConversationId, Option<OrganisationId>> =
        crowds.map(|(id, _)| (*id, index.owners.get(id).copied())).collect();
    let mut asked: BTreeSet<(ConversationId, String)> = BTreeSet::new();
    for (id, owner) in &crowds {
        if let Some(row) = conn.row(&CROWD, values![*id]).await?
            && let Some(facts) = index.conversations.get_mut(id)
        {
            facts.crowd = Some(usize::try_from(row.get::<i64>(CROWD.name, 0)?).unwrap_or(usize::MAX));
        }
        let senders = all.iter().filter(|k| Some(k.organisation) == *owner && !k.sender.is_empty());
        asked.extend(senders.map(|k| (*id, key_text(&k.sender).into_owned())));
    }
    load_members(conn, index, asked).await
}

/// Everybody in a conversation, where only some were loaded: before it is made one with another.
pub(super) async fn load_everybody(conn: &mut Conn, index: &mut ThreadIndex, id: ConversationId) -> Result<Vec<String>, Error> {
    let Some(facts) = index.conversations.get_mut(&id).filter(|facts| facts.crowd.is_some()) else { return Ok(Vec::new()) };
    let rows = conn.rows(&EVERYBODY, values![id]).await?;
    let all: Vec<String> = rows.iter().map(|row| row.get(EVERYBODY.name, 0)).collect::<Result<_, _>>()?;
    facts.participants.extend(all.iter().cloned());
    facts.crowd = None;
    Ok(all)
}

async fn load_members(conn: &mut Conn, index: &mut ThreadIndex, asked: BTreeSet<(ConversationId, String)>) -> Result<(), Error> {
    let asked: Vec<Value> = asked.iter().flat_map(|(id, address)| values![*id, address]).collect();
    for row in conn.bulk(&MEMBERS, asked).await? {
        let mut c = Columns::of(MEMBERS.name, &row);
        if let Some(facts) = index.conversations.get_mut(&ConversationId(c.take()?)) {
            facts.participants.insert(c.take()?);
        }
    }
    Ok(())
}

/// Conversations with the subject of a mail of which nothing else is known, and whether its sender is in them.
async fn load_subjects(conn: &mut Conn, index: &mut ThreadIndex, all: &[&ThreadKeys]) -> Result<(), Error> {
    let known = |k: &ThreadKeys| k.ids().any(|id| index.ids.contains_key(&(k.organisation, id.to_owned())));
    let mut asked: BTreeMap<(OrganisationId, i64), Vec<&ThreadKeys>> = BTreeMap::new();
    for keys in all.iter().filter(|k| k.policy.rules.has(Rule::SubjectAndPeople) && !k.sender.is_empty() && !known(k)) {
        if let Some(key) = subject_key(&keys.base_subject) {
            asked.entry((keys.organisation, key)).or_default().push(keys);
        }
    }
    let since = |k: &ThreadKeys| k.received_at_us.saturating_sub(k.policy.subject_us_max);
    let wanted = asked.iter().flat_map(|((organisation, key), keys)| {
        values![*organisation, *key, keys.iter().map(|k| since(k)).min().unwrap_or_default()]
    });
    let bulk = if conn.dialect() == Dialect::Postgres { &SUBJECTS_POSTGRES } else { &SUBJECTS_SQLITE };
    let mut found: Vec<(i64, OrganisationId, i64, ConversationId)> = Vec::new();
    for row in conn.bulk(bulk, wanted.collect()).await? {
        let mut c = Columns::of(bulk.name, &row);
        let (organisation, key, id) = (OrganisationId(c.take()?), c.take()?, ConversationId(c.take()?));
        found.push((c.take()?, organisation, key, id));
    }
    found.sort_unstable();
    let mut members: BTreeSet<(ConversationId, String)> = BTreeSet::new();
    for (last, organisation, key, id) in found {
        for keys in asked.get(&(organisation, key)).map(Vec::as_slice).unwrap_or_default() {
            members.insert((id, key_text(&keys.sender).into_owned()));
            let same = index.subjects.entry((organisation, keys.base_subject.to_lowercase())).or_default();
            if !same.contains(&id) {
                same.push(id);
            }
        }
        // Facts for a suggestion only: whatever may go there was loaded whole above.
        let facts = || ConversationFacts { last_message_at_us: last, ..ConversationFacts::default() };
        index.conversations.entry(id).or_insert_with(facts);
        index.owners.entry(id).or_insert(organisation);
    }
    load_members(conn, index, members).await
}

async fn load_brakes(conn: &mut Conn, index: &mut ThreadIndex, all: &[&ThreadKeys]) -> Result<(), Error> {
    let wanted: BTreeSet<(OrganisationId, &str)> =
        all.iter().flat_map(|k| k.brakes.iter().map(|b| (k.organisation, b.key.as_str()))).collect();
    for row in conn.bulk(&BRAKES, wanted.iter().flat_map(|(o, key)| values![*o, *key]).collect()).await? {
        let mut c = Columns::of(BRAKES.name, &row);
        let key = (OrganisationId(c.take()?), c.take::<String>()?);
        let state = BrakeState {
            began_at_us: c.take()?,
            count: u32::try_from(c.take::<i64>()?).unwrap_or(u32::MAX),
            group: c.take::<Option<Uuid>>()?.map(QuarantineId),
            held: u32::try_from(c.take::<i64>()?).unwrap_or(u32::MAX),
        };
        index.brakes.insert(key, state);
    }
    Ok(())
}

/// The same for the ids of one organisation, for what the product registers.
pub(super) async fn load_ids(
    conn: &mut Conn,
    organisation: OrganisationId,
    ids: &[String],
    conversation: Option<ConversationId>,
) -> Result<ThreadIndex, Error> {
    let ids = ids.iter().map(|id| ((organisation, key_text(id).into_owned()), id.as_str())).collect();
    load_keys(conn, &ids, conversation.into_iter().collect()).await
}

async fn load_keys(
    conn: &mut Conn,
    ids: &BTreeMap<(OrganisationId, String), &str>,
    mut wanted: BTreeSet<ConversationId>,
) -> Result<ThreadIndex, Error> {
    let mut index = ThreadIndex::default();
    let named = wanted.clone();
    let keys: Vec<Value> = ids.keys().flat_map(|(organisation, id)| values![*organisation, id]).collect();
    for row in conn.bulk(&IDS, keys).await? {
        let mut c = Columns::of(IDS.name, &row);
        let key = (OrganisationId(c.take()?), c.take::<String>()?);
        let known = KnownId { conversation: ConversationId(c.take()?), standing: c.word("message_ids.standing", standing)? };
        wanted.insert(known.conversation);
        if let Some(id) = ids.get(&key) {
            index.ids.insert((key.0, (*id).to_owned()), known);
        }
    }
    // What is an alias is followed until nothing new comes up.
    for _ in 0..ALIAS_CHAIN_MAX {
        if wanted.is_empty() {
            break;
        }
        let mut next = BTreeSet::new();
        for row in conn.bulk(&CONVERSATIONS, wanted.iter().flat_map(|id| values![*id]).collect()).await? {
            let mut c = Columns::of(CONVERSATIONS.name, &row);
            let id = ConversationId(c.take()?);
            index.owners.insert(id, OrganisationId(c.take()?));
            let facts = ConversationFacts {
                alias_of: c.take::<Option<Uuid>>()?.map(ConversationId),
                continued_by: c.take::<Option<Uuid>>()?.map(ConversationId),
                open: c.take::<String>()? == "open",
                closed_at_us: c.take()?,
                created_at_us: c.take()?,
                last_message_at_us: c.take()?,
                touched_by_person: c.take()?,
                message_count: c.take()?,
                orphaned: c.take()?,
                ..ConversationFacts::default()
            };
            next.extend(facts.alias_of.or(facts.continued_by).filter(|to| !index.conversations.contains_key(to)));
            index.conversations.insert(id, facts);
        }
        wanted = next;
    }
    // Mails go to the last of a chain; of the others nobody asks who is in them, save where staff name one.
    let named = |id: &ConversationId| named.contains(id);
    let last = |id: &ConversationId, facts: &ConversationFacts| facts.continued_by.is_none() || named(id);
    let living: BTreeSet<ConversationId> =
        index.conversations.iter().filter(|(id, facts)| facts.alias_of.is_none() && last(id, facts)).map(|(id, _)| *id).collect();
    let bulk = if conn.dialect() == Dialect::Postgres { &PARTICIPANTS_POSTGRES } else { &PARTICIPANTS_SQLITE };
    for row in conn.bulk(bulk, living.iter().flat_map(|id| values![*id]).collect()).await? {
        let mut c = Columns::of(bulk.name, &row);
        if let Some(facts) = index.conversations.get_mut(&ConversationId(c.take()?)) {
            facts.participants.insert(c.take()?);
        }
    }
    Ok(index)
}
