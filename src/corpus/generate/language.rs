//! What people write, by language: data files in `languages/`, own words and invented people.
//!
//! # Failure
//! A data file that can't be read, or whose words its charsets can't hold, fails its test.
//!
//! # Trust
//! The data files, which are part of the program.

use std::sync::OnceLock;

/// The words of a language, as its data file has them.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// BCP 47 tag; the file's name.
    #[serde(skip)]
    pub tag: &'static str,
    /// Its own name for itself.
    pub name: String,
    /// Charsets its mails are written in.
    pub charsets: Vec<String>,
    /// `Name|local part`.
    pub people: Vec<String>,
    /// First label of the writer's domain.
    pub firm: String,
    /// Subjects.
    pub subjects: Vec<String>,
    /// How a letter begins.
    pub greetings: Vec<String>,
    /// What it says.
    pub sentences: Vec<String>,
    /// How it ends.
    pub closings: Vec<String>,
    /// What programs put before the subject of an answer.
    pub reply: String,
    /// And of a forward.
    pub forward: String,
    /// The line before a quote, with `{d}`, `{y}`, `{hm}`, `{name}`, `{address}`.
    pub attributions: Vec<String>,
    /// What Outlook writes between dashes before a quote.
    pub original: String,
    /// Its labels: from, sent, to, subject.
    pub block: [String; 4],
    /// Subject of an automatic answer.
    pub away: String,
    /// Names of files.
    pub files: Vec<String>,
    /// What gateways and lists put below a letter.
    pub notice: String,
}

impl Language {
    /// Written from right to left.
    #[must_use]
    pub fn is_right_to_left(&self) -> bool {
        matches!(self.tag, "he" | "ar" | "fa")
    }

    /// Written without blanks between words.
    #[must_use]
    pub fn is_without_blanks(&self) -> bool {
        matches!(self.tag, "ja" | "zh-Hans" | "zh-Hant" | "th")
    }
}

macro_rules! languages {
    ($($tag:literal)+) => { &[$(($tag, include_str!(concat!("../languages/", $tag, ".toml")))),+] };
}

const FILES: &[(&str, &str)] = languages![
    "en" "de" "fr" "es" "it" "pt" "nl" "sv" "da" "nb" "fi" "is" "pl" "cs" "sk" "hu" "hr" "ro" "bg" "ru" "uk" "el" "tr" "he"
    "ar" "fa" "hi" "th" "vi" "ja" "zh-Hans" "zh-Hant" "ko" "lt" "et" "id"
];

/// All of them. A file that can't be read is left out; a test holds that there is none.
pub fn languages() -> &'static [Language] {
    static LANGUAGES: OnceLock<Vec<Language>> = OnceLock::new();
    LANGUAGES.get_or_init(|| {
        FILES.iter().filter_map(|(tag, text)| Some(Language { tag, ..toml::from_str::<Language>(text).ok()? })).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::letters::Charset;
    use super::*;

    #[test]
    fn every_file_is_read_and_its_charsets_hold_its_words() {
        for (tag, text) in FILES {
            let read = toml::from_str::<Language>(text).map_err(|e| e.to_string());
            assert!(read.is_ok(), "{tag}: {read:?}");
        }
        for l in languages() {
            for label in &l.charsets {
                let charset = Charset::named(label).unwrap_or_else(|| panic!("{}: {label} is not known", l.tag));
                let held = l.sentences.iter().filter(|s| charset.encode(s).is_some()).count();
                assert!(held * 2 > l.sentences.len(), "{}: {label} holds {held} of {}", l.tag, l.sentences.len());
            }
        }
    }
}
