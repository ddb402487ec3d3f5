//! Bytes that make decisions: how a fuzzer's input becomes a mail, a date or a graph.
//!
//! # Failure
//! None: bytes that have run out choose the first of everything.
//!
//! # Trust
//! None.

/// Decisions taken from bytes, in order. When they are used up every decision is 0, so that each
/// grammar ends and the empty input is its plainest sentence.
#[derive(Debug, Clone)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Decides by these bytes.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices { rest: bytes }
    }

    /// Nothing is left: only zeros come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => 0,
        }
    }

    /// A number below `count` (at most 65,536); 0 where there is no choice.
    pub fn below(&mut self, count: usize) -> usize {
        let number = if count > 256 { usize::from(self.byte()) << 8 | usize::from(self.byte()) } else { self.byte().into() };
        number.checked_rem(count).unwrap_or(0)
    }

    /// One in `count` says yes; never when the bytes are used up.
    pub fn rarely(&mut self, count: usize) -> bool {
        self.below(count) + 1 == count
    }

    /// One of these; the first when the bytes are used up. `T::default()` of none.
    pub fn one_of<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let at = self.below(all.len());
        all.get(at).copied().unwrap_or_default()
    }

    /// Up to `max` bytes as they are.
    pub fn bytes(&mut self, max: usize) -> &'a [u8] {
        let count = self.below(max + 1).min(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or_default();
        self.rest = rest;
        taken
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }
}
