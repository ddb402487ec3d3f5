//! Signed tokens: in reply addresses, in Message-IDs we give out, and in quoted text.
//!
//! A token is 35 bytes in 56 letters of base32 (RFC 4648, without regard to case, since some
//! relays lower-case what stands before the `@`): version and key id (1), epoch (2),
//! conversation (16), and a MAC of 128 bits (16). `reply+` and a token are 62 octets of the 64
//! that RFC 5321 allows a local part.
//!
//! The MAC is HMAC-SHA-256 over the use (reply address, Message-ID or text), version and key id,
//! epoch, organisation, conversation and addressee. So a token does not work for another
//! organisation, nor in another place than it was made for, and whom it was given to can be told:
//! the addresses a mail shows are tried in turn.
//!
//! # Trust
//! A token says where a mail belongs. That its bearer may speak there follows only when he is the
//! one it was given to. The check takes the same time whatever is wrong with a MAC.
//!
//! A reply address with a wrong MAC is taken at RCPT TO like any other of its mailbox: whom a token was given to is
//! known only with the header, and refusing would lose the mail of who answers from a second address. Such mails are
//! counted (`brakes`), and held when there are many.

use crate::mail::{ConversationId, OrganisationId};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// The form of tokens this file makes; in the upper half of the first byte.
const VERSION: u8 = 1;
const BYTES: usize = 1 + 2 + 16 + 16;
const MAC_BYTES: usize = 16;
/// Letters of a token.
pub const TOKEN_LETTERS: usize = 56;
/// What stands before a token in a text.
const MARK: &str = "[ref:";

/// What a token was made for; it is void elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenUse {
    /// The local part of a reply address.
    ReplyAddress,
    /// A Message-ID of a mail we sent.
    MessageId,
    /// The text of a mail we sent, where it is quoted in answers.
    Body,
    /// The header field by which a mail of ours is known when it comes back.
    Loop,
}

/// For whom and about what a token is made.
#[derive(Debug, Clone, Copy)]
pub struct TokenClaim<'a> {
    /// Whose conversation.
    pub organisation: OrganisationId,
    /// Which.
    pub conversation: ConversationId,
    /// The address it is given to; empty binds it to nobody.
    pub addressee: &'a str,
    /// Counts up when tokens given out before shall no longer count; see [`TokenKeys::since_epoch`].
    pub epoch: u16,
}

/// The keys that sign reply addresses: newest first; older ones still verify.
#[derive(Clone, Default)]
pub struct TokenKeys {
    keys: Vec<Key>,
    epoch_min: u16,
}

#[derive(Clone)]
struct Key {
    /// Four bits made from the secret, so that it does not depend on the order of the list.
    id: u8,
    mac: Hmac<Sha256>,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKeys({} keys)", self.keys.len())
    }
}

impl TokenKeys {
    /// Keys from secrets, the newest first. A secret is any bytes; 32 random ones are right.
    /// Empty ones are passed over. Without a key nothing is signed and nothing verifies.
    #[must_use]
    pub fn from_secrets<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> TokenKeys {
        let keys = secrets.into_iter().filter(|s| !s.as_ref().is_empty()).map(|s| Key::new(s.as_ref())).collect();
        TokenKeys { keys, epoch_min: 0 }
    }

    /// Tokens of earlier epochs no longer verify.
    #[must_use]
    pub fn since_epoch(mut self, epoch: u16) -> TokenKeys {
        self.epoch_min = epoch;
        self
    }

    /// True when there is nothing to sign with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The token for a claim, lower case. `None` without a key.
    #[must_use]
    pub fn sign(&self, purpose: TokenUse, claim: &TokenClaim<'_>) -> Option<String> {
        let key = self.keys.first()?;
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION << 4 | key.id);
        bytes.extend(claim.epoch.to_be_bytes());
        bytes.extend(claim.conversation.0.as_bytes());
        let mac = key.mac(purpose, &bytes, claim.organisation, claim.addressee).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
        Some(BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
    }

    /// `reply+TOKEN@domain`: where an answer of this addressee finds its conversation.
    #[must_use]
    pub fn reply_address(&self, claim: &TokenClaim<'_>, domain: &str) -> Option<String> {
        self.sign(TokenUse::ReplyAddress, claim).map(|t| format!("reply+{t}@{domain}"))
    }

    /// `TOKEN.unique@domain`, without `<>`. `unique` tells the mails of a conversation apart.
    #[must_use]
    pub fn message_id(&self, claim: &TokenClaim<'_>, unique: Uuid, domain: &str) -> Option<String> {
        self.sign(TokenUse::MessageId, claim).map(|t| format!("{t}.{}@{domain}", unique.simple()))
    }

    /// `[ref:TOKEN]`: for the text of a mail, for systems that keep nothing else in their answers.
    #[must_use]
    pub fn body_marker(&self, claim: &TokenClaim<'_>) -> Option<String> {
        self.sign(TokenUse::Body, claim).map(|t| format!("{MARK}{t}]"))
    }

