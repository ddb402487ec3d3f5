//! What a trusted relay found out about the sender (RFC 8601).
//!
//! # Trust
//! Only fields with an authserv-id that the operator named, and only the topmost run of them: whoever sends a
//! mail can write such fields below. The relay has to remove those that claim its own id (RFC 8601 section 5). Where
//! it does not, one that the sender wrote may stand right under its own: so of each method only the uppermost field that
//! reports it counts, none below the one that reports DMARC, and a field that says two things of DMARC says the worse. What the relay says of DMARC is its
//! last word, since it knows how strict the domain wants to be; SPF and DKIM are looked at where it says nothing of it.

use crate::mail::{NormalizedMail, SenderAuth};

/// Results read of one mail: real fields have ten.
const RESULTS_MAX: usize = 64;

/// Whether the domain of the sender (From, else what stands in for it) is the one that sent the mail.
pub(super) fn sender_auth(mail: &NormalizedMail, sender: &str, trusted: &[String]) -> SenderAuth {
    let Some((_, from)) = sender.rsplit_once('@') else { return SenderAuth::Unknown };
    let from = ascii(from);
    let results = results(mail, trusted);
    let of = |method: &'static str| results.iter().filter(move |r| r.method == method);
    if of("dmarc").any(|r| r.result == "pass" && r.from.as_ref().is_some_and(|said| *said != from)) {
        // A mail with two authors: what was checked is another address than the one that is shown.
        return SenderAuth::Fail;
    }
    let has_from = mail.from.as_ref().is_some_and(|p| p.address.contains('@'));
    let said = |result: &str| of("dmarc").any(|r| r.result == result);
    let aligned = |r: &Found| r.result == "pass" && r.domains.iter().any(|d| is_aligned(d, &from));
    if !has_from && !results.is_empty() && !of("dkim").chain(of("spf")).any(aligned) {
        // DMARC looks at From alone: without one nobody vouches for Sender or the reverse-path.
        return SenderAuth::Fail;
    }
    if said("fail") {
        if of("arc").any(|r| r.result == "pass") { SenderAuth::Unknown } else { SenderAuth::Fail }
    } else if of("dmarc").next().is_some_and(|_| of("dmarc").all(|r| r.result == "pass"))
        || of("dkim").chain(of("spf")).any(aligned)
    {
        SenderAuth::Pass
    } else {
        SenderAuth::Unknown
    }
}

/// The results in the topmost run of trusted fields: of each method those of the uppermost field that has any.
fn results(mail: &NormalizedMail, trusted: &[String]) -> Vec<Found> {
    let mut results: Vec<Found> = Vec::new();
    let mut begun = false;
    for field in &mail.headers {
        if field.name.eq_ignore_ascii_case("Authentication-Results") {
            let parts = parts(&field.value);
            let id = parts.first().and_then(|p| p.split_whitespace().next()).unwrap_or_default();
            if trusted.contains(&id.trim_matches('"').to_lowercase()) {
                begun = true;
                let above = results.len();
                for found in parts.iter().skip(1).filter_map(|part| parsed(part)) {
                    let told = results.iter().take(above).any(|r| r.method == found.method);
                    if !told && results.len() < RESULTS_MAX {
                        results.push(found);
                    }
                }
                // DMARC is judged last: what stands below is no answer to it.
                if results.iter().any(|r| r.method == "dmarc") {
                    break;
                }
                continue;
            }
        }
        if begun {
            break;
        }
    }
    results
}

/// One result: `dkim=pass header.d=example.com`.
struct Found {
    method: String,
    result: String,
    /// Domains it is about.
    domains: Vec<String>,
    /// The domain of From that was looked at.
    from: Option<String>,
}

fn parsed(part: &str) -> Option<Found> {
    let mut words = part.split_whitespace();
    let (method, result) = words.next()?.split_once('=')?;
    let properties: Vec<(String, String)> = words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_ascii_lowercase(), domain_of(value)))
        .collect();
    let values = |names: &[&str]| {
        let of = properties.iter().filter(|(name, _)| names.contains(&name.as_str()));
        of.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    Some(Found {
        method: method.trim().split('/').next().unwrap_or_default().to_ascii_lowercase(),
        result: result.trim().to_ascii_lowercase(),
        domains: values(&["header.d", "header.i", "smtp.mailfrom", "smtp.mail"]),
        from: values(&["header.from"]).into_iter().find(|d| !d.is_empty()),
    })
}

