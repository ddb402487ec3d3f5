//! What is said about the letters of a body, and what they are.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{CHARSET, TEXT, TRANSFER};
use super::text::prepend;
use crate::corpus::generate::Dice;
use crate::corpus::generate::draft::{Content, Draft, Part, Transfer};
use crate::corpus::generate::letters::{Charset, UTF_8};

/// Letters beyond ASCII from which a person (and a reader) can tell what an unlabelled text is.
const TELLING: usize = 40;

list! {
    Draft "charset.utf8-as-latin1", CHARSET, "PHP mail scripts, Outlook Web Access", "UTF-8 that is labelled iso-8859-1",
        |d, dice| relabel(d, dice, &["utf-8"], "iso-8859-1", 4);
    Draft "charset.utf8-as-national", CHARSET, "Lotus Domino, CRM exports", "UTF-8 under the label of the country's old charset",
        |d, dice| {
            let label = d.language.charsets.iter().find(|c| *c != "utf-8" && *c != "iso-2022-jp").cloned();
            label.is_some_and(|l| relabel(d, dice, &["utf-8"], &l, 8))
        };
    Draft "charset.latin1-as-utf8", CHARSET, "Outlook 2010 templates, SquirrelMail", "windows-1252 that is labelled utf-8",
        |d, dice| relabel(d, dice, &["iso-8859-1"], "utf-8", 6);
    Draft "charset.national-as-utf8", CHARSET, "scripts after a move to UTF-8", "a national charset that is labelled utf-8",
        |d, dice| { let list = telling(d); relabel(d, dice, &list, "utf-8", TELLING) };
    Draft "charset.national-as-ascii", CHARSET, "old sendmail relays", "us-ascii is named, the bytes are a national charset",
        |d, dice| { let list = telling(d); relabel(d, dice, &list, "us-ascii", TELLING) };
    Draft "charset.utf8-as-ascii", CHARSET, "cron, PHP mail()", "us-ascii is named, the bytes are UTF-8",
        |d, dice| relabel(d, dice, &["utf-8"], "us-ascii", 1);
    Draft "charset.utf8-unlabelled", CHARSET, "shell scripts", "UTF-8 without a charset parameter",
        |d, dice| relabel(d, dice, &["utf-8"], "", 1);
    Draft "charset.national-unlabelled", CHARSET, "old mobile gateways, Becky!", "a national charset without a charset parameter",
        |d, dice| { let list = telling(d); relabel(d, dice, &list, "", TELLING) };
    Draft "charset.unknown-label", CHARSET, "Exchange 5.5, Majordomo (unknown-8bit)", "a label that says nothing: unknown-8bit, x-unknown, none, default",
        |d, dice| {
            let label = *dice.pick(&["unknown-8bit", "x-unknown", "none", "default", "\"\"", "x-user-defined"]);
            let mut list = telling(d);
            list.push("utf-8");
            relabel(d, dice, &list, label, TELLING)
        };
    Draft "charset.misspelt", CHARSET, "Foxmail, CDO, hand-made mailers", "a label that is spelt in another way than IANA does",
        misspelt;
    Draft "charset.quoted-oddly", CHARSET, "web forms", "the label in wrong quotes, with blanks or with a semicolon too many",
        |d, dice| {
            if d.texts_mut().iter().all(|p| p.label.is_none()) { return false; }
            let way = dice.below(5);
            for part in d.texts_mut() {
                if let Some(label) = &part.label {
                    let bare = label.trim_matches('"').to_owned();
                    part.label = Some(match way {
                        0 => format!("'{bare}'"),
                        1 => format!("{bare};;"),
                        2 => format!("\"{bare}\" ;"),
                        3 => format!(" \"{}\"", bare.to_uppercase()),
                        _ => format!("\" {bare} \""),
                    });
                }
            }
            true
        };
    Draft "charset.gbk-as-gb2312", CHARSET, "Foxmail, QQ Mail", "gb2312 is named, letters beyond it are used (GBK)",
        |d, dice| d.language.tag == "zh-Hans" && prepend(d, "朱镕基、陶喆和赵堃的名字里都有生僻字。") && relabel(d, dice, &["gbk"], "gb2312", 4);
    Draft "charset.gb18030-as-gb2312", CHARSET, "Chinese Outlook", "gb2312 is named, letters of four bytes are used (GB18030)",
        |d, dice| d.language.tag == "zh-Hans" && prepend(d, "有个字写作㐂，还有一个写作䶮。") && relabel(d, dice, &["gb18030"], "gb2312", 4);
    Draft "charset.traditional-as-gb2312", CHARSET, "Chinese Outlook in Taiwan", "traditional letters in GBK under the label gb2312",
        |d, dice| d.language.tag == "zh-Hant" && relabel(d, dice, &["gbk"], "gb2312", 4);
    Draft "charset.hkscs", CHARSET, "Outlook in Hong Kong", "big5 with the letters that Hong Kong added, under either name",
        |d, dice| {
            let label = *dice.pick(&["big5", "big5-hkscs", "Big5-HKSCS"]);
            d.language.tag == "zh-Hant" && prepend(d, "我哋收到咗啲嘢，喺香港寄嚟嘅。") && relabel(d, dice, &["big5-hkscs"], label, 4)
        };
    Draft "charset.hebrew-visual", CHARSET | TEXT, "old Israeli web mailers, mainframes", "Hebrew as it is seen, each line from its left end, labelled iso-8859-8 (RFC 1556)",
        |d, dice| {
            // Tags, and what marks a quote, are at their place in either order.
            let turned = |p: &&mut Part| p.kind == "text/plain" && p.more.is_empty() && p.text().is_some_and(|t| !t.lines().any(|l| l.starts_with('>')));
            d.language.tag == "he" && d.texts_mut().iter().all(turned) && relabel(d, dice, &["iso-8859-8"], "iso-8859-8", 8)
        };
    Draft "charset.hz", CHARSET, "old news gateways", "hz-gb-2312",
        |d, dice| d.language.tag == "zh-Hans" && relabel(d, dice, &["hz-gb-2312"], "hz-gb-2312", 4);
    Draft "charset.cp949-as-euc-kr", CHARSET, "Korean Outlook", "euc-kr is named, syllables beyond it are used",
        |d, dice| d.language.tag == "ko" && prepend(d, "똠방각하와 펲시는 옛 글자판에 없습니다. 뷁!") && relabel(d, dice, &["ks_c_5601-1987"], "euc-kr", 4);
    Draft "charset.jis-unlabelled", CHARSET, "Japanese mobile carriers, Becky!", "iso-2022-jp without a charset parameter",
        |d, dice| relabel(d, dice, &["iso-2022-jp"], "", 4);
    Draft "charset.jis-as-ascii", CHARSET, "Japanese web forms", "iso-2022-jp that is labelled us-ascii",
        |d, dice| relabel(d, dice, &["iso-2022-jp"], "us-ascii", 4);
    Draft "charset.jis-as-utf8", CHARSET, "Japanese web forms", "iso-2022-jp that is labelled utf-8",
        |d, dice| relabel(d, dice, &["iso-2022-jp"], "utf-8", 4);
    Draft "charset.utf8-as-jis", CHARSET, "Japanese web mailers", "UTF-8 that is labelled iso-2022-jp",
        |d, dice| d.language.tag == "ja" && relabel(d, dice, &["utf-8"], "iso-2022-jp", 4);
    Draft "charset.sjis-as-jis", CHARSET, "Japanese handsets", "shift_jis that is labelled iso-2022-jp",
        |d, dice| d.language.tag == "ja" && relabel(d, dice, &["shift_jis"], "iso-2022-jp", TELLING);
    Draft "charset.eucjp-as-sjis", CHARSET, "Perl form mailers", "euc-jp that is labelled shift_jis",
        |d, dice| d.language.tag == "ja" && relabel(d, dice, &["euc-jp"], "shift_jis", TELLING);
    Draft "charset.sjis-as-eucjp", CHARSET, "Perl form mailers", "shift_jis that is labelled euc-jp",
        |d, dice| d.language.tag == "ja" && relabel(d, dice, &["shift_jis"], "euc-jp", TELLING);
    Draft "charset.jis-vendor-letters", CHARSET, "Outlook in Japan (CP50221)", "iso-2022-jp with circled digits and 株 in brackets",
        |d, dice| d.language.tag == "ja" && prepend(d, "①番の箱は㈱松風堂の№7です。") && relabel(d, dice, &["iso-2022-jp"], "iso-2022-jp", 4);
    Draft "charset.jis-halfwidth-kana", CHARSET | TRANSFER, "Outlook Express in Japan (CP50221)", "iso-2022-jp with halfwidth kana after ESC ( I",
        |d, _| halfwidth_kana(d);
    Draft "charset.cp1252-as-latin1", CHARSET, "Outlook Express, Word as editor", "iso-8859-1 is named, curly quotes and the euro sign of windows-1252 are used",
        |d, dice| {
            let latin = ["en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "id", "et"];
            latin.contains(&d.language.tag) && prepend(d, "“12 €” – that’s all…") && relabel(d, dice, &["windows-1252"], "iso-8859-1", 4)
        };
    Draft "charset.cyrillic-swapped", CHARSET, "Russian relays that recode (Russian Apache, old Exim)", "windows-1251 that is labelled koi8-r, or the reverse",
        |d, dice| {
            if !matches!(d.language.tag, "ru" | "bg") { return false; }
            if dice.chance(50) { relabel(d, dice, &["windows-1251"], "koi8-r", TELLING) } else { relabel(d, dice, &["koi8-r"], "windows-1251", TELLING) }
        };
    Draft "charset.oem-866", CHARSET, "DOS gateways in Russia", "cp866 under the label cp866 or ibm866",
        |d, dice| { let label = *dice.pick(&["cp866", "ibm866", "CP866"]); matches!(d.language.tag, "ru" | "bg") && relabel(d, dice, &["ibm866"], label, 4) };
    Draft "charset.utf16", CHARSET | TRANSFER, "Windows services", "utf-16 with a byte order mark, in base64",
        |d, dice| {
            let little = dice.chance(50);
            every_text(d, |text| {
                let units = "\u{feff}".encode_utf16().chain(text.replace('\n', "\r\n").encode_utf16().collect::<Vec<_>>());
                Some(units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect())
            }, "utf-16", Transfer::Base64)
        };
    Draft "charset.utf7", CHARSET | TRANSFER, "old Exchange", "utf-7",
        |d, _| {
            if d.texts_mut().iter().any(|p| p.text().is_none_or(|t| t.is_ascii() || t.contains(['~', '\\', '+']))) { return false; }
            every_text(d, |text| Some(utf7(&text.replace('\n', "\r\n"))), "utf-7", Transfer::SevenBit)
        };
    Draft "charset.bom", CHARSET | TRANSFER, "Windows tools (Notepad, PowerShell)", "a byte order mark before the text",
        |d, _| every_text(d, |text| Some([b"\xef\xbb\xbf".as_slice(), text.replace('\n', "\r\n").as_bytes()].concat()), "utf-8", Transfer::Base64);
    Draft "charset.meta-only", CHARSET | TRANSFER, "newsletter tools", "html whose charset is named in a meta element alone",
        |d, _| {
            let charset = d.form.charset;
            if charset.is_seven_bit() || d.texts_mut().iter().any(|p| p.kind != "text/html") { return false; }
            every_text(d, |text| charset.encode(&with_meta(text, charset.label)).map(|b| crlf(&b)), "", Transfer::Base64)
        };
    Draft "charset.meta-wrong", CHARSET | TRANSFER, "gateways that recode and leave the html as it is", "the label is right, the meta element is not",
        |d, dice| {
            if !d.texts_mut().iter().any(|p| p.kind == "text/html") { return false; }
            let wrong = *dice.pick(&["iso-8859-1", "windows-1252", "gb2312", "us-ascii"]);
            every_text(d, |text| Some(crlf(with_meta(text, wrong).as_bytes())), "utf-8", Transfer::Base64)
        };
    Draft "charset.twice-utf8", CHARSET | TRANSFER, "PHP utf8_encode on UTF-8", "UTF-8 that was taken for windows-1252 and encoded once more",
        |d, _| {
            let latin = ["de", "fr", "es", "it", "pt", "sv", "da", "nb", "fi", "is", "et", "nl"];
            let counts: Vec<usize> = d.texts_mut().iter().filter_map(|p| p.text()).map(letters).collect();
            // A text with one broken letter may be a letter about it: what is meant is not certain.
            let is_certain = counts.iter().all(|n| *n != 1) && counts.iter().any(|n| *n >= 6);
            if !latin.contains(&d.language.tag) || !is_certain { return false; }
            every_text(d, |text| {
                let (once, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes());
                Some(crlf(once.as_bytes()))
            }, "utf-8", Transfer::Base64)
        };
    // 0xA0 is a no-break space in every charset of ISO 8859 and of Windows that a template may come from: what the
    // writer meant is certain. Clients that know no better show U+FFFD in its place, others (Outlook) a blank.
    Draft "charset.stray-byte", CHARSET | TRANSFER, "templates filled from a Latin 1 database", "a no-break space of Latin 1 between words of UTF-8, which is shown as one",
        |d, _| {
            if d.shape == "flowed" || d.texts_mut().len() != 1 || d.truth.text.is_none() || d.truth.reply.is_some() { return false; }
            let Some(text) = d.root.text().map(str::to_owned) else { return false };
            if letters(&text) < 10 { return false; }
            let (first, rest) = text.split_at(text.find('\n').unwrap_or(text.len()));
            let bytes = crlf(&[first.as_bytes(), b" \xa0", rest.as_bytes()].concat());
            d.root.content = Content::Encoded(bytes);
            d.root.transfer = Transfer::EightBit;
            d.root.label = Some("utf-8".to_owned());
            d.truth.text = Some(format!("{first} \u{a0}{rest}"));
            true
        };
}

/// The old charsets of the language that this mail may be in: that of its header, where it has one. No program writes
/// its header in one and its body in another. Not ISO 8859-16: its bytes are those of Romanian in ISO 8859-2, whose `ş`
/// and `ţ` have another mark below; no bytes tell which was meant.
fn telling(d: &Draft) -> Vec<&'static str> {
    let own = d.form.charset;
    if own != UTF_8 && !own.is_seven_bit() && own.label != "iso-8859-16" {
        return vec![own.label];
    }
    let all = d.language.charsets.iter().filter_map(|c| Charset::named(c));
    all.filter(|c| !c.is_seven_bit() && *c != UTF_8 && c.label != "iso-8859-16").map(|c| c.label).collect()
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| !c.is_ascii()).count()
}

