//! Address lists (RFC 5322 section 3.4), and everything else that stands in their place.
//!
//! # Failure
//! None: a list always yields what addresses it has. Linear time: no step goes back over the value.

use super::addr_spec::{clean, squeeze, without_needless_quotes};
use super::encoded_word;
use super::repair::{self, Repairs};
use crate::mail::Person;
use std::borrow::Cow;

/// Addresses of one field that are read: a distribution list has thousands, an attack millions.
const PEOPLE_MAX: usize = 10_000;

/// Reads an unfolded field value.
pub(super) fn list(value: &[u8], hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> Vec<Person> {
    let value = &*encoded_word::shielded(value);
    let literal = typed_by_hand(encoded_word::literal(value, hint, place, repairs), place, repairs);
    let trimmed = literal.trim();
    // The whole list was put into one encoded-word.
    if trimmed.starts_with("=?") && trimmed.ends_with("?=") {
        let decoded = encoded_word::decode(value, hint, place, repairs);
        let people = parse(&decoded, hint, place, repairs);
        if people.iter().any(|p| p.address.contains('@')) {
            repairs.note(repair::ADDRESS_MALFORMED, place, "the whole list is an encoded-word", 0.9);
            return people;
        }
    }
    let people = parse(&literal, hint, place, repairs);
    if literal.contains("=?") && !people.iter().any(|p| p.address.contains('@')) {
        // A name, and an encoded-word that holds the address.
        let inner = parse(&encoded_word::decode(value, hint, place, repairs), hint, place, repairs);
        if inner.iter().any(|p| p.address.contains('@')) {
            repairs.note(repair::ADDRESS_MALFORMED, place, "the address is within an encoded-word", 0.8);
            return inner;
        }
    }
    people
}

/// Full-width signs of East Asian keyboards, and brackets that were escaped for html.
fn typed_by_hand<'a>(text: Cow<'a, str>, place: &str, repairs: &mut Repairs) -> Cow<'a, str> {
    let wide = !text.contains('@') && text.contains('\u{ff20}');
    let escaped = !text.contains('<') && text.contains("&lt;") && text.contains("&gt;");
    if !wide && !escaped {
        return text;
    }
    repairs.note(repair::ADDRESS_MALFORMED, place, "full-width or escaped signs for those of an address", 0.8);
    let text =
        if wide { text.replace('\u{ff20}', "@").replace('\u{ff1c}', "<").replace('\u{ff1e}', ">") } else { text.into_owned() };
    text.replace("&lt;", "<").replace("&gt;", ">").into()
}

/// A group's name is shorter; a longer text is not looked through at each of its colons.
const GROUP_NAME_BYTES_MAX: usize = 500;
/// Characters of an encoded word that is taken as one piece: RFC 2047 allows 75, programs write longer ones.
const ENCODED_WORD_CHARS_MAX: usize = 300;

/// What one entry of a list has gathered.
#[derive(Default)]
struct Entry {
    /// Text outside `<>` and comments.
    words: String,
    /// Some of the text was quoted.
    quoted: bool,
    comment: String,
    angle: Option<String>,
}

impl Entry {
    fn is_empty(&self) -> bool {
        self.words.trim().is_empty() && self.angle.is_none() && self.comment.trim().is_empty()
    }
}

