//! What the samples cover: families, languages, programs.
//!
//! # Failure
//! None.
//!
//! # Trust
//! What samples say of themselves.

use super::Sample;
use std::collections::BTreeMap;
use std::fmt;

/// Counts over samples. A program or language is counted as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Coverage {
    /// Samples.
    pub samples: usize,
    /// Mails in them.
    pub mails: usize,
    /// Samples by family.
    pub families: BTreeMap<String, usize>,
    /// Samples by language.
    pub languages: BTreeMap<String, usize>,
    /// Samples by program.
    pub programs: BTreeMap<String, usize>,
    /// Samples that name the failure they are modelled on.
    pub with_evidence: usize,
}

impl Coverage {
    /// Of some samples; private ones count as those of their family.
    #[must_use]
    pub fn of<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Coverage {
        let mut all = Coverage::default();
        for sample in samples {
            all.samples += 1;
            all.mails += sample.mails.len();
            all.with_evidence += usize::from(!sample.evidence.is_empty());
            *all.families.entry(sample.family().to_owned()).or_default() += 1;
            for (map, word) in [(&mut all.languages, &sample.language), (&mut all.programs, &sample.program)] {
                if let Some(word) = word {
                    *map.entry(word.clone()).or_default() += 1;
                }
            }
        }
        all
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |map: &BTreeMap<String, usize>| map.iter().map(|(word, n)| format!("{word} {n}")).collect::<Vec<_>>().join(", ");
        writeln!(f, "{} samples of {} mails, {} with evidence", self.samples, self.mails, self.with_evidence)?;
        writeln!(f, "{} families: {}", self.families.len(), list(&self.families))?;
        writeln!(f, "{} languages: {}", self.languages.len(), list(&self.languages))?;
        write!(f, "{} programs: {}", self.programs.len(), list(&self.programs))
    }
}
