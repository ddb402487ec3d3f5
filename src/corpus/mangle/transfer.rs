//! Transfer encodings as they come.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{BOUNDARY, CHARSET, FOOT, TEXT, TRANSFER};
use super::text::prepend;
use crate::corpus::generate::draft::{Content, Draft, Part, Quirk, Transfer};
use crate::corpus::generate::truth::words;

list! {
    Draft "transfer.base64-noise", TRANSFER, "relays that add characters", "characters that are no base64 at the ends of lines",
        |d, _| quirk(d, Transfer::Base64, Quirk::Noise);
    Draft "transfer.base64-unpadded", TRANSFER, "mobile clients, JavaScript", "no = at the end",
        |d, _| quirk(d, Transfer::Base64, Quirk::Unpadded);
    Draft "transfer.base64-one-line", TRANSFER, "PHP, Node.js", "all in one line",
        |d, _| quirk(d, Transfer::Base64, Quirk::OneLine);
    Draft "transfer.base64-blocks", TRANSFER, "streaming encoders (Perl, Java)", "encoded block by block, with = in the middle",
        |d, _| quirk(d, Transfer::Base64, Quirk::Blocks);
    Draft "transfer.base64-odd-lines", TRANSFER, "hand-made encoders", "lines of 73 letters",
        |d, _| quirk(d, Transfer::Base64, Quirk::OddLines);
    Draft "transfer.base64-blank-lines", TRANSFER, "web forms, relays that double line ends", "blank lines between",
        |d, _| quirk(d, Transfer::Base64, Quirk::BlankLines);
    Draft "transfer.base64-relay-cut", TRANSFER, "sendmail (lines of more than 990 bytes)", "one long line that a relay cut with ! and a fold",
        |d, _| quirk(d, Transfer::Base64, Quirk::RelayCut);
    Draft "transfer.base64-indented", TRANSFER, "templates", "blanks before each line",
        |d, _| quirk(d, Transfer::Base64, Quirk::Indented);
    Draft "transfer.base64-footer", TRANSFER | FOOT, "Mailman 2, virus scanners", "a note as plain text behind base64, which is shown below the text",
        |d, _| {
            let Some(note) = (d.root.transfer == Transfer::Base64 && d.root.kind == "text/plain" && d.root.text().is_some_and(|t| !t.is_empty()))
                .then_some("_______________________________________________\nThe list of readers: https://lists.example/readers") else { return false };
            d.root.tail = format!("\r\n{}\r\n", note.replace('\n', "\r\n")).into_bytes();
            d.truth.text = None;
            d.truth.reply = None;
            d.truth.words.extend(words(note));
            true
        };
    Draft "transfer.qp-lower-hex", TRANSFER, "hand-made encoders, SAP", "hexadecimal digits in lower case",
        |d, _| quirk(d, Transfer::QuotedPrintable, Quirk::LowerHex);
    Draft "transfer.qp-soft-blank", TRANSFER, "relays that add blanks", "a blank behind the = of a soft break",
        |d, _| quirk(d, Transfer::QuotedPrintable, Quirk::SoftBlank);
    Draft "transfer.qp-naked", TRANSFER, "PHP mailers", "bytes beyond ASCII as they are in quoted-printable",
        |d, _| quirk(d, Transfer::QuotedPrintable, Quirk::Naked);
    Draft "transfer.qp-long-lines", TRANSFER, "PHP, newsletter tools", "lines without soft breaks",
        |d, _| quirk(d, Transfer::QuotedPrintable, Quirk::LongLines);
    Draft "transfer.qp-lost-soft-break", TRANSFER, "gateways that cut = at the ends of lines", "the = of soft breaks was lost; lines end there, the words stay",
        |d, _| {
            if d.language.is_without_blanks() || !quirk(d, Transfer::QuotedPrintable, Quirk::LostSoftBreak) { return false; }
            // Where a quoted line ends is no longer said.
            d.truth.reply = d.truth.reply.take().filter(|_| !d.shape.starts_with("reply"));
            d.truth.text = None;
            true
        };
    Draft "transfer.qp-bare-equals", TRANSFER | TEXT, "PHP mailers", "= as it is before what is no hexadecimal number",
        |d, _| {
            let qp = d.texts_mut().iter().all(|p| p.transfer == Transfer::QuotedPrintable);
            if !qp || d.root.kind != "text/plain" || d.shape == "flowed" || !prepend(d, "see page?size=xl and a = b") { return false; }
            let Some(bytes) = d.root.text().and_then(|t| {
                let lines: Option<Vec<Vec<u8>>> = t.split('\n').map(|l| d.root.charset.encode(l)).collect();
                Some(lines?.join(b"\r\n".as_slice()))
            }) else { return false };
            // Only the first line has the sign as it is; the rest is encoded well.
            let cut = bytes.iter().position(|b| *b == b'\r').unwrap_or(bytes.len());
            let mut wire = bytes[..cut].to_vec();
            for byte in &bytes[cut..] {
                if matches!(byte, 33..=60 | 62..=126 | b'\r' | b'\n' | b' ') { wire.push(*byte) } else { wire.extend(format!("={byte:02X}").bytes()) }
            }
            d.root.content = Content::Encoded(wire);
            d.root.transfer = Transfer::EightBit;
            d.root.transfer_label = Some("quoted-printable");
            true
        };
    Draft "transfer.label-unknown", TRANSFER, "zammad#348: web forms", "an encoding nobody knows; the bytes are as they are",
        |d, dice| {
            let label = *dice.pick(&["utf-8", "8-bit", "none", "quoted", "ascii", "7-bit", "8bits", "text/plain", "binary8"]);
            as_is(d, label)
        };
    Draft "transfer.label-missing", TRANSFER, "cron, shell scripts", "8-bit letters and no Content-Transfer-Encoding",
        |d, _| as_is(d, "");
    Draft "transfer.label-7bit", TRANSFER, "PHP mail(), Perl", "7bit is named, the bytes are 8-bit",
        |d, _| as_is(d, "7bit");
    Draft "transfer.label-base64-on-text", TRANSFER, "gateways that decode and keep the label", "base64 is named, the text is as it is",
        |d, _| long_enough(d) && as_is(d, "base64");
    Draft "transfer.label-odd", TRANSFER, "hand-made mailers", "the encoding in upper case, in quotes, with a comment or a semicolon",
        |d, dice| {
            let way = dice.below(5);
            let mut done = false;
            for part in all_encoded(d) {
                part.transfer_label = match (part.transfer, way) {
                    (Transfer::Base64, 0) => Some("BASE64"),
                    (Transfer::Base64, 1) => Some("\"base64\""),
                    (Transfer::Base64, 2) => Some("base64;"),
                    (Transfer::Base64, 3) => Some("base64 (RFC 2045)"),
                    (Transfer::Base64, _) => Some(" Base64 "),
                    (Transfer::QuotedPrintable, 0) => Some("QUOTED-PRINTABLE"),
                    (Transfer::QuotedPrintable, 1) => Some("\"quoted-printable\""),
                    (Transfer::QuotedPrintable, 2) => Some("quoted-printable;"),
                    (Transfer::QuotedPrintable, 3) => Some("quoted-printable (RFC 2045)"),
                    (Transfer::QuotedPrintable, _) => Some("Quoted_Printable"),
                    _ => continue,
                };
                done = true;
            }
            done
        };
    Draft "transfer.uuencoded-file", TRANSFER, "cc:Mail, old Eudora", "a file in x-uuencode",
        |d, dice| {
            let label = *dice.pick(&["x-uuencode", "uuencode", "x-uue"]);
            let mut done = false;
            for file in d.files_mut() {
                if file.kind != "text/csv" && file.transfer == Transfer::Base64 { file.transfer = Transfer::Uuencode; file.transfer_label = Some(label); done = true; }
            }
            done
        };
    Draft "transfer.recoded-to-qp", TRANSFER, "relays without 8BITMIME (sendmail, Exchange)", "8-bit text recoded to quoted-printable on the way",
        |d, _| {
            let mut done = false;
            for part in d.texts_mut() { if part.transfer == Transfer::EightBit { part.transfer = Transfer::QuotedPrintable; done = true; } }
            done
        };
    Draft "transfer.file-quoted-printable", TRANSFER | BOUNDARY, "Lotus Notes, GroupWise", "a file in quoted-printable, every byte escaped",
        |d, _| {
            let mut done = false;
            for file in d.files_mut() { if file.transfer == Transfer::Base64 { file.transfer = Transfer::QuotedPrintable; done = true; } }
            done
        };
    Draft "transfer.encoded-and-relabelled", TRANSFER | CHARSET, "gateways that recode to UTF-8 and keep the old label", "base64 of UTF-8 under the old charset's label",
        |d, _| {
            let own = d.language.charsets.iter().find(|c| !matches!(c.as_str(), "utf-8" | "us-ascii")).cloned();
            let Some(label) = own else { return false };
            if d.texts_mut().iter().any(|p| p.text().is_none_or(|t| t.chars().filter(|c| !c.is_ascii()).count() < 8)) { return false; }
            for part in d.texts_mut() {
                part.charset = crate::corpus::generate::letters::UTF_8;
                part.label = Some(label.clone());
                part.transfer = Transfer::Base64;
            }
            true
        };
}

