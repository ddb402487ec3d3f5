//! What mailing lists do to the mails they pass on.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{FIELDS, FOOT, FROM, HTML, SUBJECT, TREE};
use super::text::{append, letter_first, prefix_subject};
use crate::corpus::generate::TruePerson;
use crate::corpus::generate::draft::{Content, Draft, Field, Mailbox, Part, Value};
use crate::corpus::generate::truth::words;

list! {
    // support.google.com/groups: a line of dashes, how to leave, and where to read it on the web.
    Draft "list.google-group", FOOT | SUBJECT, "Google Groups", "a footer behind a signature's dashes, and the fields of a group",
        |d, dice| {
            let key = dice.hex(16);
            let footer = format!("-- \nYou get this because you are a member of the group \"Readers\".\nTo leave it, write to readers+unsubscribe@groups.example.\nTo read it in a browser, go to https://groups.example/d/msgid/readers/{key}%40mail.example.");
            d.truth.class == "person" && append(d, &footer) && {
                become_list(d, "<readers.groups.example>");
                d.fields.push(Field::raw("Mailing-list", "list readers@groups.example; contact readers+owners@groups.example"));
                d.fields.push(Field::raw("X-Google-Group-Id", "7712341234"));
                d.fields.push(Field::raw("List-Unsubscribe", "<mailto:googlegroups-manage+7712341234+unsubscribe@groups.example>"));
                true
            }
        };
    // RFC 2369 and RFC 2919 came after ezmlm and Yahoo Groups: `Mailing-List` and `Delivered-To: mailing list` are theirs.
    Draft "list.yahoo-group", FOOT | SUBJECT, "Yahoo Groups", "a ruled footer of links, the group's name before the subject, and fields of before RFC 2369",
        |d, _| {
            let rule = "-".repeat(36);
            d.truth.class == "person" && append(d, &format!("{rule}\nWays of this group:\n\n<*> On the web: https://groups.example/group/anglers/\n<*> To leave it: anglers-unsubscribe@groups.example\n{rule}")) && {
                d.fields.push(Field::raw("Mailing-List", "list anglers@groups.example; contact anglers-owner@groups.example"));
                d.fields.push(Field::raw("Delivered-To", "mailing list anglers@groups.example"));
                d.fields.push(Field::raw("Precedence", "bulk"));
                d.fields.push(Field::raw("List-Unsubscribe", "<mailto:anglers-unsubscribe@groups.example>"));
                d.truth.class = "list";
                prefix_subject(d, "[anglers] ")
            }
        };
    // Mailman 2 (msg_footer on what is not plain text) and Sympa (footer_type mime).
    Draft "list.footer-part", FOOT | SUBJECT | TREE | HTML, "Mailman 2, Sympa (footer_type mime)", "the footer is a part of its own behind the whole body, and is shown below it",
        |d, dice| {
            let wrapped = matches!(d.root.kind.as_str(), "multipart/report" | "multipart/signed");
            if d.truth.class != "person" || wrapped || !letter_first(d) || matches!(d.shape, "forwarded-mail" | "nested-mail" | "calendar") { return false; }
            const FOOTER: &str = "_______________________________________________\nWeavers mailing list\nweavers@lists.example\nhttps://lists.example/info/weavers";
            let body = std::mem::replace(&mut d.root, Part::new("text/plain", Content::Text(String::new())));
            let mut footer = Part::new("text/plain", Content::Encoded(format!("{}\r\n", FOOTER.replace('\n', "\r\n")).into_bytes()));
            footer.label = Some("\"us-ascii\"".to_owned());
            footer.disposition = Some("inline");
            d.root = Part::multipart("mixed", format!("==============={}==", dice.hex(16)), vec![body, footer]);
            d.truth.text = None;
            d.truth.reply = None;
            d.truth.words.extend(words(FOOTER));
            become_list(d, "Weavers <weavers.lists.example>");
            true
        };
    // docs.mailman3.org, dmarc_mitigate_action munge_from; support.google.com/a: `'Name' via Group`.
    Draft "list.author-munged", FROM | FIELDS, "Mailman 2.1.18 and 3 (munge_from), Google Groups", "From is the list with `via` behind the author's name; he himself is in Reply-To",
        |d, dice| {
            let Some(Value::People(list)) = d.field_mut("From").map(|f| f.value.clone()) else { return false };
            let Some(author) = list.into_iter().next().filter(|p| !p.name.is_empty()) else { return false };
            if d.truth.class != "person" || d.field_mut("Sender").is_some() { return false; }
            let quoted = dice.chance(50);
            let name = if quoted { format!("'{}' via Weavers", author.name) } else { format!("{} via Weavers", author.name) };
            let munged = Mailbox { name, address: "weavers@lists.example".to_owned() };
            d.truth.from = Some(TruePerson::from(&munged));
            d.set("From", Value::People(vec![munged]));
            d.truth.reply_to.push(TruePerson::from(&author));
            match d.field_mut("Reply-To") {
                Some(Field { value: Value::People(list), .. }) => list.push(author),
                _ => d.fields.push(Field::new("Reply-To", Value::People(vec![author]))),
            }
            become_list(d, "Weavers <weavers.lists.example>");
            true
        };
}

fn become_list(d: &mut Draft, id: &str) {
    d.fields.push(Field::raw("List-Id", id));
    d.fields.push(Field::raw("Precedence", "list"));
    d.truth.class = "list";
}
