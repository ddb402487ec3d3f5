//! Slicing that cannot fail: what is out of range is empty.
//!
//! # Failure
//! None. The reader works on hostile bytes; an offset that is wrong by one must cost a word, not
//! the mail.

/// Total slicing of bytes.
pub(super) trait Span {
    /// `self[start..end]`, empty where that is not a range of `self`.
    fn span(&self, start: usize, end: usize) -> &Self;
    /// `self[start..]`, empty beyond the end.
    fn after(&self, start: usize) -> &Self;
    /// `self[..end]`, all of it beyond the end.
    fn before(&self, end: usize) -> &Self;
}

impl Span for [u8] {
    fn span(&self, start: usize, end: usize) -> &[u8] {
        self.get(start..end).unwrap_or_default()
    }
    fn after(&self, start: usize) -> &[u8] {
        self.get(start..).unwrap_or_default()
    }
    fn before(&self, end: usize) -> &[u8] {
        self.get(..end).unwrap_or(self)
    }
}

impl Span for str {
    fn span(&self, start: usize, end: usize) -> &str {
        self.get(start..end).unwrap_or_default()
    }
    fn after(&self, start: usize) -> &str {
        self.get(start..).unwrap_or_default()
    }
    fn before(&self, end: usize) -> &str {
        self.get(..end).unwrap_or(self)
    }
}

/// The first `count` bytes, and as many more as there are CRs before LF among them: what is decided by so many bytes of a mail
/// is decided alike however a relay wrote the line ends.
pub(super) fn before_as_lf(bytes: &[u8], count: usize) -> &[u8] {
    let mut end = count;
    // No further than it can reach: it is asked at each of many parts.
    for cr in memchr::memchr_iter(b'\r', bytes.before(count.saturating_mul(2))) {
        if cr >= end {
            break;
        }
        end += usize::from(bytes.get(cr + 1) == Some(&b'\n'));
    }
    bytes.before(end)
}

/// The longest start of `text` that has at most `max` bytes and ends on a character boundary.
pub(super) fn shorten(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    text.before(text.floor_char_boundary(max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_are_as_many_letters_with_lf_and_with_crlf() {
        for (count, lf, crlf) in
            [(3, "abc", "abc"), (4, "abc\n", "abc\r\n"), (5, "abc\nd", "abc\r\nd"), (99, "abc\nd\n", "abc\r\nd\r\n")]
        {
            assert_eq!(before_as_lf(b"abc\nd\n", count), lf.as_bytes());
            assert_eq!(before_as_lf(b"abc\r\nd\r\n", count), crlf.as_bytes());
        }
        assert_eq!(before_as_lf(b"a\rb", 2), b"a\r");
    }

    #[test]
    fn what_is_out_of_range_is_empty() {
        let bytes: &[u8] = b"abc";
        assert_eq!(bytes.span(1, 2), b"b");
        assert_eq!(bytes.span(2, 1), b"");
        assert_eq!(bytes.span(2, 9), b"");
        assert_eq!(bytes.after(9), b"");
        assert_eq!(bytes.before(9), b"abc");
        assert_eq!("é".span(0, 1), "");
    }

    #[test]
    fn a_text_is_shortened_on_a_character_boundary() {
        assert_eq!(shorten("aé", 2), "a");
        assert_eq!(shorten("aé", 3), "aé");
    }
}