    /// The value of the header field [`super::LOOP_FIELD`] for a mail the product sends.
    #[must_use]
    pub fn loop_mark(&self, claim: &TokenClaim<'_>) -> Option<String> {
        self.sign(TokenUse::Loop, &TokenClaim { addressee: "", ..*claim })
    }

    /// The conversation that a token names, if it is one that could verify here: its form, a key and an epoch of ours. Its
    /// signature is not looked at, so this is what its bearer says and no more.
    #[must_use]
    pub fn claimed(&self, token: &str) -> Option<ConversationId> {
        let bytes = decode(token)?;
        let epoch = u16::from_be_bytes([bytes[1], bytes[2]]);
        let checked = bytes[0] >> 4 == VERSION && epoch >= self.epoch_min && self.keys.iter().any(|k| k.id == bytes[0] & 0xf);
        checked.then(|| Uuid::from_slice(&bytes[3..BYTES - MAC_BYTES]).ok().map(ConversationId)).flatten()
    }

    /// Checks a token against the addresses it may have been given to (lower case; `""` for a token
    /// bound to nobody). Gives the conversation and the place in `addressees` of the one that fits.
    #[must_use]
    pub fn verify<'a>(
        &self,
        token: &str,
        purpose: TokenUse,
        organisation: OrganisationId,
        addressees: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Option<(ConversationId, usize)> {
        let bytes = decode(token)?;
        let (claimed, mac) = bytes.split_at(BYTES - MAC_BYTES);
        let conversation = ConversationId(Uuid::from_slice(&claimed[3..]).ok()?);
        if claimed[0] >> 4 != VERSION || u16::from_be_bytes([claimed[1], claimed[2]]) < self.epoch_min {
            return None;
        }
        for key in self.keys.iter().filter(|k| k.id == claimed[0] & 0xf) {
            for (n, addressee) in addressees.clone().into_iter().enumerate() {
                // Compares in constant time.
                if key.mac(purpose, claimed, organisation, addressee).verify_truncated_left(mac).is_ok() {
                    return Some((conversation, n));
                }
            }
        }
        None
    }
}

impl Key {
    fn new(secret: &[u8]) -> Key {
        let id = Sha256::new().chain_update(b"tidegate key id").chain_update(secret).finalize()[0] & 0xf;
        Key { id, mac: Hmac::new_from_slice(secret).expect("HMAC takes a key of any length") }
    }

    /// All but the addressee has a fixed length, so no two claims give the same bytes.
    fn mac(&self, purpose: TokenUse, claimed: &[u8], organisation: OrganisationId, addressee: &str) -> Hmac<Sha256> {
        let purpose = match purpose {
            TokenUse::ReplyAddress => b'r',
            TokenUse::MessageId => b'm',
            TokenUse::Body => b'b',
            TokenUse::Loop => b'l',
        };
        self.mac
            .clone()
            .chain_update(b"tidegate token")
            .chain_update([purpose])
            .chain_update(claimed)
            .chain_update(organisation.0.as_bytes())
            .chain_update(addressee.to_lowercase().as_bytes())
    }
}

/// Strict: ASCII, the right length, nothing left over.
fn decode(token: &str) -> Option<Vec<u8>> {
    if token.len() != TOKEN_LETTERS || !token.is_ascii() {
        return None;
    }
    BASE32_NOPAD.decode(token.to_ascii_uppercase().as_bytes()).ok().filter(|b| b.len() == BYTES)
}

/// The run of letters in an address or a Message-ID that may be a token: whatever a forwarder
/// has put around it (`SRS0=…=reply+TOKEN`), it is 56 letters of base32 in a row.
#[must_use]
pub fn token_in_address(address: &str) -> Option<&str> {
    address.split(|c: char| !is_base32(c)).find(|run| run.len() == TOKEN_LETTERS)
}

/// The tokens marked in a text, in order.
pub fn tokens_in_text(text: &str) -> impl Iterator<Item = &str> {
    memchr::memmem::find_iter(text.as_bytes(), MARK)
        .filter_map(|at| text.get(at + MARK.len()..at + MARK.len() + TOKEN_LETTERS))
        .filter(|t| t.chars().all(is_base32))
}

