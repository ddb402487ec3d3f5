//! The text that is shown: pieces in order, and which of several alternatives.
//!
//! # Failure
//! None. An alternative is never chosen such that words are lost: where the plain text leaves out
//! much of what the html says, the html's text is taken.

use super::html::{self, Converted};
use super::span::Span;
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Words that one text may have between two of the other before they are looked up.
const WORDS_AHEAD: usize = 4;

/// One shown part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Ranges of `text` that the html marks as quoted.
    pub(super) quotes: Vec<Range<usize>>,
    /// Its html, if it has some.
    pub(super) html: Option<String>,
    /// The text of a mail within the mail: shown by clients below the letter itself.
    pub(super) forwarded: bool,
}

impl Piece {
    pub(super) fn plain(text: String) -> Self {
        Piece { text, ..Piece::default() }
    }

    pub(super) fn from_html(source: String) -> Self {
        let Converted { text, quotes } = html::to_text(&source);
        Piece { text, quotes, html: Some(source), forwarded: false }
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty() && self.html.as_deref().is_none_or(|h| !h.contains("<img"))
    }
}

/// Text and html of a whole mail.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) text: String,
    pub(super) quotes: Vec<Range<usize>>,
    /// Ranges of `text` that are mails within the mail.
    pub(super) forwards: Vec<Range<usize>>,
    pub(super) html: Option<String>,
}

/// Puts the pieces together in order.
pub(super) fn join(pieces: Vec<Piece>) -> Body {
    let has_html = pieces.iter().any(|p| p.html.is_some());
    let mut body = Body::default();
    let mut html = String::new();
    for mut piece in pieces {
        if has_html {
            let source = piece.html.take().unwrap_or_else(|| as_html(&piece.text));
            // The first is taken over: it may be as large as the mail.
            if html.is_empty() {
                html = source;
                html.reserve_exact(1);
            } else {
                html.push_str(&source);
            }
            html.push('\n');
        }
        let text = piece.text.trim_end();
        if text.trim().is_empty() {
            continue;
        }
        // Blank lines at the start of a piece go; the indentation of its first line stays.
        let skipped = text.len() - text.trim_start().len();
        let from = text.get(..skipped).and_then(|s| s.rfind('\n')).map_or(0, |i| i + 1);
        if !body.text.is_empty() {
            body.text.push_str("\n\n");
        }
        let base = body.text.len();
        let end = text.len();
        let shift = |i: usize| (i.clamp(from, end) - from) + base;
        body.quotes.extend(piece.quotes.iter().map(|r| shift(r.start)..shift(r.end)).filter(|r| !r.is_empty()));
        if base == 0 && from == 0 {
            piece.text.truncate(end);
            body.text = piece.text;
        } else {
            body.text.push_str(text.after(from));
        }
        if piece.forwarded {
            body.forwards.push(base..body.text.len());
        }
    }
    if has_html {
        body.html = Some(html);
    }
    body
}

fn as_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str("<div>");
    for c in text.trim_end().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>\n"),
            _ => out.push(c),
        }
    }
    out.push_str("</div>");
    out
}

/// Chooses among the children of a multipart/alternative. The second value is true when the plain
/// text was not taken because it leaves out too much.
pub(super) fn choose(children: Vec<Vec<Piece>>) -> (Vec<Piece>, bool) {
    let mut plain: Vec<Piece> = Vec::new();
    let mut rich: Vec<Piece> = Vec::new();
    for pieces in children {
        if pieces.iter().all(Piece::is_blank) {
            continue;
        }
        if pieces.iter().any(|p| p.html.is_some()) {
            rich = keep_better(rich, pieces, TOLD_DIFFERENTLY);
        } else {
            plain = keep_better(plain, pieces, TOLD_DIFFERENTLY_PLAIN);
        }
    }
    if rich.is_empty() {
        return (plain, false);
    }
    if plain.is_empty() {
        return (rich, false);
    }
    if leaves_out(&words_of(&plain), &words_of(&rich)) {
        // Each says something of its own: both are shown.
        if leaves_out(&words_of(&rich), &words_of(&plain)) {
            rich.extend(plain);
        }
        return (rich, true);
    }
    // One piece: the plain text is shown as text, the html as html.
    let joined_html = join(rich).html;
    let text = join(plain).text;
    (vec![Piece { text, html: joined_html, ..Piece::default() }], false)
}