fn parse(text: &str, hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let mut entry = Entry::default();
    let mut pending: Option<String> = None; // `Last` of an unquoted `Last, First <a@b>`
    let mut rest = text.chars().peekable();
    let mut quotes_left = text.bytes().filter(|b| *b == b'"').count() as isize;
    let mut angles_left = text.bytes().filter(|b| *b == b'>').count() as isize;
    let mut parens_left = text.bytes().filter(|b| *b == b')').count() as isize;
    // `Shop: Ann <a@b>` alone is a name with a colon: a group would have an end, or more members.
    let may_have_groups = text.contains([';', ',']) || !text.contains('<');
    while let Some(c) = rest.next() {
        if people.len() >= PEOPLE_MAX {
            break;
        }
        match c {
            '"' => {
                quotes_left -= 1;
                if quotes_left == 0 {
                    continue; // a quote that is never closed
                }
                entry.quoted = true;
                entry.words.push('\u{1}');
                while let Some(q) = rest.next() {
                    match q {
                        '"' => {
                            quotes_left -= 1;
                            break;
                        }
                        '\\' => {
                            if let Some(escaped) = rest.next() {
                                quotes_left -= isize::from(escaped == '"');
                                angles_left -= isize::from(escaped == '>');
                                parens_left -= isize::from(escaped == ')');
                                entry.words.push(escaped);
                            }
                        }
                        _ => {
                            angles_left -= isize::from(q == '>');
                            parens_left -= isize::from(q == ')');
                            entry.words.push(if q == '\u{1}' { ' ' } else { q });
                        }
                    }
                }
                entry.words.push('\u{1}');
            }
            '(' if parens_left > 0 => {
                let mut depth = 1;
                let mut comment = String::new();
                while let Some(q) = rest.next() {
                    match q {
                        '(' => depth += 1,
                        ')' => {
                            parens_left -= 1;
                            depth -= 1;
                        }
                        '\\' => {
                            if let Some(e) = rest.next() {
                                quotes_left -= isize::from(e == '"');
                                angles_left -= isize::from(e == '>');
                                parens_left -= isize::from(e == ')');
                                comment.push(e);
                            }
                            continue;
                        }
                        _ => {
                            quotes_left -= isize::from(q == '"');
                            angles_left -= isize::from(q == '>');
                        }
                    }
                    if depth == 0 || parens_left == 0 {
                        break;
                    }
                    comment.push(q);
                }
                if !entry.comment.is_empty() {
                    entry.comment.push(' ');
                }
                entry.comment.push_str(&comment);
            }
            '<' if angles_left > 0 || entry.angle.is_none() => {
                let mut inner = String::new();
                while let Some(&q) = rest.peek() {
                    if q == '>' {
                        angles_left -= 1;
                        rest.next();
                        break;
                    }
                    // `<a@b, c@d>` and `<a@b` without an end.
                    if angles_left == 0 && matches!(q, ',' | ';') || q == '<' {
                        break;
                    }
                    quotes_left -= isize::from(q == '"');
                    parens_left -= isize::from(q == ')');
                    inner.push(q);
                    rest.next();
                }
                match &entry.angle {
                    // `a@b <a@b> <c@d>`: the first one that is an address counts.
                    Some(first) if first.contains('@') && (!inner.contains('@') || clean(first) == clean(&inner)) => {}
                    Some(first) if first.contains('@') => {
                        let next = Entry { angle: Some(inner), ..Entry::default() };
                        finish(&mut people, std::mem::replace(&mut entry, next), &mut pending, hint, place, repairs);
                    }
                    _ => entry.angle = Some(inner),
                }
            }
            // An encoded word is one piece: what it holds are letters, though RFC 2047 5 wants them encoded too.
            '=' if rest.peek() == Some(&'?') => {
                entry.words.push('=');
                for q in encoded_word(rest.clone()).chars() {
                    rest.next();
                    parens_left -= isize::from(q == ')');
                    entry.words.push(q);
                }
            }
            '>' => angles_left -= 1,
            // A face, no end of a comment.
            ')' if entry.words.ends_with([':', ';', '-']) => {
                parens_left -= 1;
                entry.words.push(c);
            }
            ')' => {
                parens_left -= 1;
                // `吉田（東京) <a@b>`: opened by the sign of an East Asian keyboard.
                if entry.words.contains('\u{ff08}') {
                    entry.words.push(c);
                }
            }
            ',' | ';' | '\n' => finish(&mut people, std::mem::take(&mut entry), &mut pending, hint, place, repairs),
            ':' if may_have_groups
                && !matches!(rest.peek(), Some(')' | '(' | '-'))
                && !entry.quoted
                && entry.angle.is_none()
                && is_group(&entry.words) =>
            {
                // A group's name: its members follow.
                pending = None;
                entry = Entry::default();
            }
            _ => entry.words.push(c),
        }
    }
    finish(&mut people, entry, &mut pending, hint, place, repairs);
    if let Some(last) = pending {
        push(&mut people, Person { name: name(&last, hint, place, repairs), address: String::new() });
    }
    people
}

