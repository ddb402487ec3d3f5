-- The whole schema of the first release. docs/schema.md says what each table means and what of it is stable.
-- Ids are UUIDv7. Times are microseconds since 1970 UTC. JSON is TEXT, so that one text of a query serves both databases.

CREATE TABLE organisations (
    id          UUID NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    parent      UUID REFERENCES organisations (id),
    created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX organisations_name ON organisations (name);

CREATE TABLE mailboxes (
    id            UUID NOT NULL PRIMARY KEY,
    organisation  UUID NOT NULL REFERENCES organisations (id),
    address       TEXT NOT NULL,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX mailboxes_address ON mailboxes (address);

-- One row. Bumped by every change to organisations and mailboxes, so that gateways know to look again.
CREATE TABLE directory_revision (
    id        BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision  BIGINT NOT NULL
);
INSERT INTO directory_revision (id, revision) VALUES (1, 1);

CREATE TABLE conversations (
    id                 UUID NOT NULL PRIMARY KEY,
    organisation       UUID NOT NULL REFERENCES organisations (id),
    -- Set when it was found to be one with another conversation, which has all its rows now.
    alias_of           UUID REFERENCES conversations (id),
    state              TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    subject            TEXT NOT NULL,
    base_subject       TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    last_message_at    BIGINT NOT NULL,
    touched_by_person  BOOLEAN NOT NULL,
    message_count      BIGINT NOT NULL
);
CREATE INDEX conversations_activity ON conversations (organisation, last_message_at, id) WHERE alias_of IS NULL;
CREATE INDEX conversations_alias ON conversations (alias_of) WHERE alias_of IS NOT NULL;

CREATE TABLE messages (
    id                UUID NOT NULL PRIMARY KEY,
    organisation      UUID NOT NULL REFERENCES organisations (id),
    conversation      UUID NOT NULL REFERENCES conversations (id),
    journal           UUID NOT NULL,
    position          BIGINT NOT NULL,
    received_at       BIGINT NOT NULL,
    reverse_path      TEXT NOT NULL,
    size              BIGINT NOT NULL,
    content_hash      BYTEA NOT NULL,
    repeats           BIGINT NOT NULL,
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
    has_html          BOOLEAN NOT NULL,
    attachment_count  BIGINT NOT NULL,
    class             TEXT NOT NULL,
    class_evidence    TEXT NOT NULL,
    bounce            TEXT,
    client            TEXT,
    repairs           TEXT NOT NULL,
    sender            TEXT NOT NULL,
    may               TEXT NOT NULL CHECK (may IN ('open', 'participant', 'unverified', 'automatic')),
    rule              TEXT NOT NULL,
    confidence        DOUBLE PRECISION NOT NULL,
    decision          TEXT NOT NULL,
    reader_version    BIGINT NOT NULL,
    classes_version   BIGINT NOT NULL,
    rules_version     BIGINT NOT NULL
);
CREATE INDEX messages_conversation ON messages (conversation, received_at, id);
CREATE INDEX messages_content ON messages (organisation, content_hash);

-- No reference to mailboxes: a mailbox may go while a mail for it is on its way.
CREATE TABLE message_mailboxes (
    message  UUID NOT NULL REFERENCES messages (id),
    mailbox  UUID NOT NULL,
    PRIMARY KEY (message, mailbox)
);
CREATE INDEX message_mailboxes_mailbox ON message_mailboxes (mailbox, message);

CREATE TABLE participants (
    conversation  UUID NOT NULL REFERENCES conversations (id),
    address       TEXT NOT NULL,
    organisation  UUID NOT NULL,
    name          TEXT NOT NULL,
    role          TEXT NOT NULL CHECK (role IN ('correspondent', 'addressee')),
    added_at      BIGINT NOT NULL,
    PRIMARY KEY (conversation, address)
);
CREATE INDEX participants_address ON participants (organisation, address, conversation);

-- Every Message-ID (RFC 5322) a conversation owns: of mails we have, of mails they refer to, of mails the product sent.
CREATE TABLE message_ids (
    organisation  UUID NOT NULL,
    message_id    TEXT NOT NULL,
    conversation  UUID NOT NULL REFERENCES conversations (id),
    standing      TEXT NOT NULL CHECK (standing IN ('mentioned', 'seen', 'outbound')),
    PRIMARY KEY (organisation, message_id)
);
CREATE INDEX message_ids_conversation ON message_ids (conversation);

CREATE TABLE attachments (
    message       UUID NOT NULL REFERENCES messages (id),
    part          BIGINT NOT NULL,
    name          TEXT NOT NULL,
    content_type  TEXT NOT NULL,
    size          BIGINT NOT NULL,
    sha256        TEXT NOT NULL,
    inline        BOOLEAN NOT NULL,
    content_id    TEXT,
    PRIMARY KEY (message, part)
);

-- No reference to organisations here and in dispositions: whatever is wrong, a mail can be held.
CREATE TABLE quarantine_items (
    id            UUID NOT NULL PRIMARY KEY,
    organisation  UUID NOT NULL,
    journal       UUID NOT NULL,
    position      BIGINT NOT NULL,
    received_at   BIGINT NOT NULL,
    held_at       BIGINT NOT NULL,
    mailboxes     TEXT NOT NULL,
    reasons       TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('held', 'released', 'attached', 'discarded')),
    -- What the reader saw, where it got that far.
    sender        TEXT,
    subject       TEXT,
    -- The decision that would be taken if it were released.
    proposed      TEXT,
    -- Where staff want it; none lets the rules decide.
    released_to   UUID,
    actor         TEXT,
    decided_at    BIGINT,
    message       UUID REFERENCES messages (id)
);
CREATE UNIQUE INDEX quarantine_items_mail ON quarantine_items (journal, position, organisation);
CREATE INDEX quarantine_items_state ON quarantine_items (state, id);

-- The one outcome of a (mail, organisation). No row: in flight.
CREATE TABLE dispositions (
    journal       UUID NOT NULL,
    position      BIGINT NOT NULL,
    organisation  UUID NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('attached', 'quarantined', 'duplicate', 'discarded')),
    -- The message it became or repeats.
    message       UUID,
    item          UUID,
    decided_at    BIGINT NOT NULL,
    PRIMARY KEY (journal, position, organisation)
);

