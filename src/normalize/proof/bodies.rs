//! What must hold for html, for packed mails and for folds.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use super::super::html::to_text;
use super::super::sanitize::{ELEMENTS, is_allowed_attribute};
use super::super::{quote, sanitize, tnef as packed};
use super::choice::Choices;
use crate::mail::Fold;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use std::cell::RefCell;
use std::collections::HashMap;

/// Bytes of sanitized html for each byte that came: `"` becomes `&quot;`, a link gets a `rel`, a row its table.
const HTML_FACTOR: usize = 40;
/// Bytes of text for each byte of html, besides.
const TEXT_FACTOR: usize = 12;
/// What no html may have.
const CONSTANT: usize = 4096;

/// Any text is html.
pub fn html(data: &[u8]) {
    let source: String = data.utf8_chunks().flat_map(|c| c.valid().chars()).collect();
    let converted = to_text(&source);
    assert_eq!(converted, to_text(&source), "html reads the same twice");
    let text = &converted.text;
    assert!(text.len() <= TEXT_FACTOR * source.len() + CONSTANT, "{} bytes of text from {}", text.len(), source.len());
    let mut at = 0;
    for quote in &converted.quotes {
        assert!(at <= quote.start && quote.start < quote.end, "quotes are in order");
        assert!(text.get(quote.clone()).is_some(), "a quote is a range of the text");
        at = quote.end;
    }
    let safe = sanitize(&source);
    let shown = assert_allowed(&source, &safe);
    assert_allowed(&safe, &sanitize(&safe));
    // In these a browser that runs scripts shows markup as text, or nothing: there text and html differ on purpose.
    let lower = source.to_ascii_lowercase();
    if ["<noscript", "<noembed", "<noframes", "<iframe", "<xmp", "<plaintext", "<listing"].iter().any(|t| lower.contains(t)) {
        return;
    }
    // What is left of the html is shown as text too, letter for letter (in which order is another matter: a
    // browser moves what stands at a wrong place in a table).
    let mut have: HashMap<char, usize> = HashMap::new();
    for letter in text.chars().filter(|c| c.is_alphanumeric()) {
        *have.entry(letter).or_default() += 1;
    }
    for letter in shown.chars().filter(|c| c.is_alphanumeric()) {
        let Some(left) = have.get_mut(&letter).filter(|n| **n > 0) else {
            panic!("{letter:?} is shown in {safe:?} and missing in {text:?}")
        };
        *left -= 1;
    }
}

/// Looks at html as a browser's tokenizer does, which is all there is to it while no element switches the
/// tokenizer's state (and none that does is allowed). Gives the text.
///
/// # Panics
/// Where `safe` holds something that is not allowed, or much more than what came.
pub(super) fn assert_allowed(source: &str, safe: &str) -> String {
    assert!(safe.len() <= HTML_FACTOR * source.len() + CONSTANT, "{} bytes of html from {}", safe.len(), source.len());
    let tokenizer = Tokenizer::new(Judge::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(safe));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let found = tokenizer.sink.wrong.into_inner();
    assert!(found.is_none(), "{} in {safe:?}", found.unwrap_or_default());
    tokenizer.sink.text.into_inner()
}

#[derive(Default)]
struct Judge {
    wrong: RefCell<Option<String>>,
    text: RefCell<String>,
}

