//! What programs make of RFC 2047 in the subject and in names.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, FROM, SUBJECT, TO, WORDS};
use crate::corpus::generate::draft::{Draft, Style, Value};
use crate::corpus::generate::letters::{Charset, UTF_8};
use crate::corpus::generate::render;

list! {
    Draft "words.raw-body-charset", WORDS | CHARSET, "docomo and other mobile gateways, Lotus Notes", "raw bytes in the charset that the body is labelled with",
        |d, _| !d.form.charset.is_seven_bit() && body_is_labelled(d) && style(d, Style::Raw);
    Draft "words.raw-utf8", WORDS, "PHP mail(), cron, SMTPUTF8 clients", "raw UTF-8",
        |d, _| { if !d.has_header_letters() { return false; } utf8(d); style(d, Style::Raw) };
    Draft "words.raw-jis", WORDS, "Japanese handsets", "raw escapes of iso-2022-jp",
        |d, _| d.form.charset.label == "iso-2022-jp" && all_fit(d) && style(d, Style::Raw);
    Draft "words.cut-letters", WORDS, "PHP mb_encode_mimeheader misuse, Perl MIME::Words", "words that end within a letter",
        |d, _| { if !d.has_header_letters() { return false; } utf8(d); style(d, Style::Cut) };
    Draft "words.cut-letters-double-byte", WORDS, "Foxmail", "words of a two-byte charset that end within a letter",
        |d, _| !d.form.charset.is_single_byte() && !d.form.charset.is_seven_bit() && style(d, Style::Cut);
    Draft "words.glued", WORDS, "Lotus Domino, CRM systems", "no blank between two words",
        |d, _| style(d, Style::Glued);
    Draft "words.quoted", WORDS, "Outlook Express, PHP", "encoded-words within quotes",
        |d, _| style(d, Style::Quoted);
    Draft "words.blanks-within", WORDS, "SAP, hand-made mailers", "blanks as they are within a Q word",
        |d, _| { d.form.letter = 'Q'; long_escape(d) && style(d, Style::Blanks) };
    Draft "words.whole-list", WORDS | FROM | TO, "mikel/mail users, web shops", "one encoded text of a whole list with its addresses",
        |d, _| {
            // A comma or a dot in a name needs quotes that this text does not have.
            let odd = d.header_texts().iter().any(|t| t.contains([',', '"', '.', '&', '\'']) && !t.contains(' ') );
            let plain_names = d.fields.iter().all(|f| match &f.value { Value::People(p) => p.iter().all(|p| !p.name.contains([',', '"', '&'])), _ => true });
            !odd && plain_names && style(d, Style::WholeList)
        };
    Draft "words.one-long-word", WORDS, "Outlook, PHPMailer 5", "one word of any length",
        |d, _| style(d, Style::Long);
    Draft "words.fold-within", WORDS, "relays that cut long lines", "a fold within a word",
        |d, _| { if !d.has_header_letters() { return false; } d.form.letter = 'B'; style(d, Style::Folded) };
    Draft "words.naked-bytes", WORDS, "freescout#351: form mailers", "bytes beyond ASCII as they are within a Q word",
        |d, _| { if d.form.charset.is_seven_bit() || !long_escape(d) { return false; } d.form.letter = 'Q'; style(d, Style::Naked) };
    Draft "words.unpadded", WORDS, "mobile clients", "base64 without its = at the end",
        |d, _| { if !d.has_header_letters() { return false; } d.form.letter = 'B'; style(d, Style::Unpadded) };
    Draft "words.twice", WORDS, "gateways that encode what is encoded", "an encoded-word of encoded-words",
        |d, _| style(d, Style::Twice);
    Draft "words.jis-escape-lost", WORDS, "freescout#3312: Japanese web mailers", "iso-2022-jp that goes on in the next word without an escape",
        |d, _| { if d.form.charset.label != "iso-2022-jp" { return false; } d.form.letter = 'B'; style(d, Style::Escaping) };
    Draft "words.language-tag", WORDS, "RFC 2231 section 5 mailers", "a language behind the charset",
        |d, _| { let label = format!("{}*{}", d.form.charset.label, d.language.tag); labelled(d, label) };
    Draft "words.lower-case", WORDS, "Perl scripts", "b and q in lower case, the charset in upper case",
        |d, _| { let label = d.form.charset.label.to_uppercase(); d.form.letter = d.form.letter.to_ascii_lowercase(); labelled(d, label) };
    Draft "words.misspelt-charset", WORDS, "CDO, hand-made mailers", "a charset that is spelt in another way",
        |d, dice| {
            let label = match d.form.charset.label {
                "utf-8" => *dice.pick(&["utf8", "UTF8", "utf_8"]),
                "windows-1252" => *dice.pick(&["1252", "cp1252"]),
                "windows-1251" => *dice.pick(&["cp1251", "win-1251"]),
                "iso-8859-1" => *dice.pick(&["latin1", "iso8859-1"]),
                "gb2312" => *dice.pick(&["gb_2312", "GB-2312"]),
                "shift_jis" => "x-sjis",
                _ => return false,
            };
            labelled(d, label.to_owned())
        };
    Draft "words.unknown-charset", WORDS, "Exchange, Majordomo", "a charset that says nothing; the bytes are UTF-8",
        |d, dice| { if !d.has_header_letters() { return false; } utf8(d); let l = *dice.pick(&["x-unknown", "unknown-8bit", "default"]); labelled(d, l.to_owned()) };
    Draft "words.utf8-as-latin1", WORDS, "PHP scripts", "UTF-8 that is labelled iso-8859-1",
        |d, _| { let many = d.header_texts().iter().all(|t| t.is_ascii() || letters(t) >= 1); if !many || !d.has_header_letters() { return false; } utf8(d); labelled(d, "iso-8859-1".to_owned()) };
    Draft "words.utf8-as-ascii", WORDS, "web forms", "UTF-8 that is labelled us-ascii",
        |d, _| { if !d.has_header_letters() { return false; } utf8(d); labelled(d, "us-ascii".to_owned()) };
    Draft "words.gb18030-as-gb2312", WORDS | CHARSET, "Foxmail", "letters beyond gb2312 under that label",
        |d, _| {
            if d.language.tag != "zh-Hant" { return false; }
            let Some(charset) = Charset::named("gbk") else { return false };
            d.form.charset = charset;
            labelled(d, "gb2312".to_owned())
        };
    Draft "words.glued-to-text", WORDS | SUBJECT, "Lotus Notes, ticket systems", "an encoded-word right behind a word in ASCII, as in Re:=?",
        |d, _| {
            let Some(Value::Text(text)) = d.field_mut("Subject").map(|f| f.value.clone()) else { return false };
            if text.is_ascii() { return false; }
            let mut raw = b"Re:".to_vec();
            raw.extend(render::header_text(&text, &d.form));
            d.truth.subject = format!("Re:{text}");
            d.set("Subject", Value::Raw(raw))
        };
    Draft "words.tabs-between", WORDS | SUBJECT, "Exchange 2003, Communigate", "folds with tabs between encoded-words",
        |d, _| {
            let Some(Value::Text(text)) = d.field_mut("Subject").map(|f| f.value.clone()) else { return false };
            let raw = render::header_text(&text, &d.form);
            if !raw.windows(2).any(|w| w == b"\r\n") { return false; }
            let raw = raw.split(|b| *b == b'\n').map(|l| l.strip_prefix(b" ").map_or_else(|| l.to_vec(), |l| [b"\t\t".as_slice(), l].concat()));
            let raw = raw.collect::<Vec<_>>().join(b"\n".as_slice());
            if text.is_ascii() { return false; }
            d.set("Subject", Value::Raw(raw))
        };
    Draft "words.many-blanks-between", WORDS | SUBJECT, "relays that refold", "several folds and blanks between encoded-words",
        |d, _| {
            let Some(Value::Text(text)) = d.field_mut("Subject").map(|f| f.value.clone()) else { return false };
            let raw = render::header_text(&text, &d.form);
            if text.is_ascii() || !raw.windows(2).any(|w| w == b"\r\n") { return false; }
            let raw: Vec<u8> = raw.iter().flat_map(|b| if *b == b'\n' { b"\n    ".to_vec() } else { vec![*b] }).collect();
            d.set("Subject", Value::Raw(raw))
        };
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_ascii()).count()
}

fn style(d: &mut Draft, style: Style) -> bool {
    if !d.has_header_letters() {
        return false;
    }
    d.form.style = style;
    true
}

fn labelled(d: &mut Draft, label: String) -> bool {
    if !d.has_header_letters() || !all_fit(d) {
        return false;
    }
    d.form.label = label;
    true
}

fn utf8(d: &mut Draft) {
    d.form.charset = UTF_8;
    d.form.label = UTF_8.label.to_owned();
}

/// The charset of the header holds all its texts; where it does not, the writer falls back to UTF-8.
fn all_fit(d: &Draft) -> bool {
    d.header_texts().iter().all(|t| d.form.charset.encode(t).is_some())
}

/// The charset is one whose Q words have something to leave out.
fn long_escape(d: &Draft) -> bool {
    d.has_header_letters()
}

/// Every text of the body names the charset that the header is written in.
fn body_is_labelled(d: &mut Draft) -> bool {
    if !all_fit(d) {
        return false;
    }
    let label = d.form.charset.label;
    let texts = d.texts_mut();
    !texts.is_empty() && texts.iter().all(|p| p.charset.label == label && p.label.as_deref().is_some_and(|l| l.contains(label)))
}