/// One in so many words is missing: the texts say different things.
const TOLD_DIFFERENTLY: usize = 2;
/// The same for two plain texts: these are no two forms of one text, so that what only one of them says is
/// said nowhere else.
const TOLD_DIFFERENTLY_PLAIN: usize = 8;

/// So few strayed words are no passage: they count only where there are hardly any others.
const STRAYED_FEW: usize = 8;

/// Pieces that a further alternative is held against.
const ALTERNATIVES_COMPARED: usize = 16;

/// What pieces say, without a copy where it is one.
fn words_of(pieces: &[Piece]) -> Cow<'_, str> {
    match pieces {
        [only] => Cow::Borrowed(&only.text),
        _ => pieces.iter().map(|p| p.text.as_str()).collect::<Vec<_>>().join("\n").into(),
    }
}

/// The later alternative is the better one (RFC 2046 section 5.1.4), unless it leaves out what the earlier says.
fn keep_better(before: Vec<Piece>, now: Vec<Piece>, one_in: usize) -> Vec<Piece> {
    // Many that say different things are all shown, without holding each against all before it.
    let many = before.len() >= ALTERNATIVES_COMPARED;
    if many || !before.is_empty() && lacks(&words_of(&now), &words_of(&before), one_in) {
        let mut both = before;
        both.extend(now);
        return both;
    }
    now
}

/// Whether `said` lacks so many words of `meant` that a reader would miss something.
pub(super) fn leaves_out(said: &str, meant: &str) -> bool {
    lacks(said, meant, TOLD_DIFFERENTLY)
}

/// Whether `said` lacks one in `one_in` words of `meant`, or more.
fn lacks(said: &str, meant: &str, one_in: usize) -> bool {
    let (all, strayed) = follow(said, meant);
    if strayed == 0 || strayed < STRAYED_FEW && strayed * one_in < all {
        return false;
    }
    let known: HashSet<&str> = words(said).collect();
    // What is said over and over counts once: it does not make up for what is said nowhere.
    let meant: HashSet<&str> = words(meant).collect();
    let missing = meant.iter().filter(|word| !known.contains(*word)).count();
    missing > 0 && missing * one_in >= meant.len()
}

/// The words of `meant`, and how many of them do not come in `said` in the same order: no fewer than it
/// lacks, and found without looking each of them up.
fn follow(said: &str, meant: &str) -> (usize, usize) {
    let (mut all, mut strayed) = (0, 0);
    let mut ahead = words(said);
    for word in words(meant) {
        all += 1;
        // A few words on, behind something that only `said` has.
        let mut look = ahead.clone();
        if look.by_ref().take(WORDS_AHEAD).any(|w| w == word) {
            ahead = look;
        } else {
            strayed += 1;
        }
    }
    (all, strayed)
}

/// Words worth comparing; addresses of links and marks of layout are none.
fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split_whitespace()
        .filter(|w| !(memchr::memchr(b':', w.as_bytes()).is_some() && w.contains("://")))
        .flat_map(|w| w.split(|c: char| !c.is_alphanumeric()))
        .filter(|w| !w.is_empty())
        .flat_map(pairs)
}

