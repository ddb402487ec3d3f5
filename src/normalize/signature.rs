//! Signatures: what stands below `-- `, the lines that telephones add ([`super::locale`] has them in many languages)
//! and the small sign of trackers.
//!
//! # Failure
//! None. A long signature is text, and stays.
//!
//! # Trust
//! Nothing: what a fold hides is still in the text.

use super::locale::{WORDS, lower};
use super::quote::{Line, bare, is_mark};
use super::span::Span;
use crate::mail::{Fold, FoldKind};

/// Lines of a signature: a longer one is text.
pub(super) const LINES: usize = 30;

/// The signature of the writer, and the lines telephones add.
pub(super) fn of_writer(lines: &[Line<'_>], quotes: &[Fold], body_end: usize) -> Vec<Fold> {
    let is_free = |l: &Line<'_>| !quotes.iter().any(|f| f.start <= l.start && l.start < f.end);
    let mut out = Vec::new();
    let own: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, l)| l.start < body_end && is_free_fast(l, quotes, &is_free))
        .map(|(i, _)| i)
        .collect();
    let Some(&last) = own.iter().rev().find(|i| lines.get(**i).is_some_and(|l| !l.blank)) else { return out };
    let delimiter = own.iter().rev().take(LINES).copied().find(|i| lines.get(*i).is_some_and(|l| is_delimiter(l.text)));
    if let Some(at) = delimiter
        && let (Some(first), Some(end)) = (lines.get(at), lines.get(last))
    {
        let has_words_above = own.iter().take_while(|i| **i < at).any(|i| lines.get(*i).is_some_and(|l| !l.blank));
        let crosses_quote = quotes.iter().any(|f| f.start >= first.start && f.start < end.end());
        if has_words_above && !crosses_quote && first.start < end.end() {
            out.push(Fold { start: first.start, end: end.end(), kind: FoldKind::Signature });
            return out;
        }
    }
    // The last line, or the one before a link.
    for back in own.iter().rev().filter(|i| lines.get(**i).is_some_and(|l| !l.blank)).take(3) {
        let Some(line) = lines.get(*back) else { continue };
        if is_mobile_signature(line.text) {
            let end = lines.get(last).map_or(line.end(), Line::end);
            let crosses_quote = quotes.iter().any(|f| f.start >= line.start && f.start < end);
            let end = if crosses_quote { line.end() } else { end };
            out.push(Fold { start: line.start, end, kind: FoldKind::Signature });
            break;
        }
    }
    out
}

/// Most mails have few folds; a mail with very many is looked at by its first ones only.
fn is_free_fast(line: &Line<'_>, quotes: &[Fold], is_free: &dyn Fn(&Line<'_>) -> bool) -> bool {
    if quotes.len() > 64 {
        let i = quotes.partition_point(|f| f.start <= line.start);
        return i.checked_sub(1).and_then(|i| quotes.get(i)).is_none_or(|f| line.start >= f.end);
    }
    is_free(line)
}

pub(super) fn is_delimiter(line: &str) -> bool {
    matches!(line.trim_end(), "--" | "---" | "—" | "–" | "– –" | "__" | "- --" | "-- \u{a0}") || line == "-- "
}

fn is_mobile_signature(line: &str) -> bool {
    let line = bare(line);
    if line.chars().count() > 90 || line.contains(", ") {
        return false;
    }
    let lower = lower(line.trim_start_matches(['<', '[', '(', '-', ' ', '\u{200e}', '\u{200f}']));
    WORDS.mobiles.beginning(&lower).any(|(m, rest)| !rest.starts_with(char::is_alphabetic) || !m.is_ascii())
}

/// The small sign on a line of its own that trackers of sent mail leave at the end.
pub(super) fn tracker(own: &str) -> Option<Fold> {
    let said = own.trim_end_matches(|c: char| c.is_whitespace() || is_mark(c));
    let rest = own.after(said.len());
    let start = said.len() + rest.find('\n')? + 1;
    rest.contains('\u{1427}').then_some(Fold { start, end: own.len(), kind: FoldKind::Signature })
}

#[cfg(test)]
mod tests {
    use super::super::quote::tests::{kinds, reply};
    use crate::mail::FoldKind;

    #[test]
    fn a_trackers_sign_at_the_end_is_no_word() {
        assert_eq!(
            (reply("new words\n\n\u{1427}"), kinds("new words\n\u{1427}\n")),
            ("new words".to_owned(), vec![FoldKind::Signature])
        );
        assert_eq!(reply("new words\n\n\u{1427}\n\n-- \nAnn"), "new words");
        assert_eq!(reply("\u{1427}"), "\u{1427}");
    }

    #[test]
    fn the_line_of_a_telephone_folds_in_many_languages() {
        for line in [
            "Sent from my iPhone",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Von meinem iPhone gesendet",
            "Holen Sie sich Outlook für Android",
            "Diese Nachricht wurde von meinem Android Mobiltelefon mit GMX Mail gesendet.",
            "Envoyé de mon iPhone",
            "Envoyé à partir de l’application Mail Orange",
            "Envoyé depuis mon appareil Galaxy",
            "Enviado desde mi iPhone",
            "Inviato da iPhone",
            "Enviado do meu iPhone",
            "Verstuurd vanaf mijn iPhone",
            "Sendt fra min iPhone",
            "Sendt fra min iPhone",
            "Skickat från min iPhone",
            "Lähetetty iPhonesta",
            "Wysłane z iPhone'a",
            "Odesláno z iPhonu",
            "iPhone-ról küldve",
            "Отправлено с iPhone",
            "Надіслано з iPhone",
            "Στάλθηκε από το iPhone μου",
            "iPhone'umdan gönderildi",
            "נשלח מה-iPhone שלי",
            "تم الإرسال من iPhone الخاص بي",
            "发自我的 iPhone",
            "從我的 iPhone 傳送",
            "iPhoneから送信",
            "나의 iPhone에서 보냄",
            "ส่งจาก iPhone ของฉัน",
            "Đã gửi từ iPhone của tôi",
            "Dikirim dari iPhone saya",
            "Sent from my BlackBerry® smartphone from Example Mobile",
            "Sent from Yahoo Mail on Android",
            "Trimis de pe iPhone-ul meu",
            "Enviat des del meu iPhone",
        ] {
            assert_eq!(kinds(&format!("words\n\n{line}")), [FoldKind::Signature], "{line}");
        }
        for line in ["Sent from Ann, who is away", "iPhone is broken", "Sentences end here"] {
            assert!(kinds(&format!("words\n\n{line}")).is_empty(), "{line}");
        }
    }
}
