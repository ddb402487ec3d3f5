//! BinHex 4.0 (RFC 1741): its name and its data become others within the packed stream, and its checksums are mended.
//!
//! # Failure
//! None: what is no such file is left as it is.
//!
//! # Trust
//! None: lengths told inside are held against what is there.

use super::words::Words;
use std::ops::Range;

/// The line above a file.
pub(super) const LINE: &[u8] = b"(This file must be converted with BinHex";
/// The letters, by their value.
const LETTERS: &[u8; 64] = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";
/// A count follows, and says how often the byte before stands here.
const RUN: u8 = 0x90;
/// Other data is drawn until its checksum can be written in as many letters.
const TRIES: u64 = 64;
/// Bytes that runs may make of one: what expands to more is left alone.
const EXPANSION_MAX: usize = 64;

/// A byte of the file, and where in the packed bytes it stands if it is written there alone.
type Placed = (u8, Option<usize>);

/// The name of the file in these letters (what is between the colons).
pub(super) fn name(letters: &[u8]) -> Option<Vec<u8>> {
    let placed = expand(&unpack(letters)?)?;
    let name = placed.get(Parts::of(&placed)?.name)?;
    Some(name.iter().map(|(byte, _)| *byte).collect())
}

/// Replaces what stands in a file's letters, in their place, and its name by another of the same length.
pub(super) fn scrub(words: &Words, letters: &mut [u8], new_name: &[u8]) {
    if words.is_learning() {
        return;
    }
    let Some(packed) = unpack(letters) else { return };
    let Some(placed) = expand(&packed) else { return };
    let Some(parts) = Parts::of(&placed) else { return };
    let bytes: Vec<u8> = placed.iter().map(|(b, _)| *b).collect();
    let name = |n: usize, _: usize| new_name.get(n - parts.name.start).copied();
    let mut new = packed.clone();
    replace(&mut new, &placed, &parts.head, &parts.name, &name, words);
    for fork in &parts.forks {
        replace(&mut new, &placed, fork, fork, &|n, draw| Some(noise(bytes[n], draw)), words);
    }
    pack(&new, letters);
}

/// A letter for a letter, a digit for a digit: other bytes stay, since they may say how a file is made.
fn noise(byte: u8, draw: usize) -> u8 {
    match byte {
        b'0'..=b'9' => b'0' + (draw % 10) as u8,
        b'a'..=b'z' => b'a' + (draw % 26) as u8,
        b'A'..=b'Z' => b'A' + (draw % 26) as u8,
        other => other,
    }
}

/// Replaces the bytes `told` of what `summed` and the checksum behind it cover. What would need more room stays.
fn replace(
    packed: &mut [u8],
    placed: &[Placed],
    summed: &Range<usize>,
    told: &Range<usize>,
    other: &dyn Fn(usize, usize) -> Option<u8>,
    words: &Words,
) {
    let bytes: Vec<u8> = placed.iter().map(|(b, _)| *b).collect();
    let Some(given) = bytes.get(summed.end..summed.end + 2) else { return };
    let was_right = given == crc(&bytes[summed.clone()]).to_be_bytes();
    for attempt in 0..TRIES {
        let mut made = bytes.clone();
        let mut next = words.stream(&[&attempt.to_be_bytes()[..], &bytes[told.clone()]].concat());
        for n in told.clone() {
            let new = other(n, next()).filter(|new| placed[n].1.is_some() && *new != RUN);
            made[n] = new.unwrap_or(bytes[n]);
        }
        // What a run repeats becomes what its first byte became.
        for n in told.clone().skip(1) {
            if placed[n].1.is_none() && bytes[n] == bytes[n - 1] {
                made[n] = made[n - 1];
            }
        }
        if was_right {
            let sum = crc(&made[summed.clone()]).to_be_bytes();
            made[summed.end..summed.end + 2].copy_from_slice(&sum);
        }
        let writable = |n: usize| placed[n].1.is_some() && made[n] != RUN || made[n] == bytes[n];
        if (summed.end..summed.end + 2).all(writable) {
            for n in told.clone().chain(summed.end..summed.end + 2) {
                if let Some(at) = placed[n].1 {
                    packed[at] = made[n];
                }
            }
            return;
        }
    }
}

/// Where the name, what its checksum covers, and the forks stand.
struct Parts {
    head: Range<usize>,
    name: Range<usize>,
    forks: Vec<Range<usize>>,
}

