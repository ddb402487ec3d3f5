//! Who writes and sends mails, and how their mails look.
//!
//! # Failure
//! None; the room's promises are those of [`super`].

use super::dice::Dice;

/// A mail program, a web mailer or a sending service.
#[derive(Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// The field in which it names itself, and what it says; empty: none.
    pub field: (&'static str, &'static str),
    /// `B` or `Q` in its headers.
    pub letter: char,
    /// How its texts are encoded: of `b` (base64), `q` (quoted-printable), `8` (as they are).
    pub transfers: &'static str,
    /// How it begins a boundary.
    pub boundary: &'static str,
    /// How it quotes.
    pub quote: Quote,
    /// Languages it is used in; empty: all.
    pub languages: &'static [&'static str],
}

/// How a program quotes what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote {
    /// A line that names the writer, then `>` before each line; in html a blockquote.
    Attributed,
    /// Gmail's html around the same.
    Gmail,
    /// A separator and labels, nothing before the lines.
    Block,
    /// Labels after a line of underscores (Outlook's new forms).
    Ruled,
}

macro_rules! programs {
    ($($name:literal $field:literal $value:literal $letter:literal $transfers:literal $boundary:literal $quote:ident [$($tag:literal)*];)+) => {
        &[$(Program {
            name: $name, field: ($field, $value), letter: $letter, transfers: $transfers, boundary: $boundary,
            quote: Quote::$quote, languages: &[$($tag),*],
        }),+]
    };
}

/// The programs. What they write into a header is a fact about them; nothing here was copied from a mail.
pub const PROGRAMS: &[Program] = programs![
    "Outlook 2003" "X-Mailer" "Microsoft Office Outlook 11" 'Q' "q8" "----=_NextPart_000_" Block [];
    "Outlook 2010" "X-Mailer" "Microsoft Outlook 14.0" 'Q' "qb" "----=_NextPart_000_" Block [];
    "Outlook 2016" "X-Mailer" "Microsoft Outlook 16.0" 'B' "qb" "----=_NextPart_000_" Ruled [];
    "Outlook Express 6" "X-Mailer" "Microsoft Outlook Express 6.00.2900.5931" 'Q' "q8b" "----=_NextPart_000_" Block [];
    "Windows Live Mail" "X-Mailer" "Microsoft Windows Live Mail 16.4.3528.331" 'B' "qb" "----=_NextPart_000_" Block [];
    "Exchange Online" "x-ms-exchange-transport-crosstenantheadersstamped" "X1" 'B' "bq" "_000_" Ruled [];
    "Outlook for Mac" "User-Agent" "Microsoft-MacOutlook/16.54" 'B' "bq" "B_" Ruled [];
    "Entourage" "User-Agent" "Microsoft-Entourage/12.24.0" 'B' "q8" "B_" Block [];
    "Apple Mail" "X-Mailer" "Apple Mail (2.3654)" 'Q' "qb8" "Apple-Mail=_" Attributed [];
    "iPhone Mail" "X-Mailer" "iPhone Mail (18E212)" 'Q' "qb" "Apple-Mail-" Attributed [];
    "Gmail" "X-Received" "by 2002:a17:906 with SMTP id h1" 'B' "qb" "0000000000" Gmail [];
    "Thunderbird" "User-Agent" "Mozilla Thunderbird" 'Q' "8qb" "------------" Attributed [];
    "Thunderbird 2" "User-Agent" "Thunderbird 2.0.0.24 (X11/20100228)" 'Q' "8q" "------------" Attributed [];
    "SeaMonkey" "User-Agent" "Mozilla/5.0 SeaMonkey/2.53" 'Q' "8q" "------------" Attributed [];
    "K-9 Mail" "User-Agent" "K-9 Mail for Android" 'Q' "8q" "----" Attributed [];
    "Samsung Email" "X-Mailer" "Samsung Mobile Email" 'B' "b" "--_com.samsung.android.email_" Block [];
    "BlackBerry" "X-Mailer" "BlackBerry Email (10.3.3.3204)" 'B' "bq" "_part-boundary-" Block [];
    "Yahoo Mail" "X-Mailer" "WebService/1.1.18121 YMailNorrin" 'B' "qb" "----=_Part_" Attributed [];
    "Lotus Notes" "X-Mailer" "Lotus Notes Release 8.5.3" 'B' "q8b" "=_alternative " Block [];
    "GroupWise" "X-Mailer" "Novell GroupWise Internet Agent 14.2" 'Q' "q8" "=__Part" Attributed [];
    "Evolution" "User-Agent" "Evolution 3.36.5" 'Q' "8qb" "=-" Attributed [];
    "KMail" "User-Agent" "KMail/5.19.3" 'B' "8q" "nextPart" Attributed [];
    "Mutt" "User-Agent" "Mutt/2.0.5" 'Q' "8q" "" Attributed [];
    "Alpine" "User-Agent" "Alpine 2.25" 'Q' "8qb" "0-" Attributed [];
    "Gnus" "User-Agent" "Gnus/5.13" 'Q' "8q" "=-=-=" Attributed [];
    "Claws Mail" "X-Mailer" "Claws Mail 3.17.8" 'Q' "8q" "MP_/" Attributed [];
    "The Bat!" "X-Mailer" "The Bat! (v9.3.4)" 'B' "8qb" "----------" Attributed ["ru" "uk" "bg" "de" "en" "pl"];
    "Eudora" "X-Mailer" "QUALCOMM Windows Eudora Version 7.1.0.9" 'Q' "8q" "=====================_" Attributed ["en" "de" "fr" "es" "it"];
    "Roundcube" "User-Agent" "Roundcube Webmail/1.4.11" 'Q' "q8b" "=_" Attributed [];
    "SquirrelMail" "User-Agent" "SquirrelMail/1.4.22" 'Q' "8" "----=_" Attributed [];
    "Horde IMP" "User-Agent" "Horde Application Framework 5" 'Q' "q8" "=_" Attributed [];
    "Zimbra" "X-Mailer" "Zimbra 8.8.15_GA_4007" 'Q' "qb" "=_" Block [];
    "Open-Xchange" "X-Mailer" "Open-Xchange Mailer v7.10.5" 'B' "qb" "----=_Part_" Attributed [];
    "PHPMailer" "X-Mailer" "PHPMailer 6.2.0" 'B' "bq8" "b1_" Attributed [];
    "JavaMail" "X-Mailer" "JavaMail" 'B' "bq8" "----=_Part_" Attributed [];
    "CDO" "X-Mailer" "Microsoft CDO for Windows 2000" 'B' "q8b" "----=_NextPart_000_" Block [];
    "SAP" "X-Mailer" "SAP NetWeaver 7.50" 'Q' "qb8" "=_" Block [];
    "Becky!" "X-Mailer" "Becky! ver. 2.75.04 [ja]" 'B' "8b" "------_" Attributed ["ja" "ko" "zh-Hant"];
    "Foxmail" "X-Mailer" "Foxmail 7.2.23.121[cn]" 'B' "bq8" "----=_001_NextPart" Block ["zh-Hans" "zh-Hant"];
    "QQ Mail" "X-Mailer" "QQMail 2.x" 'B' "b" "----=_NextPart_" Block ["zh-Hans"];
    "Naver Mail" "X-Mailer" "NaverMail" 'B' "bq" "----=_Part_" Block ["ko"];
    "Mail.ru" "X-Mailer" "Mail.Ru Mailer 1.0" 'B' "bq8" "--ALT--" Attributed ["ru" "uk" "bg"];
    "Yandex Mail" "X-Mailer" "Yamail [ http://yandex.ru ] 5.0" 'B' "8b" "----==--bound." Attributed ["ru" "uk" "tr"];
    "Seznam" "X-Mailer" "szn-mime-2.1.13" 'Q' "q8" "=_" Attributed ["cs" "sk"];
    "docomo mobile" "X-Mailer" "" 'B' "8" "--" Attributed ["ja"];
];

