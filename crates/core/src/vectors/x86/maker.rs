//! Whose processor this is.

use std::arch::x86_64::__cpuid;
use std::sync::LazyLock;

/// Asked once: a virtual machine's host answers, which takes longer than a small pass.
static INTEL: LazyLock<bool> = LazyLock::new(|| {
    let leaf = __cpuid(0);
    let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"GenuineIntel"
});

/// Whether the processor is one of Intel's.
pub(super) fn is_intel() -> bool {
    *INTEL
}