impl Parts {
    fn of(placed: &[Placed]) -> Option<Parts> {
        let byte = |n: usize| placed.get(n).map(|(b, _)| *b);
        let length = usize::from(byte(0)?);
        // A version, type, creator, flags, the lengths of both forks, a checksum.
        let behind = 1 + length + 1;
        let size = |from: usize| (from..from + 4).try_fold(0usize, |n, at| Some(n << 8 | usize::from(byte(at)?)));
        let (data, resource) = (size(behind + 10)?, size(behind + 14)?);
        let start = behind + 18 + 2;
        let mut forks = Vec::new();
        let end = start.checked_add(data)?;
        for fork in [start..end, end + 2..end.checked_add(resource)?.checked_add(2)?] {
            if !fork.is_empty() && fork.end + 2 <= placed.len() {
                forks.push(fork);
            }
        }
        Some(Parts { head: 0..behind + 18, name: 1..1 + length, forks })
    }
}

fn unpack(letters: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(letters.len());
    let (mut held, mut bits) = (0u32, 0u32);
    for letter in letters.iter().filter(|b| !b.is_ascii_whitespace()) {
        held = held << 6 | u32::try_from(LETTERS.iter().position(|l| l == letter)?).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits) as u8);
        }
    }
    Some(out)
}

/// Writes packed bytes into the letters they came from; bits behind the last byte are as they were.
fn pack(packed: &[u8], letters: &mut [u8]) {
    let places = letters.iter_mut().filter(|b| !b.is_ascii_whitespace());
    for (n, letter) in places.enumerate() {
        let bit = n * 6;
        let (Some(first), second) = (packed.get(bit / 8), packed.get(bit / 8 + 1)) else { break };
        let missing = second.is_none() && bit % 8 > 2;
        let word = u16::from(*first) << 8 | u16::from(second.copied().unwrap_or_default());
        let mut value = (word >> (10 - bit % 8) & 63) as u8;
        if missing {
            let old = LETTERS.iter().position(|l| *l == *letter).unwrap_or_default() as u8;
            let mask = (1u8 << (bit % 8 - 2)) - 1;
            value = value & !mask | old & mask;
        }
        *letter = LETTERS[usize::from(value)];
    }
}

fn expand(packed: &[u8]) -> Option<Vec<Placed>> {
    let mut out: Vec<Placed> = Vec::with_capacity(packed.len());
    let mut at = 0;
    while at < packed.len() {
        let byte = packed[at];
        if byte != RUN {
            out.push((byte, Some(at)));
            at += 1;
            continue;
        }
        let count = usize::from(*packed.get(at + 1)?);
        match out.last().map(|(b, _)| *b).filter(|_| count > 0) {
            Some(last) => out.extend(std::iter::repeat_n((last, None), count - 1)),
            None => out.push((RUN, None)),
        }
        at += 2;
        if out.len() > packed.len() * EXPANSION_MAX {
            return None;
        }
    }
    Some(out)
}

/// CRC-16 of CCITT, as if two zeros followed.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file named `a` with a data fork, packed.
    fn file(data: &[u8]) -> Vec<u8> {
        let mut head = [&[1, b'a', 0][..], b"TEXTttxt", &[0, 0], &(data.len() as u32).to_be_bytes(), &[0; 4]].concat();
        head.extend(crc(&head).to_be_bytes());
        let out = [&head[..], data, &crc(data).to_be_bytes(), &crc(b"").to_be_bytes()].concat();
        // No byte of these needs a run.
        assert!(!out.contains(&RUN));
        let mut letters = vec![b'!'; (out.len() * 8).div_ceil(6)];
        pack(&out, &mut letters);
        letters
    }

    #[test]
    fn data_becomes_other_data_with_a_checksum_that_is_right() {
        let before = file(b"Habakuk, 12 lamps");
        let mut after = before.clone();
        let mut words = Words::new(1, 0);
        words.learnt();
        assert_eq!(name(&before).as_deref(), Some(&b"a"[..]));
        scrub(&words, &mut after, b"A");
        let bytes = unpack(&after).unwrap();
        assert_eq!(bytes[1], b'A');
        assert!(!bytes.windows(7).any(|w| w == b"Habakuk"));
        let data = &bytes[23..40];
        assert_eq!(crc(data).to_be_bytes(), bytes[40..42]);
        assert_eq!(crc(&bytes[..21]).to_be_bytes(), bytes[21..23]);
        assert_eq!(before.len(), after.len());
    }

    #[test]
    fn what_is_no_file_stays() {
        for odd in [&b"words"[..], b"", b"!!!!", b"\xff\xff"] {
            let mut after = odd.to_vec();
            scrub(&Words::new(1, 0), &mut after, b"");
            assert_eq!(after, odd);
        }
    }
}
