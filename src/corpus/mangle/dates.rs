//! The Date field in all its forms.
//!
//! # Failure
//! False, and nothing changes, where a mangling does not apply; the room's promises are those of [`super`].

use super::list;
use super::slot::{DATE, TRACE};
use crate::corpus::generate::draft::{Draft, Value};
use crate::corpus::generate::when::{DAYS, MONTHS, When};

list! {
    Draft "dates.localized", DATE, "Outlook Express in other languages, web forms", "names of days and months in the sender's language",
        |d, _| {
            let Some((days, months)) = names(d.language.tag) else { return false };
            let w = d.when;
            let (day, month) = (days.split(' ').nth(w.weekday()).unwrap_or(""), months.split(' ').nth(w.month - 1).unwrap_or(""));
            write(d, format!("{day}, {} {month} {} {} {}", w.day, w.year, w.clock(), w.zone()))
        };
    Draft "dates.two-digit-year", DATE, "RFC 822 mailers", "a year of two digits",
        |d, _| { let w = d.when; write(d, format!("{}, {:02} {} {:02} {} {}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year % 100, w.clock(), w.zone())) };
    Draft "dates.no-zone", DATE, "web forms, scanners", "no zone; the time on the sender's clock is right",
        |d, _| { let w = d.when; d.truth.date = Some(w.local()); write(d, format!("{}, {} {} {} {}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year, w.clock())) };
    Draft "dates.zone-name", DATE, "sendmail, Lotus Notes", "the name of a zone instead of its offset",
        |d, dice| {
            let (name, minutes) = *dice.pick(&[("EST", -300), ("PDT", -420), ("CST", -360), ("CET", 60), ("CEST", 120), ("GMT", 0), ("UT", 0), ("MSK", 180), ("JST", 540), ("MEZ", 60), ("Z", 0)]);
            let w = When { offset: minutes, ..d.when };
            d.truth.date = Some(w.rfc3339());
            write(d, format!("{}, {} {} {} {} {name}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year, w.clock()))
        };
    Draft "dates.zone-with-comment", DATE, "Pine, Exim, Java", "a comment behind the zone, with brackets in it",
        |d, _| { let w = d.when; write(d, format!("{} (Mitteleuropäische Zeit (MEZ))", w.field())) };
    Draft "dates.zone-gmt-plus", DATE, "JavaScript mailers", "GMT+0100 with the zone's long name",
        |d, _| { let w = d.when; write(d, format!("{} {} {:02} {} {} GMT{} (local time)", DAYS[w.weekday()], MONTHS[w.month - 1], w.day, w.year, w.clock(), w.zone())) };
    Draft "dates.zone-with-colon", DATE, "web services", "a colon within the offset",
        |d, _| { let w = d.when; let z = w.zone(); write(d, w.field().replace(&z, &format!("{}:{}", &z[..3], &z[3..]))) };
    Draft "dates.no-weekday", DATE, "sendmail", "no day of the week",
        |d, _| { let w = d.when; write(d, format!("{} {} {} {} {}", w.day, MONTHS[w.month - 1], w.year, w.clock(), w.zone())) };
    Draft "dates.wrong-weekday", DATE, "web forms", "the day of the week is wrong; it does not count",
        |d, _| { let w = d.when; write(d, w.field().replacen(DAYS[w.weekday()], DAYS[(w.weekday() + 3) % 7], 1)) };
    Draft "dates.iso", DATE, "Microsoft CDO, XML services", "ISO 8601 with a T",
        |d, _| { let w = d.when; write(d, w.rfc3339()) };
    Draft "dates.iso-blank", DATE, "Python, databases", "ISO 8601 with a blank",
        |d, _| { let w = d.when; write(d, format!("{} {}", w.local().replace('T', " "), w.zone())) };
    Draft "dates.ctime", DATE, "mail(1), shell scripts", "asctime with the zone behind the year",
        |d, _| { let w = d.when; write(d, format!("{} {} {:2} {} {} {}", DAYS[w.weekday()], MONTHS[w.month - 1], w.day, w.clock(), w.year, w.zone())) };
    Draft "dates.ctime-zone-before-year", DATE, "date(1) in shell scripts", "asctime with a zone's name before the year",
        |d, _| { let w = When { offset: 60, ..d.when }; d.truth.date = Some(w.rfc3339()); write(d, format!("{} {} {:2} {} CET {}", DAYS[w.weekday()], MONTHS[w.month - 1], w.day, w.clock(), w.year)) };
    Draft "dates.no-seconds", DATE, "RFC 822 mailers", "hours and minutes alone",
        |d, _| { let w = When { second: 0, ..d.when }; d.truth.date = Some(w.rfc3339()); write(d, w.field().replacen(&w.clock(), &w.clock()[..5], 1)) };
    Draft "dates.dots-in-time", DATE, "Nordic and Italian systems", "dots instead of colons in the time",
        |d, _| { let w = d.when; write(d, w.field().replacen(&w.clock(), &w.clock().replace(':', "."), 1)) };
    Draft "dates.single-digits", DATE, "hand-made mailers", "hours, minutes and seconds without leading zeros",
        |d, _| { let w = d.when; write(d, w.field().replacen(&w.clock(), &format!("{}:{}:{}", w.hour, w.minute, w.second), 1)) };
    Draft "dates.no-blank-behind-comma", DATE, "old Eudora", "`Tue,3 Mar`",
        |d, _| { let w = d.when; write(d, w.field().replacen(", ", ",", 1)) };
    Draft "dates.dashes", DATE, "VMS, IMAP tools", "`3-Mar-2026`",
        |d, _| { let w = d.when; write(d, format!("{}, {}-{}-{} {} {}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year, w.clock(), w.zone())) };
    Draft "dates.month-first", DATE, "ASP and web shops", "`March 3, 2026 …` with the month in full",
        |d, _| {
            let full = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
            let w = d.when;
            write(d, format!("{} {}, {} {} {}", full[w.month - 1], w.day, w.year, w.clock(), w.zone()))
        };
    Draft "dates.numbers-with-dots", DATE, "German and Russian web forms", "`23.03.2026 14:05:33 +0100`",
        |d, _| { let w = d.when; w.day > 12 && write(d, format!("{:02}.{:02}.{} {} {}", w.day, w.month, w.year, w.clock(), w.zone())) };
    Draft "dates.am-pm", DATE, "ASP in the United States", "`3/23/2026 2:05:33 PM`, without a zone",
        |d, _| {
            let w = d.when;
            if w.day < 13 { return false; }
            d.truth.date = Some(w.local());
            let (hour, half) = (if w.hour % 12 == 0 { 12 } else { w.hour % 12 }, if w.hour < 12 { "AM" } else { "PM" });
            write(d, format!("{}/{}/{} {hour}:{:02}:{:02} {half}", w.month, w.day, w.year, w.minute, w.second))
        };
    Draft "dates.lower-case", DATE, "scripts", "the whole date in lower case",
        |d, _| { let w = d.when; write(d, w.field().to_lowercase()) };
    Draft "dates.upper-case", DATE, "IBM hosts", "the whole date in upper case",
        |d, _| { let w = d.when; write(d, w.field().to_uppercase()) };
    Draft "dates.folded", DATE, "relays that fold", "a fold within the date, and blanks too many",
        |d, _| { let w = d.when; write(d, w.field().replacen(' ', "\r\n   ", 1).replace(" +", "  +")) };
    Draft "dates.quoted", DATE, "form mailers", "the date in quotes",
        |d, _| { let w = d.when; write(d, format!("\"{}\"", w.field())) };
    Draft "dates.epoch", DATE, "PHP scripts", "seconds since 1970",
        |d, _| { let w = d.when; d.truth.date = Some(utc(w).rfc3339()); write(d, w.epoch().to_string()) };
    Draft "dates.missing", DATE | TRACE, "phones, scanners, form mailers", "no Date; the first Received has the time",
        |d, _| { d.remove("Date"); d.truth.date = Some(d.when.received().rfc3339()); true };
    Draft "dates.fraction", DATE, ".NET, Java", "fractions of a second",
        |d, _| { let w = d.when; write(d, w.field().replacen(&w.clock(), &format!("{}.123", w.clock()), 1)) };
    Draft "dates.ordinal-day", DATE, "PHP date('jS')", "`3rd Mar 2026`",
        |d, _| {
            let w = d.when;
            let th = match w.day { 1 | 21 => "st", 2 | 22 => "nd", 3 | 23 => "rd", _ => "th" };
            write(d, format!("{}, {}{th} {} {} {} {}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year, w.clock(), w.zone()))
        };
    Draft "dates.year-of-100", DATE, "mailers that were not ready for 2000", "the year as a number since 1900",
        |d, _| { let w = d.when; write(d, format!("{}, {} {} {} {} {}", DAYS[w.weekday()], w.day, MONTHS[w.month - 1], w.year - 1900, w.clock(), w.zone())) };
}

fn write(d: &mut Draft, date: String) -> bool {
    d.set("Date", Value::Raw(date.into_bytes()))
}

/// The same instant on the clock of Greenwich.
fn utc(w: When) -> When {
    let epoch = w.epoch();
    let (days, rest) = (epoch.div_euclid(86_400), epoch.rem_euclid(86_400));
    // Days to a date (Howard Hinnant's algorithm, from the first of March of the year 0).
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let number = |n: i64| i32::try_from(n).unwrap_or(0);
    When {
        year: number(yoe + era * 400 + i64::from(month <= 2)),
        month: usize::try_from(month).unwrap_or(1),
        day: number(doy - (153 * mp + 2) / 5 + 1),
        hour: number(rest / 3600),
        minute: number(rest / 60 % 60),
        second: number(rest % 60),
        offset: 0,
    }
}

/// Days from Monday and months, as programs in that language abbreviate them. Not Croatian: its `lis` and `srp` are
/// October and July, and November and August next door.
fn names(tag: &str) -> Option<(&'static str, &'static str)> {
    Some(match tag {
        "de" => ("Mo Di Mi Do Fr Sa So", "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez"),
        "fr" => ("lun. mar. mer. jeu. ven. sam. dim.", "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc."),
        "es" => ("lun mar mié jue vie sáb dom", "ene feb mar abr may jun jul ago sep oct nov dic"),
        "it" => ("lun mar mer gio ven sab dom", "gen feb mar apr mag giu lug ago set ott nov dic"),
        "pt" => ("seg ter qua qui sex sáb dom", "jan fev mar abr mai jun jul ago set out nov dez"),
        "nl" => ("ma di wo do vr za zo", "jan feb mrt apr mei jun jul aug sep okt nov dec"),
        "sv" => ("må ti on to fr lö sö", "jan feb mar apr maj jun jul aug sep okt nov dec"),
        "da" => ("ma ti on to fr lø sø", "jan feb mar apr maj jun jul aug sep okt nov dec"),
        "nb" => ("ma ti on to fr lø sø", "jan feb mar apr mai jun jul aug sep okt nov des"),
        "fi" => ("ma ti ke to pe la su", "tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu"),
        "pl" => ("Pn Wt Śr Cz Pt So N", "sty lut mar kwi maj cze lip sie wrz paź lis gru"),
        "cs" => ("po út st čt pá so ne", "led úno bře dub kvě čvn čvc srp zář říj lis pro"),
        "hu" => ("H K Sze Cs P Szo V", "jan febr márc ápr máj jún júl aug szept okt nov dec"),
        "tr" => ("Pzt Sal Çar Per Cum Cmt Paz", "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara"),
        "ru" => ("Пн Вт Ср Чт Пт Сб Вс", "янв фев мар апр май июн июл авг сен окт ноя дек"),
        "uk" => ("Пн Вт Ср Чт Пт Сб Нд", "січ лют бер кві тра чер лип сер вер жов лис гру"),
        "el" => ("Δευ Τρι Τετ Πεμ Παρ Σαβ Κυρ", "Ιαν Φεβ Μαρ Απρ Μαϊ Ιουν Ιουλ Αυγ Σεπ Οκτ Νοε Δεκ"),
        "ro" => ("lun mar mie joi vin sâm dum", "ian feb mar apr mai iun iul aug sep oct nov dec"),
        "is" => ("mán þri mið fim fös lau sun", "jan feb mar apr maí jún júl ágú sep okt nóv des"),
        "id" => ("Sen Sel Rab Kam Jum Sab Min", "Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des"),
        _ => return None,
    })
}
