//! What security gateways, senders in bulk and web mailers write into a mail on its way: rewritten links, warnings,
//! documents around documents, things that nobody sees.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::html::{insert_in_body, rewrite};
use super::list;
use super::slot::{FOOT, HTML, START, TEXT, TRACE, TRANSFER};
use super::text::{letter_first, plain_alone, prepend};
use crate::corpus::generate::draft::{Content, Draft, Transfer};
use crate::corpus::generate::letter::escaped;
use crate::corpus::generate::truth::words;

/// Bytes behind which Postfix cuts a line (`smtp_line_length_limit`) and goes on in the next one behind a blank.
const LINE_BYTES_MAX: usize = 998;

list! {
    // learn.microsoft.com, Safe Links in Microsoft Defender for Office 365: `….safelinks.protection.outlook.com/?url=…&data=…`.
    Draft "gateway.safe-links", TEXT | FOOT | TRANSFER, "Exchange Online (Safe Links)", "links lead to a gateway that has the whole of the old one escaped in its query",
        |d, dice| { let key = dice.hex(24); links(d, |url| format!("https://eur01.safelinks.gate.example/?url={}&data=05%7C02%7C%7C{key}%7C0&sdata={key}%3D&reserved=0", percent(url))) };
    // help.proofpoint.com, URL Defense, version 3: `https://urldefense.com/v3/__URL__;KEYS!!TOKEN$`.
    Draft "gateway.url-defense", TEXT | FOOT | TRANSFER, "Proofpoint (URL Defense 3)", "links with the old one between underscores, and ! and $ behind it",
        |d, dice| { let key = dice.hex(16); links(d, |url| format!("https://urldefense.gate.example/v3/__{url}__;!!{key}!{key}_-{key}$")) };
    // campus.barracuda.com, Link Protection: `https://linkprotect.cudasvc.com/url?a=…&c=E,1,…,1&typo=1`.
    Draft "gateway.link-protect", TEXT | FOOT | TRANSFER, "Barracuda (Link Protection)", "links with commas and ampersands behind the old one",
        |d, dice| { let key = dice.hex(20); links(d, |url| format!("https://linkprotect.gate.example/url?a={}&c=E,1,{key},1&typo=1", percent(url).replace("%3A", "%3a").replace("%2F", "%2f"))) };
    // community.mimecast.com, Targeted Threat Protection: `https://protect-eu.mimecast.com/s/TOKEN?domain=…`.
    Draft "gateway.protect-links", TEXT | FOOT | TRANSFER, "Mimecast (URL Protect)", "links that name only the domain of the old one",
        |d, dice| { let key = dice.hex(12); links(d, |url| { let host = url.split('/').nth(2).unwrap_or("x.example"); format!("https://protect-eu.gate.example/s/{key}?domain={host}") }) };
    // learn.microsoft.com, anti-phishing policies, first contact safety tip: a table above the text of the html, a line above the plain one.
    Draft "gateway.first-contact-tip", TEXT, "Exchange Online (first contact safety tip)", "a note above the text that letters of this sender are rare, with a link",
        |d, _| prepend(d, "Letters of this sender are rare in this house. What that means: https://gate.example/rare-senders");
    // community.mimecast.com, and Exchange transport rules with a wrapped disclaimer: the mail's own document stands within the banner's.
    Draft "gateway.document-within", TEXT | HTML, "Mimecast, Exchange transport rules (banners)", "a warning above the text, and the whole html document within another one",
        |d, _| {
            let has_html = d.texts_mut().iter().any(|p| p.kind == "text/html");
            has_html && prepend(d, "WARNING: This letter was written outside of the firm.") && {
                rewrite(d, |t| format!("<html><head><style>.warn {{ color: #900 }}</style></head><body><div class=\"outer\">\n{t}\n</div></body></html>\n"));
                true
            }
        };
    // docs of SendGrid, Mailchimp and Proofpoint's warning tags: text for the list of mails that the mail itself does not show.
    // Whether a view shows it is a matter of taste: one that takes out every style that hides (as ours does) shows it.
    Draft "gateway.hidden-preheader", HTML, "SendGrid, Mailchimp, Proofpoint warning tags", "words at the top of the html that its style hides; all others stay as they are",
        |d, _| {
            // Several documents would have it several times.
            if d.truth.gap.is_some() || d.shape == "apple-order" || !rewrite(d, |t| insert_in_body(t, "<!-- Preheader Text : BEGIN --><div style=\"display:none !important;visibility:hidden;mso-hide:all;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;opacity:0;overflow:hidden\">seen in the list of letters only</div><!-- Preheader Text : END -->\n")) { return false; }
            d.hidden_words = true;
            if d.truth.text.is_none() {
                d.truth.gap = Some(0);
                d.truth.reply = None;
            }
            true
        };
    // docs.sendgrid.com, open tracking; docs.aws.amazon.com, SES open tracking.
    Draft "gateway.tracking-pixel", HTML | FOOT, "SendGrid, Amazon SES", "an image of one pixel at the end of the html",
        |d, dice| { let key = dice.hex(40); rewrite(d, |t| t.replacen("</body>", &format!("<img src=\"https://click.sender.example/wf/open?upn={key}\" alt=\"\" width=\"1\" height=\"1\" border=\"0\" style=\"height:1px !important;width:1px !important;border-width:0 !important\"></body>"), 1)) };
    // Naver and Daum put the picture that tells them of reading behind the end of the document.
    Draft "gateway.behind-document", HTML | FOOT, "Naver, Daum (Korean web mailers)", "a table that nobody sees behind the closed document",
        |d, dice| { let key = dice.hex(30); rewrite(d, |t| format!("{t}\n<table style='display:none'><tr><td><img src=\"https://mail.portal.example/readReceipt/notify/?img={key}.gif\" border=\"0\"></td></tr></table>\n")) };
    // support.avast.com, e-mail signature: a table with an icon, below the html alone.
    Draft "gateway.scanner-table", HTML | FOOT, "Avast, AVG (html)", "a table of a virus scanner with a link to itself below the html",
        |d, _| {
            if d.truth.text.is_some() || d.texts_mut().len() != 1 || !letter_first(d) { return false; }
            const NOTE: &str = "<div id=\"DAB4FAD8\"><br><table style=\"border-top: 1px solid #D3D4DE;\"><tr><td style=\"width: 55px; padding-top: 13px;\"><a href=\"https://scanner.example/sig\" target=\"_blank\"><img src=\"https://ipm.scanner.example/icon.png\" alt=\"\" width=\"46\" height=\"29\"></a></td><td style=\"width: 470px;\">Looked at for viruses: nothing found.</td></tr></table><a href=\"#DAB4FAD8\" width=\"1\" height=\"1\"> </a></div></body>";
            if !rewrite(d, |t| t.replacen("</body>", NOTE, 1)) { return false; }
            d.truth.words.extend(words("Looked at for viruses: nothing found."));
            d.truth.reply = None;
            true
        };
    // QQ Mail and Foxmail write elements of their own (`<sign>`, `<includetail>`), Gmail `<u></u>`, Outlook for Mac `<o:p>`.
    Draft "gateway.foreign-elements", HTML, "QQ Mail, Foxmail, Gmail, Outlook for Mac", "elements that no standard knows around and between the words",
        |d, _| rewrite(d, |t| insert_in_body(&t.replace("</p>", "<u></u></p>").replace("</div>", "<o:p></o:p></div>").replacen("</body>", "<sign signid=\"0\"></sign><includetail><!--<![endif]--></includetail></body>", 1), "<sign-wrap data-x=\"1\">\n"));
    // postfix.org, postconf(5), smtp_line_length_limit: CR, LF and a blank after 998 bytes, wherever that is.
    Draft "gateway.line-cut-in-attribute", HTML | TRANSFER, "Postfix (lines of more than 998 bytes)", "a line break and a blank within a long attribute of the html",
        |d, _| {
            let is_as_it_is = |t: Transfer| matches!(t, Transfer::SevenBit | Transfer::EightBit);
            let fits = d.texts_mut().iter().all(|p| p.kind != "text/html" || is_as_it_is(p.transfer) && !p.charset.label.starts_with("utf-16"));
            fits && rewrite(d, |t| {
                let style = "font-family:Arial;mso-margin-top-alt:auto;".repeat(30);
                let open = format!("<div style=\"{style}\">");
                let (first, rest) = open.split_at(LINE_BYTES_MAX);
                insert_in_body(t, &format!("{first}\n {rest}</div>\n"))
            })
        };
    Draft "gateway.line-cut-in-word", TEXT | TRANSFER, "Postfix (lines of more than 998 bytes)", "a line break and a blank within a word of a long line, which nobody can undo: both pieces are shown",
        |d, _| {
            let fits = plain_alone(d) && matches!(d.root.transfer, Transfer::SevenBit | Transfer::EightBit) && !d.root.charset.label.starts_with("utf-16");
            let line = "warehouses ".repeat(110);
            let (first, rest) = line.trim_end().split_at(LINE_BYTES_MAX);
            fits && prepend(d, &format!("{first}\n {rest}"))
        };
    Wire "gateway.exchange-online-fields", START | TRACE, "Exchange Online", "a hundred lines of seals, signatures and reports of a filter at the top",
        |raw, _, dice| {
            let mut top = String::new();
            for n in 1..=3 {
                let seal = dice.hex(344);
                top.push_str(&format!("ARC-Seal: i={n}; a=rsa-sha256; s=arcselector; d=gate.example; cv=pass;\r\n b={seal}\r\n"));
                top.push_str(&format!("ARC-Message-Signature: i={n}; a=rsa-sha256; c=relaxed/relaxed; d=gate.example;\r\n h=From:Date:Subject:Message-ID:Content-Type:MIME-Version;\r\n bh={}=;\r\n b={seal}\r\n", &seal[..43]));
                top.push_str(&format!("ARC-Authentication-Results: i={n}; mx.gate.example 1; spf=pass smtp.mailfrom=x.example;\r\n dmarc=pass action=none header.from=x.example; dkim=pass header.d=x.example; arc=none\r\n"));
            }
            for name in ["CrossTenant-Network-Message-Id", "CrossTenant-Id", "AntiSpam-MessageData", "Transport-CrossTenantHeadersStamped", "SCL", "PublicTrafficType"] {
                top.push_str(&format!("X-MS-Exchange-{name}: {}\r\n", dice.hex(36)));
            }
            let report: Vec<String> = (0..40).map(|_| format!("\t{}", dice.hex(76))).collect();
            top.push_str(&format!("X-Microsoft-Antispam-Message-Info:\r\n{}\r\nX-MS-Has-Attach:\r\nX-MS-TNEF-Correlator:\r\nx-ms-exchange-messagesentrepresentingtype: 1\r\n", report.join("\r\n")));
            raw.splice(0..0, top.bytes());
            true
        };
}

