//! Commands: lenient where that is safe, and never where two servers could read it differently.
//!
//! Real clients put spaces round the colon, forget `<>`, end lines with LF and invent parameters; every
//! such deviation is accepted and named in [`Oddities`], to be counted. What is never guessed: a number
//! that does not fit, a NUL or a CR inside a command.
//!
//! # Failure
//! A command that cannot be understood is a [`Fault`], which becomes a reply in `reply.rs`.
//!
//! # Trust
//! Nothing: these are bytes of strangers, at most `Limits::command_bytes_max` of them.

use super::tally::Tolerated;
use crate::mail::BodyType;

/// Bytes of an address: RFC 5321 4.5.3.1.3 says 256, signed and forwarded ones need more. It bounds what
/// a thousand recipients cost.
const ADDRESS_BYTES_MAX: usize = 512;

/// One command, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Command<'a> {
    Helo(Option<String>),
    Ehlo(Option<String>),
    /// RFC 2033.
    Lhlo(Option<String>),
    Mail {
        /// Without `<>` and source route; empty is the null reverse-path.
        path: String,
        parameters: MailParameters,
    },
    Rcpt {
        /// Without `<>` and source route; never empty.
        path: String,
    },
    Data,
    /// RFC 3030.
    Bdat {
        size: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Help,
    Vrfy,
    Expn,
    StartTls,
    Auth {
        mechanism: &'a [u8],
        initial: Option<&'a [u8]>,
    },
    /// Its attributes, for `xclient.rs`.
    Xclient(&'a [u8]),
}

/// What MAIL said behind the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailParameters {
    /// SIZE= (RFC 1870), in bytes.
    pub size: Option<u64>,
    /// BODY= (RFC 6152, RFC 3030).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
}

/// Why a command was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No such command.
    Unknown,
    /// HTTP.
    Http,
    /// A NUL, or a CR in the middle.
    Control,
    /// The command is known, what follows is not understood; the text says how it is written.
    Usage(&'static str),
    /// SIZE= is no number of bytes, or one that does not fit.
    Size,
    /// The chunk size of BDAT is no number, or does not fit: where the chunk ends is unknown.
    ChunkSize,
    /// The address in RCPT is empty.
    EmptyRecipient,
    /// An address of more than [`ADDRESS_BYTES_MAX`].
    AddressTooLong,
}

/// The deviations of one command. Empty (and then without an allocation) for a proper one.
pub type Oddities = Vec<Tolerated>;