/// `ann@shop.test`, `"ann"@shop.test`, `shop.test`: the domain.
fn domain_of(value: &str) -> String {
    ascii(value.trim_matches(['"', '<', '>']).rsplit('@').next().unwrap_or_default())
}

/// A domain in the form that goes over the wire, in lower case (RFC 5891): relays write either.
fn ascii(domain: &str) -> String {
    idna::domain_to_ascii(domain.trim_end_matches('.')).unwrap_or_else(|_| domain.to_lowercase())
}

/// Relaxed alignment (RFC 7489 section 3.1), as far as it goes without a list of public suffixes: the same domain, or one
/// below the other.
fn is_aligned(domain: &str, from: &str) -> bool {
    let below = |a: &str, b: &str| a.strip_suffix(b).is_some_and(|rest| rest.ends_with('.')) && b.contains('.');
    domain == from || below(domain, from) || below(from, domain)
}

/// The parts between semicolons. `(…)` is for people (RFC 5322) and left out; a semicolon or a parenthesis that is quoted
/// stands for itself: a reverse-path may have either, and its owner chose it.
fn parts(value: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in value.chars() {
        if std::mem::take(&mut escaped) {
            // Blanks would end a word.
            if depth == 0 && !c.is_whitespace() {
                push(&mut parts, c);
            }
            continue;
        }
        match c {
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ';' if !quoted && depth == 0 => parts.push(String::new()),
            c if quoted && c.is_whitespace() => {}
            c if depth == 0 => push(&mut parts, c),
            _ => {}
        }
    }
    parts
}

