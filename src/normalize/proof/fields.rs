//! What must hold for header fields and what they are made of.
//!
//! # Failure
//! A panic that says what did not hold, and nothing else.

use super::super::repair::Repairs;
use super::super::{address, charset as letters, date, encoded_word, header, parameter};
use super::choice::Choices;
use super::made::{SCRIPTS, encode};
use crate::limits::Limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// Labels beside bytes: what mails say, right or wrong.
const LABELS: &[&str] = &[
    "",
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "windows-1252",
    "koi8-r",
    "windows-1251",
    "iso-8859-5",
    "gb2312",
    "gb18030",
    "big5",
    "iso-2022-jp",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "iso-2022-kr",
    "utf-7",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "hz-gb-2312",
    "windows-1255",
    "windows-1256",
    "windows-874",
    "ibm850",
    "cp866",
    "unknown-8bit",
    "x-nonsense",
    "utf-32",
    "iso-2022-cn",
];

/// Any bytes are a header, followed by a body.
pub fn headers(data: &[u8]) {
    let mut repairs = Repairs::default();
    let ends = header::LineEnds::of(data);
    let limits = Limits::default();
    let fields = header::read(data, 0, ends, limits.headers_max, "mail", &|_| false, &mut repairs);
    assert!(fields.end <= data.len(), "the body begins within the mail");
    let base = data.as_ptr() as usize;
    let mut at = 0;
    for field in &fields.list {
        let start = field.value.as_ptr() as usize - base;
        assert!(at <= start && start + field.value.len() <= fields.end, "fields are in order, and before the body");
        assert!(!field.name.is_empty() && field.name.is_ascii() && !field.name.contains([':', '\n']), "{:?}", field.name);
        at = start + field.value.len();
        let flat = header::unfold(field.value);
        assert!(!flat.contains(&b'\n') && !flat.contains(&b'\r'), "an unfolded value is one line");
        assert!(flat.len() <= field.value.len(), "unfolding adds nothing");
        assert_eq!(*header::unfold(&flat), *flat, "unfolding twice is unfolding");
        let read = parameter::read(&flat, None, "mail", &mut repairs);
        assert_eq!(read, parameter::read(&flat, None, "mail", &mut Repairs::default()), "parameters read the same twice");
        let size: usize = read.parameters.iter().map(|(n, v)| n.len() + v.len()).sum();
        assert!(size <= 6 * flat.len() + 64, "{size} bytes of parameters from {}", flat.len());
    }
    super::mail::mail(data);
    with_known_fields(&mut Choices::new(data));
}

/// Ordinary fields around one of any bytes: it takes none of them along.
fn with_known_fields(choices: &mut Choices<'_>) {
    let fold = choices.one_of(&["", "\n ", "\n\t"]);
    let odd: Vec<u8> = choices.clone().rest().iter().copied().filter(|b| !matches!(b, b'\n' | b'\r' | 0)).take(400).collect();
    let mut raw = format!("From: Ann <ann@a.example>\nTo:{fold} bob@b.example\nX-Odd: ").into_bytes();
    raw.extend_from_slice(&odd);
    raw.extend_from_slice(format!("\nSubject:{fold} plain words\nMessage-ID: <1@a.example>\n\nthe body\n").as_bytes());
    let mail = super::super::normalize(&raw, &Limits::default());
    let said =
        (mail.from.map(|p| p.address), mail.to.len(), mail.subject.as_str(), mail.message_id.as_deref(), mail.text.as_str());
    let meant = (Some("ann@a.example".to_owned()), 1, "plain words", Some("1@a.example"), "the body");
    assert_eq!(said, meant, "one odd field spoils the others");
}

