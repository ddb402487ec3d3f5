-- The whole schema of the first release. docs/schema.md says what each table means and what of it is stable.
-- Ids are UUIDv7 (16 bytes). Times are microseconds since 1970 UTC. JSON is TEXT.
-- Tables with a natural key of several columns are WITHOUT ROWID: the row lives in its key's tree.

CREATE TABLE organisations (
    id          BLOB NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    parent      BLOB REFERENCES organisations (id),
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX organisations_name ON organisations (name);

CREATE TABLE mailboxes (
    id            BLOB NOT NULL PRIMARY KEY,
    organisation  BLOB NOT NULL REFERENCES organisations (id),
    address       TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mailboxes_address ON mailboxes (address);

-- One row. Bumped by every change to organisations and mailboxes, so that gateways know to look again.
CREATE TABLE directory_revision (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    revision  INTEGER NOT NULL
) STRICT;
INSERT INTO directory_revision (id, revision) VALUES (1, 1);

CREATE TABLE conversations (
    id                 BLOB NOT NULL PRIMARY KEY,
    organisation       BLOB NOT NULL REFERENCES organisations (id),
    -- Set when it was found to be one with another conversation, which has all its rows now.
    alias_of           BLOB REFERENCES conversations (id),
    state              TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    subject            TEXT NOT NULL,
    base_subject       TEXT NOT NULL,
    created_at         INTEGER NOT NULL,
    last_message_at    INTEGER NOT NULL,
    touched_by_person  INTEGER NOT NULL,
    message_count      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_activity ON conversations (organisation, last_message_at, id) WHERE alias_of IS NULL;
CREATE INDEX conversations_alias ON conversations (alias_of) WHERE alias_of IS NOT NULL;

CREATE TABLE messages (
    id                BLOB NOT NULL PRIMARY KEY,
    organisation      BLOB NOT NULL REFERENCES organisations (id),
    conversation      BLOB NOT NULL REFERENCES conversations (id),
    journal           BLOB NOT NULL,
    position          INTEGER NOT NULL,
    received_at       INTEGER NOT NULL,
    reverse_path      TEXT NOT NULL,
    size              INTEGER NOT NULL,
    content_hash      BLOB NOT NULL,
    repeats           INTEGER NOT NULL,
    message_id        TEXT,
    in_reply_to       TEXT NOT NULL,
    reference_ids     TEXT NOT NULL,
    from_name         TEXT NOT NULL,
    from_address      TEXT NOT NULL,
    people            TEXT NOT NULL,
    subject           TEXT NOT NULL,
    sent_at           TEXT,
    text              TEXT NOT NULL,
    folds             TEXT NOT NULL,
    has_html          INTEGER NOT NULL,
    attachment_count  INTEGER NOT NULL,
    class             TEXT NOT NULL,
    class_evidence    TEXT NOT NULL,
    bounce            TEXT,
    client            TEXT,
    repairs           TEXT NOT NULL,
    sender            TEXT NOT NULL,
    may               TEXT NOT NULL CHECK (may IN ('open', 'participant', 'unverified', 'automatic')),
    rule              TEXT NOT NULL,
    confidence        REAL NOT NULL,
    decision          TEXT NOT NULL,
    reader_version    INTEGER NOT NULL,
    classes_version   INTEGER NOT NULL,
    rules_version     INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_conversation ON messages (conversation, received_at, id);
CREATE INDEX messages_content ON messages (organisation, content_hash);

-- No reference to mailboxes: a mailbox may go while a mail for it is on its way.
CREATE TABLE message_mailboxes (
    message  BLOB NOT NULL REFERENCES messages (id),
    mailbox  BLOB NOT NULL,
    PRIMARY KEY (message, mailbox)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_mailboxes_mailbox ON message_mailboxes (mailbox, message);

CREATE TABLE participants (
    conversation  BLOB NOT NULL REFERENCES conversations (id),
    address       TEXT NOT NULL,
    organisation  BLOB NOT NULL,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('correspondent', 'addressee')),
    added_at      INTEGER NOT NULL,
    PRIMARY KEY (conversation, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX participants_address ON participants (organisation, address, conversation);

-- Every Message-ID (RFC 5322) a conversation owns: of mails we have, of mails they refer to, of mails the product sent.
CREATE TABLE message_ids (
    organisation  BLOB NOT NULL,
    message_id    TEXT NOT NULL,
    conversation  BLOB NOT NULL REFERENCES conversations (id),
    standing      TEXT NOT NULL CHECK (standing IN ('mentioned', 'seen', 'outbound')),
    PRIMARY KEY (organisation, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_ids_conversation ON message_ids (conversation);

CREATE TABLE attachments (
    message       BLOB NOT NULL REFERENCES messages (id),
    part          INTEGER NOT NULL,
    name          TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    size          INTEGER NOT NULL,
    sha256        TEXT NOT NULL,
    inline        INTEGER NOT NULL,
    content_id    TEXT,
    PRIMARY KEY (message, part)
) STRICT, WITHOUT ROWID;

-- No reference to organisations here and in dispositions: whatever is wrong, a mail can be held.
CREATE TABLE quarantine_items (
    id            BLOB NOT NULL PRIMARY KEY,
    organisation  BLOB NOT NULL,
    journal       BLOB NOT NULL,
    position      INTEGER NOT NULL,
    received_at   INTEGER NOT NULL,
    held_at       INTEGER NOT NULL,
    mailboxes     TEXT NOT NULL,
    reasons       TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('held', 'released', 'attached', 'discarded')),
    -- What the reader saw, where it got that far.
    sender        TEXT,
    subject       TEXT,
    -- The decision that would be taken if it were released.
    proposed      TEXT,
    -- Where staff want it; none lets the rules decide.
    released_to   BLOB,
    actor         TEXT,
    decided_at    INTEGER,
    message       BLOB REFERENCES messages (id)
) STRICT;
CREATE UNIQUE INDEX quarantine_items_mail ON quarantine_items (journal, position, organisation);
CREATE INDEX quarantine_items_state ON quarantine_items (state, id);

-- The one outcome of a (mail, organisation). No row: in flight.
CREATE TABLE dispositions (
    journal       BLOB NOT NULL,
    position      INTEGER NOT NULL,
    organisation  BLOB NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('attached', 'quarantined', 'duplicate', 'discarded')),
    -- The message it became or repeats.
    message       BLOB,
    item          BLOB,
    decided_at    INTEGER NOT NULL,
    PRIMARY KEY (journal, position, organisation)
) STRICT, WITHOUT ROWID;

-- What happened, in order for each organisation; for webhooks and live views.
CREATE TABLE outbox (
    organisation  BLOB NOT NULL,
    sequence      INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    conversation  BLOB,
    -- For `conversation.merged`: the one that became an alias.
    merged        BLOB,
    message       BLOB,
    item          BLOB,
    happened_at   INTEGER NOT NULL,
    PRIMARY KEY (organisation, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox_heads (
    organisation  BLOB NOT NULL PRIMARY KEY,
    sequence      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_endpoints (
    id            BLOB NOT NULL PRIMARY KEY,
    organisation  BLOB NOT NULL REFERENCES organisations (id),
    url           TEXT NOT NULL,
    secret        BLOB NOT NULL,
    enabled       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    -- The last event that was delivered.
    delivered     INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    retry_at      INTEGER NOT NULL,
    leased_until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_endpoints_due ON webhook_endpoints (retry_at) WHERE enabled;

CREATE TABLE audit_entries (
    id            BLOB NOT NULL PRIMARY KEY,
    organisation  BLOB,
    happened_at   INTEGER NOT NULL,
    actor         TEXT NOT NULL,
    action        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    detail        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id             BLOB NOT NULL PRIMARY KEY,
    name           TEXT NOT NULL,
    admin          INTEGER NOT NULL,
    password_hash  TEXT,
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_name ON users (name);

-- Tokens of sessions and links are stored as their SHA-256: who reads the database can't log in.
CREATE TABLE sessions (
    token_hash  BLOB NOT NULL PRIMARY KEY,
    user_id     BLOB NOT NULL REFERENCES users (id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE login_links (
    token_hash  BLOB NOT NULL PRIMARY KEY,
    user_id     BLOB NOT NULL REFERENCES users (id),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What signs reply addresses.
CREATE TABLE token_keys (
    id          BLOB NOT NULL PRIMARY KEY,
    secret      BLOB NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
