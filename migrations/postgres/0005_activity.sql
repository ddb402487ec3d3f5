-- Of conversation_activity only the row that says what its conversation says counts now; older ones are left over for a
-- while. Whether its conversation is there is asked whenever it is read, so it need not be asked when it is written.
ALTER TABLE conversation_activity DROP CONSTRAINT conversation_activity_conversation_fkey;
