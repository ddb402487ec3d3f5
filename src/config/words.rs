//! What is said about a configuration that can't be read: TOML's own words, and what an operator can do with them.
//!
//! TOML's parser speaks of Rust's types and lists every key there is. Its place (line and column) stays; its
//! words are put into an operator's, and a key that is nearly right is named.

use std::fmt::Write;

/// Words of the parser, and ours for them.
const PLAIN: &[(&str, &str)] = &[
    (
        "invalid socket address syntax",
        "expected an address with a port, as \"127.0.0.1:2525\" or \"[::1]:2525\"; names of machines are not looked up",
    ),
    ("expected a sequence", "expected a list, as [\"…\"] or []"),
    ("expected u64", WHOLE_NUMBER),
    ("expected u32", WHOLE_NUMBER),
    ("expected usize", WHOLE_NUMBER),
    ("expected struct RuleConfig", "expected { enabled = true, mailboxes = [] }"),
    (
        "string values must be quoted, expected literal string",
        "not a value of TOML: text stands in quotes, and a number without its unit, which is the end of the key's name",
    ),
];
const WHOLE_NUMBER: &str = "expected a whole number without quotes and unit: the unit is the end of the key's name";

/// The text of a file, or the line that is not UTF-8. A byte order mark is taken off by TOML itself.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|b| **b == b'\n').count();
        format!("line {line} is not UTF-8, which a TOML file has to be: save it as UTF-8")
    })
}

/// The parser's words with the place, put plainly, and what was probably meant.
pub(super) fn explain(error: &toml::de::Error) -> String {
    let mut out = error.to_string().trim_end().to_owned();
    for (theirs, ours) in PLAIN {
        out = out.replace(theirs, ours);
    }
    if let Some(hint) = unknown(error.message()).and_then(|(name, expected)| hint(name, &expected)) {
        let _ = write!(out, "\n{hint}");
    }
    out
}

/// The name and the names that are known, of the parser's ``unknown field `x`, expected one of `y`, `z` ``.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = message.strip_prefix("unknown field `")?.split('`').step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

fn hint(name: &str, expected: &[&str]) -> Option<String> {
    let elsewhere = || super::environment::sections_with(name).into_iter().next();
    let close = expected.iter().map(|e| (distance(name, e), *e)).min().filter(|(d, e)| *d <= 2 || e.starts_with(name));
    match (close, elsewhere()) {
        (_, Some(section)) => Some(format!("`{name}` belongs under [{section}]")),
        (Some((_, close)), _) => Some(format!("did you mean `{close}`?")),
        _ => None,
    }
}

/// How many letters are put in, left out, changed or swapped between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(100).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let best = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best.min(rows[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    rows[a.len()][b.len()]
}

/// The line (from 1) on which a file sets `section.key`.
pub(super) fn line_of(text: &str, dotted: &str) -> Option<usize> {
    let (section, key) = dotted.rsplit_once('.')?;
    let mut here = String::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            here = name.trim_matches(|c| c == '[' || c == ']').trim().to_owned();
            if here == dotted {
                return Some(n + 1);
            }
        } else if here == section && line.split('=').next().map(str::trim) == Some(key) {
            return Some(n + 1);
        }
    }
    None
}