/// Writes all texts in one of the charsets and says `label` (empty: nothing) about them. Only where at least
/// `least` letters beyond ASCII are in each text that is shown.
fn relabel(d: &mut Draft, dice: &mut Dice, charsets: &[&'static str], label: &str, least: usize) -> bool {
    let fits: Vec<Charset> = charsets
        .iter()
        .filter_map(|c| Charset::named(c))
        .filter(|c| d.texts_mut().iter().all(|p| p.text().is_some_and(|t| c.encode(t).is_some())))
        .collect();
    let mut texts = d.texts_mut();
    if fits.is_empty() || texts.is_empty() || !texts.iter().all(|p| p.text().is_some_and(|t| letters(t) >= least)) {
        return false;
    }
    let charset = *dice.pick(&fits);
    for part in &mut texts {
        part.charset = charset;
        part.label = (!label.is_empty()).then(|| label.to_owned());
        if charset.is_seven_bit() {
            part.transfer = Transfer::SevenBit;
        } else if part.transfer == Transfer::SevenBit {
            part.transfer = Transfer::EightBit;
        }
    }
    true
}

/// Replaces all texts by bytes; none when one can't be written.
fn every_text(d: &mut Draft, encode: impl Fn(&str) -> Option<Vec<u8>>, label: &str, transfer: Transfer) -> bool {
    let mut texts = d.texts_mut();
    let Some(made) = texts.iter().map(|p| encode(p.text()?)).collect::<Option<Vec<_>>>() else { return false };
    if texts.is_empty() || texts.iter().all(|p| p.text().is_none_or(str::is_empty)) {
        return false;
    }
    for (part, bytes) in texts.iter_mut().zip(made) {
        part.content = Content::Encoded(bytes);
        part.label = (!label.is_empty()).then(|| label.to_owned());
        part.transfer = transfer;
    }
    true
}

fn crlf(bytes: &[u8]) -> Vec<u8> {
    bytes.split(|b| *b == b'\n').collect::<Vec<_>>().join(b"\r\n".as_slice())
}

fn with_meta(html: &str, label: &str) -> String {
    html.replacen("<head>", &format!("<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset={label}\">"), 1)
}

fn misspelt(d: &mut Draft, dice: &mut Dice) -> bool {
    let spellings = |label: &str| -> &'static [&'static str] {
        match label {
            "utf-8" => &["utf8", "UTF8", "uft-8", "utf_8", "utf-8-sig", "\"UTF-8\"", "Utf-8", "unicode-1-1-utf-8", "utf-8;"],
            "iso-8859-1" => {
                &["iso8859-1", "iso-8859_1", "latin1", "ISO_8859-1", "8859-1", "x-ias-german", "latin-1", "iso-8858-1"]
            }
            "iso-8859-15" => &["iso8859-15", "iso-8859_15", "latin9", "iso-8858-15"],
            "windows-1252" => &["1252", "cp1252", "win-1252", "windows1252", "cp-1252", "x-cp1252"],
            "windows-1250" => &["1250", "cp1250", "win1250", "windows_1250"],
            "windows-1251" => &["1251", "cp1251", "win-1251", "windows1251", "x-cp1251"],
            "koi8-r" => &["koi8r", "koi8_r", "KOI8-R"],
            "iso-8859-2" => &["iso8859-2", "latin2", "iso-8859_2"],
            "iso-8859-9" => &["iso8859-9", "latin5"],
            "gb2312" | "gbk" => &["gb_2312", "GB-2312", "cp936", "x-gbk"],
            "big5" => &["big-5", "cp950", "Big5-ETEN"],
            "shift_jis" => &["shift-jis", "sjis", "x-sjis", "cp932", "ms_kanji"],
            "iso-2022-jp" => &["iso2022-jp", "ISO-2022-JP-MS", "cp50220", "cp50221", "x-iso-2022-jp"],
            "euc-kr" | "ks_c_5601-1987" => &["ks_c_5601", "cp949", "euckr", "KSC5601"],
            "windows-1258" => &["1258", "cp1258", "windows1258", "x-cp1258"],
            "tis-620" => &["tis620", "TIS-620", "cp874"],
            _ => &[],
        }
    };
    let mut done = false;
    for part in d.texts_mut() {
        let list = spellings(part.charset.label);
        if part.label.is_some() && !list.is_empty() {
            part.label = Some((*dice.pick(list)).to_owned());
            done = true;
        }
    }
    done
}