impl Program {
    /// One that is used in a language.
    pub fn of_language(dice: &mut Dice, tag: &str) -> &'static Program {
        let list: Vec<&'static Program> =
            PROGRAMS.iter().filter(|p| p.languages.is_empty() || p.languages.contains(&tag)).collect();
        list[dice.below(list.len())]
    }

    /// A new boundary.
    pub fn new_boundary(&self, dice: &mut Dice) -> String {
        let tail = match self.name {
            "Lotus Notes" => format!("{}C1257", dice.hex(8).to_uppercase()),
            "Thunderbird" | "Thunderbird 2" | "SeaMonkey" | "Gmail" => dice.hex(14),
            "Mutt" => format!("{}+{}/{}", dice.hex(5), dice.hex(5), dice.hex(4)),
            _ => format!("{}_{}.{}", dice.hex(6), dice.hex(4), dice.hex(6)),
        };
        format!("{}{tail}", self.boundary)
    }

    /// A new Message-ID.
    pub fn new_id(&self, dice: &mut Dice, domain: &str) -> String {
        match self.name {
            "Gmail" => format!("CA+{}={}@mail.gmail.example", dice.hex(20), dice.hex(6)),
            "JavaMail" | "Yahoo Mail" | "Open-Xchange" => {
                format!("{}.{}.{}@{domain}", dice.below(99_999_999), dice.below(9999), dice.below(99))
            }
            "Lotus Notes" => format!("OF{}.{}-ONC1257.{}@{domain}", dice.hex(8), dice.hex(8), dice.hex(8)),
            "Mutt" => format!("2026{:010}.GA{}@{domain}", dice.below(999_999_999), dice.below(9999)),
            _ => format!("{}.{}${}@{domain}", dice.hex(8), dice.hex(6), dice.hex(8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_more_than_forty_and_each_is_once() {
        let names: HashSet<&str> = PROGRAMS.iter().map(|p| p.name).collect();
        assert!(names.len() > 40 && names.len() == PROGRAMS.len());
    }
}
