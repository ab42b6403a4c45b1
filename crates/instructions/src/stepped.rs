//! Counts by single steps: for instructions that callgrind does not emulate.
//!
//! ```text
//! for each pass of the child:        between its signals BEGIN and END
//!     for each instruction of it:    own, or, coming from our own code, a call out of it
//! ```
//!
//! The child is this program. The system stops it after every instruction (`ptrace(2)`, `PTRACE_SINGLESTEP`),
//! which takes microseconds each.

use std::io::{Error, Read, Result};
use std::mem::offset_of;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

/// Tells the child that it is stepped.
const VARIABLE: &str = "PRELU_MEM_STEPPED";
const BEGIN: libc::c_int = libc::SIGUSR1;
const END: libc::c_int = libc::SIGUSR2;

/// What a pass took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    /// Instructions of the program's own code.
    own: u64,
    /// Calls out of it: of the C library.
    calls: u64,
}

/// Whether this process is a child that is stepped.
pub(crate) fn is_stepped() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// The child's part: runs a pass between two signals, which stop it.
pub(crate) fn between_signals(pass: impl FnOnce()) {
    let stepped = is_stepped();
    if stepped {
        raise(BEGIN);
    }
    pass();
    if stepped {
        raise(END);
    }
}

fn raise(signal: libc::c_int) {
    // SAFETY: a signal to the thread itself, which whoever traces it takes.
    let refused = unsafe { libc::raise(signal) };
    assert_eq!(refused, 0, "signal {signal}: {}", Error::last_os_error());
}

/// Runs this program with `arguments`. Its lines, each with the pass's count behind it.
///
/// # Errors
/// Where the system allows no tracing, where the child fails, or tells of other passes than it runs.
pub(crate) fn lines(arguments: &[String]) -> Result<Vec<String>> {
    let program = std::env::current_exe()?.canonicalize()?;
    let mut command = Command::new(&program);
    command.args(arguments).env(VARIABLE, "1").stdout(Stdio::piped());
    // SAFETY: one system call, between fork and exec.
    unsafe { command.pre_exec(|| ptrace(libc::PTRACE_TRACEME, 0, 0).map(drop)) };
    let mut child = command.spawn()?;
    let counts = trace(&child, &program.to_string_lossy());
    if counts.is_err() {
        child.kill()?;
    }
    let counts = counts?;

    let mut told = String::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_string(&mut told)?;
    }
    if told.lines().count() != counts.len() {
        let passes = format!("{} lines for {} passes", told.lines().count(), counts.len());
        return Err(Error::other(passes));
    }
    let line = |(line, count): (&str, &Count)| format!("{line} {} {}", count.own, count.calls);
    Ok(told.lines().zip(&counts).map(line).collect())
}

/// The counts of all passes of a child that waits behind its exec.
fn trace(child: &Child, program: &str) -> Result<Vec<Count>> {
    let pid = child.id().cast_signed();
    let mut counts = Vec::new();
    let mut own = None;
    let mut signal = wait(pid)?;
    while let Some(stopped) = signal {
        if stopped == BEGIN {
            let own = match &own {
                Some(own) => own,
                None => own.insert(code(pid, program)?),
            };
            counts.push(step(pid, own)?);
        }
        ptrace(libc::PTRACE_CONT, pid, meant_for_child(stopped))?;
        signal = wait(pid)?;
    }
    Ok(counts)
}

/// The signal itself, as of a fault; 0 where it is ours, or of whoever stops and continues a job.
fn meant_for_child(signal: libc::c_int) -> libc::c_int {
    match signal {
        BEGIN | END | libc::SIGTRAP | libc::SIGSTOP | libc::SIGTSTP | libc::SIGCONT => 0,
        other => other,
    }
}

/// Counts from the signal on that has stopped the child to [`END`].
fn step(pid: libc::pid_t, own: &Range<u64>) -> Result<Count> {
    let mut count = Count::default();
    let (mut inside, mut passed) = (false, 0);
    loop {
        ptrace(libc::PTRACE_SINGLESTEP, pid, passed)?;
        passed = 0;
        match wait(pid)? {
            Some(libc::SIGTRAP) => {}
            // The call of `raise` itself is no part of the pass.
            Some(END) => return Ok(Count { calls: count.calls - 1, ..count }),
            Some(signal) => {
                passed = meant_for_child(signal);
                continue;
            }
            None => return Err(Error::other("ended within a pass")),
        }
        let at = own.contains(&instruction(pid)?);
        count.own += u64::from(at);
        count.calls += u64::from(inside && !at);
        inside = at;
    }
}

/// The signal that stopped the child; none where it has ended well.
fn wait(pid: libc::pid_t) -> Result<Option<libc::c_int>> {
    let mut status = 0;
    // SAFETY: the system writes the status.
    if unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 {
        return Err(Error::last_os_error());
    }
    if libc::WIFSTOPPED(status) {
        return Ok(Some(libc::WSTOPSIG(status)));
    }
    match status {
        0 => Ok(None),
        status => Err(Error::other(format!("the counted program ended with wait status {status}"))),
    }
}

/// Where the child's instruction pointer stands.
fn instruction(pid: libc::pid_t) -> Result<u64> {
    const AT: usize = offset_of!(libc::user, regs) + offset_of!(libc::user_regs_struct, rip);
    let mut pointer = 0_u64;
    // SAFETY: the system call writes the word to `data`; the C library's wrapper would return it, and -1 for
    // errors as well.
    let refused = unsafe {
        libc::syscall(libc::SYS_ptrace, libc::PTRACE_PEEKUSER, pid, AT, &raw mut pointer)
    };
    if refused < 0 { Err(Error::last_os_error()) } else { Ok(pointer) }
}

/// The addresses of the program's own code in the child.
fn code(pid: libc::pid_t, program: &str) -> Result<Range<u64>> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let line = maps.lines().find(|line| line.ends_with(program) && line.contains(" r-xp "));
    let range = line.and_then(|line| line.split_once(' ')?.0.split_once('-'));
    let address = |text| u64::from_str_radix(text, 16).ok();
    let range = range.and_then(|(start, end)| Some(address(start)?..address(end)?));
    range.ok_or_else(|| Error::other(format!("no code of {program} in its maps")))
}

fn ptrace(request: libc::c_uint, pid: libc::pid_t, data: libc::c_int) -> Result<libc::c_long> {
    let (address, data) = (null_mut::<libc::c_void>(), libc::c_long::from(data));
    // SAFETY: these requests touch no memory of this process.
    let done = unsafe { libc::ptrace(request, pid, address, data) };
    if done < 0 { Err(Error::last_os_error()) } else { Ok(done) }
}
