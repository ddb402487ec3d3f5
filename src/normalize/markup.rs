//! Html into text, start tags and end tags: what the HTML standard calls tokens (section 13.2.5), as
//! slices of the input, in one pass.
//!
//! Reading turns every html body into text, and a browser's tokenizer builds strings, positions and
//! errors for each token that nobody asks for here. This one decides as a browser does where a tag,
//! a comment or a script begins and ends and what a reference means (a property test holds it
//! against html5ever); it builds nothing.
//!
//! # Failure
//! None: any text has tokens. Time is linear: no search goes over the same bytes twice.

use super::span::Span;
use html5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter};
use std::borrow::Cow;
use std::ops::Range;

/// Longest name of a reference (`CounterClockwiseContourIntegral;`).
const REFERENCE_BYTES_MAX: usize = 32;
/// Longest name that needs no semicolon (`middot`).
const BARE_REFERENCE_BYTES_MAX: usize = 6;
/// Bytes of an element's name that are kept: those that mean something are shorter.
const NAME_BYTES: usize = 15;

/// Attributes of a tag that are kept.
const ATTRIBUTES_MAX: usize = 100;

/// What comes behind a start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Markup as before.
    Markup,
    /// Text without tags and with references, up to the end tag (`title`, `textarea`).
    Text,
    /// Text as it stands, up to the end tag (`style`).
    Raw,
    /// The same, but what looks like a script within a comment may hold an end tag.
    Script,
}

/// Takes the tokens.
pub(super) trait Sink {
    /// Some text; words may come in pieces.
    fn text(&mut self, text: &str);
    /// A start tag.
    fn start(&mut self, tag: &Tag<'_>) -> Content;
    /// An end tag.
    fn end(&mut self, name: Name);
    /// Within svg or math, where `<![CDATA[` is text.
    fn is_foreign(&self) -> bool {
        false
    }
}

/// An element's name in lower case. A name that is too long is cut and equal to no element's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    bytes: [u8; NAME_BYTES],
    len: u8,
}

impl Name {
    fn of(written: &str) -> Name {
        let mut bytes = [0; NAME_BYTES];
        for (to, from) in bytes.iter_mut().zip(written.bytes()) {
            *to = if from.is_ascii() { from.to_ascii_lowercase() } else { b'?' };
        }
        Name { bytes, len: written.len().min(NAME_BYTES + 1) as u8 }
    }

    /// Empty where it is too long.
    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..usize::from(self.len)).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A start tag.
#[derive(Debug)]
pub(super) struct Tag<'t> {
    pub(super) name: Name,
    /// `<br/>`.
    pub(super) self_closing: bool,
    html: &'t str,
    /// Where names and values of attributes are in `html`.
    attributes: &'t [(Range<usize>, Range<usize>)],
}

impl<'t> Tag<'t> {
    /// The value of an attribute, its references resolved. Of several the first counts.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'t, str>> {
        let named = |r: &Range<usize>| self.html.get(r.clone()).is_some_and(|n| n.eq_ignore_ascii_case(name));
        let value = self.attributes.iter().find(|(n, _)| named(n)).map(|(_, v)| v.clone())?;
        let value = self.html.get(value).unwrap_or_default();
        if !value.contains('&') {
            return Some(Cow::Borrowed(value));
        }
        let mut out = String::with_capacity(value.len());
        resolve(value, true, &mut |piece| out.push_str(piece));
        Some(Cow::Owned(out))
    }
}

/// Gives the tokens of a document to `sink`.
pub(super) fn tokens(html: &str, sink: &mut impl Sink) {
    let bytes = html.as_bytes();
    let mut attributes = Vec::new();
    let mut at = 0; // everything before has been given
    let mut from = 0; // where to look for the next tag
    while let Some(open) = memchr(b'<', bytes.after(from)).map(|i| from + i) {
        let next = bytes.get(open + 1).copied();
        let is_end = next == Some(b'/');
        let after = match next {
            Some(b'!' | b'?') => None,
            Some(b'/') => match bytes.get(open + 2) {
                Some(c) if c.is_ascii_alphabetic() => Some(open + 2),
                Some(_) => None,
                None => break,
            },
            Some(c) if c.is_ascii_alphabetic() => Some(open + 1),
            // `1 < 2`: text like any other.
            _ => {
                from = open + 1;
                continue;
            }
        };
        give(html.span(at, open), sink);
        let Some(name_start) = after else {
            at = no_tag(html, open, sink);
            from = at;
            continue;
        };
        let name_end = name_start + bytes.after(name_start).iter().take_while(|b| !is_delimiter(**b)).count();
        attributes.clear();
        // A tag that does not end is none, and neither is what is in it (as in a browser).
        let Some((end, self_closing)) = attributes_of(bytes, name_end, &mut attributes) else { return };
        let name = Name::of(html.span(name_start, name_end));
        at = end;
        if is_end {
            sink.end(name);
        } else {
            let content = sink.start(&Tag { name, self_closing, html, attributes: &attributes });
            if content != Content::Markup {
                let written = html.span(name_start, name_end).as_bytes();
                let close = match content {
                    Content::Script => end_of_script(bytes, end),
                    _ => memchr_iter(b'<', bytes.after(end)).map(|i| end + i).find(|i| closes(bytes, *i, written)),
                };
                let close = close.unwrap_or(bytes.len());
                match content {
                    Content::Text => give(html.span(end, close), sink),
                    _ => sink.text(html.span(end, close)),
                }
                at = close;
            }
        }
        from = at;
    }
    give(html.after(at), sink);
}

