//! The samples of misbehaving mail: load them, read them, hold the reading against what a person
//! says is right. The share that holds is the project's measure of itself.
//!
//! A sample is a folder `corpus/<family>/<slug>/` with `message.eml` (exact bytes), `sample.toml`
//! (what it is, where it is from, and under `[expect]` what a person says is right) and
//! `expected.snap` (everything else, guarded by a snapshot). `corpus/private` has the same shape
//! and is not in git.
//!
//! # Failure
//! A sample that is not whole (a file is missing, an unknown file lies beside it, a key is
//! unknown) is an error that names it; the others are still loaded.

mod sample;
mod verdict;

pub use sample::{Expect, NewSample, Sample, SampleError, add, load};
pub use verdict::{Miss, Variant, check, snapshot, variants};
