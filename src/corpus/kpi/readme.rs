//! The figures in README.md: written by the tool between two marks, never by hand.
//!
//! # Failure
//! `None` where the marks are missing: nothing is written then.

/// Before the figures.
pub const BEGIN: &str = "<!-- kpi: written by `tidegate corpus check --readme`, not by hand -->";
/// Behind them.
pub const END: &str = "<!-- /kpi -->";

/// Puts `figures` between the marks. `None`: the marks are not there, in this order.
#[must_use]
pub fn with_figures(text: &str, figures: &str) -> Option<String> {
    let begin = text.find(BEGIN)? + BEGIN.len();
    let end = begin + text.get(begin..)?.find(END)?;
    Some(format!("{}\n{}\n{}", text.get(..begin)?, figures.trim_end(), text.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = with_figures(&text, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(with_figures(&new, "new"), Some(new.clone()));
        assert_eq!(with_figures("nothing", "new"), None);
    }
}