fn push(parts: &mut [String], c: char) {
    if let Some(last) = parts.last_mut() {
        last.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Header, Person};

    fn auth(fields: &[(&str, &str)]) -> SenderAuth {
        let mail = NormalizedMail {
            from: Some(Person { name: String::new(), address: "Ann@Shop.test".to_owned() }),
            headers: fields.iter().map(|(n, v)| Header { name: (*n).to_owned(), value: (*v).to_owned() }).collect(),
            ..NormalizedMail::default()
        };
        sender_auth(&mail, "ann@shop.test", &["mx.desk.test".to_owned()])
    }

    #[test]
    fn without_from_only_what_is_aligned_with_the_sender_vouches_for_him() {
        for (value, is) in [
            ("mx.desk.test; dmarc=none", SenderAuth::Fail),
            ("mx.desk.test; dmarc=pass; spf=pass smtp.mailfrom=x@evil.test", SenderAuth::Fail),
            ("mx.desk.test; spf=pass smtp.mailfrom=ann@shop.test; dmarc=none", SenderAuth::Pass),
            ("other.test; dmarc=pass", SenderAuth::Unknown),
        ] {
            let headers = vec![Header { name: "Authentication-Results".to_owned(), value: value.to_owned() }];
            let mail = NormalizedMail { headers, ..NormalizedMail::default() };
            assert_eq!(sender_auth(&mail, "ann@shop.test", &["mx.desk.test".to_owned()]), is, "{value}");
        }
    }

    #[test]
    fn dmarc_or_an_aligned_signature_passes() {
        for value in [
            "mx.desk.test; dmarc=pass (p=none; sp=x) header.from=shop.test",
            "mx.desk.test; dmarc=pass header.from=Ann@SHOP.test.",
            "MX.desk.test 1; spf=pass smtp.mailfrom=bounce@mail.shop.test; dmarc=none",
            "mx.desk.test; dkim=fail header.d=shop.test; dkim=pass header.i=@shop.test header.s=k",
        ] {
            assert_eq!(auth(&[("Authentication-Results", value)]), SenderAuth::Pass, "{value}");
        }
    }

    #[test]
    fn a_failed_policy_fails_unless_a_chain_was_sealed() {
        let fail = "mx.desk.test; spf=pass smtp.mailfrom=x@evil.test; dkim=pass header.d=evil.test; dmarc=fail";
        assert_eq!(auth(&[("Authentication-Results", fail)]), SenderAuth::Fail);
        assert_eq!(auth(&[("Authentication-Results", &format!("{fail}; arc=pass"))]), SenderAuth::Unknown);
        assert_eq!(auth(&[("Authentication-Results", "mx.desk.test; spf=pass smtp.mailfrom=x@evil.test")]), SenderAuth::Unknown);
        assert_eq!(auth(&[("Authentication-Results", "mx.desk.test; none")]), SenderAuth::Unknown);
    }

    #[test]
    fn what_the_sender_wrote_himself_does_not_count() {
        let fail = ("Authentication-Results", "mx.desk.test; dmarc=fail");
        let forged = ("Authentication-Results", "mx.desk.test; dmarc=pass");
        assert_eq!(auth(&[fail, ("Received", "from x"), forged]), SenderAuth::Fail);
        assert_eq!(auth(&[("Received", "from relay"), fail, ("Received", "from x"), forged]), SenderAuth::Fail);
        assert_eq!(auth(&[("Authentication-Results", "other.test; dmarc=pass")]), SenderAuth::Unknown);
        assert_eq!(auth(&[("Authentication-Results", "other.test; dmarc=pass"), fail]), SenderAuth::Fail);
    }

    #[test]
    fn the_word_of_the_relay_on_dmarc_is_the_last_one() {
        for value in [
            "mx.desk.test; dkim=pass header.d=shop.test; dmarc=fail header.from=shop.test",
            "mx.desk.test; dmarc=pass header.from=shop.test; dmarc=fail header.from=shop.test",
            // Two authors, of whom the relay looked at the other.
            "mx.desk.test; dkim=pass header.d=evil.test; dmarc=pass header.from=evil.test",
        ] {
            assert_eq!(auth(&[("Authentication-Results", value)]), SenderAuth::Fail, "{value}");
        }
    }

    #[test]
    fn a_field_that_came_with_the_mail_adds_nothing_to_the_one_above_it() {
        let id = "mx.desk.test";
        let field = |value: &str| ("Authentication-Results", format!("{id}; {value}"));
        for (real, forged, is) in [
            ("dmarc=fail", "dmarc=pass", SenderAuth::Fail),
            ("dmarc=fail", "arc=pass", SenderAuth::Fail),
            ("spf=pass smtp.mailfrom=evil.test; dkim=none; dmarc=none", "dkim=pass header.d=shop.test", SenderAuth::Unknown),
            ("dkim=fail header.d=shop.test", "dkim=pass header.d=shop.test", SenderAuth::Unknown),
        ] {
            let fields = [field(real), field(forged)];
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            assert_eq!(auth(&fields), is, "{real} above {forged}");
        }
        // A relay that writes a field for each method says all of them.
        let split = [field("spf=fail smtp.mailfrom=x@evil.test"), field("dkim=pass header.d=shop.test")];
        let split: Vec<(&str, &str)> = split.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(auth(&split), SenderAuth::Pass);
    }

    #[test]
    fn a_reverse_path_smuggles_no_result_into_the_field() {
        for (value, is) in [
            (r#"mx.desk.test; spf=fail smtp.mailfrom="a; dmarc=pass b"@evil.test; dmarc=fail"#, SenderAuth::Fail),
            (r#"mx.desk.test; spf=fail smtp.mailfrom="a(b"@evil.test; dmarc=fail"#, SenderAuth::Fail),
            (r#"mx.desk.test; spf=fail smtp.mailfrom="a\"; dmarc=pass \""@evil.test; dmarc=fail"#, SenderAuth::Fail),
            (r#"mx.desk.test; spf=pass smtp.mailfrom="a header.d=shop.test"@evil.test"#, SenderAuth::Unknown),
            (r#"mx.desk.test (a \) dmarc=pass; ); dmarc=fail"#, SenderAuth::Fail),
            // Not quoted, as it should be: then it is not to be told from a result, and the worse counts.
            ("mx.desk.test; spf=fail smtp.mailfrom=a;dmarc=pass@evil.test; dmarc=fail", SenderAuth::Fail),
        ] {
            assert_eq!(auth(&[("Authentication-Results", value)]), is, "{value}");
        }
    }

    #[test]
    fn a_domain_is_the_same_in_both_its_forms() {
        let mail = NormalizedMail {
            from: Some(Person { name: String::new(), address: "ann@bücher.test".to_owned() }),
            headers: vec![Header {
                name: "Authentication-Results".to_owned(),
                value: "mx.desk.test; dmarc=pass header.from=xn--bcher-kva.test".to_owned(),
            }],
            ..NormalizedMail::default()
        };
        assert_eq!(sender_auth(&mail, "ann@bücher.test", &["mx.desk.test".to_owned()]), SenderAuth::Pass);
    }

    #[test]
    fn another_domain_below_the_same_suffix_is_not_aligned() {
        assert!(is_aligned("mail.shop.test", "shop.test") && is_aligned("shop.test", "eu.shop.test"));
        for domain in ["evilshop.test", "test", "shop.test.evil.test", ""] {
            assert!(!is_aligned(domain, "shop.test"), "{domain}");
        }
    }
}
