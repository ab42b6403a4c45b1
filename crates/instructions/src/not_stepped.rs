//! Where single steps are not known how to be done.

pub(crate) fn is_stepped() -> bool {
    false
}

pub(crate) fn between_signals(pass: impl FnOnce()) {
    pass();
}

/// # Errors
/// Always.
pub(crate) fn lines(_: &[String]) -> std::io::Result<Vec<String>> {
    Err(std::io::Error::other("--step needs Linux on x86-64"))
}
