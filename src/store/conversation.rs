//! Conversations, their messages and people, as the product's users see them.

use super::connection::Query;
use super::value::{Columns, Row, Value, values};
use super::{Error, Store, audit, now_us, page_rows};
use crate::limits::LISTED_TEXT_CHARS_MAX;
use crate::mail::{ConversationId, JournalId, Locator, MessageId, OrganisationId, Position};
use serde::Serialize;
use serde_json::Value as Json;
use uuid::Uuid;

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose.
    pub organisation: OrganisationId,
    /// `open` or `closed`.
    pub state: String,
    /// The subject it began with.
    pub subject: String,
    /// When it began, microseconds since 1970 UTC.
    pub created_at_us: i64,
    /// When its newest message was received.
    pub last_message_at_us: i64,
    /// Somebody has worked on it, so no rule merges it away.
    pub touched_by_person: bool,
    /// How many messages it has.
    pub message_count: i64,
}

/// A person of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Participant {
    /// Lower case.
    pub address: String,
    /// Display name; may be empty.
    pub name: String,
    /// `correspondent` wrote or was written to by mail; `addressee` was written to by the product.
    pub role: String,
}

/// A message. The JSON parts are in the words of the reading format.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Message {
    pub id: MessageId,
    pub organisation: OrganisationId,
    pub conversation: ConversationId,
    /// Where the raw mail is.
    pub locator: Locator,
    /// Microseconds since 1970 UTC.
    pub received_at_us: i64,
    pub reverse_path: String,
    /// Of the raw mail, in bytes.
    pub size: i64,
    /// How often the same content came again.
    pub repeats: i64,
    /// RFC 5322 Message-ID without `<>`.
    pub message_id: Option<String>,
    pub in_reply_to: Json,
    pub references: Json,
    pub from_name: String,
    pub from_address: String,
    /// `sender`, `reply_to`, `to`, `cc`, `bcc`.
    pub people: Json,
    pub subject: String,
    /// RFC 3339 with the sender's offset.
    pub date: Option<String>,
    pub text: String,
    /// A list shows only the beginning of a long text; [`Store::message`] has all of it.
    pub text_cut: bool,
    pub folds: Json,
    /// The raw mail has html; `normalize` makes it again.
    pub has_html: bool,
    pub attachment_count: i64,
    pub class: String,
    pub class_evidence: Json,
    pub bounce: Option<Json>,
    pub client: Option<String>,
    pub repairs: Json,
    /// The address whose act it is.
    pub author: String,
    /// `open`, `participant`, `unverified` or `automatic`.
    pub may: String,
    pub rule: String,
    pub confidence: f64,
    pub decision: Json,
    /// Who the customer is: `name`, `address`, `evidence`, `proposed`.
    pub customer: Option<Json>,
    pub reader_version: i64,
    pub classes_version: i64,
    pub rules_version: i64,
}

/// An attachment of a message; its bytes are decoded from the raw mail by its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct AttachmentRow {
    /// What `normalize::attachment_bytes` takes.
    pub part: u32,
    pub name: String,
    pub content_type: String,
    pub size: i64,
    pub sha256: String,
    pub inline: bool,
    pub content_id: Option<String>,
}

macro_rules! select_conversation {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.organisation, c.state, c.subject, c.created_at, c.last_message_at, c.touched_by_person,
             c.message_count FROM conversations c ",
            $rest
        )
    };
}

macro_rules! select_message {
    ($text:literal, $cut:literal, $rest:literal) => {
        concat!(
            "SELECT id, organisation, conversation, journal, position, received_at, reverse_path, size, repeats, message_id,
             in_reply_to, reference_ids, from_name, from_address, people, subject, sent_at, ",
            $text,
            ", ",
            $cut,
            ", folds, has_html, attachment_count, class, class_evidence, bounce, client, repairs, sender, may, rule,
             confidence, decision, customer, reader_version, classes_version, rules_version FROM messages ",
            $rest
        )
    };
}

