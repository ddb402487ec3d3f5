//! Attaching a batch of mails: one transaction, set-wise lookups, a decision for each, bulk inserts.
//!
//! # Failure
//! All or nothing. Repeating a batch is harmless: a (mail, organisation) that has a disposition is
//! skipped, and the journal position is its identity. When the data of one mail are refused, the
//! whole batch fails with an error that is not transient; the intake splits it.
//!
//! # Trust
//! The rules (`decide`) are handed in and are trusted with one exception: a conversation of another
//! organisation is refused here too, because no mistake elsewhere may mix tenants.

use super::connection::{Bulk, Conn, Dialect, Query};
use super::ledger::{self, Disposition, Pair};
use super::plan::{self, Plan};
use super::value::{Columns, Value, key_text, values};
use super::{Error, Store, index, now_us};
use crate::mail::{
    ConversationId, Decision, DispositionKind, Evidence, HoldReason, May, MessageId, OrganisationId, Outcome, Prepared,
    QuarantineId, QuarantineReason, ReasonCode, Rule, ThreadIndex, ThreadKeys, Where,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// Decides where a mail belongs: `threading::decide`, handed in so that the store knows no rules.
pub type Decide<'a> = &'a (dyn Fn(&ThreadKeys, &ThreadIndex, ConversationId) -> Decision + Send + Sync);

// Every lookup of this transaction is of a few keys in large tables. PostgreSQL plans a prepared statement once, and one
// that is planned while a table is small would read it whole ever after (measured: half of the time of an attach). So
// other ways than by an index are made unattractive until the transaction ends.
const LOCK: Query = Query::each(
    "lock_organisations",
    "SELECT $1",
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
            set_config('enable_mergejoin', 'off', true), pg_advisory_xact_lock(key)
     FROM unnest(string_to_array($1, ',')::bigint[]) AS key",
);
// What the message says that has an id, or one of those that have it.
const DUPLICATES: Bulk = Bulk {
    name: "duplicates",
    head: "WITH k (organisation, message_id) AS (",
    tail: ") SELECT m.organisation, x.content_hash, x.id FROM k CROSS JOIN message_ids m CROSS JOIN messages x
           WHERE m.organisation = k.organisation AND m.message_id = k.message_id AND x.id = m.message",
    width: 2,
};
const RELEASES: Bulk = Bulk {
    name: "releases_of_batch",
    head: "WITH k (id) AS (",
    tail: ") SELECT q.id FROM k CROSS JOIN quarantine_items q WHERE q.id = k.id AND q.state = 'released'",
    width: 1,
};

impl Store {
    /// Attaches a batch in one transaction: skips what has a disposition, finds duplicates by content hash, loads the
    /// index set-wise, decides each in order (applying each to the index), writes all. One outcome for each, in order.
    ///
    /// # Errors
    /// The whole batch failed and nothing was written; `is_transient` says whether to repeat or to split.
    pub async fn attach(&self, batch: &[Prepared], decide: Decide<'_>) -> Result<Vec<Outcome>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut conn = self.writer().await?;
        match attach_in(&mut conn, batch, decide).await {
            Ok(outcomes) => {
                conn.commit().await?;
                Ok(outcomes)
            }
            Err(e) => {
                conn.roll_back().await;
                Err(e)
            }
        }
    }
}

/// What the database says about a batch before anything is decided.
struct Known {
    dispositions: HashMap<Pair, Disposition>,
    released: HashSet<QuarantineId>,
    /// The message with this content.
    contents: HashMap<(OrganisationId, [u8; 32]), MessageId>,
    index: ThreadIndex,
    /// Brakes that this batch has counted for, with their windows in microseconds.
    counted: BTreeMap<(OrganisationId, String), i64>,
}

fn pair(mail: &Prepared) -> Pair {
    (mail.locator.journal, mail.locator.position, mail.organisation)
}

async fn attach_in(conn: &mut Conn, batch: &[Prepared], decide: Decide<'_>) -> Result<Vec<Outcome>, Error> {
    lock_organisations(conn, batch.iter().map(|m| m.organisation)).await?;
    let mut known = look_up(conn, batch).await?;
    let mut plan = Plan::new(now_us());
    let mut outcomes = Vec::with_capacity(batch.len());
    for mail in batch {
        everybody(conn, mail, &mut known.index, &mut plan).await?;
        outcomes.push(one(mail, decide, &mut known, &mut plan)?);
    }
    plan.people(&known.index);
    let newest = batch.iter().map(|m| m.received_at_us).max().unwrap_or_default();
    plan.brakes(&known.counted, &known.index, newest);
    plan.write(conn).await?;
    Ok(outcomes)
}

/// Keeps other nodes from attaching for these organisations until the transaction ends. SQLite has
/// one writer anyway. Locks are taken in one order, so that two batches never wait for each other.
pub(super) async fn lock_organisations(
    conn: &mut Conn,
    organisations: impl Iterator<Item = OrganisationId>,
) -> Result<(), Error> {
    if conn.dialect() == Dialect::Postgres {
        let keys: BTreeSet<i64> = organisations.map(|o| o.0.as_u64_pair()).map(|(a, b)| (a ^ b).cast_signed()).collect();
        let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
        conn.rows(&LOCK, values![keys.join(",")]).await?;
    }
    Ok(())
}

async fn look_up(conn: &mut Conn, batch: &[Prepared]) -> Result<Known, Error> {
    let dispositions = ledger::of_pairs(conn, batch.iter().map(pair)).await?;
    let to_do: Vec<&Prepared> = batch.iter().filter(|m| m.release.is_some() || !dispositions.contains_key(&pair(m))).collect();

    let releases: Vec<Value> = to_do.iter().filter_map(|m| m.release.as_ref()).flat_map(|r| values![r.item]).collect();
    let released = conn.bulk(&RELEASES, releases).await?;
    let released = released.iter().map(|row| row.get(RELEASES.name, 0).map(QuarantineId)).collect::<Result<_, _>>()?;

    let mut asked: BTreeSet<(OrganisationId, String)> = BTreeSet::new();
    for mail in to_do.iter().filter(|m| m.release.is_none()) {
        asked.insert((mail.organisation, key_text(&mail.keys.message_id).into_owned()));
        asked.extend(contents(mail).map(|hash| (mail.organisation, plan::content_key(mail, hash))));
    }
    let mut known: HashMap<(OrganisationId, [u8; 32]), MessageId> = HashMap::new();
    let keys = asked.iter().flat_map(|(organisation, key)| values![*organisation, key]).collect();
    for row in conn.bulk(&DUPLICATES, keys).await? {
        let mut c = Columns::of(DUPLICATES.name, &row);
        let organisation = OrganisationId(c.take()?);
        if let Ok(hash) = <[u8; 32]>::try_from(c.take::<Vec<u8>>()?) {
            known.insert((organisation, hash), MessageId(c.take()?));
        }
    }

    let new = to_do.into_iter().map(|m| (&m.keys, m.release.as_ref().and_then(|r| r.conversation)));
    let index = index::load(conn, new).await?;
    Ok(Known { dispositions, released, contents: known, index, counted: BTreeMap::new() })
}

/// What a message may say that this mail is another delivery of.
fn contents(mail: &Prepared) -> impl Iterator<Item = &[u8; 32]> {
    std::iter::once(&mail.mail.content_hash).chain(&mail.mail.direct_hashes)
}

/// A mail that ties several conversations may make them one; then it matters who is in each of them.
async fn everybody(conn: &mut Conn, mail: &Prepared, index: &mut ThreadIndex, plan: &mut Plan) -> Result<(), Error> {
    let known = |id: &str| index.ids.get(&(mail.organisation, id.to_owned())).map(|known| known.conversation);
    let named = mail.keys.tokens.iter().map(|t| t.conversation);
    let tied: BTreeSet<ConversationId> =
        mail.keys.ties().chain(mail.keys.tags_that_tie()).filter_map(known).chain(named).map(|c| index.current(c)).collect();
    if tied.len() > 1 {
        for id in tied {
            let people = index::load_everybody(conn, index, id).await?;
            plan.also_before(id, people);
        }
    }
    Ok(())
}

fn one(mail: &Prepared, decide: Decide<'_>, known: &mut Known, plan: &mut Plan) -> Result<Outcome, Error> {
    let release = mail.release.as_ref().filter(|r| known.released.contains(&r.item));
    match (known.dispositions.get(&pair(mail)), release) {
        (Some(disposition), None) => return Ok(Outcome::Already(disposition.kind)),
        (Some(disposition), Some(release)) if disposition.item == Some(release.item) => {}
        (_, Some(release)) => {
            let name = format!("{} for this mail", release.item);
            return Err(Error::NotFound { kind: "quarantine item", name });
        }
        (None, None) if mail.release.is_some() => {
            return Err(Error::NotFound { kind: "released quarantine item for", name: mail.locator.position.to_string() });
        }
        (None, None) => {}
    }
    let content = (mail.organisation, mail.mail.content_hash);
    if release.is_none()
        && let Some(message) = contents(mail).find_map(|hash| known.contents.get(&(mail.organisation, *hash)).copied())
    {
        plan.repeat(mail, message);
        repeat(mail, decide, known, plan)?;
        done(known, mail, DispositionKind::Duplicate, None);
        return Ok(Outcome::DuplicateOf(message));
    }

    let fresh = ConversationId(Uuid::now_v7());
    let mut decision = decide(&mail.keys, &known.index, fresh);
    if let Some(staff) = release.and_then(|r| r.conversation) {
        decision = as_staff_say(mail, decision, &known.index, staff);
    }
    if release.is_none() {
        // Counted in any case: a flood of forged mails is one too.
        let braked = brake(mail, known);
        if let Some(hold) = decision.hold {
            let item = QuarantineId(Uuid::now_v7());
            let reason = reason(hold, &decision);
            let code = reason.code;
            plan.hold(mail, &decision, reason, item, None);
            done(known, mail, DispositionKind::Quarantined, Some(item));
            return Ok(Outcome::Quarantined(item, code));
        }
        if let Some((item, group, reason)) = braked {
            let code = reason.code;
            plan.hold(mail, &decision, reason, item, Some(group));
            done(known, mail, DispositionKind::Quarantined, Some(item));
            return Ok(Outcome::Quarantined(item, code));
        }
    }

    let conversation = match decision.place {
        Where::New => fresh,
        Where::Existing(id) => known.index.resolve(id),
    };
    let is_new = decision.place == Where::New;
    keep_tenants_apart(mail, &mut decision, &known.index, conversation, is_new)?;
    for touched in decision.merges.iter().chain(&decision.continues).chain([&conversation]) {
        plan.remember_people(&known.index, *touched);
    }
    let message = plan.attach(mail, &decision, conversation, &known.index);
    known.index.apply(&mail.keys, &decision, conversation);
    known.contents.entry(content).or_insert(message);
    if let Some(release) = release {
        plan.released(mail, release.item, message);
        known.released.remove(&release.item);
    }
    done(known, mail, DispositionKind::Attached, None);
    Ok(Outcome::Attached { message, conversation, decision: Box::new(decision) })
}

/// What only this delivery of a mail that is there ties: a relay, a list or a Bcc may bring another envelope or References.
fn repeat(mail: &Prepared, decide: Decide<'_>, known: &mut Known, plan: &mut Plan) -> Result<(), Error> {
    let own = known.index.ids.get(&(mail.organisation, mail.keys.message_id.clone()));
    let Some(here) = own.map(|own| known.index.current(own.conversation)) else { return Ok(()) };
    let decision = decide(&mail.keys, &known.index, ConversationId(Uuid::now_v7()));
    let Some((conversation, mut decision)) = decision.of_repeat(here) else { return Ok(()) };
    keep_tenants_apart(mail, &mut decision, &known.index, conversation, false)?;
    for touched in decision.merges.iter().chain([&conversation]) {
        plan.remember_people(&known.index, *touched);
    }
    plan.join(mail, &decision, conversation, &known.index, None);
    known.index.apply_repeat(&mail.keys, &decision, conversation);
    Ok(())
}

/// Counts a mail against loops and floods; says as which item of which group it is held, and why.
fn brake(mail: &Prepared, known: &mut Known) -> Option<(QuarantineId, QuarantineId, QuarantineReason)> {
    let mut first = None;
    for brake in &mail.keys.brakes {
        let key = (mail.organisation, brake.key.clone());
        let state = known.index.brakes.entry(key.clone()).or_default();
        known.counted.insert(key, brake.window_us);
        if let Some(braked) = state.count(brake, mail.received_at_us)
            && first.is_none()
        {
            let item = QuarantineId(Uuid::now_v7());
            state.hold(item);
            let (code, mails) = match brake.what {
                "token" => (ReasonCode::InvalidTokens, "mails to reply addresses whose signature is wrong"),
                "own" => (ReasonCode::Loop, "the product's own mails come back"),
                "automatic" => (ReasonCode::Loop, "mails of one program to one mailbox"),
                _ => (ReasonCode::Loop, "mails of one sender"),
            };
            let window = match brake.window_us / 1_000_000 {
                seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
                seconds => format!("{seconds} seconds"),
            };
            let detail = format!("{mails}: {} of at most {} in {window}", braked.count, brake.max);
            first = Some((item, braked.group.unwrap_or(item), QuarantineReason { code, detail }));
        }
    }
    first
}

/// The same (mail, organisation) again in the same batch has a disposition by now.
fn done(known: &mut Known, mail: &Prepared, kind: DispositionKind, item: Option<QuarantineId>) {
    known.dispositions.insert(pair(mail), Disposition { kind, item });
}

/// Staff chose a conversation: that wins over the rules, which keep their word as a suggestion only.
fn as_staff_say(mail: &Prepared, rules: Decision, index: &ThreadIndex, chosen: ConversationId) -> Decision {
    let chosen = index.resolve(chosen);
    if index.owners.get(&chosen) != Some(&mail.organisation) {
        return rules;
    }
    let known = index.conversations.get(&chosen).is_some_and(|facts| facts.participants.contains(&mail.keys.sender));
    let may = if mail.keys.class.is_automatic() {
        May::Automatic
    } else if known {
        May::Participant
    } else {
        May::Unverified
    };
    let mut evidence = rules.evidence;
    evidence.insert(
        0,
        Evidence {
            code: "staff",
            place: "quarantine".to_owned(),
            detail: format!("released into {chosen}; the rules said {}", rules.rule.as_str()),
        },
    );
    Decision {
        evidence,
        suggestions: rules.suggestions,
        customer: rules.customer,
        ..Decision::new(Where::Existing(chosen), may, Rule::Staff)
    }
}

fn reason(hold: HoldReason, decision: &Decision) -> QuarantineReason {
    let code = match hold {
        HoldReason::ForeignEvidence => ReasonCode::ForeignEvidence,
        HoldReason::ForgedParticipant => ReasonCode::ForgedParticipant,
    };
    let detail: Vec<String> = decision.evidence.iter().map(|e| format!("{} in {}", e.code, e.place)).collect();
    QuarantineReason { code, detail: detail.join("; ") }
}

fn keep_tenants_apart(
    mail: &Prepared,
    decision: &mut Decision,
    index: &ThreadIndex,
    conversation: ConversationId,
    is_new: bool,
) -> Result<(), Error> {
    let ours = |id: &ConversationId| index.owners.get(id) == Some(&mail.organisation);
    if !is_new && !ours(&conversation) {
        let reason = format!("the rules chose conversation {conversation}, which is not of organisation {}", mail.organisation);
        return Err(Error::Refused { query: "attach", reason });
    }
    decision.merges.retain(|merged| *merged != conversation && ours(merged));
    decision.continues = decision.continues.filter(|old| *old != conversation && ours(old));
    decision.links.retain(|link| link.conversation != conversation && ours(&link.conversation));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{
        Class, Classification, JournalId, Link, LinkKind, Locator, MailboxId, NormalizedMail, Person, Position, Versions,
    };
    use crate::telemetry::Metrics;
    use sqlx::{AssertSqlSafe, Connection, Row as _};
    use std::sync::Arc;
    use std::time::Duration;

    fn prepared(organisation: OrganisationId, mailbox: MailboxId, n: u32, references: &[&str]) -> Prepared {
        let person = Person { name: "Ann".to_owned(), address: format!("ann{n}@a.test") };
        Prepared {
            locator: Locator { journal: JournalId(Uuid::from_u128(1)), position: Position { segment: 1, offset: n } },
            received_at_us: i64::from(n),
            organisation,
            mailboxes: vec![mailbox],
            reverse_path: String::new(),
            mail: Arc::new(NormalizedMail { content_hash: [u8::try_from(n).unwrap(); 32], ..NormalizedMail::default() }),
            class: Arc::new(Classification { class: Class::Person, evidence: vec![], bounce: None }),
            keys: ThreadKeys {
                references: references.iter().map(|id| (*id).to_owned()).collect(),
                sender: person.address.clone(),
                people: vec![person],
                base_subject: "Order".to_owned(),
                ..ThreadKeys::new(organisation, format!("{n}@a.test"))
            },
            versions: Versions { reader: 1, classes: 1, rules: 1 },
            release: None,
        }
    }

    /// New where nothing is known; else the oldest known, with which the others are merged and to which a third is linked.
    fn decide(keys: &ThreadKeys, index: &ThreadIndex, _: ConversationId) -> Decision {
        let known = |id: &String| index.ids.get(&(keys.organisation, id.clone())).map(|known| index.current(known.conversation));
        let mut tied: Vec<ConversationId> = keys.references.iter().filter_map(known).collect();
        tied.sort_unstable();
        tied.dedup();
        match tied.split_first() {
            None => Decision::new(Where::New, May::Open, Rule::New),
            Some((home, [other])) => {
                Decision { merges: vec![*other], ..Decision::new(Where::Existing(*home), May::Participant, Rule::Reference) }
            }
            Some((home, others)) => Decision {
                links: others.iter().map(|c| Link { conversation: *c, kind: LinkKind::Tied }).collect(),
                ..Decision::new(Where::Existing(*home), May::Participant, Rule::Reference)
            },
        }
    }

    // SQLite has no statistics in a gateway, so what it does beside three mails is what it does beside three million.
    #[tokio::test]
    async fn no_statement_of_a_batch_reads_a_whole_table() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.sqlite");
        let store =
            Store::open(&format!("sqlite:{}", path.display()), 1, Duration::from_secs(30), Metrics::new().0).await.unwrap();
        store.migrate().await.unwrap();
        let organisation = store.add_organisation("acme", None).await.unwrap();
        let mailbox = store.add_mailbox(organisation, "help@acme.test").await.unwrap();
        let batch = |mails: &[(u32, &[&str])]| -> Vec<Prepared> {
            mails.iter().map(|(n, references)| prepared(organisation, mailbox, *n, references)).collect()
        };
        let first = batch(&[(1, &[]), (2, &[]), (3, &[]), (4, &[])]);
        store.attach(&first, &decide).await.unwrap();
        let second = batch(&[(5, &["1@a.test"]), (6, &["2@a.test", "3@a.test"]), (7, &["1@a.test", "4@a.test", "6@a.test"])]);
        store.attach(&second, &decide).await.unwrap();
        store
            .attach(
                &[Prepared {
                    locator: Locator { journal: JournalId(Uuid::from_u128(2)), ..first[0].locator },
                    ..first[0].clone()
                }],
                &decide,
            )
            .await
            .unwrap();

        let texts: Vec<(&str, Arc<str>)> =
            store.shared.texts.lock().unwrap().iter().map(|((name, _), text)| (*name, text.clone())).collect();
        let lookups = texts.iter().filter(|(_, text)| !text.starts_with("INSERT")).count();
        assert!(lookups > 10, "{lookups}");
        let mut conn = sqlx::SqliteConnection::connect(&path.display().to_string()).await.unwrap();
        // An INSERT looks nothing up; its plan names what it would look at for a foreign key that is violated.
        for (name, text) in texts.iter().filter(|(_, text)| !text.starts_with("INSERT")) {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"))).fetch_all(&mut conn).await.unwrap();
            for step in plan.iter().map(|row| row.get::<String, _>(3)) {
                let read = step.strip_prefix("SCAN ").and_then(|table| table.split(' ').next());
                // The keys that are looked up, what is known of them, and the list of VALUES, which has no name but a length.
                let list = |table: &str| ["k", "old", "CONSTANT"].contains(&table) || table.bytes().all(|b| b.is_ascii_digit());
                assert!(read.is_none_or(list), "{name}: {step}\n{text}");
            }
        }
        store.close().await;
    }
}