/// All parts in this encoding get the quirk.
fn quirk(d: &mut Draft, transfer: Transfer, quirk: Quirk) -> bool {
    let mut done = false;
    for part in all_encoded(d) {
        // A file that is cut in lines of text would be another file.
        let fits = part.transfer == transfer && (quirk != Quirk::LostSoftBreak || matches!(part.content, Content::Text(_)));
        if fits {
            part.quirk = quirk;
            done = true;
        }
    }
    done
}

fn all_encoded(d: &mut Draft) -> Vec<&mut Part> {
    fn collect<'a>(part: &'a mut Part, out: &mut Vec<&'a mut Part>) {
        if matches!(part.content, Content::Parts(_)) {
            if let Content::Parts(children) = &mut part.content {
                children.iter_mut().for_each(|c| collect(c, out));
            }
        } else {
            out.push(part);
        }
    }
    let mut out = Vec::new();
    collect(&mut d.root, &mut out);
    out
}

/// All texts are written as their bytes are, and the field says `label` (empty: there is none).
fn as_is(d: &mut Draft, label: &'static str) -> bool {
    let mut done = false;
    for part in d.texts_mut() {
        if part.text().is_some_and(|t| !t.is_empty()) {
            part.transfer = Transfer::EightBit;
            part.transfer_label = Some(label);
            done = true;
        }
    }
    done
}

/// Texts that nobody takes for base64: enough words with marks and blanks in them.
fn long_enough(d: &mut Draft) -> bool {
    d.texts_mut().iter().all(|p| p.text().is_some_and(|t| t.len() > 120))
}
