-- Somebody who was in none of them made conversations one, and nobody was in all of them: then it has no participants though
-- persons have written there, and the next who writes does not begin it.
ALTER TABLE conversation_records ADD COLUMN orphaned INTEGER NOT NULL DEFAULT 0;
UPDATE conversation_records SET orphaned = 1
WHERE alias_of IS NULL AND NOT EXISTS (SELECT 1 FROM participants p WHERE p.conversation = conversation_records.id)
AND EXISTS (SELECT 1 FROM messages m WHERE m.conversation = conversation_records.id AND m.may IN ('open', 'participant'));

DROP VIEW conversations;
CREATE VIEW conversations AS
SELECT c.id, c.organisation, c.alias_of, c.state, c.subject, c.base_subject, c.created_at,
       COALESCE((SELECT m.received_at FROM messages m WHERE m.conversation = c.id ORDER BY m.received_at DESC, m.id DESC LIMIT 1),
                c.created_at) AS last_message_at,
       c.touched_by_person,
       COALESCE((SELECT m.ordinal FROM messages m WHERE m.conversation = c.id ORDER BY m.received_at DESC, m.id DESC LIMIT 1),
                0) AS message_count,
       c.subject_key, c.continued_by, c.closed_at, c.orphaned
FROM conversation_records c;