fn is_base32(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '2'..='7')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORG: OrganisationId = OrganisationId(Uuid::from_u128(7));
    const OTHER_ORG: OrganisationId = OrganisationId(Uuid::from_u128(8));
    const CONVERSATION: ConversationId = ConversationId(Uuid::from_u128(0x0193_6d0c_7d1e_7000_8000_0000_0000_0001));

    fn keys() -> TokenKeys {
        TokenKeys::from_secrets(["first secret of thirty-two bytes!!"])
    }

    fn claim(addressee: &str) -> TokenClaim<'_> {
        TokenClaim { organisation: ORG, conversation: CONVERSATION, addressee, epoch: 3 }
    }

    fn check(keys: &TokenKeys, address: &str, org: OrganisationId, addressees: &[&str]) -> Option<(ConversationId, usize)> {
        keys.verify(token_in_address(address)?, TokenUse::ReplyAddress, org, addressees.iter().copied())
    }

    #[test]
    fn a_reply_address_fits_a_local_part_and_comes_back_lower_cased_or_not() {
        let address = keys().reply_address(&claim("ann@a.test"), "desk.test").unwrap();
        let local = address.split('@').next().unwrap();
        assert!(local.len() <= 64 && local.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'+'), "{local}");
        for written in [address.clone(), address.to_uppercase(), format!("SRS0=x7=ab=desk.test={address}")] {
            assert_eq!(check(&keys(), &written, ORG, &["bob@b.test", "Ann@A.test"]), Some((CONVERSATION, 1)), "{written}");
        }
    }

    #[test]
    fn what_a_token_claims_is_told_for_our_own_keys_and_epochs_only() {
        let token = keys().sign(TokenUse::ReplyAddress, &claim("")).unwrap();
        let forged = format!("{}aaaaaaaa", &token[..token.len() - 8]);
        assert_eq!(keys().verify(&forged, TokenUse::ReplyAddress, ORG, [""]), None);
        assert_eq!(keys().claimed(&forged), Some(CONVERSATION));
        assert_eq!(keys().since_epoch(4).claimed(&forged), None, "that one is over");
        assert_eq!(TokenKeys::default().claimed(&forged), None, "nothing verifies, so nothing is guessed");
        assert_eq!(keys().claimed(&"b".repeat(TOKEN_LETTERS)), None, "another system's");
    }

    #[test]
    fn a_token_is_void_in_another_organisation() {
        let address = keys().reply_address(&claim("ann@a.test"), "desk.test").unwrap();
        assert_eq!(check(&keys(), &address, OTHER_ORG, &["ann@a.test"]), None);
    }

    #[test]
    fn a_leaked_token_is_void_for_those_who_do_not_know_whom_it_was_given_to() {
        let address = keys().reply_address(&claim("ann@a.test"), "desk.test").unwrap();
        assert_eq!(check(&keys(), &address, ORG, &["mallory@m.test", ""]), None);
    }

    #[test]
    fn changing_any_letter_voids_a_token() {
        let token = keys().sign(TokenUse::ReplyAddress, &claim("")).unwrap();
        for n in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[n] = if forged[n] == b'a' { b'b' } else { b'a' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(keys().verify(&forged, TokenUse::ReplyAddress, ORG, [""]), None, "letter {n}");
        }
    }

    #[test]
    fn a_token_of_a_message_id_that_everyone_sees_is_no_reply_address() {
        let id = keys().message_id(&claim(""), Uuid::from_u128(1), "desk.test").unwrap();
        assert_eq!(check(&keys(), &id, ORG, &[""]), None);
        assert!(keys().verify(token_in_address(&id).unwrap(), TokenUse::MessageId, ORG, [""]).is_some());
    }

    #[test]
    fn the_newest_key_signs_and_the_older_ones_still_verify() {
        let old = TokenKeys::from_secrets(["old"]);
        let both = TokenKeys::from_secrets(["new", "old"]);
        let address = old.reply_address(&claim("a@a.test"), "d.test").unwrap();
        assert!(check(&both, &address, ORG, &["a@a.test"]).is_some());
        let newer = both.reply_address(&claim("a@a.test"), "d.test").unwrap();
        assert!(check(&old, &newer, ORG, &["a@a.test"]).is_none());
        assert!(check(&TokenKeys::from_secrets(["new"]), &newer, ORG, &["a@a.test"]).is_some());
    }

    #[test]
    fn tokens_of_an_epoch_that_was_revoked_are_void() {
        let address = keys().reply_address(&claim("a@a.test"), "d.test").unwrap();
        assert!(check(&keys().since_epoch(3), &address, ORG, &["a@a.test"]).is_some());
        assert!(check(&keys().since_epoch(4), &address, ORG, &["a@a.test"]).is_none());
    }

    #[test]
    fn the_mac_has_128_bits() {
        assert_eq!(MAC_BYTES * 8, 128);
        assert_eq!(TOKEN_LETTERS * 5, BYTES * 8);
    }

    #[test]
    fn letters_outside_ascii_and_line_ends_are_no_token() {
        for text in ["é".repeat(28), format!("{}\r\n", "a".repeat(54)), "1".repeat(56), String::new()] {
            assert_eq!(keys().verify(&text, TokenUse::ReplyAddress, ORG, [""]), None);
        }
    }

    #[test]
    fn a_marker_is_found_in_quoted_text() {
        let marker = keys().body_marker(&claim("a@a.test")).unwrap();
        let text = format!("Thanks!\n\n> Your case\n> {marker}\n> [ref:short] [ref:é");
        let found: Vec<&str> = tokens_in_text(&text).collect();
        assert_eq!(found.len(), 1);
        assert!(keys().verify(found[0], TokenUse::Body, ORG, ["a@a.test"]).is_some());
    }

    #[test]
    fn without_keys_nothing_is_signed_and_nothing_verifies() {
        let none = TokenKeys::from_secrets([""]);
        assert!(none.is_empty() && none.reply_address(&claim(""), "d.test").is_none());
        let address = keys().reply_address(&claim(""), "d.test").unwrap();
        assert_eq!(check(&none, &address, ORG, &[""]), None);
    }
}
