//! (skeleton: replaced by its builder)
