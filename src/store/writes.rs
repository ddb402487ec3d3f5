//! The statements that write a batch: an insert or an update for each table, of many rows at once.
//!
//! What others refer to is written first; the order is that of `Plan::write`. Updates look rows up by their keys only (a test in
//! `attach` holds them to it), and touch no row that would not change.
//!
//! # Failure
//! Part of the transaction of a batch: all or nothing.
//!
//! # Trust
//! The plan gives whole rows, and each key of a statement once: PostgreSQL refuses to change a row twice.

use super::connection::{Bulk, Query};

pub(super) const CONVERSATIONS: Bulk = Bulk {
    name: "insert_conversations",
    head: "INSERT INTO conversation_records (id, organisation, state, subject, base_subject, subject_key, created_at,
           touched_by_person)",
    tail: "",
    width: 8,
};
pub(super) const REOPENED: Bulk = Bulk {
    name: "reopen_conversations",
    head: "WITH k (id) AS (",
    tail: ") UPDATE conversation_records SET state = 'open', closed_at = NULL FROM k
           WHERE conversation_records.id = k.id AND conversation_records.state = 'closed'",
    width: 1,
};
pub(super) const ORPHANED: Bulk = Bulk {
    name: "orphan_conversations",
    head: "WITH k (id) AS (",
    tail: ") UPDATE conversation_records SET orphaned = TRUE FROM k WHERE conversation_records.id = k.id AND NOT orphaned",
    width: 1,
};
pub(super) const MESSAGES: Bulk = Bulk {
    name: "insert_messages",
    head: "INSERT INTO messages (id, organisation, conversation, journal, position, received_at, reverse_path, size,
           content_hash, repeats, message_id, in_reply_to, reference_ids, from_name, from_address, people, subject,
           sent_at, text, folds, has_html, attachment_count, class, class_evidence, bounce, client, repairs, sender,
           may, rule, confidence, decision, customer, reader_version, classes_version, rules_version, ordinal)",
    tail: "",
    width: 37,
};
/// Columns: conversation, and how many messages it has: where its newest one does not say so.
pub(super) const ORDINALS: Bulk = Bulk {
    name: "settle_ordinals",
    head: "WITH k (conversation, total) AS (",
    tail: ") UPDATE messages SET ordinal = k.total FROM k
           WHERE messages.id = (SELECT n.id FROM messages n WHERE n.conversation = k.conversation
                                ORDER BY n.received_at DESC, n.id DESC LIMIT 1)
           AND messages.ordinal <> k.total",
    width: 2,
};
pub(super) const REPEATS: Bulk = Bulk {
    name: "update_repeats",
    head: "WITH k (id, more) AS (",
    tail: ") UPDATE messages SET repeats = repeats + k.more FROM k WHERE messages.id = k.id",
    width: 2,
};
pub(super) const MAILBOXES: Bulk = Bulk {
    name: "insert_message_mailboxes",
    head: "INSERT INTO message_mailboxes (message, mailbox)",
    tail: "ON CONFLICT DO NOTHING",
    width: 2,
};
pub(super) const PARTICIPANTS: Bulk = Bulk {
    name: "insert_participants",
    head: "INSERT INTO participants (conversation, address, organisation, name, role, added_at)",
    tail: "ON CONFLICT DO NOTHING",
    width: 6,
};
pub(super) const PARTICIPANTS_LEAVE: Bulk = Bulk {
    name: "delete_participants",
    head: "WITH k (conversation, address) AS (",
    tail: ") DELETE FROM participants WHERE (conversation, address) IN (SELECT conversation, address FROM k)",
    width: 2,
};
pub(super) const IDS: Bulk = Bulk {
    name: "insert_message_ids",
    head: "INSERT INTO message_ids (organisation, message_id, conversation, standing, message)",
    tail: "ON CONFLICT (organisation, message_id) DO UPDATE SET standing = excluded.standing,
           message = COALESCE(message_ids.message, excluded.message)
           WHERE excluded.standing = 'outbound' OR (excluded.standing = 'seen' AND message_ids.standing = 'mentioned')",
    width: 5,
};
pub(super) const ATTACHMENTS: Bulk = Bulk {
    name: "insert_attachments",
    head: "INSERT INTO attachments (message, part, name, content_type, size, sha256, inline, content_id)",
    tail: "",
    width: 8,
};
pub(super) const ITEMS: Bulk = Bulk {
    name: "insert_quarantine_items",
    head: "INSERT INTO quarantine_items (id, organisation, journal, position, received_at, held_at, mailboxes, reasons,
           state, sender, subject, proposed, group_id)",
    tail: "",
    width: 13,
};
pub(super) const DISPOSITIONS: Bulk = Bulk {
    name: "insert_dispositions",
    head: "INSERT INTO dispositions (journal, position, organisation, kind, message, item, decided_at)",
    tail: "",
    width: 7,
};
pub(super) const DISPOSITION_ATTACHED: Query = Query::new(
    "disposition_attached",
    "UPDATE dispositions SET kind = 'attached', message = $2, decided_at = $3 WHERE item = $1 AND journal = $4 AND position = $5
     AND organisation = $6",
);
pub(super) const ITEM_ATTACHED: Query = Query::new(
    "quarantine_attached",
    "UPDATE quarantine_items SET state = 'attached', message = $2 WHERE id = $1 AND state = 'released'",
);

pub(super) const LINKS: Bulk = Bulk {
    name: "insert_conversation_links",
    head: "INSERT INTO conversation_links (conversation, other, kind, created_at)",
    tail: "ON CONFLICT DO NOTHING",
    width: 4,
};
pub(super) const BRAKES: Bulk = Bulk {
    name: "upsert_brakes",
    head: "INSERT INTO brakes (organisation, key, began_at, count, group_id, held, over_at)",
    tail: "ON CONFLICT (organisation, key) DO UPDATE SET began_at = excluded.began_at, count = excluded.count,
           group_id = excluded.group_id, held = excluded.held, over_at = excluded.over_at",
    width: 7,
};
pub(super) const SWEEP_BRAKES: Query = Query::new(
    "sweep_brakes",
    "DELETE FROM brakes WHERE organisation = $2 AND key IN (
     SELECT key FROM brakes WHERE organisation = $2 AND over_at < $1 ORDER BY over_at LIMIT $3)",
);
// Who turns out to be a participant was one when he wrote.
pub(super) const PROMOTE: Bulk = Bulk {
    name: "promote_messages",
    head: "WITH k (conversation, address) AS (",
    tail: ") UPDATE messages SET may = 'participant' FROM k
           WHERE messages.conversation = k.conversation AND messages.sender = k.address AND messages.may = 'unverified'",
    width: 2,
};
pub(super) const OUTBOUND_MAILS: Bulk = Bulk {
    name: "insert_outbound_mails",
    head: "INSERT INTO outbound_mails (id, organisation, conversation, message_id, sent_at)",
    tail: "ON CONFLICT DO NOTHING",
    width: 5,
};
