//! Html as programs write it.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{FOOT, HTML, TEXT, TYPE};
use crate::corpus::generate::draft::{Content, Draft};

list! {
    Draft "html.entities", HTML, "Outlook Express, FrontPage", "letters beyond ASCII as numeric references",
        |d, dice| { let hex = dice.chance(50); rewrite(d, |t| t.chars().map(|c| if c.is_ascii() { c.to_string() } else if hex { format!("&#x{:x};", u32::from(c)) } else { format!("&#{};", u32::from(c)) }).collect()) };
    Draft "html.named-entities", HTML, "Dreamweaver, German and French editors", "letters as named references",
        |d, _| {
            const NAMES: &[(&str, &str)] = &[("ä", "&auml;"), ("ö", "&ouml;"), ("ü", "&uuml;"), ("ß", "&szlig;"), ("é", "&eacute;"), ("è", "&egrave;"), ("à", "&agrave;"), ("ç", "&ccedil;"), ("ñ", "&ntilde;"), ("ø", "&oslash"), ("å", "&aring;"), ("æ", "&aelig;"), ("ó", "&oacute;"), ("í", "&iacute;"), ("á", "&aacute;"), ("õ", "&otilde;"), ("ã", "&atilde;")];
            let any = d.texts_mut().iter().any(|p| p.kind == "text/html" && NAMES.iter().any(|(l, _)| p.text().is_some_and(|t| t.contains(l))));
            // A reference without its semicolon is one only where no letter follows.
            any && rewrite(d, |t| NAMES.iter().fold(t.to_owned(), |t, (l, n)| t.replace(l, &format!("{};", n.trim_end_matches(';')))))
        };
    Draft "html.no-document", HTML, "freescout#4416: web mailers", "no html, head and body elements",
        |d, _| rewrite(d, |t| {
            let body = t.split_once("<body").and_then(|(_, r)| r.split_once('>')).map_or(t, |(_, r)| r);
            body.replace("</body>", "").replace("</html>", "").trim().to_owned()
        });
    Draft "html.upper-case", HTML, "Outlook Express, Eudora", "elements in upper case, attributes without quotes",
        |d, _| rewrite(d, |t| ["html", "head", "body", "div", "p", "br", "span", "b", "blockquote"].iter().fold(t.to_owned(), |t, e| {
            t.replace(&format!("<{e}>"), &format!("<{}>", e.to_uppercase())).replace(&format!("</{e}>"), &format!("</{}>", e.to_uppercase()))
        }));
    Draft "html.unclosed", HTML, "Outlook Express, hand-made newsletters", "paragraphs and the document are not closed",
        |d, _| rewrite(d, |t| t.replace("</p>", "").replace("</body>", "").replace("</html>", ""));
    Draft "html.comments", HTML, "Word as editor (conditional comments)", "conditional comments and elements of Office between the words",
        |d, _| rewrite(d, |t| t.replacen("<body", "<!--[if gte mso 9]><xml><o:OfficeDocumentSettings><o:AllowPNG/></o:OfficeDocumentSettings></xml><![endif]--><body", 1)
            .replace("</p>", "<o:p></o:p></p>").replace("<br>", "<br><!-- line -->"));
    Draft "html.style-in-body", HTML, "newsletter tools", "a style sheet with words in it within the body",
        |d, _| rewrite(d, |t| insert_in_body(t, "<style>.a:before { content: \"not shown\" } /* nothing to read */ p > b { x: 1 }</style>\n"));
    Draft "html.nested-tables", HTML, "newsletter tools", "everything within tables within tables",
        |d, _| rewrite(d, |t| {
            let t = insert_in_body(t, "<table><tr><td><table width=\"600\"><tbody><tr><td>\n");
            t.replacen("</body>", "</td></tr></tbody></table></td></tr></table></body>", 1)
        });
    Draft "html.no-break-spaces", HTML, "Word, Outlook", "no-break spaces instead of blanks",
        |d, _| { if d.truth.text.is_some() { return false; } rewrite(d, |t| {
            let (head, body) = t.split_at(t.find("<body").unwrap_or(0));
            let mut in_tag = false;
            let letter = |c: char| {
                in_tag = c == '<' || (in_tag && c != '>');
                if c == ' ' && !in_tag { "&nbsp;".to_owned() } else { c.to_string() }
            };
            let body: String = body.chars().map(letter).collect();
            format!("{head}{body}")
        }) };
    Draft "html.spans-within-words", HTML, "Word (spelling marks)", "elements within the words",
        |d, _| rewrite(d, |t| in_words(t, |w| w.replace("ie", "<span lang=\"x\">i</span>e").replace("ge", "g<span class=\"SpellE\">e</span>")));
    Draft "html.script", HTML, "web pages sent as mail", "a script with angle brackets in it",
        |d, _| rewrite(d, |t| insert_in_body(t, "<script type=\"text/javascript\">if (1 < 2) { document.write(\"<b>hidden</b>\"); }</script>\n"));
    Draft "html.junk-before", HTML, "gateways, PHP notices", "blank lines and a doctype before the html",
        |d, _| rewrite(d, |t| format!("\n\n<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01 Transitional//EN\">\n{t}"));
    Draft "html.two-documents", HTML, "newsletter tools that add a footer document", "a second document behind the first; both are shown",
        |d, _| {
            if d.truth.text.is_some() || d.texts_mut().len() != 1 { return false; }
            if !rewrite(d, |t| format!("{t}<html><body><p>footer 17</p></body></html>\n")) { return false; }
            d.truth.words.extend(["footer".to_owned(), "17".to_owned()]);
            d.truth.reply = None;
            true
        };
    Draft "html.as-plain", HTML | TEXT | TYPE | FOOT, "freescout, PHP mail()", "html that is labelled text/plain; it is shown as html",
        |d, _| {
            if d.texts_mut().len() != 1 || d.root.kind != "text/html" { return false; }
            d.root.kind = "text/plain".to_owned();
            true
        };
    Draft "html.attribute-brackets", HTML, "newsletter tools", "a > within an attribute",
        |d, _| rewrite(d, |t| insert_in_body(t, "<div title=\"a > b\" data-x='1 > 0'></div>\n"));
}

/// Rewrites every html. False when there is none, or nothing changes.
pub(super) fn rewrite(d: &mut Draft, change: impl Fn(&str) -> String) -> bool {
    let mut done = false;
    for part in d.texts_mut() {
        if part.kind == "text/html"
            && let Content::Text(text) = &mut part.content
        {
            // Scanning tag names inside attributes is not needed: the generator writes none there.
            let changed = change(text);
            if changed != *text && part.charset.encode(&changed).is_some() {
                *text = changed;
                done = true;
            }
        }
    }
    done
}

pub(super) fn insert_in_body(html: &str, what: &str) -> String {
    let Some(at) = html.find("<body").and_then(|b| html[b..].find('>').map(|e| b + e + 1)) else { return html.to_owned() };
    format!("{}\n{what}{}", &html[..at], &html[at..])
}

/// Changes what stands between the tags of the body.
fn in_words(html: &str, change: impl Fn(&str) -> String) -> String {
    let (head, body) = html.split_at(html.find("<body").unwrap_or(0));
    let mut out = head.to_owned();
    let mut rest = body;
    while let Some(end) = rest.find('>') {
        out.push_str(&rest[..=end]);
        rest = &rest[end + 1..];
        let words = rest.find('<').unwrap_or(rest.len());
        out.push_str(&change(&rest[..words]));
        rest = &rest[words..];
    }
    out.push_str(rest);
    out
}
