//! What mail clients put before the subject when a mail is answered or passed on, by language.
//!
//! Sources: the prefix lists that several public mail tools carry (strong entries), and the lists
//! people keep of Outlook's translations (entries in scripts in which a two-letter word before a
//! colon is nothing else are strong as well). Latin entries of one to three letters that are also
//! words or abbreviations of their own ("R: the language", "CT: results", Finnish *reply* and
//! Danish *forward* "VS") are weak: they count only where the mail has other signs.

use super::subject::Prefix::{self, Forward, Reply};
use super::subject::Strength::{self, Strong, Weak};

/// Compared after lower-casing, without the dot that lower-casing puts on a Turkish `İ`.
pub(super) const PREFIXES: &[(&str, Prefix, Strength)] = &[
    // --- replies ---
    ("re", Reply, Strong),
    ("aw", Reply, Strong),      // German
    ("antw", Reply, Strong),    // German, Dutch
    ("antwort", Reply, Strong), // German
    ("sv", Reply, Strong),      // Danish, Norwegian, Swedish, Icelandic
    ("svar", Reply, Strong),    // Danish, Norwegian
    ("rif", Reply, Strong),     // Italian
    ("r", Reply, Weak),         // Italian
    ("ref", Reply, Weak),       // French
    ("réf", Reply, Weak),       // French
    ("rép", Reply, Strong),     // French
    ("res", Reply, Strong),     // Portuguese, Spanish
    ("odp", Reply, Strong),     // Polish, Czech, Slovak
    ("ynt", Reply, Strong),     // Turkish
    ("vá", Reply, Weak),        // Hungarian
    ("válasz", Reply, Strong),  // Hungarian
    ("bls", Reply, Weak),       // Indonesian
    ("balas", Reply, Strong),   // Indonesian, Malay
    ("atb", Reply, Weak),       // Welsh
    ("tl", Reply, Weak),        // Vietnamese
    ("trả lời", Reply, Strong), // Vietnamese
    ("răsp", Reply, Strong),    // Romanian
    ("отв", Reply, Strong),     // Russian
    ("ha", Reply, Weak),        // Russian, in Latin letters
    ("на", Reply, Weak),        // Russian
    ("απ", Reply, Strong),      // Greek
    ("σχετ", Reply, Strong),    // Greek
    ("השב", Reply, Strong),     // Hebrew
    ("תגובה", Reply, Strong),   // Hebrew
    ("رد", Reply, Strong),      // Arabic
    ("回复", Reply, Strong),    // Chinese
    ("答复", Reply, Strong),    // Chinese
    ("回覆", Reply, Strong),    // Chinese, traditional
    ("答覆", Reply, Strong),    // Chinese, traditional
    ("返信", Reply, Strong),    // Japanese
    ("회신", Reply, Strong),    // Korean
    ("답장", Reply, Strong),    // Korean
    ("ตอบ", Reply, Strong),     // Thai
    ("отг", Reply, Strong),     // Bulgarian
    ("відп", Reply, Strong),    // Ukrainian
    ("پاسخ", Reply, Strong),    // Persian
    ("odg", Reply, Strong),     // Croatian, Slovene
    ("ats", Reply, Weak),       // Lithuanian
    // --- forwards ---
    ("fw", Forward, Strong),
    ("fwd", Forward, Strong),
    ("wg", Forward, Strong),             // German
    ("wtr", Forward, Strong),            // German
    ("wtrlt", Forward, Strong),          // German
    ("tr", Forward, Strong),             // French
    ("vb", Forward, Strong),             // Swedish
    ("rv", Forward, Strong),             // Spanish
    ("enc", Forward, Strong),            // Portuguese
    ("i", Forward, Weak),                // Italian
    ("inoltro", Forward, Strong),        // Italian
    ("doorst", Forward, Strong),         // Dutch
    ("pd", Forward, Weak),               // Polish
    ("vl", Forward, Weak),               // Finnish
    ("ilt", Forward, Strong),            // Turkish İLT
    ("továbbítás", Forward, Strong),     // Hungarian
    ("fs", Forward, Weak),               // Icelandic
    ("trs", Forward, Weak),              // Indonesian
    ("ct", Forward, Weak),               // Vietnamese
    ("chuyển tiếp", Forward, Strong),    // Vietnamese
    ("πρθ", Forward, Strong),            // Greek
    ("הועבר", Forward, Strong),          // Hebrew
    ("إعادة توجيه", Forward, Strong),    // Arabic
    ("转发", Forward, Strong),           // Chinese
    ("轉寄", Forward, Strong),           // Chinese, traditional
    ("転送", Forward, Strong),           // Japanese
    ("전달", Forward, Strong),           // Korean
    ("препр", Forward, Strong),          // Bulgarian
    ("пересл", Forward, Strong),         // Russian, Ukrainian
    ("هدایت", Forward, Strong),          // Persian
    ("proslijeđeno", Forward, Strong),   // Croatian
    ("redirecționare", Forward, Strong), // Romanian
    ("persiųsta", Forward, Strong),      // Lithuanian
    ("edasi", Forward, Strong),          // Estonian
    ("ส่งต่อ", Forward, Strong),           // Thai
    // Whole words, as some web mails and phones write them.
    ("weitergeleitet", Forward, Strong),    // German
    ("weiterleitung", Forward, Strong),     // German
    ("doorgestuurd", Forward, Strong),      // Dutch
    ("transféré", Forward, Strong),         // French
    ("transfert", Forward, Weak),           // French
    ("reenviado", Forward, Strong),         // Spanish
    ("re-enviado", Forward, Strong),        // Spanish
    ("reenvío", Forward, Strong),           // Spanish
    ("encaminhado", Forward, Strong),       // Portuguese
    ("reencaminhado", Forward, Strong),     // Portuguese
    ("inoltrato", Forward, Strong),         // Italian
    ("inoltra", Forward, Strong),           // Italian
    ("reenviat", Forward, Strong),          // Catalan
    ("vidarebefordrat", Forward, Strong),   // Swedish
    ("vidarebefordran", Forward, Strong),   // Swedish
    ("videresendt", Forward, Strong),       // Danish, Norwegian
    ("videresend", Forward, Strong),        // Danish, Norwegian
    ("välitetty", Forward, Strong),         // Finnish
    ("framsent", Forward, Strong),          // Icelandic
    ("przekazane", Forward, Strong),        // Polish
    ("przekazano", Forward, Strong),        // Polish
    ("przekaż", Forward, Strong),           // Polish
    ("přeposláno", Forward, Strong),        // Czech
    ("přeposlaná zpráva", Forward, Strong), // Czech
    ("preposlané", Forward, Strong),        // Slovak
    ("továbbítva", Forward, Strong),        // Hungarian
    ("továbbított", Forward, Strong),       // Hungarian
    ("redirecționat", Forward, Strong),     // Romanian
    ("prosleđeno", Forward, Strong),        // Serbian
    ("прослеђено", Forward, Strong),        // Serbian
    ("препратено", Forward, Strong),        // Bulgarian, Macedonian
    ("преп", Forward, Strong),              // Bulgarian
    ("posredovano", Forward, Strong),       // Slovene
    ("edastatud", Forward, Strong),         // Estonian
    ("pārsūtīts", Forward, Strong),         // Latvian
    ("persiunčiama", Forward, Strong),      // Lithuanian
    ("переслано", Forward, Strong),         // Russian
    ("пересылка", Forward, Strong),         // Russian
    ("переадресация", Forward, Strong),     // Russian
    ("переслане", Forward, Strong),         // Ukrainian
    ("переадресовано", Forward, Strong),    // Ukrainian
    ("προώθ", Forward, Strong),             // Greek
    ("προώθηση", Forward, Strong),          // Greek
    ("iletildi", Forward, Strong),          // Turkish
    ("iletilen", Forward, Strong),          // Turkish
    ("مُعاد توجيهها", Forward, Strong),      // Arabic
    ("معاد توجيهها", Forward, Strong),      // Arabic
    ("轉發", Forward, Strong),              // Chinese, traditional
    ("转寄", Forward, Strong),              // Chinese
    ("전달됨", Forward, Strong),            // Korean
    ("diteruskan", Forward, Strong),        // Indonesian
    ("terusan", Forward, Weak),             // Indonesian
];

/// Finnish for "reply", Danish and Norwegian for "forward": what the mail refers to decides.
pub(super) const REPLY_OR_FORWARD: &str = "vs";
