//! What is counted for a mail, so that loops, floods and guesses are braked.
//!
//! # Trust
//! The sender is what the mail says it is. Guesses at reply addresses are counted for the conversation they name as well: to
//! pretend to be somebody else each time is no help.

use crate::mail::{Brake, Class, ConversationId, Envelope, OrganisationId, Protocol, ThreadingPolicy, address_in};
use sha2::{Digest, Sha256};

/// What `keys` knows of the mail.
pub(super) struct Seen<'a> {
    pub(super) sender: &'a str,
    pub(super) class: Class,
    pub(super) own_mail: bool,
    /// Conversations for which it shows a reply address with a wrong signature.
    pub(super) failed: &'a [ConversationId],
}

/// The brakes of a mail for one organisation, the one that says most first. Old mail that an operator brings in is not counted.
pub(super) fn brakes(seen: &Seen<'_>, envelope: &Envelope, organisation: OrganisationId, policy: &ThreadingPolicy) -> Vec<Brake> {
    if envelope.protocol == Protocol::Import {
        return Vec::new();
    }
    let limits = &policy.brakes;
    // Reports about delivery have one sender for a whole provider, often none.
    let sender = if seen.sender.is_empty() { "<>" } else { seen.sender };
    let mut boxes: Vec<String> = envelope.mailboxes(organisation).iter().map(ToString::to_string).collect();
    boxes.sort();
    boxes.truncate(1);
    let mailbox = boxes.pop().unwrap_or_default();
    let automatic = seen.class.is_automatic();
    let mut counts: Vec<(&'static str, u32, [&str; 2])> = Vec::new();
    if !address_in(seen.sender, &policy.unbraked) {
        // A program gains nothing by a right guess, and reports go to old reply addresses by the hundred.
        if !seen.failed.is_empty() && !automatic {
            counts.push(("token", limits.token_failures_max, [sender, ""]));
        }
        if seen.own_mail {
            counts.push(("own", limits.own_max, ["", &mailbox]));
        }
        if automatic {
            counts.push(("automatic", limits.automatic_max, [sender, &mailbox]));
        }
        counts.push(("sender", limits.sender_max, [sender, ""]));
    }
    let named: Vec<String> = seen.failed.iter().map(ToString::to_string).collect();
    // Behind that of the sender, so that his own mails are one group; before all that say less.
    let at = usize::from(counts.first().is_some_and(|(what, ..)| *what == "token"));
    counts.splice(at..at, named.iter().map(|c| ("token", limits.token_failures_max, ["", c.as_str()])));
    counts
        .into_iter()
        .filter(|(_, max, _)| *max > 0)
        .map(|(what, max, of)| Brake { key: key(what, of), what, max, window_us: limits.window_us })
        .collect()
}

fn key(what: &str, of: [&str; 2]) -> String {
    let hash = Sha256::new().chain_update(what).chain_update([0]).chain_update(of[0]).chain_update([0]).chain_update(of[1]);
    format!("{what}:{}", data_encoding::HEXLOWER.encode(&hash.finalize()[..16]))
}
