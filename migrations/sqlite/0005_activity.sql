-- Of conversation_activity only the row that says what its conversation says counts now; older ones are left over for a
-- while. Whether its conversation is there is asked whenever it is read, so it need not be asked when it is written.
CREATE TABLE conversation_activity_new (
    organisation     BLOB NOT NULL,
    last_message_at  INTEGER NOT NULL,
    conversation     BLOB NOT NULL,
    PRIMARY KEY (organisation, last_message_at, conversation)
) STRICT, WITHOUT ROWID;
INSERT INTO conversation_activity_new (organisation, last_message_at, conversation)
SELECT organisation, last_message_at, conversation FROM conversation_activity ORDER BY organisation, last_message_at, conversation;
DROP TABLE conversation_activity;
ALTER TABLE conversation_activity_new RENAME TO conversation_activity;
