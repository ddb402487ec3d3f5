//! The words of mail systems, as data: lower case, white space single.
//!
//! From what public mail systems are known to write (their templates and manuals), and from the
//! languages their NDRs come in. A phrase is as short as still tells.

/// Says that a mail was not, or not yet, delivered.
pub(super) const OPENINGS: &[&str] = &[
    // Exim, 1&1, GMX, Mail.Ru, Zoho and others after them
    "could not be delivered to one or more",
    "that you sent could not be delivered",
    "that you sent has not yet been delivered",
    "that you have sent could not be delivered",
    "message created automatically by mail delivery software",
    "the following address failed",
    "the following address(es) failed",
    "the following addresses failed",
    "this is a permanent error",
    // qmail and its children
    "wasn't able to deliver your message",
    "was not able to deliver your message",
    "i've given up",
    "unable to deliver your message to the following",
    "unable to deliver message to",
    "this message has been in the queue too long",
    // Postfix
    "your message could not be delivered",
    "i'm sorry to have to inform you",
    // sendmail
    "transcript of session follows",
    "the following addresses had permanent",
    "the following addresses had delivery",
    "the following addresses had transient",
    "the following recipients are affected",
    "unsent message follows",
    // Exchange, Office 365
    "did not reach the following recipient",
    "undeliverable message",
    "delivery has failed to these recipients",
    "couldn't be delivered",
    "wasn't delivered to",
    "rejected your message to the following",
    "your message can't be delivered",
    "the following recipient(s) cannot be reached",
    "the following recipient(s) could not be reached",
    // Notes, Domino
    "was not delivered to",
    "failure reasons",
    // Messaging Server, Communigate, IMail, MDaemon, GroupWise, OpenSMTPD, DragonFly, courier
    "cannot be delivered to the following",
    "could not be delivered to the following",
    "could not be delivered to",
    "could not be delivered for",
    "can not be delivered",
    "failed to deliver to",
    "delivery to the following recipient",
    "undeliverable to",
    "invalid final delivery userid",
    "unknown user:",
    "error has occurred while attempting to deliver",
    "error occurred while trying to deliver",
    "error delivering your mail",
    "attempting to deliver your message",
    "delivery failed for the following",
    "was rejected by a remote mail server",
    "did not receive this message",
    "was undeliverable",
    "is undeliverable",
    "message non-deliverable",
    "message could not be sent",
    "message could not be delivered",
    "mail could not be delivered",
    "e-mail could not be delivered",
    "unable to deliver the message",
    "unable to deliver this message",
    "failed to deliver your message",
    "delivery failure",
    "delivery failed",
    "contained one or more recipient addresses that were incorrectly constructed",
    "is delayed for more than",
    "error message below:",
    "returned to sender",
    "address not found",
    "not a member of this mailing list",
    "may not exist, or you may not have permission to post",
    "mailbox is full",
    "mailbox full",
    "user unknown",
    "unknown user",
    "no such user",
    "invalid user address",
    "recipient address rejected",
    "over quota",
    "quota exceeded",
    // German
    "konnte nicht zugestellt werden",
    "konnte nicht ausgeliefert werden",
    "konnte nicht an folgende",
    "nicht zustellbar",
    // French
    "n'a pas pu être remis",
    "n'a pas pu être délivré",
    "n'a pu être remis",
    "n'a pas été remis",
    "impossible de remettre",
    // Spanish
    "no se ha podido entregar",
    "no se pudo entregar",
    "no pudo ser entregado",
    "no ha podido ser entregado",
    // Portuguese
    "não pôde ser entregue",
    "não foi possível entregar",
    "não foi entregue",
    // Italian
    "non è stato possibile recapitare",
    "non può essere recapitato",
    "non è stato recapitato",
    // Dutch
    "kon niet worden bezorgd",
    "kan niet worden bezorgd",
    // Nordic
    "kunne ikke leveres",
    "kunde inte levereras",
    "ei voitu toimittaa",
    // Polish, Czech
    "nie może zostać dostarczona",
    "nie mogła zostać dostarczona",
    "nelze doručit",
    "nebylo možné doručit",
    // Russian
    "не может быть доставлено",
    "не было доставлено",
    "не удалось доставить",
    // Japanese
    "送信できませんでした",
    "配信できませんでした",
    "配送できませんでした",
    "送信に失敗しました",
    "届けることができませんでした",
    // Chinese
    "无法投递",
    "无法发送到",
    "無法傳遞",
    "未能送达",
    "退信",
    // Korean
    "배달되지 못했습니다",
    "전송되지 않았습니다",
];

