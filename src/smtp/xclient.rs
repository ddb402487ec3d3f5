//! XCLIENT: a trusted peer (a filter, a proxy) tells who the client really is.
//!
//! As Postfix documents it: `XCLIENT NAME=… ADDR=… PORT=… PROTO=… HELO=… LOGIN=… DESTADDR=… DESTPORT=…`,
//! values as xtext, `[UNAVAILABLE]` and `[TEMPUNAVAIL]` for what is not known. The session goes back to
//! the greeting and keeps what was told.
//!
//! # Trust
//! Only peers in `smtp.xclient_from`; the session checks that before it comes here.

use std::net::IpAddr;

/// What was told. The outer `Option`: whether it was mentioned; the inner: whether it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Told {
    pub name: Option<Option<String>>,
    pub address: Option<Option<IpAddr>>,
    pub helo: Option<Option<String>>,
    pub login: Option<Option<String>>,
    pub esmtp: Option<bool>,
}

/// Reads the attributes. `None`: not understood, and then nothing of it counts.
#[must_use]
pub fn parse(attributes: &[u8]) -> Option<Told> {
    let mut told = Told::default();
    let mut any = false;
    for word in attributes.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()) {
        any = true;
        let at = memchr::memchr(b'=', word)?;
        let value = xtext(&word[at + 1..])?;
        let known = !(value.eq_ignore_ascii_case("[UNAVAILABLE]") || value.eq_ignore_ascii_case("[TEMPUNAVAIL]"));
        let text = known.then(|| value.clone());
        match word[..at].to_ascii_uppercase().as_slice() {
            b"NAME" => told.name = Some(text),
            b"HELO" => told.helo = Some(text),
            b"LOGIN" => told.login = Some(text),
            b"ADDR" => {
                let address = match text {
                    None => None,
                    Some(a) => {
                        let v6 = a.get(..5).filter(|p| p.eq_ignore_ascii_case("IPV6:")).map(|_| &a[5..]);
                        Some(v6.unwrap_or(&a).parse().ok()?)
                    }
                };
                told.address = Some(address);
            }
            b"PROTO" => {
                told.esmtp = match value.to_ascii_uppercase().as_str() {
                    "SMTP" => Some(false),
                    "ESMTP" => Some(true),
                    _ => return None,
                }
            }
            // Known, and of no use here.
            b"PORT" | b"DESTADDR" | b"DESTPORT" => {}
            _ => return None,
        }
    }
    any.then_some(told)
}

/// Decodes xtext (RFC 3461 4). `None`: a broken escape, or a control character behind one.
fn xtext(value: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        if *first == b'+' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            let byte = u8::from_str_radix(hex, 16).ok()?;
            if byte.is_ascii_control() {
                return None;
            }
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes.truncate(super::HELO_BYTES_MAX);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_postfix_writes_them() {
        let told = parse(b"NAME=spike.example ADDR=168.100.189.2 PORT=4711 PROTO=ESMTP HELO=a+2Bb LOGIN=[UNAVAILABLE]").unwrap();
        assert_eq!(told.name, Some(Some("spike.example".into())));
        assert_eq!(told.address, Some(Some("168.100.189.2".parse().unwrap())));
        assert_eq!((told.helo, told.login, told.esmtp), (Some(Some("a+b".into())), Some(None), Some(true)));
        let told = parse(b"addr=IPV6:2001:db8::1 name=[TEMPUNAVAIL]").unwrap();
        assert_eq!(told.address, Some(Some("2001:db8::1".parse().unwrap())));
        assert_eq!(told.name, Some(None));
    }

    #[test]
    fn nonsense_is_not_guessed() {
        for bad in ["", "NAME", "ADDR=1.2.3", "PROTO=UUCP", "HELO=a+2", "HELO=a+0D", "HELO=+zz", "FOO=bar", "NAME=+ff"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