/// Reads one line, with or without its line end.
///
/// # Errors
/// See [`Fault`].
pub fn parse<'a>(line: &'a [u8], odd: &mut Oddities) -> Result<Command<'a>, Fault> {
    let line = without_line_end(line, odd);
    if line.iter().any(|b| matches!(b, 0 | b'\r')) {
        return Err(Fault::Control);
    }
    let trimmed = line.trim_ascii();
    if trimmed.len() != line.len() {
        odd.push(Tolerated::Space);
    }
    let verb_len = trimmed.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(trimmed.len());
    let (verb, rest) = trimmed.split_at(verb_len);
    let argument = rest.trim_ascii();
    let nothing_behind = |odd: &mut Oddities| {
        if !argument.is_empty() {
            odd.push(Tolerated::Argument);
        }
    };
    let is = |word: &str| verb.eq_ignore_ascii_case(word.as_bytes());

    // In the order in which a busy session sends them.
    if is("MAIL") {
        let (path, rest) = path(argument, b"FROM", "MAIL FROM:<user@example.org> [parameters]", odd)?;
        let parameters = mail_parameters(rest, odd)?;
        if !parameters.smtputf8 && !path.is_ascii() {
            odd.push(Tolerated::Utf8Unasked);
        }
        return Ok(Command::Mail { path, parameters });
    }
    if is("RCPT") {
        let (path, rest) = path(argument, b"TO", "RCPT TO:<user@example.org> [parameters]", odd)?;
        for (key, _) in parameters(rest) {
            if !["NOTIFY", "ORCPT"].iter().any(|known| key.eq_ignore_ascii_case(known.as_bytes())) {
                odd.push(Tolerated::UnknownParameter);
            }
        }
        return if path.is_empty() { Err(Fault::EmptyRecipient) } else { Ok(Command::Rcpt { path }) };
    }
    if is("DATA") {
        nothing_behind(odd);
        return Ok(Command::Data);
    }
    if is("BDAT") {
        return bdat(argument);
    }
    if is("EHLO") {
        return Ok(Command::Ehlo(host(argument, odd)));
    }
    if is("HELO") {
        return Ok(Command::Helo(host(argument, odd)));
    }
    if is("LHLO") {
        return Ok(Command::Lhlo(host(argument, odd)));
    }
    if is("RSET") {
        nothing_behind(odd);
        return Ok(Command::Rset);
    }
    if is("QUIT") {
        nothing_behind(odd);
        return Ok(Command::Quit);
    }
    if is("NOOP") {
        return Ok(Command::Noop);
    }
    if is("HELP") {
        return Ok(Command::Help);
    }
    if is("VRFY") {
        return Ok(Command::Vrfy);
    }
    if is("EXPN") {
        return Ok(Command::Expn);
    }
    if is("STARTTLS") {
        return if argument.is_empty() { Ok(Command::StartTls) } else { Err(Fault::Usage("STARTTLS")) };
    }
    if is("AUTH") {
        let mut words = argument.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let mechanism = words.next().ok_or(Fault::Usage("AUTH mechanism [initial-response]"))?;
        let initial = words.next();
        return if words.next().is_some() {
            Err(Fault::Usage("AUTH mechanism [initial-response]"))
        } else {
            Ok(Command::Auth { mechanism, initial })
        };
    }
    if is("XCLIENT") {
        return Ok(Command::Xclient(argument));
    }
    if is_http(trimmed) { Err(Fault::Http) } else { Err(Fault::Unknown) }
}

fn without_line_end<'a>(line: &'a [u8], odd: &mut Oddities) -> &'a [u8] {
    let Some(body) = line.strip_suffix(b"\n") else { return line };
    let Some(body) = body.strip_suffix(b"\r") else {
        odd.push(Tolerated::LineEnd);
        return body;
    };
    if !body.ends_with(b"\r") {
        return body;
    }
    odd.push(Tolerated::LineEnd);
    let end = body.iter().rposition(|b| *b != b'\r').map_or(0, |at| at + 1);
    &body[..end]
}

/// A request line of HTTP: a browser that was made to speak to us, or a scanner.
fn is_http(line: &[u8]) -> bool {
    ["GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "CONNECT ", "DELETE "]
        .iter()
        .any(|verb| line.get(..verb.len()).is_some_and(|l| l.eq_ignore_ascii_case(verb.as_bytes())))
        && line.windows(5).any(|w| w.eq_ignore_ascii_case(b"HTTP/"))
}

/// The name in HELO: anything, since it proves nothing and many send nonsense.
fn host(argument: &[u8], odd: &mut Oddities) -> Option<String> {
    if argument.is_empty() {
        odd.push(Tolerated::OddHelo);
        return None;
    }
    let usual = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':');
    if !argument.iter().all(usual) {
        odd.push(Tolerated::OddHelo);
    }
    Some(text(&argument[..argument.len().min(super::HELO_BYTES_MAX)], odd))
}