/// What belongs to the encoded word whose `=` was taken: all of it, or nothing where it is none or holds what an
/// address is made of.
fn encoded_word(rest: std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut word = String::new();
    let mut marks = 0;
    for c in rest.take(ENCODED_WORD_CHARS_MAX) {
        if c.is_whitespace() || matches!(c, '<' | '>' | '"' | '@' | ';') {
            break;
        }
        word.push(c);
        marks += usize::from(c == '?');
        if marks >= 4 && c == '=' && word.ends_with("?=") {
            return word;
        }
        if marks == 4 && c != '?' {
            break;
        }
    }
    String::new()
}

/// `Friends: a@b, c@d;` but not `=?utf-8?Q?a:b?=` nor `[mailto:a@b]`.
fn is_group(words: &str) -> bool {
    if words.len() > GROUP_NAME_BYTES_MAX {
        return false;
    }
    let words = words.trim();
    !words.is_empty() && !words.contains(['[', '@']) && (!words.contains("=?") || words.ends_with("?="))
}

fn finish(
    people: &mut Vec<Person>,
    entry: Entry,
    pending: &mut Option<String>,
    hint: Option<&[u8]>,
    place: &str,
    repairs: &mut Repairs,
) {
    if entry.is_empty() {
        return;
    }
    let words = entry.words.trim();
    if let Some(angle) = &entry.angle {
        let mut address = clean(angle);
        // `Name <a@b>.`
        let mut shown = words.strip_suffix(" .").unwrap_or(words).to_owned();
        if !angle.contains('@') && !shown.contains(char::is_whitespace) && shown.contains('@') {
            // `a@b <>`, `a@b <Name>`.
            address = clean(&std::mem::replace(&mut shown, angle.trim().to_owned()));
            repairs.note(repair::ADDRESS_MALFORMED, place, "the address stands beside the angle brackets", 0.8);
        } else if shown.is_empty() && !angle.contains('"') && angle.contains('@') && angle.trim().contains(char::is_whitespace) {
            // `<Name a@b>`.
            let words = squeeze(angle);
            shown = words.split_whitespace().filter(|w| !w.contains('@')).collect::<Vec<_>>().join(" ");
        }
        if let Some(before) = pending.take() {
            shown = format!("{before}, {shown}");
            repairs.note(repair::ADDRESS_MALFORMED, place, "a name with an unquoted comma", 0.8);
        }
        let mut shown = name(&shown, hint, place, repairs);
        let comment = name(&entry.comment, hint, place, repairs);
        if shown.is_empty() {
            shown = comment;
        } else if !comment.is_empty() {
            shown = format!("{shown} ({comment})");
        }
        push(people, Person { name: shown, address });
        return;
    }
    // `"Name <a@b>"`: the quotes are around all of it.
    let within = words.strip_prefix('\u{1}').and_then(|w| w.strip_suffix('\u{1}')).filter(|w| w.contains('<') && w.contains('@'));
    if let Some(within) = within {
        repairs.note(repair::ADDRESS_MALFORMED, place, "name and address are quoted together", 0.8);
        let within = within.replace(['\u{1}', '"'], " ");
        people.extend(parse(&within, hint, place, repairs));
        return;
    }
    if words.contains('@') {
        if let Some(before) = pending.take() {
            push(people, Person { name: name(&before, hint, place, repairs), address: String::new() });
        }
        push_bare(people, words, &entry, hint, place, repairs);
        return;
    }
    if words.is_empty() {
        push(people, Person { name: name(&entry.comment, hint, place, repairs), address: String::new() });
        return;
    }
    if !entry.comment.is_empty() && !words.contains(char::is_whitespace) && pending.is_none() {
        // `MAILER-DAEMON (Mail Delivery System)`: a local mailbox; `Name (a@b)`: the wrong way round.
        let comment = name(&entry.comment, hint, place, repairs);
        if comment.contains('@') && !comment.contains(' ') {
            push(people, Person { name: name(words, hint, place, repairs), address: clean(&comment) });
        } else {
            push(people, Person { name: comment, address: clean(words).replace('"', "") });
        }
        return;
    }
    match pending {
        Some(before) => {
            before.push_str(", ");
            before.push_str(words);
        }
        None => *pending = Some(words.to_owned()),
    }
}

