//! What the product sends out, registered so that answers find their conversation.
//!
//! An answer may arrive before the registration. Then it has opened a conversation that owns the
//! id by mention; that conversation goes into the one the product names, unless a person of the staff
//! has worked on it.

use super::attach::lock_organisations;
use super::connection::Query;
use super::index;
use super::merge::Merge;
use super::plan::Plan;
use super::value::values;
use super::{Error, Store, now_us, page_rows};
use crate::mail::{ConversationId, OrganisationId, Person};
use uuid::Uuid;

/// A mail that the product sent.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Whose.
    pub organisation: OrganisationId,
    /// In which conversation; none begins one, unless the ids are known.
    pub conversation: Option<ConversationId>,
    /// Its Message-IDs without `<>`: its own first, then what a provider made of it on the wire.
    pub message_ids: Vec<String>,
    /// Its subject: of the conversation it begins.
    pub subject: String,
    /// What is looked up beside Message-IDs: the text as `threading::text_print` has it, the product's tag as
    /// `threading::subject_tag_id` has it, and as `threading::given_tag_id` has it for each addressee. Each belongs to the first conversation that had it.
    pub marks: Vec<String>,
    /// To whom: they are participants, so their answers count.
    pub addressees: Vec<Person>,
    /// When it was sent, microseconds since 1970 UTC.
    pub sent_at_us: i64,
}

/// What registering did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Where answers go.
    pub conversation: ConversationId,
    /// Conversations of early answers that are a part of it now.
    pub merged: Vec<ConversationId>,
}

const NEWEST_IDS: Query = Query::new(
    "newest_message_ids",
    "SELECT message_id FROM (
       SELECT * FROM (SELECT message_id, received_at AS at, id FROM messages
                      WHERE conversation = $1 AND message_id IS NOT NULL ORDER BY received_at DESC, id DESC LIMIT $2) AS got
       UNION ALL
       SELECT * FROM (SELECT message_id, sent_at AS at, id FROM outbound_mails
                      WHERE conversation = $1 ORDER BY sent_at DESC, id DESC LIMIT $2) AS sent
     ) AS both_ways ORDER BY at DESC, id DESC LIMIT $2",
);

impl Store {
    /// Message-IDs of a conversation's newest mails, those that came and those that the product sent, the newest first: what
    /// an answer refers to. At most `max`, and never more
    /// than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn newest_message_ids(&self, conversation: ConversationId, max: usize) -> Result<Vec<String>, Error> {
        let rows = self.reader().await?.rows(&NEWEST_IDS, values![conversation, page_rows(max)]).await?;
        rows.iter().map(|row| row.get(NEWEST_IDS.name, 0)).collect()
    }

    /// Registers what the product sent. Idempotent.
    ///
    /// # Errors
    /// No id was given, there is no such conversation of the organisation, or the database.
    pub async fn register_outbound(&self, sent: &Outbound) -> Result<Registered, Error> {
        if sent.message_ids.iter().all(String::is_empty) {
            return Err(Error::Conflict("an outbound mail needs a Message-ID".to_owned()));
        }
        let mut conn = self.writer().await?;
        lock_organisations(&mut conn, std::iter::once(sent.organisation)).await?;
        let index = index::load_ids(&mut conn, sent.organisation, &sent.message_ids, sent.conversation).await?;
        let mut known: Vec<ConversationId> = sent
            .message_ids
            .iter()
            .filter_map(|id| index.ids.get(&(sent.organisation, id.clone())))
            .map(|known| index.current(known.conversation))
            .collect();
        known.sort_by_key(|id| (index.conversations.get(id).map_or(i64::MAX, |facts| facts.created_at_us), *id));
        known.dedup();

        let mut plan = Plan::new(now_us());
        let conversation = match (sent.conversation, known.first()) {
            (Some(named), _) => {
                let stays = index.current(named);
                if index.owners.get(&stays) != Some(&sent.organisation) {
                    return Err(Error::NotFound { kind: "conversation", name: named.to_string() });
                }
                stays
            }
            (None, Some(known)) => *known,
            (None, None) => {
                let fresh = ConversationId(Uuid::now_v7());
                plan.begin(sent.organisation, fresh, &sent.subject, sent.sent_at_us);
                fresh
            }
        };
        for id in sent.message_ids.iter().filter(|id| !id.is_empty()) {
            plan.outbound_id(sent.organisation, id, conversation);
            plan.sent(sent.organisation, conversation, id, sent.sent_at_us);
        }
        for mark in &sent.marks {
            plan.outbound_id(sent.organisation, mark, conversation);
        }
        for person in sent.addressees.iter().filter(|p| !p.address.is_empty()) {
            let person = Person { name: person.name.clone(), address: person.address.to_lowercase() };
            plan.participant(sent.organisation, conversation, &person, "addressee");
        }
        let touched = |id: &ConversationId| index.conversations.get(id).is_some_and(|facts| facts.touched_by_person);
        let merged: Vec<ConversationId> = known.into_iter().filter(|id| *id != conversation && !touched(id)).collect();
        for from in &merged {
            plan.merge(Merge { organisation: sent.organisation, from: *from, into: conversation });
        }
        plan.write(&mut conn).await?;
        conn.commit().await?;
        Ok(Registered { conversation, merged })
    }
}
