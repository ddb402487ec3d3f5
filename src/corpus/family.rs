//! The families of the corpus: what a mail is odd in.
//!
//! # Failure
//! A folder that can't be listed has no families.

use std::collections::BTreeSet;
use std::path::Path;

/// The families there are in every corpus, each with what belongs into it.
pub const FAMILIES: &[(&str, &str)] = &[
    ("addresses", "people in the header: names, brackets, groups, odd addresses"),
    ("attachments", "files: their names, types, bytes, and images shown in the text"),
    ("bounces", "reports of failed and late delivery, in any words"),
    ("charset", "letters: labels that are wrong, missing or unknown"),
    ("classes", "automatic answers, lists, machines, reports"),
    ("client", "how the sending program is known"),
    ("conversations", "several mails, and which of them belong together"),
    ("dates", "dates in every odd form"),
    ("headers", "fields and encoded-words"),
    ("hostile", "mails that are made to harm"),
    ("quotes", "quotes, signatures, forwards and notices below a reply"),
    ("structure", "parts and their boundaries"),
    ("text", "html to text, flowed text, and what is shown"),
    ("transfer", "base64, quoted-printable, uuencode and their faults"),
];

/// Letters that a misspelt name may differ in, to be taken for another.
const DISTANCE_MAX: usize = 3;

/// All families: the usual ones, and the folders there are below `root` and below its `private`.
#[must_use]
pub fn families(root: &Path) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = FAMILIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    for folder in [root.to_owned(), root.join("private")] {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.filter(|e| e.path().is_dir()).map(|e| e.file_name().display().to_string());
        out.extend(folders.filter(|name| name != "private" && !name.starts_with('.')));
    }
    out
}

/// The family that was most likely meant by a word that is none.
#[must_use]
pub fn nearest<'a>(families: &'a BTreeSet<String>, said: &str) -> Option<&'a str> {
    let said = said.to_lowercase();
    let near = families.iter().map(|name| (distance(name, &said), name.as_str())).min()?;
    // A short word is not taken for any other short word.
    (near.0 <= DISTANCE_MAX && near.0 * 2 <= near.1.len()).then_some(near.1)
}

/// Letters to put in, take out or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_family_is_known_by_the_nearest_name() {
        let all = families(Path::new("/nowhere"));
        let cases = [
            ("charsets", "charset"),
            ("Header", "headers"),
            ("adresses", "addresses"),
            ("bounce", "bounces"),
            ("quote", "quotes"),
        ];
        for (said, meant) in cases {
            assert_eq!(nearest(&all, said), Some(meant), "{said}");
        }
        assert_eq!(nearest(&all, "x"), None);
        assert_eq!(nearest(&all, "encryption"), None);
    }
}