/// `https://x/y` as it stands in a query.
fn percent(url: &str) -> String {
    url.replace(':', "%3A").replace('/', "%2F")
}

/// Puts another link in place of each that is shown, in each form of the text. False, and nothing changes, where there is none.
fn links(d: &mut Draft, gate: impl Fn(&str) -> String) -> bool {
    // A mail within the mail is bytes already.
    if !letter_first(d) || matches!(d.shape, "nested-mail" | "forwarded-mail") {
        return false;
    }
    let mut urls: Vec<String> = d.truth.words.iter().filter(|w| w.starts_with("https://")).cloned().collect();
    urls.sort_unstable();
    urls.dedup();
    let any_holds = |text: &str| urls.iter().any(|u| text.contains(u.as_str()));
    if !d.texts_mut().iter().any(|p| p.text().is_some_and(any_holds)) {
        return false;
    }
    let replaced =
        |text: &str, write: &dyn Fn(&str) -> String| urls.iter().fold(text.to_owned(), |t, u| t.replace(u.as_str(), &write(u)));
    for part in d.texts_mut() {
        let is_html = part.kind == "text/html";
        let Content::Text(text) = &mut part.content else { continue };
        *text = replaced(text, &|url| {
            let new = gate(url);
            if is_html { format!("<a href=\"{0}\" originalsrc=\"{url}\">{0}</a>", escaped(&new)) } else { new }
        });
    }
    let t = &mut d.truth;
    let of_words = |list: &mut Vec<String>| list.iter_mut().for_each(|w| *w = replaced(w, &gate));
    of_words(&mut t.words);
    t.reply.iter_mut().for_each(of_words);
    t.text = t.text.take().map(|text| replaced(&text, &gate));
    true
}