const PAGE: Query = Query::new(
    "conversations_page",
    select_conversation!(
        "JOIN conversation_activity a ON a.conversation = c.id AND a.last_message_at = c.last_message_at AND c.alias_of IS NULL
         WHERE a.organisation = $1 AND (a.last_message_at, a.conversation) < ($2, $3)
         ORDER BY a.last_message_at DESC, a.conversation DESC LIMIT $4"
    ),
);
const ONE: Query = Query::new(
    "conversation",
    select_conversation!("WHERE c.id = (SELECT COALESCE(a.alias_of, a.id) FROM conversation_records a WHERE a.id = $1)"),
);
const SET_STATE: Query = Query::new(
    "conversation_set_state",
    "UPDATE conversation_records SET state = $2, closed_at = $3, touched_by_person = TRUE WHERE id = $1",
);
const TOUCH: Query = Query::new("conversation_touch", "UPDATE conversation_records SET touched_by_person = TRUE WHERE id = $1");
const PARTICIPANTS: Query = Query::new(
    "participants_page",
    "SELECT address, name, role FROM participants WHERE conversation = $1 AND address > $2 ORDER BY address LIMIT $3",
);
const MESSAGES: Query = Query::new(
    "messages_page",
    select_message!(
        "substr(text, 1, CAST($5 AS INTEGER))",
        "length(text) > $5",
        "WHERE conversation = $1 AND (received_at, id) > ($2, $3) ORDER BY received_at, id LIMIT $4"
    ),
);
const MESSAGE: Query = Query::new("message", select_message!("text", "FALSE", "WHERE id = $1"));
const ATTACHMENTS: Query = Query::new(
    "attachments",
    "SELECT part, name, content_type, size, sha256, inline, content_id FROM attachments WHERE message = $1 ORDER BY part",
);

impl Store {
    /// Conversations of an organisation, the one with the newest message first, from behind `after` on (time and id of the
    /// last one of the page before): at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn conversations(
        &self,
        organisation: OrganisationId,
        after: Option<(i64, ConversationId)>,
        max: usize,
    ) -> Result<Vec<Conversation>, Error> {
        let (at, id) = after.map_or((i64::MAX, Uuid::max()), |(at, id)| (at, id.0));
        let rows = self.reader().await?.rows(&PAGE, values![organisation, at, id, page_rows(max)]).await?;
        rows.iter().map(conversation).collect()
    }

    /// The conversation with this id, or the one it became a part of.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn conversation(&self, id: ConversationId) -> Result<Conversation, Error> {
        let row = self.reader().await?.row(&ONE, values![id]).await?;
        row.as_ref().map_or_else(|| Err(no_conversation(id)), conversation)
    }

    /// Opens or closes a conversation, as a person's act: no rule merges it away from then on.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn set_conversation_open(&self, id: ConversationId, open: bool, actor: &str) -> Result<(), Error> {
        let (word, action) = if open { ("open", "conversation.opened") } else { ("closed", "conversation.closed") };
        let closed_at = (!open).then(now_us);
        self.change_conversation(id, &SET_STATE, values![word, closed_at], actor, action).await
    }

    /// Notes that a person has worked on a conversation: no rule merges it away from then on.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn touch_conversation(&self, id: ConversationId, actor: &str) -> Result<(), Error> {
        self.change_conversation(id, &TOUCH, Vec::new(), actor, "conversation.touched").await
    }

    async fn change_conversation(
        &self,
        id: ConversationId,
        query: &Query,
        set: Vec<Value>,
        actor: &str,
        action: &'static str,
    ) -> Result<(), Error> {
        let mut conn = self.writer().await?;
        let row = conn.row(&ONE, values![id]).await?;
        let found = row.as_ref().map_or_else(|| Err(no_conversation(id)), conversation)?;
        let mut values = values![found.id];
        values.extend(set);
        conn.run(query, values).await?;
        audit::write(&mut conn, Some(found.organisation), actor, action, &found.id.to_string(), "{}").await?;
        conn.commit().await
    }

    /// People of a conversation by address, from behind `after` on: at most `max`, and never more than a page.
    ///
    /// # Errors
    /// The database.
    pub async fn participants(&self, id: ConversationId, after: Option<&str>, max: usize) -> Result<Vec<Participant>, Error> {
        let rows = self.reader().await?.rows(&PARTICIPANTS, values![id, after.unwrap_or(""), page_rows(max)]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(PARTICIPANTS.name, row);
                Ok(Participant { address: c.take()?, name: c.take()?, role: c.take()? })
            })
            .collect()
    }

    /// Messages of a conversation in the order they were received, from behind `after` on (time and id of the last one of
    /// the page before): at most `max`, and never more than a page. Long texts are cut.
    ///
    /// # Errors
    /// The database.
    pub async fn messages(&self, id: ConversationId, after: Option<(i64, MessageId)>, max: usize) -> Result<Vec<Message>, Error> {
        let (at, last) = after.map_or((i64::MIN, Uuid::nil()), |(at, last)| (at, last.0));
        let values = values![id, at, last, page_rows(max), LISTED_TEXT_CHARS_MAX];
        self.reader().await?.rows(&MESSAGES, values).await?.iter().map(message).collect()
    }

    /// One message.
    ///
    /// # Errors
    /// There is none, or the database.
    pub async fn message(&self, id: MessageId) -> Result<Message, Error> {
        match self.reader().await?.row(&MESSAGE, values![id]).await? {
            Some(row) => message(&row),
            None => Err(Error::NotFound { kind: "message", name: id.to_string() }),
        }
    }

    /// Attachments of a message, in the order of its parts: at most `Limits::parts_max`.
    ///
    /// # Errors
    /// The database.
    pub async fn attachments(&self, id: MessageId) -> Result<Vec<AttachmentRow>, Error> {
        let rows = self.reader().await?.rows(&ATTACHMENTS, values![id]).await?;
        rows.iter()
            .map(|row| {
                let mut c = Columns::of(ATTACHMENTS.name, row);
                Ok(AttachmentRow {
                    part: u32::try_from(c.take::<i64>()?).unwrap_or(u32::MAX),
                    name: c.take()?,
                    content_type: c.take()?,
                    size: c.take()?,
                    sha256: c.take()?,
                    inline: c.take()?,
                    content_id: c.take()?,
                })
            })
            .collect()
    }
}

