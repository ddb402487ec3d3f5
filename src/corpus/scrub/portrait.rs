//! What must not change when a mail is scrubbed.
//!
//! # Failure
//! None.

use crate::classify::classify;
use crate::limits::Limits;
use crate::normalize::normalize;

/// A reading without its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portrait {
    /// The codes of the repairs, as often as they occur.
    pub repairs: Vec<&'static str>,
    /// The types of the parts.
    pub parts: Vec<String>,
    /// Type and size of each attachment, and whether it is shown in the text.
    pub attachments: Vec<(String, u64, bool)>,
    /// The kinds of the folds.
    pub folds: Vec<String>,
    /// What kind of mail it is, and how many recipients bounced.
    pub class: (&'static str, usize),
    /// The charsets that were chosen against or without a label.
    pub charsets: Vec<String>,
    /// The sending program.
    pub client: Option<&'static str>,
    /// How many people are in the header, and how many ids.
    pub people_and_ids: (usize, usize),
}

impl Portrait {
    /// Of a mail; of one that panics the reader, just that.
    #[must_use]
    pub fn of(raw: &[u8]) -> Portrait {
        let panicked = |_| Portrait { repairs: vec!["the reader panicked"], ..Portrait::default() };
        std::panic::catch_unwind(|| Portrait::read(raw)).unwrap_or_else(panicked)
    }

    fn read(raw: &[u8]) -> Portrait {
        let mail = normalize(raw, &Limits::default());
        let class = classify(&mail, None);
        let mut repairs: Vec<&'static str> = mail.repairs.iter().map(|r| r.code).collect();
        repairs.sort_unstable();
        // What was second best, and why, follows from the words.
        let name = |detail: &str| Some(detail.split_once("read as ")?.1.split([',', ';', '(', ' ']).next()?.to_owned());
        let read_as = mail.repairs.iter().filter_map(|r| name(&r.detail));
        let people = [&mail.to, &mail.cc, &mail.bcc, &mail.reply_to].iter().map(|p| p.len()).sum::<usize>();
        Portrait {
            repairs,
            parts: mail.part_types.clone(),
            attachments: mail.attachments.iter().map(|a| (a.content_type.clone(), a.size, a.inline)).collect(),
            folds: mail.folds.iter().map(|f| format!("{:?}", f.kind)).collect(),
            class: (class.class.as_str(), class.bounce.map_or(0, |b| b.recipients.len())),
            charsets: read_as.collect(),
            client: mail.client,
            people_and_ids: (
                people + usize::from(mail.from.is_some()) + usize::from(mail.sender.is_some()),
                mail.references.len() + mail.in_reply_to.len() + usize::from(mail.message_id.is_some()),
            ),
        }
    }

    /// The names of what is not the same.
    #[must_use]
    pub fn differs(&self, other: &Portrait) -> Vec<&'static str> {
        [
            ("repairs", self.repairs == other.repairs),
            ("parts", self.parts == other.parts),
            ("attachments", self.attachments == other.attachments),
            ("folds", self.folds == other.folds),
            ("class", self.class == other.class),
            ("charsets", self.charsets == other.charsets),
            ("client", self.client == other.client),
            ("people and ids", self.people_and_ids == other.people_and_ids),
        ]
        .into_iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| name)
        .collect()
    }
}