-- What happened, in order for each organisation; for webhooks and live views.
CREATE TABLE outbox (
    organisation  UUID NOT NULL,
    sequence      BIGINT NOT NULL,
    kind          TEXT NOT NULL,
    conversation  UUID,
    -- For `conversation.merged`: the one that became an alias.
    merged        UUID,
    message       UUID,
    item          UUID,
    happened_at   BIGINT NOT NULL,
    PRIMARY KEY (organisation, sequence)
);

CREATE TABLE outbox_heads (
    organisation  UUID NOT NULL PRIMARY KEY,
    sequence      BIGINT NOT NULL
);

CREATE TABLE webhook_endpoints (
    id            UUID NOT NULL PRIMARY KEY,
    organisation  UUID NOT NULL REFERENCES organisations (id),
    url           TEXT NOT NULL,
    secret        BYTEA NOT NULL,
    enabled       BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    -- The last event that was delivered.
    delivered     BIGINT NOT NULL,
    failures      BIGINT NOT NULL,
    retry_at      BIGINT NOT NULL,
    leased_until  BIGINT NOT NULL
);
CREATE INDEX webhook_endpoints_due ON webhook_endpoints (retry_at) WHERE enabled;

CREATE TABLE audit_entries (
    id            UUID NOT NULL PRIMARY KEY,
    organisation  UUID,
    happened_at   BIGINT NOT NULL,
    actor         TEXT NOT NULL,
    action        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    detail        TEXT NOT NULL
);

CREATE TABLE users (
    id             UUID NOT NULL PRIMARY KEY,
    name           TEXT NOT NULL,
    admin          BOOLEAN NOT NULL,
    password_hash  TEXT,
    created_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (name);

-- Tokens of sessions and links are stored as their SHA-256: who reads the database can't log in.
CREATE TABLE sessions (
    token_hash  BYTEA NOT NULL PRIMARY KEY,
    user_id     UUID NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE TABLE login_links (
    token_hash  BYTEA NOT NULL PRIMARY KEY,
    user_id     UUID NOT NULL REFERENCES users (id),
    created_at  BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL
);

-- What signs reply addresses.
CREATE TABLE token_keys (
    id          UUID NOT NULL PRIMARY KEY,
    secret      BYTEA NOT NULL,
    created_at  BIGINT NOT NULL
);
