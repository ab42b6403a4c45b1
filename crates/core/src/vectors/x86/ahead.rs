//! How far ahead of what it reads a pass asks for memory: by processor, found by trial
//! (`docs/decisions/0022-ahead.md`).

use std::arch::x86_64::__cpuid;
use std::sync::LazyLock;

/// Bytes from what is read to what is asked for meanwhile, in each of a pass's tensors, on Intel's processors.
pub(super) const ON_INTEL: usize = 4096;

/// On others, of two-byte types and of wider ones.
const ON_OTHERS: [usize; 2] = [1536, 1024];

/// Asked once: a virtual machine's host answers, which takes longer than a small pass.
static INTEL: LazyLock<bool> = LazyLock::new(|| {
    let leaf = __cpuid(0);
    let name = [leaf.ebx, leaf.edx, leaf.ecx].map(u32::to_le_bytes);
    name.as_flattened() == b"GenuineIntel"
});

/// At AVX2 for tensors that are [far](crate::vectors::Reach::far) or not: the distance of two-byte types and that of wider
/// ones, 0 where nothing is asked for.
pub(super) fn at_avx2(far: bool) -> [usize; 2] {
    match (far, *INTEL) {
        (false, _) => [0; 2],
        (true, true) => [ON_INTEL; 2],
        (true, false) => ON_OTHERS,
    }
}

/// Whether AVX-512 asks, [`ON_INTEL`] bytes ahead.
pub(super) fn at_avx512(far: bool) -> bool {
    far && *INTEL
}
