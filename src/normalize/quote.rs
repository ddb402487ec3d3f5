//! Folds: which ranges of the text repeat another mail, or are a signature.
//!
//! A fold hides, it never deletes: the text stays whole, and where folding would leave nothing,
//! nothing quoted is folded. Found are quoted lines (`>` and what html marks), attribution lines
//! ("On … wrote:") with what they introduce, quoted headers ("From: … Sent: …"), separator lines,
//! `-- ` signatures, the lines telephones add and the notices companies add ([`super::notice`]), in
//! the languages of [`super::locale`].
//!
//! # Failure
//! None. Time is linear: each line is looked at a bounded number of times, a long line only at
//! its beginning and end.

use super::attribution;
use super::locale::{Label, WORDS, lower};
use super::notice;
use super::signature;
use super::span::{Span, shorten};
use crate::mail::{Fold, FoldKind};
use std::ops::Range;

/// Bytes of a line that are looked at: an attribution or a label is short.
pub(super) const LINE_BYTES: usize = 400;
/// Lines a quoted header may take.
const HEADER_LINES: usize = 12;

/// Lines that are looked at whatever their length, and the bytes that one more must bring.
const LINES_FREE: usize = 20_000;
const LINE_ROOM: usize = 32;

/// A line of the text.
pub(super) struct Line<'a> {
    pub(super) start: usize,
    /// Without its line end.
    pub(super) text: &'a str,
    /// Begins with `>`, or lies in a range that html marks.
    pub(super) quoted: bool,
    /// Nothing visible in it besides quote marks.
    pub(super) blank: bool,
    /// Lies in a range that html marks.
    pub(super) marked: bool,
    /// Of a notice that a company puts under every mail.
    pub(super) notice: bool,
}

impl Line<'_> {
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Finds the folds of a text. `quotes` are ranges that its html marks as quoted, `forwards` ranges
/// that are mails within the mail.
pub(super) fn folds(text: &str, quotes: &[Range<usize>], forwards: &[Range<usize>]) -> Vec<Fold> {
    // What the writer wrote stands before the mails that are attached.
    let own_end = forwards.first().map_or(text.len(), |f| f.start);
    let own = text.before(own_end).trim_end();
    // What has so many lines, and such short ones, is a table or a log, and would take more room than the mail.
    let own = if memchr::memchr_iter(b'\n', own.as_bytes()).count() > LINES_FREE + own.len() / LINE_ROOM { "" } else { own };
    let mut lines = lines(own, quotes);
    let banner = notice::banner(&mut lines);
    let notice = notice::at_end(&mut lines);
    let mut found = quoted(&lines, own);
    for notice in banner.into_iter().chain(notice) {
        take_in(&mut found, notice);
    }
    found.sort_by_key(|f| f.start);
    // What stands above a quote that reaches the end: there may be a notice once more.
    let body_end = tail_start(&lines, &found, own.len());
    let above = lines.partition_point(|l| l.start < body_end);
    if (above < lines.len() || notice.is_some())
        && let Some(more) = notice::at_end(lines.get_mut(..above).unwrap_or_default())
    {
        take_in(&mut found, more);
    }
    found.sort_by_key(|f| f.start);
    let body_end = tail_start(&lines, &found, own.len());
    found.extend(signature::of_writer(&lines, &found, body_end));
    found.sort_by_key(|f| f.start);
    let body_end = tail_start(&lines, &found, own.len());
    found.extend(signature::tracker(own.before(body_end).trim_end()));
    found.sort_by_key(|f| f.start);
    found.extend(forwards.iter().map(|f| Fold { start: f.start, end: f.end, kind: FoldKind::Forward }));
    if is_blank_without(text, &found) {
        // All of it is quoted: there is nothing else to show.
        found.retain(|f| f.kind == FoldKind::Signature);
        if is_blank_without(text, &found) {
            found.clear();
        }
    }
    found
}

/// Adds a notice, unless something else is folded there. It may reach up to a banner, and is one fold with it then.
fn take_in(found: &mut Vec<Fold>, notice: Fold) {
    found.retain(|f| f.kind != FoldKind::Disclaimer || f.start < notice.start || notice.end < f.end);
    if !found.iter().any(|f| f.start < notice.end && notice.start < f.end) {
        found.push(notice);
    }
}