/// UTF-8 where it is that, else Latin-1, so that no byte is lost.
fn text(bytes: &[u8], odd: &mut Oddities) -> String {
    if let Ok(s) = std::str::from_utf8(bytes) {
        return s.to_owned();
    }
    odd.push(Tolerated::NotUtf8);
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// Reads `FROM:<path>`; gives the path and what follows.
fn path<'a>(argument: &'a [u8], word: &[u8], usage: &'static str, odd: &mut Oddities) -> Result<(String, &'a [u8]), Fault> {
    let usage = Fault::Usage(usage);
    let behind_word =
        argument.get(..word.len()).filter(|w| w.eq_ignore_ascii_case(word)).map(|_| &argument[word.len()..]).ok_or(usage)?;
    let at_colon = behind_word.trim_ascii_start();
    if at_colon.len() != behind_word.len() {
        odd.push(Tolerated::Space);
    }
    let behind_colon = match at_colon {
        [b':', rest @ ..] => rest,
        [b'<', ..] => {
            odd.push(Tolerated::NoColon);
            at_colon
        }
        _ => return Err(usage),
    };
    let path = behind_colon.trim_ascii_start();
    if path.len() != behind_colon.len() {
        odd.push(Tolerated::Space);
    }
    if path.is_empty() {
        return Err(usage);
    }
    let (inside, rest) = brackets(path, odd);
    // Somebody's parameters begin right behind `>`; they are parameters all the same.
    if rest.first().is_some_and(|b| !b.is_ascii_whitespace()) {
        odd.push(Tolerated::Space);
    }
    let inside = without_route(inside.trim_ascii(), odd);
    if inside.len() > ADDRESS_BYTES_MAX {
        return Err(Fault::AddressTooLong);
    }
    if !is_address(inside) {
        odd.push(Tolerated::OddAddress);
    }
    let address = text(inside, odd);
    // Latin 1 grows when it becomes UTF-8, and this is what is kept.
    if address.len() > ADDRESS_BYTES_MAX { Err(Fault::AddressTooLong) } else { Ok((address, rest)) }
}

/// What is between `<` and `>` (or stands there without them), and what follows.
fn brackets<'a>(path: &'a [u8], odd: &mut Oddities) -> (&'a [u8], &'a [u8]) {
    let bracketed = path.first() == Some(&b'<');
    let (mut quoted, mut escaped) = (false, false);
    let mut begin = usize::from(bracketed);
    for (at, &b) in path.iter().enumerate().skip(begin) {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            // `<Name <user@example>>`: the inner one is the address.
            b'<' => {
                odd.push(Tolerated::OddAddress);
                begin = at + 1;
            }
            b'>' => {
                if !bracketed {
                    odd.push(Tolerated::NoBrackets);
                }
                let end = path[at..].iter().position(|b| *b != b'>').map_or(path.len(), |n| at + n);
                return (&path[begin..at], &path[end..]);
            }
            _ if b.is_ascii_whitespace() && !bracketed && !opens_later(&path[at..]) => {
                odd.push(Tolerated::NoBrackets);
                return (&path[begin..at], &path[at..]);
            }
            _ => {}
        }
    }
    odd.push(Tolerated::NoBrackets);
    // No end was found (an open quote, a missing `>`): the address ends at the first blank.
    let end = path[begin..].iter().position(u8::is_ascii_whitespace).map_or(path.len(), |n| begin + n);
    (&path[begin..end], &path[end..])
}

/// `MAIL FROM: Name <user@example>`: a `<` is still to come.
fn opens_later(rest: &[u8]) -> bool {
    let next = rest.trim_ascii_start();
    memchr::memchr(b'<', next).is_some_and(|at| memchr::memchr(b'=', &next[..at]).is_none())
}

/// Takes `@relay1,@relay2:` away (RFC 5321 4.1.1.3: "SHOULD be ignored").
fn without_route<'a>(path: &'a [u8], odd: &mut Oddities) -> &'a [u8] {
    if path.first() != Some(&b'@') {
        return path;
    }
    // A colon inside `[IPv6:…]` is not the one.
    let mut depth = 0usize;
    for (at, b) in path.iter().enumerate() {
        match b {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => {
                odd.push(Tolerated::SourceRoute);
                return path[at + 1..].trim_ascii();
            }
            _ => {}
        }
    }
    path
}

