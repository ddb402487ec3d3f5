-- What a mail changes in its conversation it changes beside its own row: how many messages the conversation has is said by the
-- newest of them, and so is when it was received. The conversation's row changes when it is opened, closed, merged or
-- continued. `conversations` is a view with the columns that the table had.
ALTER TABLE messages ADD COLUMN ordinal BIGINT NOT NULL DEFAULT 0;
UPDATE messages SET ordinal = c.message_count FROM conversations c
WHERE messages.conversation = c.id AND messages.id = (
    SELECT n.id FROM messages n WHERE n.conversation = c.id ORDER BY n.received_at DESC, n.id DESC LIMIT 1);
DROP INDEX messages_conversation;
CREATE INDEX messages_conversation ON messages (conversation, received_at, id, ordinal);

-- A row that others refer to is locked for each that comes, and to lock it is to write its page. The gateway asks itself
-- whether a conversation is there, and none is ever removed.
ALTER TABLE messages DROP CONSTRAINT messages_conversation_fkey;
ALTER TABLE message_ids DROP CONSTRAINT message_ids_conversation_fkey;

ALTER TABLE conversations RENAME TO conversation_records;
ALTER TABLE conversation_records DROP COLUMN last_message_at;
ALTER TABLE conversation_records DROP COLUMN message_count;
CREATE VIEW conversations AS
SELECT c.id, c.organisation, c.alias_of, c.state, c.subject, c.base_subject, c.created_at,
       COALESCE((SELECT m.received_at FROM messages m WHERE m.conversation = c.id ORDER BY m.received_at DESC, m.id DESC LIMIT 1),
                c.created_at) AS last_message_at,
       c.touched_by_person,
       COALESCE((SELECT m.ordinal FROM messages m WHERE m.conversation = c.id ORDER BY m.received_at DESC, m.id DESC LIMIT 1),
                0) AS message_count,
       c.subject_key, c.continued_by, c.closed_at
FROM conversation_records c;
