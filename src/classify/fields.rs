//! The `Name: value` blocks inside reports (RFC 3464 section 2.1, RFC 5965, RFC 8098), read leniently.

/// A block of fields: name in lower case, value unfolded and trimmed.
pub(super) type Fields = Vec<(String, String)>;

/// Blocks of one report that are read: a report about more recipients says nothing new.
const BLOCKS_MAX: usize = 1_000;

/// The blocks of fields in a text, separated by blank lines. What is not a field is passed over.
pub(super) fn blocks(text: &str) -> Vec<Fields> {
    let mut blocks: Vec<Fields> = Vec::new();
    let mut block = Fields::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            if !block.is_empty() {
                blocks.push(std::mem::take(&mut block));
                if blocks.len() == BLOCKS_MAX {
                    return blocks;
                }
            }
        } else if line.starts_with([' ', '\t']) && !block.is_empty() {
            if let Some((_, value)) = block.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = field(line) {
            block.push((name.to_lowercase(), value.to_owned()));
        } else if let Some((_, value)) = block.last_mut() {
            // A value broken without the white space that folding wants.
            value.push(' ');
            value.push_str(line.trim());
        }
    }
    if !block.is_empty() {
        blocks.push(block);
    }
    blocks
}

/// `Name: value`, where the name is one token (RFC 5322 section 2.2).
pub(super) fn field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_start().split_once(':')?;
    let name = name.trim_end();
    let token = !name.is_empty() && name.len() <= 60 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    token.then_some((name, value.trim()))
}

/// The first value of a field.
pub(super) fn get<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
}

/// The Message-ID of a mail whose header fields are in a text: the first field of that name.
pub(super) fn message_id(text: &str) -> Option<String> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches(['>', ' ', '\t']);
        let Some((name, value)) = field(line) else { continue };
        if !(name.eq_ignore_ascii_case("message-id") || name.eq_ignore_ascii_case("messageid")) {
            continue;
        }
        // Outlook folds long ids onto the next line.
        let value = if value.is_empty() { lines.peek().map_or("", |l| l.trim()) } else { value };
        let id = match value.split_once('<') {
            Some((_, rest)) => rest.split('>').next().unwrap_or_default().trim(),
            None => value.split_whitespace().next().unwrap_or_default(),
        };
        if id.len() > 2 && id.len() <= 998 {
            return Some(id.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_unfolded_and_blocks_are_parted_by_blank_lines() {
        let b = blocks(
            "Reporting-MTA: dns; x\n\n\nFinal-Recipient: rfc822;\n a@b\nDiagnostic-Code: smtp; 550\n 5.1.1\nno such user\n",
        );
        assert_eq!(b.len(), 2);
        assert_eq!(get(&b[1], "final-recipient"), Some("rfc822; a@b"));
        assert_eq!(get(&b[1], "diagnostic-code"), Some("smtp; 550 5.1.1 no such user"));
    }

    #[test]
    fn an_original_mails_id_is_found_in_quoted_and_folded_headers() {
        assert_eq!(message_id("> From: a\n> Message-Id: <1@x>\n").as_deref(), Some("1@x"));
        assert_eq!(message_id("Message-ID:\n <2@x>\n").as_deref(), Some("2@x"));
        assert_eq!(message_id("Subject: Message-ID: <3@x>\n"), None);
    }
}
