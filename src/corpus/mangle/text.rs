//! What lists, gateways and scanners write into a text, and how texts are laid out.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, FOOT, SUBJECT, TEXT, TRANSFER};
use crate::corpus::generate::draft::{Content, Draft, Field, Value};
use crate::corpus::generate::truth::words;

list! {
    Draft "text.list-footer", FOOT | SUBJECT, "Mailman 2", "a footer below the text, the list's name before the subject, the list's fields",
        |d, _| {
            if d.truth.class != "person" || !append(d, "_______________________________________________\nTalk mailing list\nTalk@lists.example\nhttps://lists.example/listinfo/talk") { return false; }
            d.fields.push(Field::raw("List-Id", "Talk <talk.lists.example>"));
            d.fields.push(Field::raw("X-Mailman-Version", "2.1.29"));
            d.truth.class = "list";
            prefix_subject(d, "[Talk] ")
        };
    Draft "text.notice-below", FOOT, "Exchange disclaimers", "a notice in the sender's language below the text",
        |d, _| { let notice = d.language.notice.clone(); append(d, &notice) };
    Draft "text.scanner-note", FOOT, "avast!, AVG", "a note of a virus scanner below the text",
        |d, _| append(d, "---\nThis letter was looked at by a scanner for viruses.\nhttps://scanner.example/about");
    Draft "text.external-banner", TEXT | SUBJECT, "Exchange transport rules", "[EXTERNAL] before the subject and a warning above the text",
        |d, _| prepend(d, "CAUTION: This letter comes from outside of our house. Open no files that you do not expect.") && prefix_subject(d, "[EXTERNAL] ");
    Draft "text.spam-prefix", SUBJECT, "SpamAssassin, firewalls", "***SPAM*** before the subject",
        |d, _| prefix_subject(d, "***SPAM*** ");
    Draft "text.from-quoted", TEXT, "mbox writers", "a line that begins with From got a > before it, and keeps it",
        |d, _| plain_alone(d) && prepend(d, ">From now on we send everything by rail.");
    Draft "text.dot-stuffed", TEXT, "broken SMTP clients", "a line that begins with a dot has two; both are in the text that came",
        |d, _| plain_alone(d) && prepend(d, "..hidden is the name of the folder");
    Draft "text.dashes-at-start", TEXT | TRANSFER, "people", "lines that look like delimiters but are none",
        |d, _| prepend(d, "--not-a-boundary\n--=_more");
    Draft "text.header-like", TEXT, "people", "a text that begins like a header",
        |d, _| prepend(d, "Note: the gate is closed\nPhone: 0123 4567");
    Draft "text.soft-hyphens-and-joiners", TEXT | CHARSET, "Word, newsletter tools", "soft hyphens and zero-width letters, which stay",
        |d, _| { let utf8 = d.texts_mut().iter().all(|p| p.charset.label == "utf-8"); utf8 && prepend(d, "re\u{ad}fri\u{ad}ger\u{ad}a\u{ad}tor zero\u{200b}width") };
    Draft "text.emoji", TEXT | CHARSET, "phones", "emoji with joiners and skin tones",
        |d, _| { let utf8 = d.texts_mut().iter().all(|p| p.charset.label == "utf-8"); utf8 && prepend(d, "Fine 👍🏽 says the family 👨‍👩‍👧 from 🇫🇮") };
    Draft "text.long-line", TEXT, "Outlook, web forms", "a line of 900 letters",
        |d, _| prepend(d, "many words in one line ".repeat(40).trim_end());
    Draft "text.trailing-blanks", TEXT | FOOT | CHARSET, "editors", "blanks and blank lines at the end, which do not count",
        |d, _| plain_alone(d) && d.shape != "flowed" && { if let Content::Text(t) = &mut d.root.content { t.push_str("\n   \n\t\n\n") } true };
    Draft "text.leading-blank-lines", TEXT | CHARSET, "Outlook, phones", "blank lines before the text, which do not count",
        |d, _| plain_alone(d) && d.shape != "flowed" && { if let Content::Text(t) = &mut d.root.content { t.insert_str(0, "\n\n\n") } true };
    Draft "text.tabs-and-no-break-spaces", TEXT, "spreadsheets, Word", "tabs and no-break spaces within lines, which stay",
        |d, _| prepend(d, "item\tcount\u{a0}each\nbolt\t7\u{a0}000");
    Draft "text.wrapped-attribution", TEXT, "Gmail (lines of 78 letters)", "the line before a quote is folded over two lines",
        |d, _| {
            // Lines that end elsewhere already are not counted again.
            if d.shape != "reply" || d.root.kind != "text/plain" || d.truth.text.is_none() { return false; }
            let Some(text) = d.root.text().map(str::to_owned) else { return false };
            let lines: Vec<&str> = text.split('\n').collect();
            let Some(at) = lines.iter().position(|l| l.starts_with("> ")).and_then(|q| q.checked_sub(1)) else { return false };
            // A program breaks at a blank in the second half, mostly before the address.
            let line = lines[at];
            let Some(cut) = line.find(" <").or_else(|| line.find(" (")).filter(|c| *c > 20) else { return false };
            let wrapped = format!("{}\n{}", &line[..cut], line[cut..].trim_start());
            let mut out: Vec<&str> = lines.clone();
            out[at] = &wrapped;
            let changed = out.join("\n");
            d.truth.text = Some(changed.clone());
            d.truth.words = words(&changed);
            d.root.content = Content::Text(changed);
            true
        };
}