/// Whether RFC 5321 and RFC 6531 would call it an address (or the null path, or `postmaster`).
fn is_address(path: &[u8]) -> bool {
    if path.is_empty() || path.eq_ignore_ascii_case(b"postmaster") {
        return true;
    }
    let Some(at) = memchr::memrchr(b'@', path) else { return false };
    let (local, domain) = (&path[..at], &path[at + 1..]);
    let atom = |b: &u8| b.is_ascii_alphanumeric() || !b.is_ascii() || b"!#$%&'*+-/=?^_`{|}~".contains(b);
    let dot_atom = |s: &[u8]| s.split(|b| *b == b'.').all(|a| !a.is_empty() && a.iter().all(atom));
    let quoted = |s: &[u8]| s.len() >= 2 && s.first() == Some(&b'"') && s.last() == Some(&b'"');
    let literal = |s: &[u8]| s.len() >= 2 && s.first() == Some(&b'[') && s.last() == Some(&b']');
    (dot_atom(local) || quoted(local)) && (dot_atom(domain) || literal(domain))
}

/// `KEY` or `KEY=VALUE`, separated by blanks.
fn parameters(rest: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    rest.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).map(|word| match memchr::memchr(b'=', word) {
        Some(at) => (&word[..at], Some(&word[at + 1..])),
        None => (word, None),
    })
}

fn mail_parameters(rest: &[u8], odd: &mut Oddities) -> Result<MailParameters, Fault> {
    let mut found = MailParameters::default();
    for (key, value) in parameters(rest) {
        let is = |word: &str| key.eq_ignore_ascii_case(word.as_bytes());
        let says = |word: &str| value.is_some_and(|v| v.eq_ignore_ascii_case(word.as_bytes()));
        if is("SIZE") {
            found.size = Some(value.and_then(number).ok_or(Fault::Size)?);
        } else if is("BODY") {
            if says("8BITMIME") {
                found.body = BodyType::EightBitMime;
            } else if says("BINARYMIME") {
                found.body = BodyType::BinaryMime;
            } else if !says("7BIT") {
                odd.push(Tolerated::UnknownParameter);
            }
        } else if is("SMTPUTF8") {
            found.smtputf8 = true;
        } else if !["AUTH", "RET", "ENVID"].iter().any(|known| is(known)) {
            odd.push(Tolerated::UnknownParameter);
        }
    }
    Ok(found)
}