fn no_conversation(id: ConversationId) -> Error {
    Error::NotFound { kind: "conversation", name: id.to_string() }
}

fn conversation(row: &Row) -> Result<Conversation, Error> {
    let mut c = Columns::of(PAGE.name, row);
    Ok(Conversation {
        id: ConversationId(c.take()?),
        organisation: OrganisationId(c.take()?),
        state: c.take()?,
        subject: c.take()?,
        created_at_us: c.take()?,
        last_message_at_us: c.take()?,
        touched_by_person: c.take()?,
        message_count: c.take()?,
    })
}

fn message(row: &Row) -> Result<Message, Error> {
    let mut c = Columns::of(MESSAGES.name, row);
    Ok(Message {
        id: MessageId(c.take()?),
        organisation: OrganisationId(c.take()?),
        conversation: ConversationId(c.take()?),
        locator: Locator { journal: JournalId(c.take()?), position: Position::from_i64(c.take()?) },
        received_at_us: c.take()?,
        reverse_path: c.take()?,
        size: c.take()?,
        repeats: c.take()?,
        message_id: c.take()?,
        in_reply_to: c.json("messages.in_reply_to")?,
        references: c.json("messages.reference_ids")?,
        from_name: c.take()?,
        from_address: c.take()?,
        people: c.json("messages.people")?,
        subject: c.take()?,
        date: c.take()?,
        text: c.take()?,
        text_cut: c.take()?,
        folds: c.json("messages.folds")?,
        has_html: c.take()?,
        attachment_count: c.take()?,
        class: c.take()?,
        class_evidence: c.json("messages.class_evidence")?,
        bounce: c.take::<Option<String>>()?.and_then(|text| serde_json::from_str(&text).ok()),
        client: c.take()?,
        repairs: c.json("messages.repairs")?,
        author: c.take()?,
        may: c.take()?,
        rule: c.take()?,
        confidence: c.take()?,
        decision: c.json("messages.decision")?,
        customer: c.take::<Option<String>>()?.and_then(|text| serde_json::from_str(&text).ok()),
        reader_version: c.take()?,
        classes_version: c.take()?,
        rules_version: c.take()?,
    })
}
