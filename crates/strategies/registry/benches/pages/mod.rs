//! Huge pages, allowed or forbidden for this process.

/// The pages of memory that is written for the first time from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// Huge ones where they are asked for, as saved states of some MiB do.
    Huge,
    /// Small ones, whatever is asked for.
    Small,
}

impl Pages {
    /// Makes it so, and tells whether it is so.
    #[cfg(target_os = "linux")]
    pub(crate) fn allow(self) -> bool {
        let offers = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
            .is_ok_and(|modes| !modes.contains("[never]"));
        let forbidden = libc::c_ulong::from(self == Pages::Small);
        let unused: libc::c_ulong = 0;
        // SAFETY: this option takes four numbers and touches no memory of the program.
        let status =
            unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, forbidden, unused, unused, unused) };
        match self {
            Pages::Huge => offers && status == 0,
            Pages::Small => !offers || status == 0,
        }
    }

    /// Makes it so, and tells whether it is so: nothing but Linux has this switch.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn allow(self) -> bool {
        self == Pages::Small
    }
}

/// MiB of this process that lie in huge pages; none where the system does not tell.
pub(crate) fn huge_mebibytes() -> Option<u64> {
    let told = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("AnonHugePages:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes / 1024)
}
