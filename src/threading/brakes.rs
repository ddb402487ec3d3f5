//! What is counted for a mail, so that loops and floods are braked.

use crate::mail::{Brake, Class, Envelope, OrganisationId, Protocol, ThreadingPolicy, address_in};
use sha2::{Digest, Sha256};

/// What `keys` knows of the mail.
pub(super) struct Seen<'a> {
    pub(super) sender: &'a str,
    pub(super) class: Class,
    pub(super) own_mail: bool,
}

/// The brakes of a mail for one organisation. Old mail that an operator brings in is not counted.
pub(super) fn brakes(seen: &Seen<'_>, envelope: &Envelope, organisation: OrganisationId, policy: &ThreadingPolicy) -> Vec<Brake> {
    if envelope.protocol == Protocol::Import || address_in(seen.sender, &policy.unbraked) {
        return Vec::new();
    }
    // Reports about delivery have one sender for a whole provider, often none.
    let sender = if seen.sender.is_empty() { "<>" } else { seen.sender };
    let limits = &policy.brakes;
    let mut boxes: Vec<String> = envelope.mailboxes(organisation).iter().map(ToString::to_string).collect();
    boxes.sort();
    boxes.truncate(1);
    let mailbox = boxes.pop().unwrap_or_default();
    let own = seen.own_mail.then_some(("own", limits.own_max, ["", &mailbox]));
    let automatic = seen.class.is_automatic().then_some(("automatic", limits.automatic_max, [sender, &mailbox]));
    [own, automatic, Some(("sender", limits.sender_max, [sender, ""]))]
        .into_iter()
        .flatten()
        .filter(|(_, max, _)| *max > 0)
        .map(|(what, max, of)| Brake { key: key(what, of), what, max, window_us: limits.window_us })
        .collect()
}

fn key(what: &str, of: [&str; 2]) -> String {
    let hash = Sha256::new().chain_update(what).chain_update([0]).chain_update(of[0]).chain_update([0]).chain_update(of[1]);
    format!("{what}:{}", data_encoding::HEXLOWER.encode(&hash.finalize()[..16]))
}