/// Says that it is still being tried.
pub(super) const STILL_TRYING: &[&str] = &[
    "this is a warning only",
    "you do not need to resend your message",
    "no action is required on your part",
    "will be retried until",
    "will keep trying",
    "will continue to try",
    "will continue trying",
    "will try again",
    "delivery attempts will continue",
    "delivery will continue",
    "still being retried",
    "only a temporary failure report",
    "delivery attempts are continuing",
    "has not yet been delivered",
    "has not been delivered yet",
    "could not be delivered yet",
    "not yet been collected",
    "delivery to the following recipient has been delayed",
    "delivery to the following recipients has been delayed",
    "delivery is delayed to these recipients",
    "transient non-fatal errors",
    "wird weiterhin versucht",
];

/// Announces recipients: behind it on the line, or at the start of the next lines.
pub(super) const ANNOUNCEMENTS: &[&str] = &[
    "recipient address:",
    "recipient:",
    "recipients:",
    "failed recipient",
    "addressed to:",
    "rcpt to:",
    "rcpt to ",
    "could not be delivered to",
    "couldn't be delivered to",
    "cannot be delivered to",
    "not be delivered to",
    "unable to deliver message to",
    "unable to deliver to",
    "unable to deliver mail to",
    "deliver the mail to the following",
    "deliver your message to",
    "delivering your mail to",
    "deliver your mail to",
    "delivery to the following recipient",
    "delivery has failed to these recipients",
    "failed to deliver to",
    "delivery failed",
    "not yet been delivered to",
    "not yet been delivered is",
    "not yet been delivered are",
    "incorrectly constructed:",
    "undeliverable to",
    "was not delivered to",
    "wasn't delivered to",
    "were not delivered to",
    "not delivered to",
    "did not reach the following recipient",
    "rejected your message to the following",
    "following recipients did not receive",
    "following recipient(s) cannot be reached",
    "following recipient(s) could not be reached",
    "invalid final delivery userid",
    "user not found:",
    "unknown user:",
    "user unknown:",
    "not a member of this mailing list",
    "following address failed",
    "following address(es) failed",
    "following addresses failed",
    "following addresses had",
    "following address had",
    "following address(es)",
    "following address",
    "following recipient",
    "list of recipients",
    "failed addresses follow",
    "failure reasons",
    "のメールアドレスへの送信に失敗",
    "次のあて先",
    "宛先",
    "получателям",
    "folgende adresse",
    "folgenden empfänger",
    "destinataires suivants",
    "destinatarios",
    "destinatários",
    "destinatari",
];

/// A line (short, and not the first) that has one of these marks the original mail behind it.
pub(super) const ORIGINAL_FOLLOWS: &[&str] = &[
    "copy of the message",
    "copy of your message",
    "copy of the original",
    "message headers follow",
    "message header follow",
    "message header follows",
    "header of the original message",
    "headers of the original message",
    "original message headers",
    "original message follows",
    "original message is as follows",
    "original mail as follows",
    "original mail is as follows",
    "original message headers:",
    "original message header:",
    "original message:",
    "below is the original message",
    "unsent message follows",
    "unsent message below",
    "text of the message follows",
    "text of your message follows",
    "content of the original message",
    "below is the message header",
    "is a copy of the message header",
    "the original message contents",
];

/// The same for a line that begins as a rule (`---`, `===`): elsewhere these are words like others.
pub(super) const ORIGINAL_BEHIND_RULE: &[&str] = &[
    "original message",
    "original mail",
    "returned message",
    "returned mail follows",
    "message follows",
    "start of message",
    "non-delivered message",
    "ursprüngliche nachricht",
    "message d'origine",
    "mensaje original",
    "mensagem original",
    "messaggio originale",
    "元のメッセージ",
    "原始邮件",
    "原邮件",
];

/// The first of the phrases that a text has.
pub(super) fn find(folded: &str, any_of: &'static [&'static str]) -> Option<&'static str> {
    any_of.iter().copied().find(|p| memchr::memmem::find(folded.as_bytes(), p.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phrase_is_in_the_form_it_is_looked_for() {
        for phrase in [OPENINGS, STILL_TRYING, ANNOUNCEMENTS, ORIGINAL_FOLLOWS, ORIGINAL_BEHIND_RULE].concat() {
            let trimmed = phrase.trim();
            assert_eq!(trimmed, trimmed.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "));
            assert!(trimmed.chars().count() >= 2, "{phrase}");
        }
    }
}