/// What begins with `<!`, `<?` or `</` and is no tag. Returns where it ends.
fn no_tag(html: &str, open: usize, sink: &mut impl Sink) -> usize {
    let bytes = html.as_bytes();
    let rest = bytes.after(open);
    if rest.starts_with(b"<!--") {
        return end_of_comment(bytes, open + 4);
    }
    if rest.starts_with(b"<![CDATA[") && sink.is_foreign() {
        let start = open + 9;
        let end = memchr::memmem::find(bytes.after(start), b"]]>").map(|i| start + i);
        sink.text(html.span(start, end.unwrap_or(bytes.len())));
        return end.map_or(bytes.len(), |e| e + 3);
    }
    memchr(b'>', rest).map_or(bytes.len(), |i| open + i + 1)
}

/// The end of a comment whose text begins at `start`: behind `-->`, `--!>`, or a `>` or `->` at once.
fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let text = bytes.after(start);
    let ends = |i: usize| {
        let before = text.before(i);
        before.ends_with(b"--") || before.ends_with(b"--!") || before.is_empty() || before == b"-"
    };
    memchr_iter(b'>', text).find(|i| ends(*i)).map_or(bytes.len(), |i| start + i + 1)
}

/// Ends the name of a tag.
const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'>' | b'/') || is_space(byte)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// Reads the attributes from the end of a tag's name on. Returns where the tag ends and whether it
/// closes itself; `None` if it does not end.
fn attributes_of(bytes: &[u8], mut at: usize, out: &mut Vec<(Range<usize>, Range<usize>)>) -> Option<(usize, bool)> {
    let skip = |from: usize, stop: fn(u8) -> bool| from + bytes.after(from).iter().take_while(|b| !stop(**b)).count();
    loop {
        match *bytes.get(at)? {
            b'>' => return Some((at + 1, false)),
            b'/' if bytes.get(at + 1) == Some(&b'>') => return Some((at + 2, true)),
            b'/' => at += 1,
            space if is_space(space) => at += 1,
            _ => {
                // The first letter belongs to the name whatever it is.
                let name = at..skip(at + 1, |b| b == b'=' || is_delimiter(b));
                let mut value = 0..0;
                at = skip(name.end, |b| !is_space(b));
                if bytes.get(at) == Some(&b'=') {
                    at = skip(at + 1, |b| !is_space(b));
                    match *bytes.get(at)? {
                        quote @ (b'"' | b'\'') => {
                            let end = at + 1 + memchr(quote, bytes.after(at + 1))?;
                            value = at + 1..end;
                            at = end + 1;
                        }
                        b'>' => {}
                        _ => {
                            value = at..skip(at, |b| b == b'>' || is_space(b));
                            at = value.end;
                        }
                    }
                }
                if out.len() < ATTRIBUTES_MAX {
                    out.push((name, value));
                }
            }
        }
    }
}

/// Whether the end tag of the element `name` begins at `at`.
fn closes(bytes: &[u8], at: usize, name: &[u8]) -> bool {
    bytes.after(at).starts_with(b"</") && is_word(bytes, at + 2, name)
}

/// `name` in any case at `at`, with what ends a name behind it.
fn is_word(bytes: &[u8], at: usize, name: &[u8]) -> bool {
    let end = at + name.len();
    bytes.span(at, end).eq_ignore_ascii_case(name) && bytes.get(end).is_some_and(|b| is_delimiter(*b))
}