/// A line of halfwidth kana before the text, in the way of CP50221.
fn halfwidth_kana(d: &mut Draft) -> bool {
    if d.language.tag != "ja" || d.root.kind != "text/plain" {
        return false;
    }
    let jis = Charset::named("iso-2022-jp").unwrap_or(UTF_8);
    let Some(text) = d.root.text().filter(|t| jis.encode(t).is_some()).map(str::to_owned) else { return false };
    if !prepend(d, "ﾃﾞﾝﾜﾊﾞﾝｺﾞｳ ﾊ ｱﾄﾃﾞ") {
        return false;
    }
    let kana: Vec<u8> = "ﾃﾞﾝﾜﾊﾞﾝｺﾞｳ ﾊ ｱﾄﾃﾞ"
        .chars()
        .map(|c| if c == ' ' { b' ' } else { u8::try_from(u32::from(c) - 0xff61 + 0x21).unwrap_or(b'?') })
        .collect();
    let rest: Vec<Vec<u8>> = text.split('\n').filter_map(|l| jis.encode(l)).collect();
    let bytes = [b"\x1b(I".as_slice(), &kana, b"\x1b(B\r\n\r\n", &rest.join(b"\r\n".as_slice())].concat();
    d.root.content = Content::Encoded(bytes);
    d.root.label = Some("iso-2022-jp".to_owned());
    d.root.transfer = Transfer::SevenBit;
    true
}

/// RFC 2152: what is not ASCII as base64 of UTF-16 between `+` and `-`.
fn utf7(text: &str) -> Vec<u8> {
    let mut out = String::new();
    let mut run: Vec<u16> = Vec::new();
    let flush = |run: &mut Vec<u16>, out: &mut String| {
        if !run.is_empty() {
            let bytes: Vec<u8> = run.drain(..).flat_map(u16::to_be_bytes).collect();
            out.push('+');
            out.push_str(data_encoding::BASE64_NOPAD.encode(&bytes).as_str());
            out.push('-');
        }
    };
    for c in text.chars() {
        if c.is_ascii() {
            flush(&mut run, &mut out);
            out.push(c);
        } else {
            run.extend(c.encode_utf16(&mut [0; 2]).iter().copied());
        }
    }
    flush(&mut run, &mut out);
    out.into_bytes()
}
