//! A document as files.

pub(super) mod html;
pub(super) mod markdown;