/// Any bytes are an address list.
pub fn addresses(data: &[u8]) {
    let flat = header::unfold(data);
    let read = |value: &[u8]| address::list(value, None, "header To", &mut Repairs::default());
    let people = read(&flat);
    assert_eq!(people, read(&flat), "addresses read the same twice");
    let size: usize = people.iter().map(|p| p.name.len() + p.address.len()).sum();
    assert!(size <= 6 * flat.len() + 64, "{size} bytes of people from {}", flat.len());
    for person in &people {
        assert!(!person.name.is_empty() || !person.address.is_empty(), "a person is nobody");
        assert!(!person.name.contains(['\r', '\n', '\0']) && !person.address.contains(char::is_control), "{person:?}");
        assert!(person.name.trim() == person.name && person.address.trim() == person.address, "blanks around {person:?}");
    }
    // A list that is written with nothing odd is read as written, whatever stands before it.
    let mut choices = Choices::new(data);
    let mut written = String::new();
    let mut meant = Vec::new();
    for n in 0..1 + choices.below(6) {
        let script = choices.one_of(SCRIPTS);
        let name = format!("{} {}", choices.one_of(script.words), choices.one_of(script.words));
        let address = format!(
            "{}{n}@{}.example",
            choices.one_of(&["ann", "b.o-b", "c+d", "e..f", "g."]),
            choices.one_of(&["a", "b-c", "d.e"])
        );
        let ascii = name.is_ascii();
        let form = choices.below(6);
        let (form, name) = match form {
            1 if ascii => (format!("{name} <{address}>"), name),
            2 if ascii => (format!("\"{name}\" <{address}>"), name),
            3 if ascii => (format!("{address} ({name})"), name),
            4 => (format!("=?UTF-8?B?{}?= <{address}>", STANDARD.encode(&name)), name),
            5 => (format!("{name} <{address}>"), name),
            _ => (address.clone(), String::new()),
        };
        if n > 0 {
            written.push_str(choices.one_of(&[", ", ",", " , ", ",\t", ", , "]));
        }
        written.push_str(&form);
        meant.push((name, address));
    }
    let read: Vec<(String, String)> = read(written.as_bytes()).into_iter().map(|p| (p.name, p.address)).collect();
    assert_eq!(read, meant, "{written:?} is read otherwise than it was written");
}

/// Any bytes are a date, or none; and dates in the forms that mails have are read as written.
pub fn dates(data: &[u8]) {
    let text: String = data.utf8_chunks().flat_map(|c| c.valid().chars()).collect();
    let found = date::read(&text);
    assert_eq!(found, date::read(&text), "a date reads the same twice");
    if let Some(found) = found {
        let stamp: Result<jiff::Timestamp, _> = found.rfc3339.parse();
        assert!(stamp.is_ok() || found.rfc3339.contains(":60"), "{text:?} gives {:?}, which is no date", found.rfc3339);
        assert_eq!(found.rfc3339.len(), 25, "{:?} has another form", found.rfc3339);
        // Years beyond are of other calendars.
        if ("1900".."2200").contains(&found.rfc3339.as_str()) {
            let again = date::read(&found.rfc3339).map(|d| d.rfc3339);
            assert_eq!(again.as_ref(), Some(&found.rfc3339), "RFC 3339 is read otherwise than it was written");
        }
    }
    let mut choices = Choices::new(data);
    let (year, month, day) = (1970 + choices.below(100), choices.below(12), 1 + choices.below(28));
    let (hour, minute, second) = (choices.below(24), choices.below(60), choices.below(60));
    let quarters = choices.below(14 * 4);
    let west = choices.rarely(2) && quarters > 0;
    let (zone_hours, zone_minutes) = (quarters / 4, quarters % 4 * 15);
    let sign = if west { '-' } else { '+' };
    let name =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"].get(month).copied().unwrap_or("Jan");
    let weekday = choices.one_of(&["", "Mon, ", "Tue,", "Wed ", "sun, "]);
    let comment = choices.one_of(&["", " (CET)", " (Mitteleuropäische Zeit)", " (a (nested) one)"]);
    let zone = format!("{sign}{zone_hours:02}{zone_minutes:02}");
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let form = match choices.below(6) {
        0 => format!("{weekday}{day} {name} {year} {time} {zone}{comment}"),
        1 => format!("{weekday}{day:02} {} {year} {time} {zone}{comment}", name.to_uppercase()),
        2 => format!("{weekday}{day}-{name}-{year} {time} {zone}{comment}"),
        3 => format!("{weekday}{name} {day} {time} {zone} {year}"),
        4 => format!("{year}-{:02}-{day:02} {time} {zone}", month + 1),
        _ => format!("{year}-{:02}-{day:02}T{time}{sign}{zone_hours:02}:{zone_minutes:02}", month + 1),
    };
    let meant = format!("{year:04}-{:02}-{day:02}T{time}{sign}{zone_hours:02}:{zone_minutes:02}", month + 1);
    assert_eq!(date::read(&form).map(|d| d.rfc3339), Some(meant), "{form:?} is read otherwise than it was written");
}

