//! What the database knows of the keys of a batch, loaded set-wise: a handful of queries, however
//! many mails.

use super::connection::{Bulk, Conn};
use super::value::{Columns, Value, key_text, values};
use super::{Error, Store};
use crate::limits::ALIAS_CHAIN_MAX;
use crate::mail::{ConversationFacts, ConversationId, IdStanding, KnownId, OrganisationId, ThreadIndex, ThreadKeys};
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
    tail: ") SELECT c.id, c.organisation, c.alias_of, c.created_at, c.touched_by_person, c.message_count
           FROM k CROSS JOIN conversations c WHERE c.id = k.id",
    width: 1,
};
const PARTICIPANTS: Bulk = Bulk {
    name: "index_participants",
    head: "WITH k (id) AS (",
    tail: ") SELECT p.conversation, p.address FROM k CROSS JOIN participants p WHERE p.conversation = k.id",
    width: 1,
};

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
    for (keys, named) in mails {
        for id in keys.ids() {
            ids.entry((keys.organisation, key_text(id).into_owned())).or_insert(id);
        }
        conversations.extend(keys.tokens.iter().map(|t| t.conversation));
        conversations.extend(named);
    }
    load_keys(conn, &ids, conversations).await
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
                created_at_us: c.take()?,
                touched_by_person: c.take()?,
                message_count: c.take()?,
                ..ConversationFacts::default()
            };
            next.extend(facts.alias_of.filter(|to| !index.conversations.contains_key(to)));
            index.conversations.insert(id, facts);
        }
        wanted = next;
    }
    let living: BTreeSet<ConversationId> =
        index.conversations.iter().filter(|(_, facts)| facts.alias_of.is_none()).map(|(id, _)| *id).collect();
    for row in conn.bulk(&PARTICIPANTS, living.iter().flat_map(|id| values![*id]).collect()).await? {
        let mut c = Columns::of(PARTICIPANTS.name, &row);
        if let Some(facts) = index.conversations.get_mut(&ConversationId(c.take()?)) {
            facts.participants.insert(c.take()?);
        }
    }
    Ok(index)
}
