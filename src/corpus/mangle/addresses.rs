//! People as programs write them.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{FIELDS, FROM, TO};
use crate::corpus::generate::draft::{Draft, Field, Mailbox, Value};
use crate::corpus::generate::{TruePerson, render};

list! {
    Draft "addresses.bare", FROM, "mail(1), cron", "the address of the author alone, without brackets; he has no name",
        |d, _| author(d, |p, _| (p.address.clone(), Some(TruePerson { name: String::new(), address: p.address.clone() })));
    Draft "addresses.comment-name", FROM, "sendmail, mail(1), Pine", "the name as a comment behind the address",
        |d, _| author(d, |p, words| (format!("{} ({words})", p.address), None));
    // What RFC 5322 calls a comment is what people see: Thunderbird and Pine show `Name (office)`, and a ticket that
    // drops the word would lose what tells two desks of one name apart.
    Draft "addresses.comment-behind", FROM, "Pine, hand-made mailers", "a comment behind the address, which is shown with the name",
        |d, _| author(d, |p, words| (format!("{words} <{}> (office)", p.address), Some(TruePerson { name: format!("{} (office)", p.name), address: p.address.clone() })));
    Draft "addresses.unquoted-comma", FROM, "Exchange, Lotus Notes (Last, First)", "`Last, First <address>` without quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii() && p.name.matches(' ').count() == 1 && !p.name.contains('\'')) else { return false };
            let (first, last) = p.name.split_once(' ').unwrap_or_default();
            let name = format!("{last}, {first}");
            let raw = format!("{name} <{}>", p.address);
            become_author(d, TruePerson { name, address: p.address.clone() });
            d.set("From", Value::Raw(raw.into_bytes()))
        };
    Draft "addresses.unquoted-comma-in-word", FROM, "Exchange (Last, First)", "`Last, First <address>` in encoded-words without quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| !p.name.is_ascii() && p.name.matches(' ').count() == 1) else { return false };
            let (first, last) = p.name.split_once(' ').unwrap_or_default();
            let named = Mailbox { name: format!("{last}, {first}"), address: p.address.clone() };
            become_author(d, TruePerson::from(&named));
            d.set("From", Value::People(vec![named]))
        };
    Draft "addresses.double-brackets", FROM, "form mailers, phpBB", "`<<address>>`",
        |d, _| author(d, |p, words| (format!("{words} <<{}>>", p.address), None));
    Draft "addresses.bracket-missing", FROM, "hand-made mailers", "the closing bracket is missing",
        |d, _| author(d, |p, words| (format!("{words} <{}", p.address), None));
    Draft "addresses.bracket-too-many", FROM, "mikel/mail#1297", "a closing bracket too many",
        |d, _| author(d, |p, words| (format!("{words} <{}>>", p.address), None));
    Draft "addresses.blanks-in-brackets", FROM, "CDO, web shops", "blanks within the brackets",
        |d, _| author(d, |p, words| (format!("{words} < {} >", p.address), None));
    Draft "addresses.mailto", FROM, "Word mail merge", "`<mailto:address>`",
        |d, _| author(d, |p, words| (format!("{words} <mailto:{}>", p.address), None));
    Draft "addresses.trailing-dot", FROM, "mikel/mail#1031", "a dot behind the domain, which is no part of it",
        |d, _| author(d, |p, words| (format!("{words} <{}.>", p.address), None));
    Draft "addresses.trailing-comma", FROM | TO, "SAP, PHP mailers", "commas too many at the end of lists",
        |d, _| each_list(d, |list| format!("{},,", render::plain_people(list))) ;
    Draft "addresses.semicolons", TO, "Outlook (as typed)", "addressees divided by semicolons",
        |d, _| each_list(d, |list| list.iter().map(|p| format!("<{}>", p.address)).collect::<Vec<_>>().join("; "));
    Draft "addresses.leading-comma", TO, "mail merge with an empty field", "a comma before the first addressee",
        |d, _| each_list(d, |list| format!(", {}", render::plain_people(list)));
    Draft "addresses.group", TO, "Pine, Exchange lists", "addressees within a named group",
        |d, _| each_list(d, |list| format!("Customer care: {};", render::plain_people(list)));
    Draft "addresses.undisclosed", TO, "Outlook Express, Eudora", "undisclosed-recipients:; nobody is named",
        |d, _| { d.truth.to.clear(); d.set("To", Value::Raw(b"undisclosed-recipients:;".to_vec())) };
    Draft "addresses.to-missing", TO, "Bcc alone", "no To field",
        |d, _| { d.truth.to.clear(); d.remove("To"); true };
    Draft "addresses.route", FROM, "UUCP and X.400 gateways", "a source route before the address",
        |d, _| author(d, |p, words| (format!("{words} <@relay.example,@gate.example:{}>", p.address), None));
    Draft "addresses.brackets-in-name", FROM, "mikel/mail#547: CRM systems", "square brackets in a name without quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii()) else { return false };
            let name = format!("{} [Purchasing]", p.name);
            let raw = format!("{name} <{}>", p.address);
            become_author(d, TruePerson { name, address: p.address });
            d.set("From", Value::Raw(raw.into_bytes()))
        };
    Draft "addresses.dots-in-name", FROM, "every program before RFC 2822", "dots in a name without quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii() && !p.name.contains('\'')) else { return false };
            let name = format!("Dr. {} M.B.A.", p.name);
            let raw = format!("{name} <{}>", p.address);
            become_author(d, TruePerson { name, address: p.address });
            d.set("From", Value::Raw(raw.into_bytes()))
        };
    Draft "addresses.quotes-in-name", FROM, "Thunderbird, Outlook", "escaped quotes within a quoted name",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii() && p.name.contains(' ')) else { return false };
            let (first, last) = p.name.split_once(' ').unwrap_or_default();
            let raw = format!("\"{first} \\\"Bo\\\" {last}\" <{}>", p.address);
            become_author(d, TruePerson { name: format!("{first} \"Bo\" {last}"), address: p.address.clone() });
            d.set("From", Value::Raw(raw.into_bytes()))
        };
    Draft "addresses.quote-missing", FROM, "form mailers", "the closing quote of a name is missing",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii()) else { return false };
            d.set("From", Value::Raw(format!("\"{} <{}>", p.name, p.address).into_bytes()))
        };
    Draft "addresses.all-quoted", FROM, "web forms that quote the whole field", "name and address together in quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii()) else { return false };
            d.set("From", Value::Raw(format!("\"{} <{}>\"", p.name, p.address).into_bytes()))
        };
    Draft "addresses.raw-utf8-name", FROM, "PHP mail(), SMTPUTF8", "a name in raw UTF-8 without quotes",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| !p.name.is_ascii()) else { return false };
            d.set("From", Value::Raw(format!("{} <{}>", p.name, p.address).into_bytes()))
        };
    Draft "addresses.name-folded", FROM, "Exchange, relays that fold", "a fold within a quoted name",
        |d, _| {
            let Some(p) = person(d, "From").filter(|p| p.name.is_ascii() && p.name.contains(' ')) else { return false };
            d.set("From", Value::Raw(format!("\"{}\"\r\n\t<{}>", p.name.replacen(' ', "\r\n ", 1), p.address).into_bytes()))
        };
    Draft "addresses.no-blank-before-bracket", FROM, "Lotus Domino, PHP", "`Name<address>`",
        |d, _| author(d, |p, words| (format!("{words}<{}>", p.address), None));
    Draft "addresses.upper-case-domain", FROM, "IBM hosts", "an address in upper case, which stays as it is written",
        |d, _| {
            let Some(p) = person(d, "From") else { return false };
            let shouted = Mailbox { name: p.name.clone(), address: p.address.to_uppercase() };
            become_author(d, TruePerson::from(&shouted));
            d.set("From", Value::People(vec![shouted]))
        };
    Draft "addresses.mobile-dots", FROM, "docomo, au (Japanese carriers)", "two dots in the local part, or one before the @",
        |d, dice| {
            let Some(p) = person(d, "From").filter(|_| d.language.tag == "ja") else { return false };
            let (local, _) = p.address.split_once('@').unwrap_or_default();
            let address = if dice.chance(50) { format!("{local}..1@carrier.example") } else { format!("{local}.@carrier.example") };
            let odd = Mailbox { name: p.name.clone(), address };
            become_author(d, TruePerson::from(&odd));
            d.set("From", Value::People(vec![odd]))
        };
    Draft "addresses.exchange-imceaex", FROM, "Exchange (an X.500 address in SMTP form)", "IMCEAEX-_O=…@domain, which is the address",
        |d, _| {
            let Some(p) = person(d, "From") else { return false };
            let domain = p.address.split_once('@').map_or("x.example", |a| a.1).to_owned();
            let odd = Mailbox { name: p.name.clone(), address: format!("IMCEAEX-_O=FIRM_OU=EXCHANGE+20ADMIN_CN=RECIPIENTS_CN=a.b@{domain}") };
            become_author(d, TruePerson::from(&odd));
            d.set("From", Value::People(vec![odd]))
        };
    Draft "addresses.two-authors", FROM, "mailcore2#1457, delegates", "two addresses in From; the first is the author",
        |d, _| author(d, |p, words| (format!("{words} <{}>, <second@{}>", p.address, p.address.split_once('@').map_or("x.example", |a| a.1)), None));
    Draft "addresses.author-missing", FROM, "zammad#795: phones, scanners", "no From; Sender says who it is",
        |d, _| {
            if d.field_mut("Sender").is_some() || d.truth.class != "person" { return false; }
            let Some(p) = person(d, "From") else { return false };
            d.remove("From");
            d.truth.sender = Some(TruePerson::from(&p));
            d.fields.push(Field::new("Sender", Value::People(vec![p])));
            true
        };
    Draft "addresses.author-empty", FROM | FIELDS, "scanners, fax gateways", "From is empty; Return-Path says who it is",
        |d, _| {
            if d.field_mut("Sender").is_some() || d.field_mut("Reply-To").is_some() || d.truth.class != "person" { return false; }
            let Some(p) = person(d, "From") else { return false };
            become_author(d, TruePerson { name: String::new(), address: p.address });
            d.set("From", Value::Raw(Vec::new()))
        };
    Draft "addresses.folded-between", TO, "every program with long lists", "each addressee on a line of his own, folded with tabs",
        |d, _| each_list(d, |list| list.iter().map(|p| format!("<{}>", p.address)).collect::<Vec<_>>().join(",\r\n\t\t"));
    Draft "addresses.newline-in-list", TO, "web forms with one address a line", "addressees divided by folds and nothing else",
        |d, _| {
            let Some(Value::People(list)) = d.field_mut("To").map(|f| f.value.clone()) else { return false };
            list.len() > 1 && each_list(d, |list| list.iter().map(|p| format!("<{}>", p.address)).collect::<Vec<_>>().join("\r\n "))
        };
    Draft "addresses.address-as-name", TO, "Outlook contacts", "the address in quotes as the name too",
        |d, _| {
            let Some(Value::People(list)) = d.field_mut("To").map(|f| f.value.clone()) else { return false };
            let named: Vec<String> = list.iter().map(|p| format!("\"{}\" <{}>", p.address, p.address)).collect();
            // Whether a name that repeats the address is a name is a matter of taste; what is written counts.
            d.truth.to = list.iter().map(|p| TruePerson { name: p.address.clone(), address: p.address.clone() }).collect();
            d.set("To", Value::Raw(named.join(", ").into_bytes()))
        };
}

