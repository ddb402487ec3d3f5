//! Multiparts as they come.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{BOUNDARY, CHARSET, FOOT, NAME, TRANSFER, TREE, TYPE};
use crate::corpus::generate::draft::{Boundary, Content, Draft, Part, Transfer};

list! {
    Draft "structure.unclosed", BOUNDARY, "emersion/go-message#129: mobile clients", "the closing delimiter of the outermost multipart is missing",
        |d, _| outermost(d, |b| b.unclosed = true);
    Draft "structure.all-unclosed", BOUNDARY, "mjl-/mox#315: scripts, cut mails", "no closing delimiter at all",
        |d, _| every(d, |b| b.unclosed = true);
    Draft "structure.trailing-blanks", BOUNDARY, "Exchange, relays", "blanks and tabs behind the delimiters",
        |d, _| every(d, |b| b.trailing = " \t ");
    Draft "structure.boundary-not-named", BOUNDARY, "web forms, PHP", "Content-Type names no boundary",
        |d, _| outermost(d, |b| b.said = Some(String::new()));
    Draft "structure.boundary-misnamed", BOUNDARY, "templates that are filled twice", "Content-Type names another boundary than the body has",
        |d, dice| { let other = format!("\"----other_{}\"", dice.hex(8)); outermost(d, |b| b.said = Some(other.clone())) };
    Draft "structure.boundary-unquoted", BOUNDARY, "JavaMail, hand-made mailers", "a boundary with = : ? and blanks, without quotes",
        |d, dice| { let b = format!("=_Part:1?{}=", dice.hex(8)); every_named(d, &b, |b| b.said = Some(b.text.clone())) };
    Draft "structure.boundary-long", BOUNDARY, "list managers, Java", "a boundary of more than 70 letters",
        |d, dice| { let b = format!("----=_{}", dice.hex(110)); every_named(d, &b, |_| ()) };
    Draft "structure.boundary-case", BOUNDARY, "relays that change Content-Type", "the boundary parameter in upper case, with blanks around its =",
        |d, _| every(d, |b| b.said = Some(format!(" \"{}\"  ", b.text)));
    Draft "structure.boundary-with-blank-end", BOUNDARY, "Lotus Notes", "a blank at the end of the boundary parameter only",
        |d, _| every(d, |b| b.said = Some(format!("\"{} \"", b.text)));
    Draft "structure.inner-is-prefix", BOUNDARY, "staktrace/mailparse#100", "the outer boundary is the beginning of the inner one",
        |d, dice| { let b = dice.hex(10); nested(d, move |level| format!("=_{b}{}", "-1".repeat(level))) };
    Draft "structure.outer-is-prefix", BOUNDARY, "Apple Mail, Eudora", "the inner boundary is the beginning of the outer one",
        |d, dice| { let b = dice.hex(10); nested(d, move |level| format!("=_{b}{}", "x".repeat(5 - level.min(5)))) };
    Draft "structure.one-boundary-for-all", BOUNDARY, "newsletter tools", "inner and outer multipart have the same boundary",
        |d, dice| {
            // What stands behind the inner multipart would be taken for its parts; the words and files stay the same.
            let b = dice.hex(12);
            d.shape != "apple-order" && nested(d, move |_| format!("=_same_{b}"))
        };
    Draft "structure.boundary-on-leaf", TYPE | BOUNDARY, "jhillyerd/enmime#408: Outlook", "text/html with a boundary parameter",
        |d, _| {
            let mut done = false;
            for part in d.texts_mut() { part.more.push_str("; boundary=\"----=_NextPart_leaf\""); done = true; }
            done
        };
    Draft "structure.root-type-missing", BOUNDARY | TYPE | TREE, "gateways that drop MIME fields", "a multipart whose mail has no Content-Type",
        |d, _| is_multi(d) && d.root.boundary.preamble.is_empty() && d.root.kind == "multipart/mixed" && { d.root.type_line = Some(String::new()); true };
    Draft "structure.root-says-text", BOUNDARY | TYPE | TREE, "form mailers", "text/plain with a boundary on a body that has parts",
        |d, _| {
            if !is_multi(d) || d.root.kind != "multipart/mixed" { return false; }
            d.root.type_line = Some(format!("Content-Type: text/plain; boundary=\"{}\"", d.root.boundary.text));
            true
        };
    Draft "structure.subtype-unknown", TYPE, "vendors", "a multipart of a kind nobody knows; read as mixed",
        |d, dice| {
            if d.root.kind != "multipart/mixed" { return false; }
            d.root.kind = (*dice.pick(&["multipart/x-mixed", "multipart/vnd.vendor", "Multipart/Mixed", "MULTIPART/MIXED"])).to_owned();
            true
        };
    // Without a disposition the name can be in Content-Type alone.
    Draft "structure.related-as-mixed", NAME | TREE, "chatwoot#11948: Apple Mail, Zimbra", "an image that the html shows lies in a multipart/mixed, without a disposition",
        |d, _| {
            if d.shape != "related" { return false; }
            d.root.kind = "multipart/mixed".to_owned();
            for file in d.files_mut() { file.disposition = None; }
            true
        };
    Draft "structure.related-start", TREE, "SOAP and newsletter tools", "multipart/related that names its root by start and type",
        |d, _| {
            if d.shape != "related" { return false; }
            d.root.more.push_str(";\r\n type=\"multipart/alternative\"; start=\"<body@here>\"");
            if let Content::Parts(children) = &mut d.root.content && let Some(first) = children.first_mut() { first.id = Some("body@here".to_owned()); }
            true
        };
    Draft "structure.wrapped", TREE, "Exchange disclaimers, gateways", "the whole body within two more multiparts of one part each",
        |d, dice| {
            let (a, b) = (format!("=_outer{}", dice.hex(8)), format!("=_inner{}", dice.hex(8)));
            if matches!(d.root.kind.as_str(), "multipart/report" | "multipart/signed") { return false; }
            let inner = std::mem::replace(&mut d.root, Part::new("text/plain", Content::Text(String::new())));
            d.root = Part::multipart("mixed", a, vec![Part::multipart("mixed", b, vec![inner])]);
            true
        };
    Draft "structure.related-within-alternative", TREE, "Apple Mail, Zimbra, Outlook for Mac", "the html and its image are the second alternative together",
        |d, dice| {
            if d.shape != "related" || d.root.kind != "multipart/related" { return false; }
            let b = format!("_related_{}", dice.hex(12));
            regroup(d, "related", b)
        };
    Draft "structure.mixed-within-alternative", TREE, "Apple Mail, iOS", "the files lie in the second alternative, behind its html; they are the mail's all the same",
        |d, dice| {
            if d.shape != "mixed-alternative" || d.root.kind != "multipart/mixed" { return false; }
            let b = format!("Apple-Mail-{}", dice.hex(12).to_uppercase());
            regroup(d, "mixed", b)
        };
    Draft "structure.described-texts", TREE | TYPE | NAME, "GroupWise, Lotus Domino", "texts with a description, a location and dates in their disposition",
        |d, _| {
            let mut done = false;
            for part in d.texts_mut() {
                let kind = if part.kind == "text/html" { "HTML" } else { "Text" };
                part.extra.push(format!("Content-Description: {kind}"));
                part.extra.push("Content-Disposition: inline; modification-date=\"Mon, 02 Mar 2026 10:00:00 +0000\"; size=4711".to_owned());
                part.disposition = None;
                done = true;
            }
            done
        };
    Draft "structure.boundary-of-dashes", BOUNDARY, "Samsung and LG phones (Android)", "a boundary that begins with dashes, as a delimiter does",
        |d, dice| { let b = format!("--_com.phone.android.email_{}", dice.below(99_999_999)); every_named(d, &b, |_| ()) };
    Draft "structure.plain-empty", TREE, "newsletter tools, Exchange", "an alternative whose plain text is empty; the html says it",
        |d, _| {
            if d.root.kind != "multipart/alternative" || d.shape != "alternative" || d.hidden_words { return false; }
            let words = html_words(d);
            if let Content::Parts(children) = &mut d.root.content && let Some(first) = children.first_mut() { first.content = Content::Text(String::new()); }
            d.truth.text = None;
            d.truth.words = words;
            true
        };
    Draft "structure.plain-missing", TREE, "newsletter tools", "an alternative of the html alone",
        |d, _| {
            if d.root.kind != "multipart/alternative" || d.shape != "alternative" || d.hidden_words { return false; }
            let words = html_words(d);
            if let Content::Parts(children) = &mut d.root.content { children.remove(0); }
            d.truth.text = None;
            d.truth.words = words;
            true
        };
    Draft "structure.html-first", TREE, "phones, PHP", "an alternative with the html before the plain text",
        |d, _| {
            if !matches!(d.shape, "alternative" | "reply-html") || d.root.kind != "multipart/alternative" { return false; }
            if let Content::Parts(children) = &mut d.root.content { children.reverse(); }
            true
        };
    Draft "structure.plain-is-a-note", TREE, "newsletter tools, web shops", "a plain text that only says that html is needed; the html's words count",
        |d, _| {
            if d.shape != "alternative" || d.root.kind != "multipart/alternative" || d.hidden_words { return false; }
            let words = html_words(d);
            if let Content::Parts(children) = &mut d.root.content && let Some(first) = children.first_mut() {
                first.content = Content::Text("Please use a program that shows HTML.".to_owned());
            }
            d.truth.text = None;
            // Whether the note is shown below is a matter of taste.
            d.truth.gap = Some(words.len());
            d.truth.reply = None;
            d.truth.words = words;
            true
        };
    Draft "structure.preamble", BOUNDARY, "old MIME programs", "words before the first delimiter, which nobody sees",
        |d, _| outermost(d, |b| b.preamble = "If you read this, your program knows no MIME.\n\n  -- it is old".to_owned());
    Draft "structure.blank-delimiter-lines", BOUNDARY, "scripts", "blank lines before the first delimiter",
        |d, _| outermost(d, |b| b.preamble = "\n\n".to_owned());
    Draft "structure.epilogue", FOOT | BOUNDARY, "virus scanners (AVG, Avast), list managers", "a note after the closing delimiter, which no program shows",
        |d, _| outermost(d, |b| b.epilogue = "\n-- \nChecked by a scanner: no virus was found.\nVersion 8.5 / 2026".to_owned());
    Draft "structure.part-without-header", TYPE | TRANSFER | CHARSET, "shell scripts", "a text part without any field",
        |d, _| {
            if !is_multi(d) || d.root.kind != "multipart/mixed" { return false; }
            let Content::Parts(children) = &mut d.root.content else { return false };
            let Some(first) = children.first_mut().filter(|p| p.kind == "text/plain" && p.text().is_some_and(|t| !t.is_empty())) else { return false };
            first.type_line = Some(String::new());
            first.transfer_label = Some("");
            first.transfer = Transfer::EightBit;
            first.charset = crate::corpus::generate::letters::UTF_8;
            true
        };
    Draft "structure.type-malformed", TYPE | CHARSET, "zammad#6141: form mailers, COBOL", "a Content-Type without its slash, its semicolon or its quote",
        |d, dice| {
            let way = dice.below(6);
            if d.texts_mut().iter().any(|p| !p.more.is_empty() || p.type_line.is_some()) { return false; }
            let mut done = false;
            for part in d.texts_mut() {
                let Some(label) = part.label.clone() else { continue };
                let (kind, bare) = (part.kind.clone(), label.trim_matches('"').to_owned());
                let short = kind.split('/').nth(1).unwrap_or("plain").to_owned();
                part.type_line = Some(match way {
                    0 => format!("Content-Type: {kind} charset={bare}"),
                    1 => format!("Content-Type: {kind}; charset=\"{bare}"),
                    2 => format!("Content-Type: {kind}; charset={bare}; charset={bare}"),
                    3 if short == "html" => format!("Content-Type: html; charset={bare}"),
                    3 => format!("Content-Type: text; charset={bare}"),
                    4 => format!("Content-Type: {}; CHARSET={bare};;", kind.to_uppercase()),
                    _ => format!("Content-type : {kind} ; charset = {bare} ; reply-type=original"),
                });
                done = true;
            }
            done
        };
    Draft "structure.multipart-encoded-label", TYPE, "Outlook, Exchange, scanners", "a multipart that says it is quoted-printable or base64 as a whole, which it is not",
        |d, dice| is_multi(d) && { d.root.transfer_label = Some(*dice.pick(&["quoted-printable", "base64"])); true };
    Draft "structure.text-is-attachment", TREE, "Exchange (transport rules), phones", "the text of a mail of one part says it is an attachment; it is shown",
        |d, _| d.shape == "plain" && d.root.kind == "text/plain" && { d.root.extra.push("Content-Disposition: attachment".to_owned()); true };
    Draft "structure.text-is-inline", TREE, "Apple Mail, Zimbra", "texts say that they are inline",
        |d, _| { let mut n = 0; for p in d.texts_mut() { p.extra.push("Content-Disposition: inline".to_owned()); n += 1; } n > 0 };
    Draft "structure.file-before-text", TREE, "scanners, web forms", "files come before the text",
        |d, _| {
            if d.shape != "mixed" || d.root.kind != "multipart/mixed" { return false; }
            if let Content::Parts(children) = &mut d.root.content { children.rotate_left(1); }
            true
        };
    Draft "structure.empty-parts", TREE, "gateways that strip files", "empty text parts between the others",
        |d, _| {
            if d.root.kind != "multipart/mixed" || !matches!(d.shape, "mixed" | "mixed-alternative") { return false; }
            if let Content::Parts(children) = &mut d.root.content { children.insert(1, Part::new("text/plain", Content::Text(String::new()))); }
            true
        };
}