/// A word, or each letter with the next where a script has no blanks: else a sentence there weighs as much as a word elsewhere,
/// and one line that is broken otherwise makes it another.
fn pairs(word: &str) -> impl Iterator<Item = &str> + Clone {
    let dense = !word.is_ascii() && word.chars().any(is_without_blanks) && word.chars().nth(1).is_some();
    word.char_indices().take(if dense { usize::MAX } else { 1 }).filter_map(move |(at, first)| {
        let second = word.after(at + first.len_utf8()).chars().next();
        let end = if dense { at + first.len_utf8() + second?.len_utf8() } else { word.len() };
        word.get(at..end)
    })
}

/// Letters of scripts that part words by no blanks: Thai to Burmese, Khmer, kana, ideographs.
const fn is_without_blanks(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Line ends become LF, NULs go, blanks at the end of the text go.
pub(super) fn plain_lines(text: Cow<'_, str>) -> (String, bool) {
    if memchr::memchr2(b'\r', 0, text.as_bytes()).is_none() {
        let end = text.trim_end().len();
        let out = match text {
            Cow::Borrowed(text) => {
                // Room for the line end that html gets when it is put together.
                let mut out = String::with_capacity(end + 1);
                out.push_str(text.before(end));
                out
            }
            Cow::Owned(mut text) => {
                text.truncate(end);
                text
            }
        };
        return (out, false);
    }
    let had_nul = text.contains('\0');
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(i) = memchr::memchr2(b'\r', 0, rest.as_bytes()) {
        out.push_str(rest.before(i));
        let nul = rest.as_bytes().get(i) == Some(&0);
        rest = rest.after(i + 1);
        if nul {
            continue;
        }
        // CRLF, CRCRLF and a bare CR are one line end each; bare ones in a row are blank lines. A row is gone through once.
        let behind = rest.trim_start_matches('\r');
        let more = rest.len() - behind.len();
        let (ends, after) = behind.strip_prefix('\n').map_or((1 + more, behind), |after| (1, after));
        out.extend(std::iter::repeat_n('\n', ends));
        rest = after;
    }
    out.push_str(rest);
    out.truncate(out.trim_end().len());
    (out, had_nul)
}

/// Joins the soft-broken lines of `format=flowed` (RFC 3676). `text` has LF line ends.
pub(super) fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut first = true;
    let mut open: Option<usize> = None; // quote depth of the line that flows on
    for line in text.split('\n') {
        let depth = line.bytes().take_while(|b| *b == b'>').count();
        let content = line.after(depth);
        let content = content.strip_prefix(' ').unwrap_or(content);
        let is_signature = content == "-- ";
        match open {
            Some(d) if d == depth && !is_signature => {}
            _ => {
                if !std::mem::take(&mut first) {
                    out.push('\n');
                }
                out.extend(std::iter::repeat_n('>', depth));
                if depth > 0 {
                    out.push(' ');
                }
            }
        }
        let flows = content.ends_with(' ') && !is_signature;
        out.push_str(if flows && delsp { content.before(content.len() - 1) } else { content });
        open = flows.then_some(depth);
    }
    out
}

/// A file within a text: its name, where its data is, and the whole block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UuFile {
    pub(super) name: String,
    pub(super) block: Range<usize>,
    pub(super) data: Range<usize>,
}

/// Finds uuencoded files in a text with LF line ends.
pub(super) fn uuencoded_files(text: &str) -> Vec<UuFile> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_begin(text, at) {
        let line = text.after(start).split('\n').next().unwrap_or_default();
        at = start + 1;
        let data_start = start + line.len() + 1;
        let mut fields = line.splitn(3, ' ').skip(1);
        let mode = fields.next().unwrap_or_default();
        let name = fields.next().unwrap_or_default().trim();
        if !(3..=4).contains(&mode.len()) || !mode.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
            continue;
        }
        let first = text.after(data_start).split('\n').next().unwrap_or_default();
        let length = first.bytes().next().map_or(0, |b| usize::from(b.wrapping_sub(b' ') & 0x3f));
        let needed = length.div_ceil(3) * 4;
        let Some(end) = memchr::memmem::find(text.after(data_start).as_bytes(), b"\nend").map(|i| data_start + i) else { break };
        // A relay may have stripped the blanks at the end of the line; then all of it must look like data.
        let stripped = first.len() < needed && !is_uuencoded(text.span(data_start, end));
        if length == 0 || stripped || first.len() > needed + 3 {
            continue;
        }
        let block_end = (end + 4).min(text.len());
        found.push(UuFile { name: name.to_owned(), block: start..block_end, data: data_start..end });
        at = block_end;
    }
    found
}

