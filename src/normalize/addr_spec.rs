//! One address as it is used (`addr-spec`, RFC 5322 section 3.4.1), out of what stands for one in a field.
//!
//! # Failure
//! None: what is no address comes back as it stands, without blanks around it.
//!
//! # Trust
//! None: no control characters, and no signs that are not seen, are left.

use std::borrow::Cow;

/// Removes the blanks around `@` and `.` that RFC 822 allowed.
pub(super) fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = false;
    for c in text.trim().chars() {
        if c.is_whitespace() {
            blank = true;
            continue;
        }
        let joins = c == '@' || out.ends_with('@') || (c == '.' && blank) || (blank && out.ends_with('.') && out.contains('@'));
        if blank && !joins && !out.is_empty() {
            out.push(' ');
        }
        blank = false;
        out.push(c);
    }
    out
}

/// An address as it is used: no blanks, no `mailto:`, no route, no stray brackets, quotes or dots.
pub(super) fn clean(raw: &str) -> String {
    let raw = raw.replace('\u{1}', "\"");
    let mut address = raw.trim();
    // A comment within the brackets.
    if let (Some(open), true) = (address.find('('), address.ends_with(')')) {
        address = address.get(..open).unwrap_or(address).trim();
    }
    // `<Name a@b>`.
    if !address.contains('"') && address.contains(char::is_whitespace) {
        let squeezed = squeeze(address);
        let chosen = squeezed.split_whitespace().find(|w| w.contains('@')).map(str::to_owned);
        return clean(&chosen.unwrap_or_else(|| squeezed.split_whitespace().collect()));
    }
    address = address.trim_matches(invisible);
    address = address.strip_prefix('[').map_or(address, |a| a.trim_end_matches(']'));
    for kind in ["mailto:", "smtp:"] {
        if let Some(rest) =
            address.get(..kind.len()).filter(|p| p.eq_ignore_ascii_case(kind)).and_then(|_| address.get(kind.len()..))
        {
            address = rest.trim_start();
        }
    }
    // RFC 822 source route.
    if address.starts_with('@')
        && let Some((_, rest)) = address.split_once(':')
    {
        address = rest;
    }
    let address =
        address.trim_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '\''));
    let address = if address.contains('@') { address.trim_end_matches('.') } else { address };
    let address = match address.strip_prefix('"') {
        Some(inner) if !inner.contains("\"@") => inner.trim_end_matches('"'),
        _ => address,
    };
    without_needless_quotes(address.trim()).chars().filter(|c| !c.is_control() && !invisible(*c)).collect()
}

/// `"ann.lee"@b` is `ann.lee@b` (RFC 5321 4.1.2): quotes around what needs none say nothing.
pub(super) fn without_needless_quotes(address: &str) -> Cow<'_, str> {
    let Some((local, domain)) = address.strip_prefix('"').and_then(|a| a.split_once("\"@")) else { return address.into() };
    let is_atom = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c));
    if local.split('.').all(is_atom) { format!("{local}@{domain}").into() } else { address.into() }
}

/// Signs without width or that turn the direction: copied along from web pages.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}