/// An entry without angle brackets that has an `@`.
fn push_bare(people: &mut Vec<Person>, words: &str, entry: &Entry, hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) {
    // `"Name <a@b>"`: the whole entry was put into quotes.
    let quoted = words.strip_prefix('\u{1}').and_then(|w| w.strip_suffix('\u{1}'));
    if let Some(inner) = quoted.filter(|w| w.contains('<') && w.contains('@') && !w.contains(['\u{1}', '"'])) {
        repairs.note(repair::ADDRESS_MALFORMED, place, "name and address together in quotes", 0.8);
        people.extend(parse(inner, hint, place, repairs));
        return;
    }
    let plain = words.replace('\u{1}', "\"");
    if plain.starts_with('"') && plain.find("\"@").is_some_and(|i| !plain.get(i..).unwrap_or_default().contains(' ')) {
        let address = without_needless_quotes(&plain).into_owned();
        push(people, Person { name: name(&entry.comment, hint, place, repairs), address });
        return;
    }
    // `a@b c@d`, `Name a@b`, `"Name" a@b`, and `a . b @ c . d` (obsolete blanks).
    let squeezed = squeeze(&plain);
    let addresses: Vec<&str> = squeezed.split_whitespace().filter(|w| w.contains('@') && w.len() > 1).collect();
    match addresses.as_slice() {
        [only] if squeezed.trim() == *only => {
            push(people, Person { name: name(&entry.comment, hint, place, repairs), address: clean(only) });
        }
        [] => push(people, Person { name: name(words, hint, place, repairs), address: String::new() }),
        _ => {
            repairs.note(repair::ADDRESS_MALFORMED, place, "an address without angle brackets beside other words", 0.7);
            let mut before = String::new();
            for word in squeezed.split_whitespace() {
                if word.contains('@') && word.len() > 1 {
                    let shown = name(std::mem::take(&mut before).trim(), hint, place, repairs);
                    push(people, Person { name: shown, address: clean(word) });
                } else {
                    before.push(' ');
                    before.push_str(word);
                }
            }
            // `a@b Name`.
            if let ([only], Some(person)) = (addresses.as_slice(), people.last_mut())
                && person.name.is_empty()
                && person.address == clean(only)
            {
                person.name = name(before.trim(), hint, place, repairs);
            }
        }
    }
}

fn push(people: &mut Vec<Person>, mut person: Person) {
    // Also where an address is taken as it stands: a quoted local part. What stood behind a blank may be gone then.
    person.address.retain(|c| !c.is_control());
    let end = person.address.trim_end().len();
    person.address.truncate(end);
    let blanks = person.address.len() - person.address.trim_start().len();
    person.address.drain(..blanks);
    if !person.name.is_empty() || !person.address.is_empty() {
        people.push(person);
    }
}