/// Lines of letters that uuencode has, none longer than its length says.
fn is_uuencoded(data: &str) -> bool {
    data.split('\n').all(|line| {
        let bytes = line.as_bytes();
        let length = bytes.first().map_or(0, |b| usize::from(b.wrapping_sub(b' ') & 0x3f));
        bytes.iter().all(|b| (b' '..=b'`').contains(b)) && bytes.len() <= length.div_ceil(3) * 4 + 3
    })
}

fn next_begin(text: &str, from: usize) -> Option<usize> {
    if from == 0 && text.starts_with("begin ") {
        return Some(0);
    }
    let from = from.saturating_sub(1);
    memchr::memmem::find(text.after(from).as_bytes(), b"\nbegin ").map(|i| from + i + 1)
}

/// Text of text/enriched and text/richtext (RFC 1896): the commands go.
pub(super) fn enriched(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut dropped = 0u32;
    while let Some(i) = rest.find('<') {
        if dropped == 0 {
            out.push_str(rest.before(i));
        }
        rest = rest.after(i);
        if let Some(after) = rest.strip_prefix("<<") {
            out.push('<');
            rest = after;
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        match rest.before(end).trim_start_matches('<').to_ascii_lowercase().as_str() {
            "param" => dropped += 1,
            "/param" => dropped = dropped.saturating_sub(1),
            "nl" | "np" => out.push('\n'),
            _ => {}
        }
        rest = rest.after(end + 1);
    }
    if dropped == 0 {
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_made_one_in_linear_time() {
        let lines = |text: &str| plain_lines(Cow::Borrowed(text)).0;
        assert_eq!(lines("a\r\nb\r\r\nc\r\rd\re\r\0\nf\r\n"), "a\nb\nc\n\nd\ne\n\nf");
        // Looked at once each: a million of them are not a trillion.
        assert_eq!(lines(&format!("a{}b", "\0\r\r".repeat(1 << 20))).len(), 2 + (2 << 20));
        assert_eq!(lines(&format!("a{}b", "\r".repeat(1 << 20))).len(), 2 + (1 << 20));
    }

    #[test]
    fn a_text_without_blanks_weighs_what_it_says() {
        let plain = "敬啟者：\n\n下一批貨最好能在下雨之前寄出。\n請幫忙查一下，剩下的貨是不是還在倉庫裡？";
        let choose = |plain: &str, html: &str| {
            let (pieces, differs) = choose(vec![vec![Piece::plain(plain.into())], vec![Piece::from_html(html.into())]]);
            (pieces.iter().map(|p| p.text.clone()).collect::<Vec<_>>(), differs)
        };
        let html = format!("<p>seen in the list of letters only, and some more</p><p>{}</p>", plain.replace("下雨", "下\n雨"));
        assert_eq!(choose(plain, &html), (vec![plain.to_owned()], false), "a few words of another language are no letter");
        let stub = "您的郵件程式不能顯示這封信。";
        let (shown, differs) = choose(stub, &html);
        assert!(differs && shown.len() == 2 && shown[1] == stub, "{shown:?}");
        let thai = "ใบแจ้งหนี้มีรายการที่เราไม่ได้สั่งซื้อ กรุณาตรวจสอบ";
        let html = format!("<p>seen in the list only</p><p>{thai}</p>");
        assert_eq!(choose(thai, &html), (vec![thai.to_owned()], false));
        assert_eq!(words("ab 雨 2024年下雨").collect::<Vec<_>>(), ["ab", "雨", "20", "02", "24", "4年", "年下", "下雨"]);
    }

    #[test]
    fn the_plain_text_is_shown_unless_it_says_less() {
        let plain = vec![Piece::plain("Hello there, see you on Monday".into())];
        let html = vec![Piece::from_html("<p>Hello there, see you on <b>Monday</b></p>".into())];
        let (pieces, differs) = choose(vec![plain, html.clone()]);
        assert_eq!((pieces[0].text.as_str(), differs), ("Hello there, see you on Monday", false));
        assert!(pieces[0].html.is_some());
        let stub = vec![Piece::plain("Your client shows no html".into())];
        let (pieces, differs) = choose(vec![stub, html]);
        let shown: Vec<&str> = pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!((shown, differs), (vec!["Hello there, see you on Monday", "Your client shows no html"], true));
    }

    #[test]
    fn what_is_repeated_does_not_hide_what_is_missing() {
        let again = "one offer after the other ".repeat(40);
        let plain = vec![Piece::plain(format!("{again}\n\nYour program shows no html."))];
        let html = vec![Piece::from_html(format!(
            "<p>{again}</p><p>The lamp with a green shade is sold out, but we could send a blue one by Friday.</p>"
        ))];
        let (pieces, differs) = choose(vec![plain, html]);
        assert!(differs && pieces[0].text.contains("green shade"), "{pieces:?}");
    }

    #[test]
    fn two_plain_texts_that_differ_are_both_shown() {
        let plain = |t: &str| vec![Piece::plain(t.to_owned())];
        let shown = |children| choose(children).0.into_iter().map(|p| p.text).collect::<Vec<_>>();
        assert_eq!(shown(vec![plain("the first part"), plain("the second part")]), ["the first part", "the second part"]);
        assert_eq!(shown(vec![plain("hello there"), plain("Hello there, hello there")]), ["Hello there, hello there"]);
    }

    #[test]
    fn pieces_are_joined_in_order_in_both_forms() {
        let body = join(vec![Piece::from_html("<p>one</p>".into()), Piece::plain("two <3".into())]);
        assert_eq!(body.text, "one\n\ntwo <3");
        assert_eq!(body.html.unwrap(), "<p>one</p>\n<div>two &lt;3</div>\n");
    }

    #[test]
    fn flowed_lines_are_joined() {
        assert_eq!(unflow("one \ntwo\n> q \n> r\n-- \nme", false), "one two\n> q r\n-- \nme");
        assert_eq!(unflow("one \ntwo", true), "onetwo");
        assert_eq!(unflow("\n\na", false), "\n\na");
    }

    #[test]
    fn line_ends_are_made_one() {
        assert_eq!(plain_lines("a\r\nb\rc\r\r\nd\0e\n".into()), ("a\nb\nc\nde".to_owned(), true));
        assert_eq!(plain_lines("a\r\rb\r".into()), ("a\n\nb".to_owned(), false));
    }

    #[test]
    fn uuencoded_files_are_found_and_prose_is_not() {
        let text = "see\nbegin 644 a.txt\n#0V%T\n`\nend\nbye";
        let files = uuencoded_files(text);
        assert_eq!((files[0].name.as_str(), &text[files[0].data.clone()]), ("a.txt", "#0V%T\n`"));
        assert_eq!(format!("{}{}", &text[..files[0].block.start], &text[files[0].block.end..]), "see\n\nbye");
        assert_eq!(uuencoded_files("begin 644 \n#0V%T\n`\nend")[0].name, "");
        assert!(uuencoded_files("we begin 100 things\nbegin 644 words\nto the end\nend").is_empty());
    }

    #[test]
    fn enriched_text_loses_its_commands() {
        assert_eq!(enriched("<bold>a</bold> <<b <color><param>red</param>c</color>"), "a <b c");
    }
}