/// A mail that is one plain text.
pub(super) fn plain_alone(d: &Draft) -> bool {
    // In a flowed text `>` and blanks at the ends of lines mean something.
    d.shape != "flowed" && d.root.kind == "text/plain" && matches!(&d.root.content, Content::Text(t) if !t.is_empty())
}

/// Shapes whose first text is the letter, in each of its alternatives, none of which is bytes already.
pub(super) fn letter_first(d: &Draft) -> bool {
    !d.root.has_encoded_text() && !matches!(d.shape, "apple-order" | "image-only" | "empty" | "bounce" | "delay")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Top,
    Bottom,
}

/// Puts lines at an end of each form of the text; the truth is the caller's. False, and nothing changes, where there is
/// no text or a charset can't hold them.
fn put(d: &mut Draft, lines: &str, end: End) -> bool {
    let mut texts = d.texts_mut();
    if texts.iter().all(|p| p.text().is_none_or(str::is_empty)) || texts.iter().any(|p| p.charset.encode(lines).is_none()) {
        return false;
    }
    for part in &mut texts {
        let Content::Text(text) = &mut part.content else { continue };
        if text.is_empty() {
            continue;
        }
        // Html stays html whatever its label says.
        if part.kind == "text/html" || text.starts_with('<') {
            let shown: Vec<String> = lines.split('\n').map(crate::corpus::generate::letter::escaped).collect();
            match end {
                End::Top => {
                    let at = text.find("<body").and_then(|b| text[b..].find('>').map(|e| b + e + 1)).unwrap_or(0);
                    text.insert_str(at, &format!("\n<p>{}</p>\n", shown.join("<br>")));
                }
                End::Bottom => {
                    let at = text.rfind("</body>").unwrap_or(text.len());
                    text.insert_str(at, &format!("<p>{}</p>\n", shown.join("<br>\n")));
                }
            }
        } else {
            match end {
                End::Top => text.insert_str(0, &format!("{lines}\n\n")),
                End::Bottom => text.push_str(&format!("\n\n{lines}")),
            }
        }
    }
    true
}

/// Puts a line before each form of the text. False, and nothing changes, where a charset can't hold it.
pub(super) fn prepend(d: &mut Draft, line: &str) -> bool {
    if !letter_first(d) || !put(d, line, End::Top) {
        return false;
    }
    let own = words(line);
    let t = &mut d.truth;
    if let Some(text) = &mut t.text {
        text.insert_str(0, &format!("{line}\n\n"));
    }
    t.gap = t.gap.map(|g| g + own.len());
    t.words.splice(0..0, own.iter().cloned());
    if let Some(reply) = &mut t.reply {
        reply.splice(0..0, own);
    }
    true
}

/// Puts lines below each form of the text, as they are shown. What of it counts as written anew is not certain.
pub(super) fn append(d: &mut Draft, lines: &str) -> bool {
    if !letter_first(d) || matches!(d.shape, "flowed" | "forwarded-mail") || !put(d, lines, End::Bottom) {
        return false;
    }
    let t = &mut d.truth;
    if let Some(text) = &mut t.text {
        text.push_str(&format!("\n\n{lines}"));
    }
    t.words.extend(words(lines));
    t.reply = None;
    true
}

pub(super) fn prefix_subject(d: &mut Draft, prefix: &str) -> bool {
    let Some(Value::Text(text)) = d.field_mut("Subject").map(|f| f.value.clone()) else { return false };
    let text = format!("{prefix}{text}");
    d.truth.subject.clone_from(&text);
    d.set("Subject", Value::Text(text))
}