/// Where the end tag of a script begins. Within `<!--` in it, a script in the script has its own.
fn end_of_script(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut escaped, mut inner) = (false, false);
    for at in memchr2_iter(b'<', b'>', bytes.after(start)).map(|i| start + i) {
        if bytes.get(at) == Some(&b'>') {
            if escaped && bytes.span(start, at).ends_with(b"--") {
                (escaped, inner) = (false, false);
            }
        } else if closes(bytes, at, b"script") {
            if !inner {
                return Some(at);
            }
            inner = false;
        } else if !escaped {
            escaped = bytes.after(at).starts_with(b"<!--");
        } else if is_word(bytes, at + 1, b"script") {
            inner = true;
        }
    }
    None
}

/// Text with references.
fn give(text: &str, sink: &mut impl Sink) {
    if !text.is_empty() {
        resolve(text, false, &mut |piece| sink.text(piece));
    }
}

/// Gives the pieces of a text with its references resolved; NUL is dropped.
fn resolve(text: &str, in_attribute: bool, give: &mut impl FnMut(&str)) {
    let mut rest = text;
    while let Some(i) = memchr2(b'&', 0, rest.as_bytes()) {
        if i > 0 {
            give(rest.before(i));
        }
        let after = rest.after(i + 1);
        if rest.as_bytes().get(i) == Some(&0) {
            rest = after;
            continue;
        }
        match reference(after, in_attribute) {
            Some((letters, length)) => {
                let mut room = [0; 4];
                letters.into_iter().filter(|c| *c != '\0').for_each(|c| give(c.encode_utf8(&mut room)));
                rest = after.after(length);
            }
            None => {
                give("&");
                rest = after;
            }
        }
    }
    if !rest.is_empty() {
        give(rest);
    }
}

/// The one or two letters a reference stands for, and its length. `text` is what follows the `&`.
fn reference(text: &str, in_attribute: bool) -> Option<([char; 2], usize)> {
    if let Some(number) = text.strip_prefix('#') {
        return numeric(number).map(|(letter, length)| ([letter, '\0'], length + 1));
    }
    let name_length = text.bytes().take(REFERENCE_BYTES_MAX).take_while(u8::is_ascii_alphanumeric).count();
    if text.as_bytes().get(name_length) == Some(&b';') {
        let letters = match text.before(name_length) {
            "nbsp" => Some(['\u{a0}', '\0']),
            "amp" => Some(['&', '\0']),
            "lt" => Some(['<', '\0']),
            "gt" => Some(['>', '\0']),
            "quot" => Some(['"', '\0']),
            _ => named(text.before(name_length + 1)),
        };
        if letters.is_some() {
            return letters.map(|l| (l, name_length + 1));
        }
    }
    // Old names go without a semicolon, but not within a link's `?a=1&copy=2`.
    let (letters, length) =
        (2..=name_length.min(BARE_REFERENCE_BYTES_MAX)).rev().find_map(|n| named(text.before(n)).map(|l| (l, n)))?;
    let goes_on = text.as_bytes().get(length).is_some_and(|b| *b == b'=' || b.is_ascii_alphanumeric());
    (!in_attribute || !goes_on).then_some((letters, length))
}

fn named(name: &str) -> Option<[char; 2]> {
    // The table has the beginnings of names too, without a letter.
    let &(first, second) = NAMED_ENTITIES.get(name)?;
    if first == 0 { None } else { Some([char::from_u32(first)?, char::from_u32(second)?]) }
}

