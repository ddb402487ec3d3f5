//! Files and their names.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, FOOT, NAME, TEXT, TRANSFER, TREE};
use crate::corpus::generate::draft::{Content, Draft, NameForm, Part};
use crate::corpus::generate::winmail::winmail;

list! {
    Draft "attachments.encoded-words", NAME, "Outlook, Gmail", "RFC 2047 in quotes, where it is not allowed",
        |d, _| named(d, NameForm::EncodedWords, |n| !n.is_ascii());
    Draft "attachments.bare-encoded-words", NAME, "Lotus Notes, PHP", "RFC 2047 without quotes",
        |d, _| named(d, NameForm::BareWords, |n| !n.is_ascii());
    Draft "attachments.continued", NAME, "Thunderbird, Apple Mail", "RFC 2231 in pieces",
        |d, _| named(d, NameForm::Continued, |n| n.len() > 14);
    Draft "attachments.raw-utf8", NAME, "web mailers, SMTPUTF8 clients", "raw UTF-8 in quotes",
        |d, _| named(d, NameForm::RawUtf8, |n| !n.is_ascii());
    Draft "attachments.raw-body-charset", NAME, "Foxmail, Becky!, Outlook Express", "raw bytes in the body's charset",
        |d, _| {
            let charset = d.form.charset;
            let labelled = d.texts_mut().iter().any(|p| p.charset == charset && p.label.as_deref().is_some_and(|l| l.contains(charset.label)) && p.text().is_some_and(|t| !t.is_ascii()));
            !charset.is_seven_bit() && labelled && d.truth.attachments.iter().all(|f| f.name.as_deref().is_none_or(|n| charset.encode(n).is_some())) && named(d, NameForm::RawBody, |n| !n.is_ascii())
        };
    Draft "attachments.extended-in-quotes", NAME, "PHP, Java", "RFC 2231 with quotes around it",
        |d, _| named(d, NameForm::QuotedExtended, |_| true);
    Draft "attachments.extended-as-ascii", NAME, "zammad#2227", "RFC 2231 that says us-ascii and has UTF-8",
        |d, _| named(d, NameForm::ExtendedAscii, |_| true);
    Draft "attachments.extended-raw", NAME, "hand-made mailers", "RFC 2231 with the letters as they are",
        |d, _| named(d, NameForm::ExtendedRaw, |n| !n.is_ascii());
    Draft "attachments.extended-bare", NAME, "hand-made mailers", "RFC 2231 without a charset",
        |d, _| named(d, NameForm::ExtendedBare, |_| true);
    Draft "attachments.windows-path", NAME, "Outlook Express 5, form mailers", "a path of Windows before the name",
        |d, _| named(d, NameForm::WindowsPath, str::is_ascii);
    Draft "attachments.unix-path", NAME, "scripts", "a path of Unix before the name",
        |d, _| named(d, NameForm::UnixPath, str::is_ascii);
    Draft "attachments.type-only", NAME, "Exchange 5.5, sendmail scripts", "the name in Content-Type alone",
        |d, _| named(d, NameForm::TypeOnly, str::is_ascii);
    Draft "attachments.unquoted", NAME, "PHP, scanners", "a name with blanks and without quotes",
        |d, _| named(d, NameForm::Unquoted, |n| n.is_ascii() && n.contains(' '));
    Draft "attachments.quote-missing", NAME, "hand-made mailers", "the closing quote is missing",
        |d, _| named(d, NameForm::Unclosed, str::is_ascii);
    Draft "attachments.folded", NAME, "relays that fold", "a fold within a name in quotes",
        |d, _| named(d, NameForm::Folded, |n| n.is_ascii() && n.contains(' '));
    Draft "attachments.two-names", NAME, "scanners, Lotus Notes", "another name in Content-Type; that of Content-Disposition counts",
        |d, _| named(d, NameForm::TwoNames, str::is_ascii);
    Draft "attachments.both-forms", NAME, "web services (RFC 6266)", "a plain name for old programs beside the extended one, which counts",
        |d, _| named(d, NameForm::Both, |n| !n.is_ascii());
    Draft "attachments.disposition-odd", NAME | TREE, "hand-made mailers", "Content-Disposition in upper case, misspelt or with a semicolon too many",
        |d, dice| {
            let way = *dice.pick(&["ATTACHMENT", "Attachment", "attachement", "attachments", "attachment;"]);
            let mut done = false;
            for file in d.files_mut() { if file.disposition == Some("attachment") { file.disposition = Some(way); done = true; } }
            done
        };
    Draft "attachments.no-disposition", NAME | TREE, "Eudora, cc:Mail, CDO", "no Content-Disposition; the name is in Content-Type",
        |d, _| {
            let mut done = false;
            for file in d.files_mut() {
                if file.name.as_deref().is_some_and(str::is_ascii) && !file.kind.starts_with("text/") { file.disposition = None; file.name_form = NameForm::TypeOnly; done = true; }
            }
            done
        };
    Draft "attachments.no-name", NAME | TREE, "scanners, fax gateways", "no name at all; any made-up one is right",
        |d, _| {
            if d.files_mut().iter().any(|f| f.id.is_some()) { return false; }
            for file in d.files_mut() { file.name = None; }
            let all: Vec<String> = d.files_mut().iter().map(|f| f.kind.clone()).collect();
            for file in d.truth.attachments.iter_mut().filter(|f| all.contains(&f.content_type)) { file.name = None; }
            !all.is_empty()
        };
    Draft "attachments.octet-stream", NAME | TREE, "every web mailer", "application/octet-stream whatever it is",
        |d, _| {
            if d.files_mut().iter().any(|f| f.id.is_some() || f.kind.ends_with("signature")) { return false; }
            let kinds: Vec<String> = d.files_mut().iter().map(|f| f.kind.clone()).collect();
            for file in d.files_mut() { file.kind = "application/octet-stream".to_owned(); }
            for file in d.truth.attachments.iter_mut().filter(|f| kinds.contains(&f.content_type)) { file.content_type = "application/octet-stream".to_owned(); }
            !kinds.is_empty()
        };
    Draft "attachments.direction-trick", NAME, "senders of malware", "a mark that turns the direction within a name; it is left out",
        |d, _| {
            let mut done = false;
            for file in d.files_mut() {
                if let Some(name) = &mut file.name && name.is_ascii() && name.contains('.') && name != "image001.png" {
                    *name = name.replacen('.', "\u{202e}.", 1);
                    done = true;
                }
            }
            done
        };
    Draft "attachments.inline-by-name", TREE, "osTicket PR 779: Outlook, Lotus Notes", "html that names an image by its file name, without cid:",
        |d, _| {
            if d.texts_mut().is_empty() || !matches!(d.shape, "related" | "outlook-full") { return false; }
            let mut id = None;
            for file in d.files_mut() { if file.id.is_some() { id = file.id.take(); } }
            let Some(id) = id else { return false };
            for part in d.texts_mut() {
                if let Content::Text(text) = &mut part.content { *text = text.replace(&format!("cid:{id}"), "image001.png"); }
            }
            true
        };
    Draft "attachments.inline-id-escaped", TREE, "Gmail, Yahoo", "html that names an image by its Content-ID with %40",
        |d, _| {
            if !matches!(d.shape, "related" | "outlook-full") { return false; }
            for part in d.texts_mut() {
                if let Content::Text(text) = &mut part.content {
                    *text = text.split("cid:").enumerate().map(|(n, s)| if n == 0 { s.to_owned() } else { format!("cid:{}", s.replacen('@', "%40", 1)) }).collect();
                }
            }
            true
        };
    Draft "attachments.inline-id-bare", TREE, "Lotus Notes, hand-made mailers", "a Content-ID without brackets",
        |d, _| {
            let mut done = false;
            for file in d.files_mut() { if let Some(id) = file.id.take() { file.extra.push(format!("Content-ID: {id}")); done = true; } }
            done
        };
    Draft "attachments.same-name-twice", NAME | TREE, "phones (image.jpg, image.jpg)", "two files of the same name; both are there",
        |d, _| {
            if d.shape != "mixed" || d.root.kind != "multipart/mixed" { return false; }
            let Content::Parts(children) = &mut d.root.content else { return false };
            let Some(last) = children.iter().rposition(|p| matches!(p.content, Content::Bytes(_))) else { return false };
            let copy: Part = children[last].clone();
            children.insert(last, copy);
            let Some(file) = d.truth.attachments.last().cloned() else { return false };
            d.truth.attachments.push(file);
            true
        };
    Draft "attachments.winmail", NAME | TREE, "Exchange and Outlook with rich text for the outside", "files within a winmail.dat, each with what it is or as an octet-stream",
        |d, dice| {
            if d.shape != "mixed" || d.root.kind != "multipart/mixed" { return false; }
            let Content::Parts(children) = &mut d.root.content else { return false };
            let tagged = dice.chance(50);
            let files = children.split_off(1);
            if !tagged { d.truth.attachments.iter_mut().for_each(|f| f.content_type = "application/octet-stream".to_owned()); }
            children.push(winmail(None, &files, tagged));
            true
        };
    Draft "attachments.winmail-body", NAME | TREE | TEXT | FOOT | CHARSET | TRANSFER, "Exchange and Outlook with rich text for the outside", "the text within a winmail.dat alone",
        |d, _| {
            if d.shape != "plain" || d.root.kind != "text/plain" || !d.root.more.is_empty() || d.root.type_line.is_some() { return false; }
            let Some(text) = d.root.text().filter(|t| !t.is_empty()).map(str::to_owned) else { return false };
            let empty = Part { label: Some("us-ascii".to_owned()), ..Part::new("text/plain", Content::Text(String::new())) };
            d.root = Part::multipart("mixed", "_000_outlook_".to_owned(), vec![empty, winmail(Some(&text), &[], false)]);
            true
        };
    Draft "attachments.empty-file", TREE, "zammad#2499: gateways that strip", "a file of no bytes",
        |d, _| {
            if d.shape != "mixed" || d.root.kind != "multipart/mixed" { return false; }
            let Content::Parts(children) = &mut d.root.content else { return false };
            let Some(Part { content: Content::Bytes(bytes), kind, .. }) = children.last_mut() else { return false };
            bytes.clear();
            let kind = kind.clone();
            let Some(file) = d.truth.attachments.last_mut() else { return false };
            let name = file.name.clone();
            *file = crate::corpus::generate::TrueFile::of(name.as_deref(), &kind, b"", false);
            true
        };
}

/// All files whose names fit are written in this form.
fn named(d: &mut Draft, form: NameForm, fits: impl Fn(&str) -> bool) -> bool {
    let mut done = false;
    for file in d.files_mut() {
        if file.name.as_deref().is_some_and(&fits) {
            file.name_form = form;
            done = true;
        }
    }
    done
}
