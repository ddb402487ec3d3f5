//! Well-formed mails whose truth is known, made from a seed.
//!
//! In three dozen languages, in their charsets, as some forty programs write them. [`super::mangle`] then does to them
//! what real programs and relays do.
//!
//! # Failure
//! None: any seed and number give a mail, the same one on every machine.
//!
//! # Trust
//! Nothing here uses the reader's code (`normalize`): truth that comes from the reader would agree with it.

mod body;
pub mod compose;
pub mod dice;
pub mod draft;
pub mod language;
pub mod letter;
pub mod letters;
pub mod program;
pub mod render;
pub mod truth;
mod visual;
pub mod when;
pub mod winmail;
mod words;

pub use body::Shape;
pub use compose::compose;
pub use dice::Dice;
pub use draft::Draft;
pub use render::render;
pub use truth::{TrueFile, TruePerson, Truth};
