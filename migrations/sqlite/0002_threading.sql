-- Conversations that end and go on, links between them, suggestions by subject, brakes against floods, what the product sent.

ALTER TABLE conversations ADD COLUMN subject_key INTEGER;
-- The newest of the chain that goes on where this one is over.
ALTER TABLE conversations ADD COLUMN continued_by BLOB REFERENCES conversations (id);
-- Set while it is closed by a person.
ALTER TABLE conversations ADD COLUMN closed_at INTEGER;
UPDATE conversations SET closed_at = last_message_at WHERE state = 'closed' AND touched_by_person;
CREATE INDEX conversations_subject ON conversations (organisation, subject_key, last_message_at)
    WHERE alias_of IS NULL AND subject_key IS NOT NULL;
CREATE INDEX conversations_continued ON conversations (continued_by) WHERE continued_by IS NOT NULL;

CREATE TABLE conversation_links (
    conversation  BLOB NOT NULL REFERENCES conversations (id),
    other         BLOB NOT NULL REFERENCES conversations (id),
    kind          TEXT NOT NULL CHECK (kind IN ('continues', 'forward', 'tied')),
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (conversation, other, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_links_other ON conversation_links (other);

ALTER TABLE messages ADD COLUMN customer TEXT;
CREATE INDEX messages_unverified ON messages (conversation, sender) WHERE may = 'unverified';

-- What is held as one is decided as one: the id of the first item names the group.
ALTER TABLE quarantine_items ADD COLUMN group_id BLOB;
CREATE INDEX quarantine_items_group ON quarantine_items (group_id, state) WHERE group_id IS NOT NULL;

-- Counts of mails over time. Rows whose window is over are removed.
CREATE TABLE brakes (
    organisation  BLOB NOT NULL,
    key           TEXT NOT NULL,
    began_at      INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    group_id      BLOB,
    held          INTEGER NOT NULL,
    over_at       INTEGER NOT NULL,
    PRIMARY KEY (organisation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX brakes_over ON brakes (organisation, over_at);

CREATE TABLE outbound_mails (
    id            BLOB NOT NULL PRIMARY KEY,
    organisation  BLOB NOT NULL,
    conversation  BLOB NOT NULL REFERENCES conversations (id),
    message_id    TEXT NOT NULL,
    sent_at       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX outbound_mails_message_id ON outbound_mails (organisation, message_id);
CREATE INDEX outbound_mails_conversation ON outbound_mails (conversation, sent_at, id);