fn lines<'a>(text: &'a str, quotes: &[Range<usize>]) -> Vec<Line<'a>> {
    let mut out = Vec::with_capacity(memchr::memchr_iter(b'\n', text.as_bytes()).count() + 1);
    let mut start = 0;
    let mut marked = quotes.iter().peekable();
    for line in text.split('\n') {
        while marked.peek().is_some_and(|q| q.end <= start) {
            marked.next();
        }
        let blank = line.chars().all(|c| c.is_whitespace() || is_mark(c) || c == '>' || c == '|');
        let in_html = marked.peek().is_some_and(|q| q.start <= start && start < q.end);
        let has_mark = line.trim_start_matches([' ', '\t']).starts_with('>');
        out.push(Line { start, text: line, quoted: has_mark || in_html, marked: in_html, blank, notice: false });
        start += line.len() + 1;
    }
    mark_initials(&mut out);
    mark_bars(&mut out);
    out
}

/// Some programs quote with the writer's initials (`AL> `). They count where a line that ends with
/// a colon introduces them, and then wherever they stand again.
fn mark_initials(lines: &mut [Line<'_>]) {
    let mut known: Option<&str> = None;
    let mut introduced = false;
    for line in lines.iter_mut() {
        if let Some(mark) = initials(line.text).filter(|m| introduced || known == Some(m)) {
            known = Some(mark);
            line.quoted = true;
        } else if !line.blank {
            introduced = line.text.trim_end().ends_with(':');
        }
    }
}

/// Lines above a block of bars among which its attribution begins.
const ATTRIBUTION_ABOVE: usize = 6;

/// Some programs can be told to quote with `|`. It counts where an attribution stands right above, and then wherever it
/// stands again; a table that is drawn with bars is no quote.
fn mark_bars(lines: &mut [Line<'_>]) {
    let mut known = false;
    let mut at = 0;
    while at < lines.len() {
        if !lines.get(at).is_some_and(has_bar) {
            at += 1;
            continue;
        }
        let end = at + lines.iter().skip(at).take_while(|l| has_bar(l)).count();
        let block = lines.get(at..end).unwrap_or_default();
        let said = block.iter().filter(|l| !l.blank).count();
        let drawn = block.iter().filter(|l| !l.blank && l.text.matches('|').nth(1).is_some()).count();
        if said > 0 && drawn * 2 <= said && (known || is_attributed(lines, at)) {
            known = true;
            for line in lines.get_mut(at..end).unwrap_or_default() {
                line.quoted = true;
            }
        }
        at = end;
    }
}

fn has_bar(line: &Line<'_>) -> bool {
    line.text.trim_start_matches(' ').starts_with('|')
}

/// An attribution ends right above this line, save for blank ones.
fn is_attributed(lines: &[Line<'_>], at: usize) -> bool {
    let Some(last) = lines.get(..at).and_then(|above| above.iter().rposition(|l| !l.blank)) else { return false };
    let first = (last + 1).saturating_sub(ATTRIBUTION_ABOVE);
    (first..=last).any(|from| attribution::at(lines, from).is_some_and(|a| a.end == last + 1))
}

/// `AL` of `AL> words`.
fn initials(line: &str) -> Option<&str> {
    let mark = line.trim_start_matches(' ').before(16).split_once('>')?.0;
    ((1..=3).contains(&mark.chars().count()) && mark.chars().all(char::is_uppercase)).then_some(mark)
}

/// Where the folds begin that, with blank lines between them, reach the end of the text.
fn tail_start(lines: &[Line<'_>], folds: &[Fold], end: usize) -> usize {
    let mut at = end;
    for fold in folds.iter().rev() {
        let first = lines.partition_point(|l| l.start < fold.end);
        if fold.end < at && lines.iter().skip(first).take_while(|l| l.start < at).any(|l| !l.blank) {
            break;
        }
        at = at.min(fold.start);
    }
    at
}

/// Marks of writing direction and other invisible letters.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}' | '\u{1427}')
}

fn is_blank_without(text: &str, folds: &[Fold]) -> bool {
    let mut at = 0;
    for fold in folds {
        if text.get(at..fold.start).is_some_and(|t| !t.trim().is_empty()) {
            return false;
        }
        at = at.max(fold.end);
    }
    text.after(at).trim().is_empty()
}

/// Whether nothing but quotes and a signature comes.
fn is_tail(lines: &[Line<'_>]) -> bool {
    match lines.iter().find(|l| !l.blank && !l.quoted && !l.notice) {
        Some(line) => signature::is_delimiter(line.text) && lines.len() <= signature::LINES,
        None => true,
    }
}

/// What introduces quoted text.
enum Lead {
    /// From line to line (exclusive); what follows is quoted if it is marked, or to the end.
    Attribution(usize, usize),
    /// Everything from this line on is another mail.
    Rest(usize, FoldKind),
}

/// Folds of quoted text, in order.
fn quoted(lines: &[Line<'_>], text: &str) -> Vec<Fold> {
    let mut out: Vec<Fold> = Vec::new();
    let mut at = 0;
    let last = lines.iter().rposition(|l| !l.blank).map_or(0, |i| i + 1);
    while at < last {
        let Some(line) = lines.get(at) else { break };
        if line.blank {
            at += 1;
            continue;
        }
        if line.quoted {
            let end = block_end(lines, at);
            // A quote without an attribution is context for the answer below it, unless none comes.
            let is_tail = is_tail(lines.get(end..last).unwrap_or_default());
            if is_tail || line.marked {
                push(&mut out, lines, at, end, FoldKind::Quote, text);
            }
            at = end;
            continue;
        }
        match lead(lines, at) {
            Some(Lead::Rest(from, kind)) => {
                push(&mut out, lines, from, last, kind, text);
                return out;
            }
            Some(Lead::Attribution(from, to)) => {
                let next = lines.iter().enumerate().skip(to).find(|(_, l)| !l.blank);
                match next {
                    Some((i, l)) if l.quoted => {
                        let end = block_end(lines, i);
                        if is_tail(lines.get(end..last).unwrap_or_default()) || l.marked {
                            push(&mut out, lines, from, end, FoldKind::Quote, text);
                        }
                        at = end;
                    }
                    Some(_) => {
                        push(&mut out, lines, from, last, FoldKind::Quote, text);
                        return out;
                    }
                    None => {
                        push(&mut out, lines, from, to, FoldKind::Quote, text);
                        at = to;
                    }
                }
            }
            None => at += 1,
        }
    }
    out
}

fn push(out: &mut Vec<Fold>, lines: &[Line<'_>], from: usize, to: usize, kind: FoldKind, text: &str) {
    let (Some(first), Some(last)) = (lines.get(from), to.checked_sub(1).and_then(|i| lines.get(i))) else { return };
    let reaches_end = lines.get(to..).unwrap_or_default().iter().all(|l| l.blank);
    let end = if reaches_end { text.len() } else { last.end() };
    if first.start < end && out.last().is_none_or(|f| f.end <= first.start) {
        out.push(Fold { start: first.start, end, kind });
    }
}

/// The end of a block of quoted lines that begins at `from`; blank lines between them belong to it.
fn block_end(lines: &[Line<'_>], from: usize) -> usize {
    let mut end = from;
    for (i, line) in lines.iter().enumerate().skip(from) {
        if line.quoted {
            end = i + 1;
        } else if !line.blank {
            break;
        }
    }
    end
}

/// Whether something at this line introduces quoted text.
fn lead(lines: &[Line<'_>], at: usize) -> Option<Lead> {
    if let Some(kind) = separator(lines.get(at)?.text) {
        return Some(Lead::Rest(at, kind));
    }
    if is_rule(lines.get(at)?.text) {
        // A line of underscores counts only with a quoted header right below it.
        let next = lines.iter().enumerate().skip(at + 1).find(|(_, l)| !l.blank)?.0;
        return is_header_block(lines, next, 2).then_some(Lead::Rest(at, FoldKind::Quote));
    }
    if is_header_block(lines, at, 3) {
        return Some(Lead::Rest(at, FoldKind::Quote));
    }
    attribution::at(lines, at).map(|l| Lead::Attribution(l.start, l.end))
}

pub(super) fn bare(line: &str) -> &str {
    shorten(line, LINE_BYTES).trim_matches(|c: char| c.is_whitespace() || is_mark(c) || c == '>' || c == '*')
}

/// `-----Original Message-----`, `Begin forwarded message:`.
fn separator(line: &str) -> Option<FoldKind> {
    let line = bare(line);
    if line.len() > 120 {
        return None;
    }
    let is_dash = |c: char| matches!(c, '-' | '_' | '=' | '*' | '‐' | '–' | '—' | '─' | '~' | '#') || c.is_whitespace();
    let core = line.trim_matches(is_dash);
    let dashes = line.len() - core.len();
    let has_colon = core.ends_with([':', '：']);
    let core = core.trim_end_matches([':', '：', ' ', '\u{a0}']);
    if core.is_empty() || (dashes < 4 && !has_colon) {
        return None;
    }
    let core = lower(core);
    if WORDS.forwards.iter().any(|f| core == *f || (dashes >= 4 && core.starts_with(f) && f.len() > 10)) {
        return Some(FoldKind::Forward);
    }
    (dashes >= 4 && WORDS.originals.iter().any(|o| core == *o)).then_some(FoldKind::Quote)
}

/// A line that is only a line.
fn is_rule(line: &str) -> bool {
    let line = bare(line);
    line.len() >= 5 && line.chars().all(|c| matches!(c, '_' | '-' | '─' | '=' | '*'))
}

/// The label at the start of a line and whether a value follows it.
fn label(line: &str) -> Option<(Label, bool)> {
    // `：` begins with this byte.
    memchr::memchr2(b':', 0xef, shorten(line, LINE_BYTES).as_bytes())?;
    let line = bare(line);
    let colon = line.find([':', '：'])?;
    let name = line.before(colon);
    if name.len() > 40 {
        return None;
    }
    let name = lower(name.trim_matches(|c: char| c.is_whitespace() || c == '*' || c == '_' || is_mark(c)));
    let label = WORDS.label(&name)?;
    let value = line.after(colon).trim_start_matches([':', '：', '*', ' ', '\t', '\u{a0}']);
    Some((label, !value.is_empty()))
}

/// A quoted header begins here: so many different labels in the next lines, a sender among them.
fn is_header_block(lines: &[Line<'_>], at: usize, needed: usize) -> bool {
    let Some((first, first_has_value)) = lines.get(at).and_then(|l| label(l.text)) else { return false };
    let mut kinds = vec![first];
    let mut strange = 0;
    let mut blanks = 0;
    let mut values = usize::from(first_has_value);
    for line in lines.iter().skip(at + 1).take(HEADER_LINES) {
        if line.blank {
            blanks += 1;
            // Html converted by some programs has a blank line after each field.
            if blanks > kinds.len() {
                break;
            }
            continue;
        }
        match label(line.text) {
            Some((kind, has_value)) => {
                strange = 0;
                values += usize::from(has_value);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            None => {
                strange += 1;
                if strange > 2 {
                    break;
                }
            }
        }
    }
    let has_sender = kinds.contains(&Label::From) || (kinds.contains(&Label::Sent) && kinds.contains(&Label::To));
    kinds.len() >= needed
        && has_sender
        && values + 1 >= kinds.len()
        && (kinds.contains(&Label::Sent) || kinds.contains(&Label::Subject))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What is left when the folds are closed.
    pub(in super::super) fn reply(text: &str) -> String {
        let mail = crate::mail::NormalizedMail { text: text.to_owned(), folds: folds(text, &[], &[]), ..Default::default() };
        mail.reply()
    }

    /// The folds, in order.
    pub(in super::super) fn kinds(text: &str) -> Vec<FoldKind> {
        folds(text, &[], &[]).iter().map(|f| f.kind).collect()
    }

    #[test]
    fn a_notice_that_reaches_up_to_a_banner_takes_it_in() {
        let line = "Please consider the environment before printing this e-mail.";
        // Both are one fold, so it is seen that with the quote nothing would be left to show.
        let text = format!("{line}\n\n{line}\n\n> quoted words");
        assert_eq!(folds(&text, &[], &[]), Vec::new());
        assert_eq!(kinds(&format!("{line}\n\nwords\n\n{line}\n\n> quoted words")).len(), 3);
    }

    #[test]
    fn attributions_of_many_languages_fold_what_they_introduce() {
        for line in [
            "On Tue, Jan 1, 2030 at 10:00, Ann Lee <a@b.example> wrote:",
            "On Tue, Jan 1, 2030 at 10:00, Ann Lee\n<a@b.example> wrote:",
            "Le mar. 1 janv. 2030 à 10:00, Ann Lee <a@b.example> a écrit\u{a0}:",
            "Am 01.01.2030 um 10:00 schrieb Ann Lee:",
            "El mar, 1 ene 2030 a las 10:00, Ann Lee (<a@b.example>) escribió:",
            "Il giorno 1 gen 2030, alle ore 10:00, Ann Lee ha scritto:",
            "Em ter., 1 de jan. de 2030 às 10:00, Ann Lee <a@b.example> escreveu:",
            "Op 1 januari 2030 om 10:00 schreef Ann Lee:",
            "W dniu 2030-01-01 10:00, Ann Lee pisze:",
            "tir. 1. jan. 2030 kl. 10.00 skrev Ann Lee <a@b.example>:",
            "1 января 2030 г., Ann Lee <a@b.example> написал(а):",
            "在 2030年1月1日，Ann Lee 写道：",
            "2030-01-01 10:00 GMT+01:00 Ann Lee <a@b.example>:",
            "Ann Lee <a@b.example> writes:",
        ] {
            for rest in ["> old words", "old words"] {
                assert_eq!(reply(&format!("new words\n\n{line}\n\n{rest}")), "new words", "{line} {rest}");
            }
        }
    }

    #[test]
    fn quoted_headers_and_separators_fold_the_rest() {
        for block in [
            "From: Ann\nSent: Tuesday\nTo: Bob\nSubject: Hi",
            "Von: Ann\nGesendet: Dienstag\nAn: Bob\nBetreff: Hallo",
            "________________________________\nDe : Ann\nEnvoyé : mardi\nÀ : Bob",
            "-----Original Message-----\nanything",
            "-------- Mensaje original --------\nanything",
            "*From:* Ann\n*Sent:* Tuesday\n*To:* Bob",
            "发件人: Ann\n发送时间: 2030\n收件人: Bob\n主题: x",
        ] {
            assert_eq!(reply(&format!("new words\n\n{block}\n\nold words")), "new words", "{block}");
        }
        assert_eq!(kinds("look\n\n---------- Forwarded message ---------\nFrom: a\n\nold"), [FoldKind::Forward]);
    }

    #[test]
    fn an_attribution_that_is_wrapped_inside_its_bracket_folds_whole() {
        let text = "Hello\n02.04.2030 14:20 пользователь \"b@x.example\" <\nb@x.example> написал:\n\n> Hi";
        assert_eq!(reply(text), "Hello");
    }

    #[test]
    fn words_that_only_look_like_a_lead_stay() {
        for text in [
            "On this day\n\nI wrote something\n\nwhich was very interesting.",
            "She wrote: nothing.\nAnd then?",
            "1.1.1.1,www.example.com\nmore text",
            "Cost: 5\nTo: be decided\nmore",
            "From: the beginning of the story, all is well",
            "> a question\n\nan answer below it",
        ] {
            assert_eq!(reply(text), text);
        }
    }

    #[test]
    fn signatures_fold() {
        assert_eq!(reply("hello\n\n-- \nAnn Lee\nExample Ltd"), "hello");
        assert_eq!(reply("hello\n\nSent from my iPhone"), "hello");
        assert_eq!(reply("hello\n\nVon meinem iPhone gesendet\n\nAm 01.01.2030 schrieb Ann <a@b.example>:\n> old"), "hello");
        assert_eq!(kinds("hello\n\n-- \nAnn\n\nOn Jan 1, 2030, Bob wrote:\n> old"), [FoldKind::Signature, FoldKind::Quote]);
    }

    #[test]
    fn bars_quote_where_an_attribution_says_so_and_tables_stay() {
        let marked = |text: &str| lines(text, &[]).iter().map(|l| l.quoted).collect::<Vec<_>>();
        assert_eq!(
            marked("On Mon, 4 Mar 2030 at 09:12, Desk <desk@desk.example> wrote:\n| Is all well?\n|\n| Desk\n\nIt is.\n| Again?"),
            [false, true, true, true, false, false, true]
        );
        for kept in [
            "The sizes:\n| Is all well?",
            "On Mon, 4 Mar 2030 at 09:12, Desk <desk@desk.example> wrote:\n| size | count |\n|------|-------|\n| M    | 3     |",
        ] {
            assert!(marked(kept).iter().all(|quoted| !quoted), "{kept}");
        }
    }

    #[test]
    fn where_all_is_quoted_nothing_is_folded() {
        assert_eq!(reply("> only a quote"), "> only a quote");
        assert!(reply("---------- Forwarded message ---------\nFrom: a\n\nold").contains("old"));
    }

    #[test]
    fn html_quotes_fold_with_their_attribution() {
        let text = "new\n\nOn Jan 1, 2030, Bob wrote:\n\nold words";
        let start = text.find("old").unwrap();
        let found = folds(text, std::slice::from_ref(&(start..text.len())), &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(text.get(found[0].start..).unwrap().get(..2), Some("On"));
    }
}