/// A display name: quotes gone, encoded-words decoded, blanks made single.
fn name(words: &str, hint: Option<&[u8]>, place: &str, repairs: &mut Repairs) -> String {
    let without = words.replace('\u{1}', " ");
    let decoded =
        if without.contains("=?") { encoded_word::decode(without.trim().as_bytes(), hint, place, repairs) } else { without };
    // Control characters have no look; in a name they are rubbish of a relay or a trick.
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let decoded = if decoded.contains('\u{feff}') { decoded.replace('\u{feff}', "") } else { decoded };
    let joined = decoded.split(is_gap).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ");
    let mut shown = joined.trim();
    // Quotes that were inside the encoded-word, or typed twice.
    while let Some(inner) = shown
        .strip_prefix('"')
        .and_then(|s| s.strip_suffix('"'))
        .or_else(|| shown.strip_prefix('\'').and_then(|s| s.strip_suffix('\'')).filter(|s| !s.contains('\'')))
    {
        shown = inner.trim();
    }
    shown.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn read(value: &str) -> Vec<(String, String)> {
        list(value.as_bytes(), None, "header To", &mut Repairs::default()).into_iter().map(|p| (p.name, p.address)).collect()
    }

    fn one(name: &str, address: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), address.to_owned())]
    }

    #[test]
    fn the_plain_forms() {
        assert_eq!(read("a@b.example"), one("", "a@b.example"));
        assert_eq!(read("Ann Lee <a@b.example>"), one("Ann Lee", "a@b.example"));
        assert_eq!(read("\"Lee, Ann\" <a@b.example>"), one("Lee, Ann", "a@b.example"));
        assert_eq!(read("a@b.example (Ann Lee)"), one("Ann Lee", "a@b.example"));
        assert_eq!(read("=?utf-8?Q?J=C3=BCrgen?= <j@b.example>"), one("Jürgen", "j@b.example"));
    }

    #[test]
    fn control_characters_are_nobodys_name() {
        assert_eq!(read("\"a\u{5} b\"@c.\u{5}example"), one("", "\"a b\"@c.example"));
        assert_eq!(read("An\u{4}n L\u{1b}ee <a@b.example>"), one("An n L ee", "a@b.example"));
        assert_eq!(read("daemon\u{8} (Mail\u{8})"), one("Mail", "daemon"));
        for hidden in ["<\"daemon\u{a0}\u{8}\">", "\"a b\"@c.example\u{a0}\u{8}", "<\"\u{200b}\u{a0}daemon\u{2003}\u{200b}\">"] {
            let address = &read(hidden)[0].1;
            assert_eq!(address.trim(), address, "{hidden:?}");
        }
    }

    #[test]
    fn what_an_encoded_word_holds_is_no_syntax() {
        assert_eq!(read("=?utf-8?Q?Ann_:)?= <a@b.example>"), one("Ann :)", "a@b.example"));
        assert_eq!(read("=?utf-8?Q?Lee_(Lamps),_Inc.?= <a@b.example>"), one("Lee (Lamps), Inc.", "a@b.example"));
        assert_eq!(read("Ann :) <a@b.example>, C <c@d.example>")[0], one("Ann :)", "a@b.example")[0]);
        assert_eq!(read("=?utf-8?Q?Ann <a@b.example>, C <c@d.example>").len(), 2);
    }

    #[test]
    fn what_an_encoded_word_holds_is_read_once() {
        // Half-width kana by escape sequences, under a wrong label and under the right one, with an end and without.
        for word in ["iso-8859-1?Q?\u{1b}(ISS=FF\u{1b}(B?=", "iso-8859-1?Q?=FF\u{1b}(ISSSS", "iso-2022-jp?Q?\u{1b}(ISS\u{1b}(B?="]
        {
            let name = &read(&format!("=?{word} <a@b.example>"))[0].0;
            assert!(!name.contains('ï') && !name.contains("¾"), "{word:?}: {name:?}");
        }
        assert_eq!(read("=?iso-2022-jp?Q?\u{1b}(ISS\u{1b}(B?= <a@b.example>"), one("ﾓﾓ", "a@b.example"));
    }

    #[test]
    fn groups_give_their_members() {
        assert_eq!(read("Friends: a@b.example, C <c@d.example>;").len(), 2);
        assert!(read("undisclosed-recipients:;").is_empty());
    }

    #[test]
    fn broken_lists_still_give_addresses() {
        assert_eq!(read("Lee, Ann <a@b.example>"), one("Lee, Ann", "a@b.example"));
        assert_eq!(read("a@b.example."), one("", "a@b.example"));
        assert_eq!(read("<a@b.example>>"), one("", "a@b.example"));
        assert_eq!(read("Ann <a@b.example"), one("Ann", "a@b.example"));
        assert_eq!(read("\"Ann <a@b.example>"), one("Ann", "a@b.example"));
        assert_eq!(read("<mailto:a@b.example>"), one("", "a@b.example"));
        assert_eq!(read("<@x,@y:a@b.example>"), one("", "a@b.example"));
        assert_eq!(read("[CEO] Ann <a@b.example>"), one("[CEO] Ann", "a@b.example"));
        assert_eq!(read("a@b.example <>"), one("", "a@b.example"));
        assert_eq!(read("a @ b . example"), one("", "a@b.example"));
        assert_eq!(read("'Ann' <'a@b.example'>"), one("Ann", "a@b.example"));
        assert_eq!(read("a@b.example; c@d.example").len(), 2);
    }

    #[test]
    fn a_list_in_one_encoded_word_is_read() {
        assert_eq!(read("=?utf-8?Q?Ann_<a@b.example>,_c@d.example?=").len(), 2);
    }

    #[test]
    fn what_people_and_programs_type_is_read() {
        assert_eq!(read("\"Ann Lee <a@b.example>\""), one("Ann Lee", "a@b.example"));
        assert_eq!(read("a@b.example <Ann Lee>"), one("Ann Lee", "a@b.example"));
        assert_eq!(read("<Ann Lee a@b.example>"), one("Ann Lee", "a@b.example"));
        assert_eq!(read("Ann Lee [mailto:a@b.example]"), one("Ann Lee", "a@b.example"));
        assert_eq!(read("[SMTP:a@b.example]"), one("", "a@b.example"));
        assert_eq!(read("Ann &lt;a@b.example&gt;"), one("Ann", "a@b.example"));
        assert_eq!(read("山田＜a＠b.example＞"), one("山田", "a@b.example"));
        assert_eq!(read("Shop: Ann <a@b.example>"), one("Shop: Ann", "a@b.example"));
        assert_eq!(read("Ann Lee (Lamps) <a@b.example>"), one("Ann Lee (Lamps)", "a@b.example"));
        assert_eq!(read("Ann =?utf-8?Q?=3Ca=40b.example=3E?="), one("Ann", "a@b.example"));
        assert_eq!(read("root@[192.0.2.1]"), one("", "root@[192.0.2.1]"));
        assert!(read("=?utf-8?Q?Empf=C3=A4nger?=:;").is_empty());
    }

    /// Of this thread: a busy machine stretches the time on the wall.
    fn cpu_time() -> Duration {
        rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime).try_into().unwrap()
    }

    #[test]
    fn a_list_is_read_in_linear_time() {
        // Ten times the size may cost twenty times the work, not a hundred times.
        for piece in ["\"", "(", "<", ":", ";", ",", "a@b, ", "\"<a@b>\" ", "=?utf-8?Q?a?= ", "\\", "a:b;", "\"\\\"<a@b>"] {
            let work = |n: usize| {
                let value = piece.repeat(n);
                let start = cpu_time();
                std::hint::black_box(list(value.as_bytes(), None, "header To", &mut Repairs::default()));
                cpu_time() - start
            };
            let (small, large) = (work(5_000), work(50_000));
            assert!(large < small * 40 + Duration::from_millis(200), "{piece:?}: {small:?} {large:?}");
        }
    }

    #[test]
    fn quoted_local_parts_stay() {
        for needs in ["\"john doe\"@b.example", "\"a..b\"@c.example", "\"a.\"@c.example", "\"a@b\"@c.example"] {
            assert_eq!(read(needs), one("", needs));
            assert_eq!(read(&format!("Ann <{needs}>")), one("Ann", needs));
        }
        assert_eq!(read("\"john.doe+x\"@b.example"), one("", "john.doe+x@b.example"));
        assert_eq!(read("Ann <\"john.doe\"@b.example>"), one("Ann", "john.doe@b.example"));
    }

    #[test]
    fn an_address_said_twice_is_one() {
        assert_eq!(read("Ann <a@b.example> <mailto:a@b.example>"), one("Ann", "a@b.example"));
        assert_eq!(read("Ann <a@b.example> <c@d.example>").len(), 2);
        assert_eq!(read("吉田（東京) <a@b.example>"), one("吉田（東京)", "a@b.example"));
    }
}