/// Any bytes are a value with encoded-words; and text that is cut into words anywhere comes back.
pub fn encoded_words(data: &[u8]) {
    let flat = header::unfold(data);
    let read = |value: &[u8]| encoded_word::decode(value, None, "header Subject", &mut Repairs::default());
    let text = read(&flat);
    assert_eq!(text, read(&flat), "a value reads the same twice");
    assert!(text.len() <= 6 * flat.len() + 64, "{} bytes from {}", text.len(), flat.len());
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?} is not one line");
    if flat.iter().all(|b| (b' '..=b'~').contains(b)) && !flat.windows(2).any(|w| w == b"=?") {
        assert_eq!(text.as_bytes(), &*flat, "what is plain stays as it is written");
    }
    let mut choices = Choices::new(data);
    let script = choices.one_of(SCRIPTS);
    let label = choices.one_of(script.charsets);
    let meant = (0..1 + choices.below(8)).map(|_| choices.one_of(script.words)).collect::<Vec<_>>().join(" ");
    let Some(bytes) = encode(&meant, label) else { return };
    // Where a charset has states, each word must begin anew: there only whole texts are written.
    let whole = label.starts_with("iso-2022");
    let base64 = choices.rarely(2);
    let mut written = String::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(if whole { rest.len() } else { (1 + choices.below(40)).min(rest.len()) });
        rest = after;
        if !written.is_empty() {
            written.push_str(choices.one_of(&[" ", "  ", "\t"]));
        }
        let _ = write!(written, "=?{label}?");
        if base64 {
            let _ = write!(written, "B?{}?=", STANDARD.encode(piece));
        } else {
            written.push_str("Q?");
            for byte in piece {
                match byte {
                    b' ' => written.push('_'),
                    b if b.is_ascii_alphanumeric() => written.push(char::from(*b)),
                    b => {
                        let _ = write!(written, "={b:02X}");
                    }
                }
            }
            written.push_str("?=");
        }
    }
    assert_eq!(read(written.as_bytes()), meant, "{written:?} is read otherwise than it was written");
}

/// Any bytes are text under any label; and text that is rightly labelled is read as it was written.
pub fn charset(data: &[u8]) {
    let mut choices = Choices::new(data);
    let label = choices.one_of(LABELS);
    let hint = choices.one_of(LABELS);
    let of = |label: &'static str| Some(label.as_bytes()).filter(|l| !l.is_empty());
    let bytes = choices.clone().rest();
    let text = letters::decode(bytes, of(label), of(hint));
    assert_eq!(text, letters::decode(bytes, of(label), of(hint)), "bytes read the same twice");
    assert!(text.text.len() <= 3 * bytes.len() + 64, "{} bytes of text from {}", text.text.len(), bytes.len());
    if let Some((code, _, confidence)) = text.repair {
        assert!(code.contains('.') && (0.0..=1.0).contains(&confidence), "{code} {confidence}");
    }
    if matches!(label, "" | "utf-8")
        && let Ok(valid) = std::str::from_utf8(bytes)
        && !valid.contains(['\0', '\u{1b}', '\u{feff}'])
        && valid.is_ascii()
    {
        assert_eq!(text.text, valid, "ASCII is read as it is");
    }
    let script = choices.one_of(SCRIPTS);
    let label = choices.one_of(script.charsets);
    let meant = (0..6 + choices.below(40)).map(|_| choices.one_of(script.words)).collect::<Vec<_>>().join(" ");
    let Some(bytes) = encode(&meant, label) else { return };
    let text = letters::decode(&bytes, Some(label.as_bytes()), of(hint)).text;
    assert_eq!(text, meant, "text in {label} is read otherwise than it was written");
}
