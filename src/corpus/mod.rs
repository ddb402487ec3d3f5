//! The samples of misbehaving mail: load them, read them, hold the reading against what a person
//! says is right. The share that holds is the project's measure of itself.
//!
//! A sample is a folder `corpus/<family>/<slug>/` with `message.eml` (exact bytes), `sample.toml`
//! (what it is, where it is from, and under `[expect]` what a person says is right) and
//! `expected.snap` (everything else, guarded by a snapshot). A whole conversation has `01.eml 02.eml …`
//! instead ([`Scene`]). `corpus/private` has the same shape
//! and is not in git.
//!
//! # Failure
//! A sample that is not whole (a file is missing, an unknown file lies beside it, a key is
//! unknown) is an error that names it; the others are still loaded.

mod add;
mod coverage;
mod description;
mod desk;
mod family;
pub mod generate;
pub mod kpi;
pub mod mangle;
pub mod proof;
mod sample;
mod scene;
mod scrub;
mod verdict;

pub use add::{NewSample, add, place};
pub use coverage::Coverage;
pub use description::Expect;
pub use desk::{Arrival, Desk, Read};
pub use family::{FAMILIES, families, nearest};
pub use sample::{Sample, SampleError, SampleMail, load};
pub use scene::{Before, EnvelopeSaid, Order, Outbound, Scene, Setup, Truth};
pub use scrub::{Portrait, Scrubbed, scrub, stays};
pub use verdict::{Miss, Variant, check, snapshot, snapshots, variants};
