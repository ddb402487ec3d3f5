-- What a mail costs beside many stored messages is the number of pages it changes that no other mail of its batch does.

-- The newest with a subject are found by their ids, which sort by time: no change when a message comes into one.
DROP INDEX conversations_subject;
CREATE INDEX conversations_subject ON conversations (organisation, subject_key, id)
    WHERE alias_of IS NULL AND subject_key IS NOT NULL;

-- Ids of a conversation that became an alias stay with the alias, which is followed.
DROP INDEX message_ids_conversation;

-- What a mail says is kept beside its Message-ID: there the next delivery of it is looked for. Set on these rows only.
DROP INDEX messages_content;
ALTER TABLE message_ids ADD COLUMN message UUID;

-- When something was last said in which conversation, for lists; of aliases nothing.
CREATE TABLE conversation_activity (
    organisation     UUID NOT NULL,
    last_message_at  BIGINT NOT NULL,
    conversation     UUID NOT NULL REFERENCES conversations (id),
    PRIMARY KEY (organisation, last_message_at, conversation)
);
INSERT INTO conversation_activity (organisation, last_message_at, conversation)
SELECT organisation, last_message_at, id FROM conversations WHERE alias_of IS NULL ORDER BY organisation, last_message_at, id;
DROP INDEX conversations_activity;
-- No column that changes with a message is in an index now: a new version of a row stays on its page, where there is room.
ALTER TABLE conversations SET (fillfactor = 85);
