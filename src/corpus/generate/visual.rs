//! A line of Hebrew in the order in which it is seen: Unicode's bidirectional algorithm (UAX 9) as far as letters
//! of Hebrew and Latin, numbers and what stands between them need it, in a line that goes from right to left.
//!
//! # Failure
//! `None`: a letter of another direction or a mark of direction, for which this is too simple.
//!
//! # Trust
//! Its own generator.

/// What a letter does to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Hebrew,
    Latin,
    Digit,
    /// Stays within a number when digits are on both sides.
    Separator,
    Neutral,
}

/// Each line with Hebrew in it in the order in which it is seen, the others as they are.
pub(super) fn order(text: &str) -> Option<String> {
    Some(text.split('\n').map(line).collect::<Option<Vec<_>>>()?.join("\n"))
}

fn line(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut classes = letters.iter().map(|c| class(*c)).collect::<Option<Vec<_>>>()?;
    if !classes.contains(&Class::Hebrew) {
        return Some(text.to_owned());
    }
    // W4 and W7: one separator between digits is of the number; a number behind a Latin word is of it.
    let mut strong = Class::Hebrew;
    for at in 0..classes.len() {
        let beside = |i: Option<usize>| i.and_then(|i| classes.get(i)).is_some_and(|c| *c == Class::Digit);
        match classes[at] {
            Class::Separator if beside(at.checked_sub(1)) && beside(Some(at + 1)) => classes[at] = Class::Digit,
            Class::Hebrew | Class::Latin => strong = classes[at],
            _ => {}
        }
        if classes[at] == Class::Digit && strong == Class::Latin {
            classes[at] = Class::Latin;
        }
    }
    // N1 and N2: what stands between two Latin words goes with them, all else with the line.
    let from_left = |at: usize| match classes[at] {
        Class::Latin | Class::Digit => true,
        Class::Hebrew => false,
        Class::Separator | Class::Neutral => {
            let sure = |c: &&Class| !matches!(c, Class::Separator | Class::Neutral);
            classes[..at].iter().rev().find(sure) == Some(&Class::Latin) && classes[at..].iter().find(sure) == Some(&Class::Latin)
        }
    };
    // L2 and L4: the line from its end, its words from the left as they are, its brackets mirrored.
    let mut out = String::new();
    let mut end = letters.len();
    while end > 0 {
        if !from_left(end - 1) {
            end -= 1;
            out.push(mirrored(letters[end]));
            continue;
        }
        let start = (0..end).rev().take_while(|at| from_left(*at)).last().unwrap_or(end - 1);
        out.extend(&letters[start..end]);
        end = start;
    }
    Some(out)
}

fn class(c: char) -> Option<Class> {
    match c {
        '\u{590}'..='\u{5ff}' => Some(Class::Hebrew),
        '0'..='9' => Some(Class::Digit),
        '.' | ',' | ':' | '/' | '-' | '+' => Some(Class::Separator),
        '\u{600}'..='\u{8ff}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_alphabetic() => Some(Class::Latin),
        _ => Some(Class::Neutral),
    }
}

fn mirrored(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_seen_from_its_end_but_for_numbers_and_latin_words() {
        assert_eq!(order("שלום, 12:30 בערב (היום)").as_deref(), Some("(םויה) ברעב 12:30 ,םולש"));
        assert_eq!(order("קנינו SAP Business One 9 אתמול").as_deref(), Some("לומתא SAP Business One 9 ונינק"));
        assert_eq!(order("Latin alone (1)\nאב").as_deref(), Some("Latin alone (1)\nבא"));
        assert_eq!(order("א\u{202e}"), None);
    }
}
