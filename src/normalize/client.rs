//! The sending program, from what it says of itself: a name from a closed list, for statistics.
//!
//! # Failure
//! None: a program that is not in the list is `None`.

use super::header::{self, Fields};

/// What a program's own fields contain (lower case), and its name. The first match counts.
const BY_MAILER: &[(&str, &str)] = &[
    ("outlook express", "Outlook Express"),
    ("windows live mail", "Windows Live Mail"),
    ("microsoft outlook for mac", "Outlook for Mac"),
    ("microsoft-macoutlook", "Outlook for Mac"),
    ("outlook for ios", "Outlook Mobile"),
    ("outlook for android", "Outlook Mobile"),
    ("microsoft outlook imo", "Outlook"),
    ("microsoft outlook", "Outlook"),
    ("microsoft windows mail", "Windows Mail"),
    ("microsoft exchange", "Exchange"),
    ("exchange server", "Exchange"),
    ("iphone mail", "iOS Mail"),
    ("ipad mail", "iOS Mail"),
    ("ipod mail", "iOS Mail"),
    ("apple mail", "Apple Mail"),
    ("thunderbird", "Thunderbird"),
    ("betterbird", "Thunderbird"),
    ("postbox", "Postbox"),
    ("icedove", "Thunderbird"),
    ("seamonkey", "SeaMonkey"),
    ("lotus notes", "Notes"),
    ("hcl notes", "Notes"),
    ("ibm notes", "Notes"),
    ("lotus domino", "Notes"),
    ("yahoomail", "Yahoo Mail"),
    ("yahoo", "Yahoo Mail"),
    ("k-9 mail", "K-9 Mail"),
    ("fairemail", "FairEmail"),
    ("mutt", "Mutt"),
    ("alpine", "Alpine"),
    ("pine", "Alpine"),
    ("roundcube", "Roundcube"),
    ("rainloop", "RainLoop"),
    ("horde", "Horde"),
    ("squirrelmail", "SquirrelMail"),
    ("zimbra", "Zimbra"),
    ("open-xchange", "Open-Xchange"),
    ("sogo", "SOGo"),
    ("groupwise", "GroupWise"),
    ("evolution", "Evolution"),
    ("kmail", "KMail"),
    ("the bat!", "The Bat!"),
    ("sylpheed", "Sylpheed"),
    ("claws mail", "Claws Mail"),
    ("em client", "eM Client"),
    ("mailbird", "Mailbird"),
    ("mailspring", "Mailspring"),
    ("airmail", "Airmail"),
    ("spark", "Spark"),
    ("foxmail", "Foxmail"),
    ("coremail", "Coremail"),
    ("netease", "NetEase"),
    ("becky!", "Becky!"),
    ("shuriken", "Shuriken"),
    ("eudora", "Eudora"),
    ("incredimail", "IncrediMail"),
    ("pegasus mail", "Pegasus Mail"),
    ("blackberry", "BlackBerry"),
    ("samsung", "Samsung Email"),
    ("phpmailer", "PHPMailer"),
    ("swiftmailer", "PHP library"),
    ("symfony", "PHP library"),
    ("php", "PHP mail()"),
    ("nodemailer", "Nodemailer"),
    ("mime::lite", "Perl library"),
    ("mailkit", "MailKit"),
    ("mailchimp", "Mailchimp"),
    ("sap", "SAP"),
    ("servicenow", "ServiceNow"),
    ("jira", "Jira"),
    ("salesforce", "Salesforce"),
    ("zendesk", "Zendesk"),
    ("gnus", "Gnus"),
    ("mu4e", "mu4e"),
    ("emacs", "Emacs"),
    ("git-send-email", "git send-email"),
    ("swaks", "swaks"),
    ("mozilla", "Mozilla"),
];

/// Names from Message-IDs, for programs that do not say who they are.
const BY_MESSAGE_ID: &[(&str, &str)] = &[
    ("@mail.gmail.com", "Gmail"),
    (".prod.outlook.com", "Exchange"),
    ("@email.apple.com", "Apple"),
    (".amazonses.com", "Amazon SES"),
    ("@github.com", "GitHub"),
    ("@zendesk.com", "Zendesk"),
    (".javamail.", "JavaMail"),
];

/// Recognises the sending program.
pub(super) fn recognise(fields: &Fields<'_>) -> Option<&'static str> {
    for name in ["X-Mailer", "User-Agent", "X-MimeOLE", "X-Newsreader", "X-Mail-Agent"] {
        if let Some(value) = fields.get(name) {
            let value = header::unfold(value).to_ascii_lowercase();
            let found = BY_MAILER.iter().find(|(mark, _)| memchr::memmem::find(&value, mark.as_bytes()).is_some());
            if let Some((_, client)) = found {
                return Some(client);
            }
        }
    }
    let id = header::unfold(fields.get("Message-ID").unwrap_or_default()).to_ascii_lowercase();
    BY_MESSAGE_ID.iter().find(|(mark, _)| memchr::memmem::find(&id, mark.as_bytes()).is_some()).map(|(_, client)| *client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::header::Field;

    fn of(name: &'static str, value: &'static str) -> Option<&'static str> {
        recognise(&Fields { list: vec![Field { name, value: value.as_bytes() }], end: 0 })
    }

    #[test]
    fn programs_are_recognised_by_what_they_say() {
        assert_eq!(of("X-Mailer", " Microsoft Outlook 16.0"), Some("Outlook"));
        assert_eq!(of("User-Agent", " Mozilla/5.0 (X11) Thunderbird/115"), Some("Thunderbird"));
        assert_eq!(of("Message-ID", " <x@mail.gmail.com>"), Some("Gmail"));
        assert_eq!(of("X-Mailer", " Something Unheard Of"), None);
    }
}
