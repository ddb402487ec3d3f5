//! What a trusted relay found out about the sender (RFC 8601).
//!
//! # Trust
//! Only fields with an authserv-id that the operator named, and only the topmost run of them: whoever sends a
//! mail can write such fields below. The relay has to remove those that claim its own id (RFC 8601 section 5).

use crate::mail::{NormalizedMail, SenderAuth};

/// Results read of one mail: real fields have ten.
const RESULTS_MAX: usize = 64;

/// Whether the domain of From is the one that sent the mail.
pub(super) fn sender_auth(mail: &NormalizedMail, trusted: &[String]) -> SenderAuth {
    let from = mail.from.as_ref().map(|p| p.address.to_lowercase()).unwrap_or_default();
    let Some((_, from)) = from.rsplit_once('@') else { return SenderAuth::Unknown };
    let mut results = Vec::new();
    for field in &mail.headers {
        if field.name.eq_ignore_ascii_case("Authentication-Results") {
            let value = without_comments(&field.value);
            let mut parts = value.split(';');
            let id = parts.next().unwrap_or_default().split_whitespace().next().unwrap_or_default().to_lowercase();
            if trusted.contains(&id) {
                results.extend(parts.filter_map(parsed).take(RESULTS_MAX));
                continue;
            }
        }
        if !results.is_empty() {
            break;
        }
    }
    let of = |method: &str| results.iter().filter(|r| r.method == method).map(|r| r.result.as_str()).collect::<Vec<_>>();
    let dmarc = of("dmarc");
    let aligned = |r: &&Found| match r.method.as_str() {
        "dkim" | "spf" => r.result == "pass" && r.domains.iter().any(|d| is_aligned(d, from)),
        _ => false,
    };
    if dmarc.contains(&"pass") || results.iter().any(|r| aligned(&r)) {
        SenderAuth::Pass
    } else if dmarc.contains(&"fail") && !of("arc").contains(&"pass") {
        SenderAuth::Fail
    } else {
        SenderAuth::Unknown
    }
}

/// One result: `dkim=pass header.d=example.com`.
struct Found {
    method: String,
    result: String,
    /// Domains it is about.
    domains: Vec<String>,
}

fn parsed(part: &str) -> Option<Found> {
    let mut words = part.split_whitespace();
    let (method, result) = words.next()?.split_once('=')?;
    let domain = |word: &str| {
        let (name, value) = word.split_once('=')?;
        let name = name.to_ascii_lowercase();
        let known = matches!(name.as_str(), "header.d" | "header.i" | "smtp.mailfrom" | "smtp.mail");
        let value = value.trim_matches('"').to_lowercase();
        known.then(|| value.rsplit('@').next().unwrap_or_default().to_owned())
    };
    Some(Found {
        method: method.trim().split('/').next().unwrap_or_default().to_ascii_lowercase(),
        result: result.trim().to_ascii_lowercase(),
        domains: words.filter_map(domain).collect(),
    })
}

/// Relaxed alignment (RFC 7489 section 3.1), as far as it goes without a list of public suffixes: the same domain, or one
/// below the other.
fn is_aligned(domain: &str, from: &str) -> bool {
    let below = |a: &str, b: &str| a.strip_suffix(b).is_some_and(|rest| rest.ends_with('.')) && b.contains('.');
    domain == from || below(domain, from) || below(from, domain)
}

/// `(…)` is for people (RFC 5322), and may hold semicolons.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
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
        sender_auth(&mail, &["mx.desk.test".to_owned()])
    }

    #[test]
    fn dmarc_or_an_aligned_signature_passes() {
        for value in [
            "mx.desk.test; dmarc=pass (p=none; sp=x) header.from=shop.test",
            "MX.desk.test 1; spf=pass smtp.mailfrom=bounce@mail.shop.test; dmarc=fail",
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
    fn another_domain_below_the_same_suffix_is_not_aligned() {
        assert!(is_aligned("mail.shop.test", "shop.test") && is_aligned("shop.test", "eu.shop.test"));
        for domain in ["evilshop.test", "test", "shop.test.evil.test", ""] {
            assert!(!is_aligned(domain, "shop.test"), "{domain}");
        }
    }
}