impl TokenSink for Judge {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
            Token::TagToken(tag) => {
                if let Some(wrong) = wrong_with(&tag) {
                    self.wrong.borrow_mut().get_or_insert(wrong);
                }
            }
            Token::CommentToken(_) | Token::DoctypeToken(_) => {
                self.wrong.borrow_mut().get_or_insert_with(|| "a comment or a doctype".to_owned());
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Elements that change how a browser reads what follows, load, run or ask: never, whatever the list says.
const NEVER: &[&str] = &[
    "script",
    "style",
    "iframe",
    "frame",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "textarea",
    "select",
    "svg",
    "math",
    "base",
    "link",
    "meta",
    "title",
    "template",
    "noscript",
    "plaintext",
    "xmp",
    "video",
    "audio",
    "source",
    "body",
    "html",
    "head",
];

fn wrong_with(tag: &Tag) -> Option<String> {
    let element: &str = &tag.name;
    if !ELEMENTS.contains(&element) || NEVER.contains(&element) {
        return Some(format!("<{element}>"));
    }
    if tag.kind == TagKind::EndTag {
        return None;
    }
    for attribute in &tag.attrs {
        let name: &str = &attribute.name.local;
        let value: &str = &attribute.value;
        // What a browser ignores within a scheme.
        let bare: String =
            value.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
        let allowed = match name {
            "href" => ["http:", "https:", "mailto:", "tel:"].iter().any(|s| bare.starts_with(s)),
            "src" => bare.starts_with("cid:") || (bare.starts_with("data:image/") && !bare.starts_with("data:image/svg")),
            "rel" => element == "a",
            "style" | "background" | "srcset" | "action" | "formaction" | "ping" | "id" | "class" | "name" => false,
            _ => !name.starts_with("on") && !name.contains(':'),
        };
        if !allowed || !(name == "rel" || is_allowed_attribute(element, name)) {
            return Some(format!("<{element} {name}={value:?}>"));
        }
    }
    None
}

/// Folds are ranges of the text, in order, and apart.
///
/// # Panics
/// Where they are not.
pub(super) fn assert_folds(text: &str, folds: &[Fold]) {
    let mut at = 0;
    for fold in folds {
        assert!(fold.start < fold.end, "a fold is empty: {fold:?}");
        assert!(text.get(fold.start..fold.end).is_some(), "a fold is no range of the text: {fold:?}");
        assert!(at <= fold.start, "folds overlap: {folds:?}");
        assert!(text.get(fold.start..fold.end).is_some_and(|t| !t.trim().is_empty()), "nothing is folded: {fold:?}");
        at = fold.end;
    }
}

/// A text and ranges of it that html marked: the first bytes choose them.
pub fn folds(data: &[u8]) {
    let mut choices = Choices::new(data);
    let marks: Vec<(usize, usize)> = (0..choices.below(4)).map(|_| (choices.below(2048), choices.below(512))).collect();
    let forwarded = choices.rarely(4).then(|| choices.below(2048));
    let text: String = choices.rest().utf8_chunks().flat_map(|c| c.valid().chars()).filter(|c| *c != '\r').collect();
    let text = text.trim_end();
    let mut quotes: Vec<std::ops::Range<usize>> = Vec::new();
    for (start, length) in marks {
        let start = text.floor_char_boundary(quotes.last().map_or(0, |q| q.end) + start);
        let end = text.floor_char_boundary(start + length);
        if start < end {
            quotes.push(start..end);
        }
    }
    let forwards: Vec<std::ops::Range<usize>> = forwarded
        .map(|at| text.floor_char_boundary(at))
        .filter(|at| *at < text.len())
        .map(|at| at..text.len())
        .into_iter()
        .collect();
    let found = quote::folds(text, &quotes, &forwards);
    assert_eq!(found, quote::folds(text, &quotes, &forwards), "folds are the same twice");
    assert_folds(text, &found);
    // Folding hides, but never all there is.
    let mail = crate::mail::NormalizedMail { text: text.to_owned(), folds: found, ..Default::default() };
    assert_eq!(mail.reply().is_empty(), text.trim().is_empty(), "everything is folded in {text:?}");
}

/// Bytes as they are, and as attributes whose truth is known.
pub fn tnef(data: &[u8]) {
    let signed = [&[0x78, 0x9f, 0x3e, 0x22, 0, 0][..], data].concat();
    for bytes in [data, &signed] {
        let Some(message) = packed::read(bytes) else { continue };
        assert_eq!(packed::read(bytes).as_ref(), Some(&message), "a winmail.dat reads the same twice");
        let size = weight(&message);
        assert!(size <= 32 * bytes.len() + CONSTANT, "{size} bytes from {}", bytes.len());
    }
    let (packed_bytes, files) = written(&mut Choices::new(data));
    let read = packed::read(&packed_bytes).map(|m| (m.damaged, m.files)).unwrap_or_default();
    let read: Vec<(String, Vec<u8>)> = read.1.into_iter().map(|f| (f.name, f.bytes)).collect();
    assert_eq!(read, files, "a clean winmail.dat reads otherwise than it was written");
}

/// Bytes of all that was unpacked.
fn weight(message: &packed::Message) -> usize {
    let texts = [&message.subject, &message.text, &message.html];
    let files = message.files.iter();
    texts.into_iter().flatten().map(String::len).sum::<usize>()
        + files.map(|f| f.name.len() + f.bytes.len() + f.message.as_ref().map_or(0, |m| weight(m))).sum::<usize>()
}

/// A winmail.dat (MS-OXTNEF 2.1) with files whose names are digits.
fn written(choices: &mut Choices<'_>) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let mut out = vec![0x78, 0x9f, 0x3e, 0x22, 0, 0];
    let mut put = |level: u8, id: u16, kind: u16, bytes: &[u8]| {
        out.push(level);
        out.extend(id.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
        out.extend(bytes.iter().fold(0u16, |sum, b| sum.wrapping_add(u16::from(*b))).to_le_bytes());
    };
    put(1, 0x9006, 8, &[0, 0, 1, 0]);
    put(1, 0x9007, 6, &[0xe4, 4, 0, 0, 0, 0, 0, 0]);
    let mut files = Vec::new();
    for n in 0..choices.below(5) {
        let name = format!("{n}.bin");
        let bytes = choices.bytes(200).to_vec();
        put(2, 0x9002, 6, &[0; 14]);
        if choices.rarely(2) {
            put(2, 0x8010, 1, &[name.as_bytes(), &[0]].concat());
        } else {
            // The long name as a property of the attachment, in UTF-16.
            let wide: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            let mut block = vec![1, 0, 0, 0, 0x1f, 0, 0x07, 0x37, 1, 0, 0, 0];
            block.extend((wide.len() as u32).to_le_bytes());
            block.extend(&wide);
            block.resize(block.len().next_multiple_of(4), 0);
            put(2, 0x9005, 6, &block);
        }
        put(2, 0x800f, 6, &bytes);
        files.push((name, bytes));
    }
    (out, files)
}