/// A letter by its number, and the length behind the `#`.
fn numeric(text: &str) -> Option<(char, usize)> {
    let (digits, radix, sign) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let count = digits.chars().take_while(|c| c.is_digit(radix)).count();
    if count == 0 {
        return None;
    }
    let number = digits.chars().take(count).filter_map(|c| c.to_digit(radix));
    let number = number.fold(0u32, |sum, digit| sum.saturating_mul(radix).saturating_add(digit));
    let letter = match number {
        0x80..=0x9f => C1_REPLACEMENTS.get(number as usize - 0x80).copied().flatten().or(char::from_u32(number)),
        0 => None,
        _ => char::from_u32(number),
    };
    let semicolon = usize::from(digits.as_bytes().get(count) == Some(&b';'));
    Some((letter.unwrap_or(char::REPLACEMENT_CHARACTER), sign + count + semicolon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use html5ever::tendril::StrTendril;
    use html5ever::tokenizer::states::RawKind;
    use html5ever::tokenizer::{BufferQueue, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
    use proptest::prelude::*;
    use std::cell::RefCell;

    /// What a sink was given, pieces of text joined: `text`, `<a href=x>`, `</a>`.
    #[derive(Debug, Default, PartialEq)]
    struct Seen(Vec<String>);

    impl Seen {
        fn push_text(&mut self, text: &str) {
            let text = text.replace('\0', "");
            match self.0.last_mut().filter(|l| !l.starts_with('<')) {
                Some(last) => last.push_str(&text),
                None if text.is_empty() => {}
                // A mark, so that text that begins like a tag is told from one.
                None => self.0.push(format!("text {text}")),
            }
        }
    }

    fn content(name: &str) -> Content {
        match name {
            "title" | "textarea" => Content::Text,
            "style" => Content::Raw,
            "script" => Content::Script,
            _ => Content::Markup,
        }
    }

    impl Sink for Seen {
        fn text(&mut self, text: &str) {
            self.push_text(text);
        }
        fn start(&mut self, tag: &Tag<'_>) -> Content {
            let attributes = ["href", "class"].map(|a| tag.attribute(a).map(|v| format!(" {a}={v}")).unwrap_or_default());
            self.0.push(format!("<{:?}{}{}", tag.name, attributes.concat(), if tag.self_closing { "/>" } else { ">" }));
            content(tag.name.as_str())
        }
        fn end(&mut self, name: Name) {
            self.0.push(format!("</{name:?}>"));
        }
    }

    /// The same by html5ever.
    struct Theirs(RefCell<Seen>);

    impl TokenSink for Theirs {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            let mut seen = self.0.borrow_mut();
            match token {
                Token::CharacterTokens(text) => seen.push_text(&text),
                Token::TagToken(tag) => {
                    let name = Name::of(&tag.name);
                    if tag.kind == TagKind::EndTag {
                        seen.end(name);
                        return TokenSinkResult::Continue;
                    }
                    let value = |name: &str| tag.attrs.iter().find(|a| &*a.name.local == name).map(|a| a.value.to_string());
                    let attributes = ["href", "class"].map(|a| value(a).map(|v| format!(" {a}={v}")).unwrap_or_default());
                    let end = if tag.self_closing { "/>" } else { ">" };
                    seen.0.push(format!("<{name:?}{}{end}", attributes.concat()));
                    match content(name.as_str()) {
                        Content::Markup => {}
                        Content::Text => return TokenSinkResult::RawData(RawKind::Rcdata),
                        Content::Raw => return TokenSinkResult::RawData(RawKind::Rawtext),
                        Content::Script => return TokenSinkResult::RawData(RawKind::ScriptData),
                    }
                }
                _ => {}
            }
            TokenSinkResult::Continue
        }
    }

    fn ours(html: &str) -> Seen {
        let mut seen = Seen::default();
        tokens(html, &mut seen);
        seen
    }

    fn theirs(html: &str) -> Seen {
        let tokenizer = Tokenizer::new(Theirs(RefCell::default()), TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from_slice(html));
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.0.into_inner()
    }

    #[test]
    fn oddities_are_read_as_a_browser_reads_them() {
        for html in [
            "1 < 2 <3 <é </> </ x>y <",
            "</",
            "<p a=1 A=2 'q'=3 href='x\">y' / class = z/ >t",
            "<a href=\"?a=1&copy=2&amp;b&lt\">&copy 1 &notit; &nosuch; &#x41;&#65 &#0;&#x80;&#; &#xg &amp",
            "<!-->a<!--->b<!-- c --!>d<!-- > -- -->e<![if !mso]>f<![endif]>g<?xml ?>h<!DOCTYPE x>i",
            "<!-- open <p>",
            "<script><!-- <script> </script> x </script>y</script>z",
            "<style></STYLE x><title>&amp;<b></title ><textarea><p>&lt;</textarea>k",
            "<b <i>x</i",
            "<averyveryverylongname>x</averyveryverylongname><o:p></o:p><br/>",
        ] {
            assert_eq!(ours(html), theirs(html), "{html}");
        }
    }

    proptest! {
        #[test]
        fn any_markup_has_the_tokens_that_html5ever_finds(pieces in prop::collection::vec(
            prop::sample::select(vec![
                "<", ">", "/", "!", "-", "--", "?", "=", "'", "\"", " ", "\n", "&", ";", "#", "x", "a", "b", "é", "<p", "</p>", "<a ",
                "href", "class=", "<!--", "-->", "--!>", "<script", "</script", "<style>", "</style>", "<title>", "</title>",
                "<textarea>", "</textarea ", "&amp", "&nbsp;", "&not", "&#65", "&#x1F600;", "&CounterClockwiseContourIntegral;", "1",
                "<![CDATA[", "]]>", "<br/>", "words",
            ]),
            0..24,
        )) {
            let html = pieces.concat();
            prop_assert_eq!(ours(&html), theirs(&html), "{}", html);
        }
    }
}
