//! How the lines of a header are put.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, FIELDS, GAP, SUBJECT, TEXT, TRACE, TREE, TYPE};
use crate::corpus::generate::draft::{Content, Field, Value};

list! {
    Draft "headers.space-before-colon", FIELDS, "hand-made mailers, RFC 822 gateways", "`Subject : …`",
        |d, _| { d.fields.iter_mut().for_each(|f| f.name.push(' ')); true };
    Draft "headers.no-blank-after-colon", FIELDS, "qmail tools, Lotus Domino", "`Subject:…`",
        |d, _| { d.fields.iter_mut().for_each(|f| f.blank = ""); true };
    Draft "headers.many-blanks-after-colon", FIELDS, "COBOL and host systems", "several blanks and a tab before the value",
        |d, _| { d.fields.iter_mut().for_each(|f| f.blank = "   \t "); true };
    Draft "headers.lower-case", FIELDS, "Node.js mailers", "field names in lower case",
        |d, _| { d.fields.iter_mut().for_each(|f| f.name = f.name.to_lowercase()); true };
    Draft "headers.upper-case", FIELDS, "IBM hosts", "field names in upper case",
        |d, _| { d.fields.iter_mut().for_each(|f| f.name = f.name.to_uppercase()); true };
    Draft "headers.folded-at-colon", FIELDS, "Exchange, Cisco appliances", "the value begins on the next line",
        |d, _| { d.fields.iter_mut().for_each(|f| f.blank = "\r\n "); true };
    Draft "headers.blank-fold-line", FIELDS, "RFC 822 (obsolete folding)", "a line of one blank within a folded field",
        |d, _| { for f in &mut d.fields { f.blank = "\r\n \r\n "; } true };
    Draft "headers.line-without-colon", FIELDS, "virus scanners, broken proxies", "a line that is no field, between two fields",
        |d, dice| {
            let at = dice.below(2) + 1;
            let junk = Field { name: "X-Scanned".to_owned(), blank: " ", value: Value::Raw(b"yes\r\nscanned by gate 7 and found clean".to_vec()) };
            d.fields.insert(at, junk);
            true
        };
    Draft "headers.indented-field", FIELDS, "mikel/mail#1649: form mailers", "a blank before a field's name, so that it looks like a fold",
        |d, dice| {
            let name = *dice.pick(&["Subject", "To", "Message-ID", "Date"]);
            let Some(field) = d.field_mut(name) else { return false };
            field.name = format!(" {name}");
            true
        };
    Draft "headers.no-mime-version", TYPE, "PHP mail(), Perl scripts", "no MIME-Version field",
        |d, _| { d.mime_version = false; true };
    Draft "headers.repeated", FIELDS, "relays that add what is there", "From, Subject, Date and Message-ID are there twice, the same both times",
        |d, _| {
            let again: Vec<Field> =
                d.fields.iter().filter(|f| matches!(f.name.as_str(), "From" | "Subject" | "Date" | "Message-ID")).cloned().collect();
            d.fields.extend(again);
            true
        };
    Draft "headers.empty-before-full", FIELDS | SUBJECT, "form mailers", "an empty Subject field before the one that has the subject",
        |d, _| {
            let at = d.fields.iter().position(|f| f.name == "Subject").unwrap_or(0);
            d.fields.insert(at, Field::raw("Subject", ""));
            true
        };
    Draft "headers.second-subject", FIELDS | SUBJECT, "list managers, spam filters", "a second, other Subject field further down; the first counts",
        |d, _| { d.fields.push(Field::raw("Subject", "[filtered] something else")); true };
    Draft "headers.nul", FIELDS, "Windows services", "NUL bytes in a field that nobody reads",
        |d, _| { d.fields.insert(1, Field::raw("X-Machine", b"SERVER\0\0\0".to_vec())); true };
    Draft "headers.very-long-line", FIELDS, "SpamAssassin, Office 365 (antispam reports)", "a line of 60,000 bytes",
        |d, _| { d.fields.insert(1, Field::raw("X-Spam-Report", "score=0.1,".repeat(6_000))); true };
    Draft "headers.eight-bit-trace", TRACE, "relays with a local language", "bytes beyond ASCII in Received",
        |d, _| { d.fields.insert(1, Field::raw("Received", b"from b\xfcro (unbekannt [192.0.2.4])\r\n\tby gw.example; Mon, 2 Mar 2026 00:00:00 +0000".to_vec())); true };
    Draft "headers.received-flood", TRACE, "forwarding loops, Google and Exchange hops", "150 Received and ARC fields",
        |d, dice| {
            for n in 0..150 {
                let line = format!("from hop{n}.example (hop{n}.example [192.0.2.{}])\r\n by hop{}.example with ESMTP id {};\r\n Mon, 2 Mar 2026 10:{:02}:00 +0000", n % 250, n + 1, dice.hex(8), n % 60);
                d.fields.insert(0, Field::raw("Received", line));
            }
            true
        };
    Draft "headers.no-blank-line", GAP | TEXT, "staktrace/mailparse#68: hand-made mailers", "no blank line between the header and a text; the text begins where no field can be",
        |d, _| {
            let Content::Text(text) = &d.root.content else { return false };
            let first = text.lines().next().unwrap_or_default();
            let as_is = matches!(d.root.transfer, crate::corpus::generate::draft::Transfer::SevenBit | crate::corpus::generate::draft::Transfer::EightBit);
            if d.root.kind != "text/plain" || !as_is || first.len() < 3 || first.contains([':', '：']) || first.starts_with(' ') { return false; }
            d.gap = b"";
            true
        };
    Draft "headers.no-blank-line-before-boundary", GAP, "namecheap/fast_mail_parser#150", "no blank line between the header and the first delimiter",
        |d, _| {
            if !matches!(d.root.content, Content::Parts(_)) || !d.root.boundary.preamble.is_empty() { return false; }
            d.gap = b"";
            true
        };
    Draft "headers.extra-blank-lines", GAP, "form mailers", "several blank lines between header and body",
        |d, _| { d.gap = b"\r\n\r\n\r\n"; true };
    Draft "headers.type-twice", TYPE | TREE | CHARSET, "scanners that add a Content-Type", "Content-Type twice, the same both times",
        |d, _| {
            if d.root.type_line.is_some() || d.root.name.is_some() || matches!(d.root.content, Content::Parts(_)) { return false; }
            let Some(label) = &d.root.label else { return false };
            let again = format!("{}; charset={label}{}", d.root.kind, d.root.more);
            d.fields.push(Field::raw("Content-Type", again));
            true
        };
    Draft "headers.ids-folded", FIELDS, "Exchange, Lotus Notes", "In-Reply-To and References fold within white space and carry a comment",
        |d, _| {
            let Some(Value::Ids(ids)) = d.field_mut("In-Reply-To").map(|f| f.value.clone()) else { return false };
            let id = ids.first().cloned().unwrap_or_default();
            d.set("In-Reply-To", Value::Raw(format!("Your message of \"Mon, 2 Mar 2026\"\r\n\t<{id}>").into_bytes()))
        };
    Draft "headers.references-glued", FIELDS, "GroupWise, web mailers", "References without blanks between the ids",
        |d, _| {
            let Some(Value::Ids(ids)) = d.field_mut("References").map(|f| f.value.clone()) else { return false };
            if ids.len() < 2 { return false; }
            let glued: String = ids.iter().map(|i| format!("<{i}>")).collect();
            d.set("References", Value::Raw(glued.into_bytes()))
        };
    Draft "headers.references-by-comma", FIELDS, "old Eudora, scripts", "References divided by commas",
        |d, _| {
            let Some(Value::Ids(ids)) = d.field_mut("References").map(|f| f.value.clone()) else { return false };
            if ids.len() < 2 { return false; }
            let list: Vec<String> = ids.iter().map(|i| format!("<{i}>")).collect();
            d.set("References", Value::Raw(list.join(",\r\n\t").into_bytes()))
        };
    Draft "headers.bare-message-id", FIELDS, "qmail scripts, web shops", "a Message-ID without brackets",
        |d, _| {
            let Some(Value::Ids(ids)) = d.field_mut("Message-ID").map(|f| f.value.clone()) else { return false };
            let id = ids.first().cloned().unwrap_or_default();
            d.set("Message-ID", Value::Raw(id.into_bytes()))
        };
    Draft "headers.message-id-blank", FIELDS, "CDO", "blanks within the brackets of a Message-ID",
        |d, _| {
            let Some(Value::Ids(ids)) = d.field_mut("Message-ID").map(|f| f.value.clone()) else { return false };
            let id = ids.first().cloned().unwrap_or_default();
            d.set("Message-ID", Value::Raw(format!("< {id} >").into_bytes()))
        };
    Draft "headers.no-message-id", FIELDS, "cron, old phones", "no Message-ID; none is right",
        |d, _| { d.remove("Message-ID"); d.truth.message_id = None; true };
}
