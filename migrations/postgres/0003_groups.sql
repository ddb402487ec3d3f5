-- A list shows of a group its first item: a flood of a hundred thousand mails is a few rows, and costs as much to list.
CREATE INDEX quarantine_items_listed ON quarantine_items (state, id) WHERE group_id IS NULL OR group_id = id;