fn person(d: &mut Draft, name: &str) -> Option<Mailbox> {
    match &d.field_mut(name)?.value {
        Value::People(list) => list.first().cloned(),
        _ => None,
    }
}

fn become_author(d: &mut Draft, person: TruePerson) {
    d.truth.from = Some(person);
}

/// Writes From: `write` gets the author and his name as the header's form has it.
fn author(d: &mut Draft, write: fn(&Mailbox, &str) -> (String, Option<TruePerson>)) -> bool {
    let Some(p) = person(d, "From").filter(|p| !p.name.is_empty()) else { return false };
    let words = render::header_phrase(&p.name, &d.form);
    // Raw bytes that are no UTF-8 can't be put together as text.
    let Ok(words) = String::from_utf8(words) else { return false };
    if words.starts_with('"') && !p.name.is_ascii() {
        return false;
    }
    let (raw, truth) = write(&p, &words);
    if let Some(truth) = truth {
        become_author(d, truth);
    }
    d.set("From", Value::Raw(raw.into_bytes()))
}

/// Writes To and Cc without names.
fn each_list(d: &mut Draft, write: fn(&[Mailbox]) -> String) -> bool {
    let mut done = false;
    for name in ["To", "Cc"] {
        let Some(Value::People(list)) = d.field_mut(name).map(|f| f.value.clone()) else { continue };
        let people: Vec<TruePerson> =
            list.iter().map(|p| TruePerson { name: String::new(), address: p.address.clone() }).collect();
        d.set(name, Value::Raw(write(&list).into_bytes()));
        if name == "To" {
            d.truth.to = people
        } else {
            d.truth.cc = people
        }
        done = true;
    }
    done
}
