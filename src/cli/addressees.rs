//! For whom a stored mail was, and from whom: what an envelope would have said.
//!
//! A file has lost its envelope; delivery agents leave it in the header (Delivered-To,
//! X-Original-To, Envelope-To, Return-Path). Reads just that, cheaply; what the mail means is
//! `normalize`'s business.
//!
//! # Trust
//! None: only addresses that are safe to write into an SMTP command are given, and a bounded
//! number of them.

use crate::limits::{ADDRESSEE_HEADER_BYTES_MAX, ADDRESSEES_MAX};

/// What the header says about the envelope. Addresses as written, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Addressees {
    /// Where a delivery agent said it delivered it.
    pub(crate) delivered: Vec<String>,
    /// To, Cc and Bcc.
    pub(crate) addressed: Vec<String>,
    /// Return-Path (empty for a bounce), else From.
    pub(crate) sender: Option<String>,
}

impl Addressees {
    /// Reads them off a mail.
    pub(crate) fn of(raw: &[u8]) -> Addressees {
        let mut found = Addressees::default();
        let mut from = None;
        for (name, value) in fields(&raw[..raw.len().min(ADDRESSEE_HEADER_BYTES_MAX)]) {
            let list = match name.to_ascii_lowercase().as_str() {
                "delivered-to" | "x-original-to" | "envelope-to" | "x-envelope-to" => &mut found.delivered,
                "to" | "cc" | "bcc" => &mut found.addressed,
                "return-path" if found.sender.is_none() => {
                    found.sender = if value.trim() == "<>" { Some(String::new()) } else { addresses(&value).into_iter().next() };
                    continue;
                }
                "from" if from.is_none() => {
                    from = addresses(&value).into_iter().next();
                    continue;
                }
                _ => continue,
            };
            for address in addresses(&value) {
                if list.len() < ADDRESSEES_MAX && !list.contains(&address) {
                    list.push(address);
                }
            }
        }
        found.sender = found.sender.or(from);
        found
    }
}

/// Header fields, unfolded. Ends at the empty line. Bytes that are not UTF-8 end a field's value:
/// no address is read out of them.
fn fields(raw: &[u8]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in raw.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let line = std::str::from_utf8(line).unwrap_or_default();
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = out.last_mut() {
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            out.push((name.trim_end().to_owned(), value.to_owned()));
        }
    }
    out
}

/// The addresses of a list such as `Anna <a@x>, "B, C" <b@x>, team: d@x;`.
fn addresses(list: &str) -> Vec<String> {
    let mut out = Vec::new();
    let (mut bare, mut angle) = (String::new(), None::<String>);
    let (mut quoted, mut escaped, mut comment, mut inside) = (false, false, 0_u32, false);
    for c in list.chars().chain([',']) {
        let text = if inside { angle.get_or_insert_default() } else { &mut bare };
        if escaped {
            escaped = false;
            if comment == 0 {
                text.push(c);
            }
            continue;
        }
        match c {
            '\\' if quoted || comment > 0 => {
                escaped = true;
                if comment == 0 {
                    text.push(c);
                }
            }
            '"' if comment == 0 => {
                quoted = !quoted;
                text.push(c);
            }
            _ if quoted => text.push(c),
            '(' => comment += 1,
            ')' if comment > 0 => comment -= 1,
            _ if comment > 0 => {}
            '<' => {
                inside = true;
                angle = Some(String::new());
            }
            '>' => inside = false,
            ':' if !inside => bare.clear(),
            ',' | ';' if !inside => {
                out.extend(usable(&angle.take().unwrap_or_else(|| std::mem::take(&mut bare))));
                bare.clear();
            }
            _ => text.push(c),
        }
    }
    out
}

/// An address that can stand in `MAIL FROM:<…>` as it is.
fn usable(address: &str) -> Option<String> {
    let address = address.trim();
    let (local, domain) = address.rsplit_once('@')?;
    let bad = |c: char| c.is_control() || matches!(c, '<' | '>');
    let quoted = local.starts_with('"') && local.ends_with('"') && local.len() >= 2;
    let fits = !local.is_empty() && !domain.is_empty() && address.len() <= 320 && !address.contains(bad);
    let spaces = domain.contains(char::is_whitespace) || (!quoted && local.contains(char::is_whitespace));
    (fits && !spaces).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_agent_knows_better_than_the_sender() {
        let found = Addressees::of(
            b"Return-Path: <bounce@x.test>\r\nDelivered-To: help@y.test\r\nX-Original-To: help+a@y.test\r\n\
              From: Anna <anna@x.test>\r\nTo: list@z.test,\r\n\t\"B, (C)\" <b@z.test> (comment, with <x@y>)\r\nCc: list@z.test\r\n\r\nTo: no@body.test\r\n",
        );
        assert_eq!(found.delivered, ["help@y.test", "help+a@y.test"]);
        assert_eq!(found.addressed, ["list@z.test", "b@z.test"]);
        assert_eq!(found.sender.as_deref(), Some("bounce@x.test"));
    }

    #[test]
    fn a_bounce_has_an_empty_sender() {
        assert_eq!(Addressees::of(b"Return-Path: <>\nFrom: a@x.test\n\n").sender.as_deref(), Some(""));
        assert_eq!(Addressees::of(b"From: a@x.test\n\n").sender.as_deref(), Some("a@x.test"));
        assert_eq!(Addressees::of(b"\n\nFrom: a@x.test\n").sender, None);
    }

    #[test]
    fn groups_and_nonsense_give_what_is_an_address() {
        assert_eq!(addresses("undisclosed-recipients:;"), [""; 0]);
        assert_eq!(addresses("team: a@x.test, b@x.test;, c@x.test"), ["a@x.test", "b@x.test", "c@x.test"]);
        assert_eq!(addresses("\"odd \\\" one\"@x.test"), ["\"odd \\\" one\"@x.test"]);
        assert_eq!(addresses("a b@x.test, @x.test, a@, <>, <a@x.test>\r\nRCPT TO:<evil@x.test>"), ["evil@x.test"]);
        assert_eq!(addresses("<unclosed@x.test"), [""; 0]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_breaks_out_of_a_command(list in ".*") {
            for a in addresses(&list) {
                proptest::prop_assert!(!a.contains(['\r', '\n', '<', '>', '\0']));
            }
        }
    }
}