/// A decimal number that fits: no sign, no rest, no wrapping round.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn bdat<'a>(argument: &[u8]) -> Result<Command<'a>, Fault> {
    let mut words = argument.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let size = words.next().and_then(number).ok_or(Fault::ChunkSize)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return Err(Fault::ChunkSize),
    };
    if words.next().is_some() { Err(Fault::ChunkSize) } else { Ok(Command::Bdat { size, last }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Tolerated as T;

    fn read(line: &str) -> (Result<Command<'_>, Fault>, Oddities) {
        let mut odd = Vec::new();
        let command = parse(line.as_bytes(), &mut odd);
        (command, odd)
    }

    fn sender(line: &str) -> (String, Oddities) {
        match read(line) {
            (Ok(Command::Mail { path, .. }), odd) => (path, odd),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_proper_sender_is_read_without_remarks() {
        for (line, path) in [
            ("MAIL FROM:<>\r\n", ""),
            ("MAIL FROM:<a@b.test>\r\n", "a@b.test"),
            ("mail from:<a@b.test>\r\n", "a@b.test"),
            ("MAIL FROM:<\"a b\"@b.test>\r\n", "\"a b\"@b.test"),
            ("MAIL FROM:<\"a\\\">b\"@b.test>\r\n", "\"a\\\">b\"@b.test"),
            ("MAIL FROM:<a@[127.0.0.1]>\r\n", "a@[127.0.0.1]"),
            ("MAIL FROM:<a@[IPv6:::1]>\r\n", "a@[IPv6:::1]"),
            ("MAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME SMTPUTF8 AUTH=<> RET=HDRS ENVID=x\r\n", "a@b.test"),
            ("MAIL FROM:<grå@dømi.test> SMTPUTF8\r\n", "grå@dømi.test"),
        ] {
            assert_eq!(sender(line), (path.to_owned(), vec![]), "{line}");
        }
    }

    #[test]
    fn an_odd_sender_is_read_and_remarked_upon() {
        for (line, path, odd) in [
            ("MAIL FROM: <a@b.test>\r\n", "a@b.test", vec![T::Space]),
            ("MAIL FROM : <a@b.test>\r\n", "a@b.test", vec![T::Space, T::Space]),
            ("MAIL  FROM:<a@b.test> \r\n", "a@b.test", vec![T::Space]),
            ("MAIL FROM:a@b.test\r\n", "a@b.test", vec![T::NoBrackets]),
            ("MAIL FROM:a@b.test SIZE=7\r\n", "a@b.test", vec![T::NoBrackets]),
            ("MAIL FROM:<a@b.test\r\n", "a@b.test", vec![T::NoBrackets]),
            ("MAIL FROM:<a@b.test SIZE=7\r\n", "a@b.test", vec![T::NoBrackets]),
            ("MAIL FROM:a@b.test>\r\n", "a@b.test", vec![T::NoBrackets]),
            ("MAIL FROM <a@b.test>\r\n", "a@b.test", vec![T::Space, T::NoColon]),
            ("MAIL FROM:<a@b.test>\n", "a@b.test", vec![T::LineEnd]),
            ("MAIL FROM:<a@b.test>\r\r\n", "a@b.test", vec![T::LineEnd]),
            ("MAIL FROM:<a@b.test>SIZE=100\r\n", "a@b.test", vec![T::Space]),
            ("MAIL FROM:<a@b.test> XFOO=1 BODY=9BIT\r\n", "a@b.test", vec![T::UnknownParameter; 2]),
            ("MAIL FROM:<a..b@c.test>\r\n", "a..b@c.test", vec![T::OddAddress]),
            ("MAIL FROM:<a.@c.test>\r\n", "a.@c.test", vec![T::OddAddress]),
            ("MAIL FROM:<a@b..test>\r\n", "a@b..test", vec![T::OddAddress]),
            ("MAIL FROM:<xxx>\r\n", "xxx", vec![T::OddAddress]),
            ("MAIL FROM:<a b@c.test>\r\n", "a b@c.test", vec![T::OddAddress]),
            ("MAIL FROM:<A B <a@c.test>>\r\n", "a@c.test", vec![T::OddAddress]),
            ("MAIL FROM: A B <a@c.test> SIZE=4\r\n", "a@c.test", vec![T::Space, T::OddAddress, T::NoBrackets]),
            ("MAIL FROM:<@r.test,@s.test:a@b.test>\r\n", "a@b.test", vec![T::SourceRoute]),
            ("MAIL FROM:<grå@b.test>\r\n", "grå@b.test", vec![T::Utf8Unasked]),
        ] {
            assert_eq!(sender(line), (path.to_owned(), odd), "{line}");
        }
        let mut odd = vec![];
        let latin1 = parse(b"MAIL FROM:<gr\xe5@b.test>\r\n", &mut odd).unwrap();
        assert!(matches!(latin1, Command::Mail { path, .. } if path == "grå@b.test"));
        assert!(odd.contains(&T::NotUtf8));
    }

    #[test]
    fn parameters_are_read_and_numbers_must_fit() {
        let (command, _) = read("MAIL FROM:<a@b.test> SIZE=100 body=binarymime smtputf8\r\n");
        let Ok(Command::Mail { parameters, .. }) = command else { panic!("{command:?}") };
        assert_eq!(parameters, MailParameters { size: Some(100), body: BodyType::BinaryMime, smtputf8: true });
        for size in ["99999999999999999999999", "18446744073709551621", "-1", "", "1x", "+1"] {
            assert_eq!(read(&format!("MAIL FROM:<a@b.test> SIZE={size}\r\n")).0, Err(Fault::Size), "{size}");
            if !size.is_empty() {
                assert_eq!(read(&format!("BDAT {size} LAST\r\n")).0, Err(Fault::ChunkSize), "{size}");
            }
        }
        assert_eq!(read("BDAT\r\n").0, Err(Fault::ChunkSize));
        assert_eq!(read("BDAT 5 FIRST\r\n").0, Err(Fault::ChunkSize));
        assert_eq!(read("BDAT 18446744073709551615\r\n").0, Ok(Command::Bdat { size: u64::MAX, last: false }));
        assert_eq!(read("bdat 5 last\r\n").0, Ok(Command::Bdat { size: 5, last: true }));
    }

    #[test]
    fn recipients_are_read() {
        for (line, path) in [
            ("RCPT TO:<postmaster>\r\n", "postmaster"),
            ("RCPT TO:<u+tag@Example.Test>\r\n", "u+tag@Example.Test"),
            ("RCPT TO: <u@e.test> NOTIFY=NEVER ORCPT=rfc822;u@e.test\r\n", "u@e.test"),
            ("rcpt to:u@e.test\n", "u@e.test"),
            ("RCPT TO:<u@e.test> FOO\r\n", "u@e.test"),
        ] {
            assert_eq!(read(line).0, Ok(Command::Rcpt { path: path.to_owned() }), "{line}");
        }
        assert_eq!(read("RCPT TO:<>\r\n").0, Err(Fault::EmptyRecipient));
        assert!(matches!(read("RCPT u@e.test\r\n").0, Err(Fault::Usage(_))));
        let long = format!("RCPT TO:<{}@e.test>\r\n", "x".repeat(ADDRESS_BYTES_MAX));
        assert_eq!(read(&long).0, Err(Fault::AddressTooLong));
        let latin = [b"RCPT TO:<".as_slice(), &[0xe4; ADDRESS_BYTES_MAX - 10], b"@e.test>\r\n"].concat();
        assert_eq!(parse(&latin, &mut Vec::new()), Err(Fault::AddressTooLong));
        assert!(matches!(read("RCPT TO:\r\n").0, Err(Fault::Usage(_))));
    }

    #[test]
    fn helo_may_be_nonsense_or_nothing() {
        assert_eq!(read("EHLO c.test\r\n"), (Ok(Command::Ehlo(Some("c.test".into()))), vec![]));
        assert_eq!(read("EHLO [127.0.0.1]\r\n").1, vec![]);
        assert_eq!(read("EHLO a b\r\n"), (Ok(Command::Ehlo(Some("a b".into()))), vec![T::OddHelo]));
        assert_eq!(read("HELO\r\n"), (Ok(Command::Helo(None)), vec![T::OddHelo]));
        let mut odd = vec![];
        assert_eq!(parse(b"HELO \xff\r\n", &mut odd), Ok(Command::Helo(Some("ÿ".into()))));
    }

    #[test]
    fn nothing_is_guessed_behind_a_nul_or_a_bare_cr() {
        for line in ["EHLO c.test\rX\r\n", "MAIL FROM:<a@b>\0\r\n", "RCPT TO:<a@b\0.test>\r\n", "\rNOOP\r\n"] {
            assert_eq!(read(line).0, Err(Fault::Control), "{line:?}");
        }
    }

    #[test]
    fn strangers_are_told_apart() {
        assert_eq!(read("GET / HTTP/1.1\r\n").0, Err(Fault::Http));
        assert_eq!(read("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n").0, Err(Fault::Unknown));
        assert_eq!(read("\r\n").0, Err(Fault::Unknown));
        assert_eq!(read("GETTING\r\n").0, Err(Fault::Unknown));
        assert_eq!(read("NOOPE\r\n").0, Err(Fault::Unknown));
        assert_eq!(read(" EHLO x\r\n"), (Ok(Command::Ehlo(Some("x".into()))), vec![T::Space]));
        assert_eq!(read("QUIT now\r\n"), (Ok(Command::Quit), vec![T::Argument]));
        assert_eq!(read("NOOP foo\r\n"), (Ok(Command::Noop), vec![]));
    }

    #[test]
    fn auth_is_split_and_not_decoded() {
        assert_eq!(read("AUTH PLAIN AGEAYg==\r\n").0, Ok(Command::Auth { mechanism: b"PLAIN", initial: Some(b"AGEAYg==") }));
        assert_eq!(read("AUTH LOGIN\r\n").0, Ok(Command::Auth { mechanism: b"LOGIN", initial: None }));
        assert!(matches!(read("AUTH\r\n").0, Err(Fault::Usage(_))));
    }
}
