//! Line endings of mails on disk.
//!
//! Mail travels with CRLF; many programs keep it with LF. A file whose lines end in LF is given
//! CRLF, as it had when it travelled; every other file stays as it is to the byte: bare CR, bare
//! LF, NUL and lines of any length are what a gateway has to stand, so they are not mended here.

/// The mail as it travelled.
pub(crate) fn as_travelled(raw: Vec<u8>) -> Vec<u8> {
    if ends_lines_with_lf(&raw) { with_crlf(&raw) } else { raw }
}

/// The first line ending tells what kind of file it is. One that begins with CRLF and has bare LF
/// further down is odd on purpose.
fn ends_lines_with_lf(raw: &[u8]) -> bool {
    match memchr::memchr(b'\n', raw) {
        Some(0) => true,
        Some(at) => raw[at - 1] != b'\r',
        None => false,
    }
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32 + 16);
    let mut done = 0;
    for at in memchr::memchr_iter(b'\n', raw) {
        if at == 0 || raw[at - 1] != b'\r' {
            out.extend_from_slice(&raw[done..at]);
            out.push(b'\r');
            done = at;
        }
    }
    out.extend_from_slice(&raw[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_lf_travels_with_crlf() {
        assert_eq!(as_travelled(b"A: b\n\nc\n".to_vec()), b"A: b\r\n\r\nc\r\n");
        assert_eq!(as_travelled(b"\nc\r\nd\n".to_vec()), b"\r\nc\r\nd\r\n");
    }

    #[test]
    fn a_file_with_crlf_travels_as_it_is() {
        for odd in [&b"A: b\r\n\r\nbare\nlf and bare\rcr\0\r\n"[..], b"no end", b"", b"\r", b"a\r\nb\r"] {
            assert_eq!(as_travelled(odd.to_vec()), odd);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_travelled_once_travels_unchanged(raw in proptest::collection::vec(proptest::sample::select(b"ab\r\n\0.".to_vec()), 0..64)) {
            let once = as_travelled(raw.clone());
            proptest::prop_assert_eq!(as_travelled(once.clone()), once.clone());
            let letters = |b: &[u8]| b.iter().copied().filter(|b| *b != b'\r').collect::<Vec<_>>();
            proptest::prop_assert_eq!(letters(&once), letters(&raw));
        }
    }
}
