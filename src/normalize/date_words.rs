//! The words and digits of dates in the languages people write.
//!
//! # Failure
//! None: a word that is not known names nothing. Linear time.

use std::sync::LazyLock;

/// By their names, in the order of the alphabet; of one name in the order of the list.
static MONTHS: LazyLock<Vec<(u32, &'static str)>> = LazyLock::new(|| {
    let mut out = Vec::new();
    for line in include_str!("locale/months.txt").lines().filter(|l| !l.starts_with('#')) {
        let mut words = line.split_whitespace();
        let Some(number) = words.next().and_then(|n| n.parse().ok()) else { continue };
        out.extend(words.map(|w| (number, w)));
    }
    out.sort_by_key(|(_, w)| *w);
    out
});

/// The month a word names. Of two (Croatian `lis` is October, Polish `lis` November) the later one.
pub(super) fn month(word: &str) -> Option<u32> {
    months(word).1
}

/// The month a word of prose names: `des` is December in a date, and a French article elsewhere.
pub(super) fn month_in_prose(word: &str) -> Option<u32> {
    if word == "des" { None } else { month(word) }
}

/// The months a word names: another one it may mean, and the one it means as a rule.
pub(super) fn months(word: &str) -> (Option<u32>, Option<u32>) {
    let word = word.trim_end_matches('.').to_lowercase();
    let from = MONTHS.partition_point(|(_, m)| *m < word.as_str());
    let mut named = MONTHS.iter().skip(from).take_while(|(_, m)| *m == word).map(|(n, _)| *n);
    match (named.next(), named.next()) {
        (first, None) => (None, first),
        (first, second) => (first, second),
    }
}

/// Days of the week, from Sunday, as they begin in the two languages whose months are confused.
pub(super) const WEEKDAYS: [&[&str]; 7] = [
    &["nie", "ned", "nd"],
    &["pon", "pn"],
    &["wt", "uto"],
    &["śr", "sri"],
    &["czw", "čet"],
    &["pt", "piąt", "pet"],
    &["sob", "sub"],
];

/// Words for before and after noon, with blanks around them where they are glued to the time.
const NOON: &[(&str, &str)] = &[
    ("上午", " am: "),
    ("午前", " am: "),
    ("오전", " am: "),
    ("पूर्वाह्न", " am: "),
    ("π.μ.", " am: "),
    ("下午", " pm: "),
    ("午後", " pm: "),
    ("오후", " pm: "),
    ("晚上", " pm: "),
    ("अपराह्न", " pm: "),
    ("μ.μ.", " pm: "),
    ("a. m.", " am: "),
    ("p. m.", " pm: "),
    ("a.\u{a0}m.", " am: "),
    ("p.\u{a0}m.", " pm: "),
];

/// Digits of other scripts as ASCII, East Asian units as signs, blanks around colons gone.
pub(super) fn in_ascii(text: &str) -> String {
    let mut out: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .map(|c| {
            let zero = match c {
                '٠'..='٩' => '٠',
                '۰'..='۹' => '۰',
                '०'..='९' => '०',
                '๐'..='๙' => '๐',
                '০'..='৯' => '০',
                '０'..='９' => '０',
                '：' => return ':',
                _ => return c,
            };
            char::from_digit(u32::from(c) - u32::from(zero), 10).unwrap_or(c)
        })
        .collect();
    for (word, sign) in NOON {
        if out.contains(word) {
            out = out.replace(word, sign);
        }
    }
    if out.contains(['年', '년']) {
        out = out.replace(['年', '년', '月', '월'], "-").replace(['日', '일', '号'], " ").replace("- ", "-");
    }
    if out.contains(['時', '时', '시', '点']) {
        out = out.replace(['時', '时', '시', '点', '分', '분'], ":").replace(['秒', '초'], " ");
    }
    let digits = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    if out.contains(" :") || out.contains(": ") {
        let mut joined = String::with_capacity(out.len());
        let mut rest = out.chars().peekable();
        while let Some(c) = rest.next() {
            if c == ' ' && digits(joined.chars().next_back()) && rest.peek() == Some(&':') {
                continue;
            }
            if c == ' ' && joined.ends_with(':') && digits(rest.peek().copied()) && digits(joined.chars().rev().nth(1)) {
                continue;
            }
            joined.push(c);
        }
        out = joined;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_names_in_many_languages() {
        let cases = [(1, "Jänner"), (2, "Şubat"), (3, "maaliskuuta"), (5, "мая"), (8, "Αυγούστου"), (10, "paź."), (12, "ديسمبر")];
        for (number, word) in cases {
            assert_eq!(month(word), Some(number), "{word}");
        }
        assert_eq!(
            (months("lis"), month("lis"), month("may be"), month_in_prose("des")),
            ((Some(10), Some(11)), Some(11), None, None)
        );
    }

    #[test]
    fn every_word_is_in_lower_case_and_of_one_month_or_two_neighbours() {
        for line in include_str!("locale/months.txt").lines().filter(|l| !l.starts_with('#')) {
            assert_eq!(line, line.to_lowercase());
            assert!(line.split(' ').skip(1).all(|w| !w.ends_with('.') && months(w).1.is_some()), "{line}");
        }
    }
}