fn is_multi(d: &Draft) -> bool {
    matches!(d.root.content, Content::Parts(_)) && d.root.type_line.is_none()
}

fn html_words(d: &mut Draft) -> Vec<String> {
    // An alternative's html says what its plain text says; quotes are marked otherwise.
    d.truth.words.iter().filter(|w| *w != ">").cloned().collect()
}

fn outermost(d: &mut Draft, change: impl Fn(&mut Boundary)) -> bool {
    is_multi(d) && {
        change(&mut d.root.boundary);
        true
    }
}

fn every(d: &mut Draft, change: impl Fn(&mut Boundary)) -> bool {
    if !is_multi(d) {
        return false;
    }
    let mut all = Vec::new();
    d.root.multiparts_mut(&mut all);
    all.into_iter().for_each(change);
    true
}

/// Each multipart gets this boundary with its number behind it.
fn every_named(d: &mut Draft, text: &str, change: impl Fn(&mut Boundary)) -> bool {
    if !is_multi(d) {
        return false;
    }
    let mut all = Vec::new();
    d.root.multiparts_mut(&mut all);
    for (n, boundary) in all.into_iter().enumerate() {
        boundary.text = format!("{text}{n}");
        change(boundary);
    }
    true
}

/// `outer { alternative { plain, html }, files }` becomes `alternative { plain, outer { html, files } }`.
fn regroup(d: &mut Draft, subtype: &str, boundary: String) -> bool {
    let Content::Parts(children) = &mut d.root.content else { return false };
    if children.len() < 2 || children[0].kind != "multipart/alternative" {
        return false;
    }
    let mut files = children.split_off(1);
    let Some(mut alternative) = children.pop() else { return false };
    let Content::Parts(texts) = &mut alternative.content else { return false };
    let Some(html) = texts.pop() else { return false };
    files.insert(0, html);
    texts.push(Part::multipart(subtype, boundary, files));
    d.root = alternative;
    true
}

/// Mails with multiparts within multiparts; boundaries by their order, outermost first.
fn nested(d: &mut Draft, text: impl Fn(usize) -> String) -> bool {
    if !is_multi(d) {
        return false;
    }
    let mut all = Vec::new();
    d.root.multiparts_mut(&mut all);
    if all.len() < 2 {
        return false;
    }
    for (level, boundary) in all.into_iter().enumerate() {
        boundary.text = text(level);
    }
    true
}
