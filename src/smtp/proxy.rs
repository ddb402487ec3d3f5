//! The PROXY protocol, versions 1 and 2: a balancer tells who the client really is.
//!
//! Read before anything else on a connection. [`parse`] is without I/O: it is given what has come so far.
//!
//! # Failure
//! A header that is wrong, too long or missing ends the connection: guessing who speaks is worse.
//!
//! # Trust
//! Only peers in `smtp.proxy_protocol_from` may send it, and they must; the connection checks that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a whole header: a line of version 1 has at most 107; version 2 may carry extensions (TLS
/// details, tenant ids), which are skipped and need not be endless.
pub const HEADER_BYTES_MAX: usize = 4_096;

const V1_BYTES_MAX: usize = 107;
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What the header said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// Not all of it is here yet.
    Incomplete,
    /// The header is over after so many bytes.
    Complete {
        /// Its length in bytes.
        len: usize,
        /// The client; `None` when the proxy speaks for itself (health checks) or does not know.
        client: Option<IpAddr>,
    },
    /// It is none.
    Invalid,
}

/// Reads a header at the beginning of `bytes`.
#[must_use]
pub fn parse(bytes: &[u8]) -> Header {
    let signature = bytes.len().min(V2_SIGNATURE.len());
    if bytes[..signature] == V2_SIGNATURE[..signature] {
        return if signature < V2_SIGNATURE.len() { Header::Incomplete } else { version_2(bytes) };
    }
    let word = bytes.len().min(6);
    if bytes[..word] != b"PROXY "[..word] {
        return Header::Invalid;
    }
    match memchr::memchr(b'\n', &bytes[..bytes.len().min(V1_BYTES_MAX)]) {
        Some(end) => version_1(&bytes[..=end]),
        None if bytes.len() >= V1_BYTES_MAX => Header::Invalid,
        None => Header::Incomplete,
    }
}

fn version_1(line: &[u8]) -> Header {
    let client = || -> Option<Option<IpAddr>> {
        let text = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
        let mut words = text.split(' ').skip(1);
        let family = words.next()?;
        if family == "UNKNOWN" {
            return Some(None);
        }
        let (source, destination) = (words.next()?, words.next()?);
        let ports = (words.next()?.parse::<u16>().ok()?, words.next()?.parse::<u16>().ok()?);
        let _ = ports;
        if words.next().is_some() {
            return None;
        }
        match family {
            "TCP4" => {
                destination.parse::<Ipv4Addr>().ok()?;
                Some(Some(source.parse::<Ipv4Addr>().ok()?.into()))
            }
            "TCP6" => {
                destination.parse::<Ipv6Addr>().ok()?;
                Some(Some(source.parse::<Ipv6Addr>().ok()?.into()))
            }
            _ => None,
        }
    };
    client().map_or(Header::Invalid, |client| Header::Complete { len: line.len(), client })
}

fn version_2(bytes: &[u8]) -> Header {
    let Some(&[version_command, family, high, low]) = bytes.get(12..16) else { return Header::Incomplete };
    let len = 16 + usize::from(u16::from_be_bytes([high, low]));
    if version_command >> 4 != 2 || len > HEADER_BYTES_MAX {
        return Header::Invalid;
    }
    let Some(addresses) = bytes.get(16..len) else { return Header::Incomplete };
    let client = match (version_command & 0xf, family >> 4) {
        // LOCAL: the proxy itself.
        (0, _) => None,
        (1, 1) => match addresses.first_chunk::<4>() {
            Some(a) if addresses.len() >= 12 => Some(IpAddr::from(*a)),
            _ => return Header::Invalid,
        },
        (1, 2) => match addresses.first_chunk::<16>() {
            Some(a) if addresses.len() >= 36 => Some(IpAddr::from(*a)),
            _ => return Header::Invalid,
        },
        // Unspecified, or a Unix socket: no address.
        (1, 0 | 3) => None,
        _ => return Header::Invalid,
    };
    Header::Complete { len, client }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(len: usize, client: &str) -> Header {
        Header::Complete { len, client: (!client.is_empty()).then(|| client.parse().unwrap()) }
    }

    /// Every true prefix must be incomplete, so that a split never matters.
    fn split_anywhere(header: &[u8]) -> Header {
        for n in 0..header.len() {
            assert_eq!(parse(&header[..n]), Header::Incomplete, "{n} bytes of {}", header.escape_ascii());
        }
        let mut more = header.to_vec();
        more.extend_from_slice(b"EHLO x\r\n");
        assert_eq!(parse(&more), parse(header));
        parse(header)
    }

    #[test]
    fn version_1_names_the_client() {
        let v4 = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n";
        assert_eq!(split_anywhere(v4), whole(v4.len(), "192.0.2.7"));
        let v6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n";
        assert_eq!(split_anywhere(v6), whole(v6.len(), "2001:db8::7"));
        let unknown = b"PROXY UNKNOWN\r\n";
        assert_eq!(split_anywhere(unknown), whole(unknown.len(), ""));
    }

    #[test]
    fn version_2_names_the_client() {
        let mut v4 = V2_SIGNATURE.to_vec();
        v4.extend_from_slice(&[0x21, 0x11, 0, 15, 192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x34, 0, 25, 4, 0, 0]);
        assert_eq!(split_anywhere(&v4), whole(v4.len(), "192.0.2.7"));
        let mut v6 = V2_SIGNATURE.to_vec();
        v6.extend_from_slice(&[0x21, 0x21, 0, 36]);
        v6.extend_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        v6.extend_from_slice(&[0; 20]);
        assert_eq!(split_anywhere(&v6), whole(v6.len(), "2001:db8::7"));
        let mut local = V2_SIGNATURE.to_vec();
        local.extend_from_slice(&[0x20, 0x00, 0, 0]);
        assert_eq!(split_anywhere(&local), whole(16, ""));
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bad in [
            &b"EHLO x\r\n"[..],
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 70000\r\n",
            b"PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04abcd",
        ] {
            assert_eq!(parse(bad), Header::Invalid, "{}", bad.escape_ascii());
        }
        assert_eq!(parse(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()), Header::Invalid);
    }
}
