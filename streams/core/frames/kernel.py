"""Linux kernel: oopses, BUG and WARNING, sanitizers, locking, stalls and panics, with their call traces."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "kernel"
MARKS = ("Call Trace:", "Call trace:", "Backtrace:", "Kernel panic - ", "+0x")

_PREFIX = re.compile(r".{0,100}?\[ {0,6}\d{1,8}\.\d{1,9}\](?:\[ {0,6}[TC]\d{1,8}\])? ?")
_JOURNAL = re.compile(r"\S[^\[]{0,90}? kernel: ")
_SYMBOL = r"([A-Za-z_][\w]{0,200})((?:\.\w{1,40}){0,4})\+0x[0-9a-f]{1,8}(?:/0x[0-9a-f]{1,8})?"
_CALL = re.compile(
    r"\s{0,20}(?:\[?<[0-9a-f]{8,16}>\]? ?|\[<\s{0,10}inlined? {0,10}>\] ?)?(\? ?)?\(?" + _SYMBOL
    + r"\)?(?: \[[\w. -]{1,80}\])?(?: from .{1,200}| (\S{1,300}:\d{1,9})(?: \[inline\])?.{0,80})?$"
)  # fmt: skip
_INLINE = re.compile(r"\s{1,8}([A-Za-z_]\w{0,200}) (\S{1,300}:\d{1,9}) \[inline\]$")
_POINTER = re.compile(
    r"(?:RIP: \w{1,6}:|PC is at |pc : |epc : |NIP \[[0-9a-f]{8,16}\] )(?:\[<[0-9a-f]{8,16}>\] {1,4}){0,2}" + _SYMBOL
)
_INSIDE = re.compile(r" in " + _SYMBOL)
_OPENS = ("Call Trace:", "Call trace:", "Backtrace:", "backtrace:")
_TAG = re.compile(r"\s{0,4}</?(?:IRQ|TASK|NMI|SOFTIRQ|EOI|#\w{2,3}|EXCEPTION)>")


def _fixed(kind: str) -> Callable[[re.Match[str]], str]:
    return lambda _found: kind


_HEADS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    ("SAN: ", re.compile(r"(?:BUG: )?(K[AMC]SAN|UBSAN): ([\w -]{1,80}?)(?: in | on |$)"), lambda m: f"{m[1]}: {m[2]}"),
    ("KFENCE: ", re.compile(r"BUG: (KFENCE: [\w -]{1,80}?) in "), lambda m: m[1]),
    ("NULL pointer", re.compile(r"(kernel NULL pointer dereference)"), lambda m: m[1]),
    ("nable to handle", re.compile(r"(?:BUG: )?[uU]nable to handle (kernel paging request|page fault|[\w ]{3,60}?)"
                                   r"(?= for | at |:|,|$)"), lambda m: m[1]),
    ("kernel BUG at ", re.compile(r"(kernel BUG at \S{1,300}?):\d{1,9}!"), lambda m: m[1]),
    ("WARNING: CPU", re.compile(r"WARNING: CPU: \d{1,5} PID: \d{1,9} at (\S{1,300}?):\d{1,9}"),
     lambda m: f"WARNING at {m[1]}"),
    ("WARNING: at ", re.compile(r"WARNING: at (\S{1,300}?):\d{1,9}"), lambda m: f"WARNING at {m[1]}"),
    ("WARNING: ", re.compile(r"WARNING: ((?:possible|suspicious|inconsistent|bad|lock|held|nested)[\w /-]{1,80})"),
     lambda m: m[1]),
    ("blocked for more than", re.compile(r"INFO: task .{1,80} blocked for more than"), _fixed("hung task")),
    ("stall", re.compile(r"(?:rcu: )?INFO: rcu\w{0,20}.{0,40} stalls?"), _fixed("RCU stall")),
    ("soft lockup", re.compile(r"(?:watchdog: )?BUG: soft lockup"), _fixed("soft lockup")),
    ("hard LOCKUP", re.compile(r".{0,40}?hard LOCKUP"), _fixed("hard lockup")),
    ("BUG: ", re.compile(r"BUG: ([A-Za-z][a-z A-Z-]{3,60}?)(?= in | at |:|,|$| of | \d)"), lambda m: f"BUG: {m[1]}"),
    ("INFO: trying", re.compile(r"INFO: (trying to register non-static key)"), lambda m: m[1]),
    ("general protection", re.compile(r"(general protection fault)"), lambda m: m[1]),
    (" error: ", re.compile(r"(divide error|stack segment|double fault): "), lambda m: m[1]),
    ("invalid opcode", re.compile(r"(invalid opcode): "), lambda m: m[1]),
    ("Internal error: ", re.compile(r"Internal error: ([\w -]{1,60}?)(?=:| \[)"), lambda m: f"Internal error: {m[1]}"),
    ("Kernel panic", re.compile(r"Kernel panic - not syncing: (.{1,200}?)(?: exitcode=.*| on unknown-block.*)?$"),
     lambda m: f"Kernel panic: {m[1]}"),
)  # fmt: skip
"""Words in the line, its form, and the type; a line is tried in this order."""

_MACHINERY = re.compile(
    r"_{0,2}(?:dump_stack|show_stack|kasan|kmsan|kcsan|kfence|asan|ubsan|warn|die|panic|report_bug|handle_bug"
    r"|check_memory_region|object_err|print_|exc_|asm_exc_|asm_sysvec|sysvec_|handle_invalid_op|do_error_trap|do_trap"
    r"|page_fault|do_page_fault|bad_area|no_context|oops_end|do_invalid_op|invalid_op|error_entry|do_kern_addr_fault"
    r"|do_user_addr_fault|do_translation_fault|do_mem_abort|el1_|el1h_|el0_|el0t_|do_el0|nmi_|trigger_|arch_trigger"
    r"|rcu_dump|rcu_check|rcu_sched_clock|watchdog|schedule|io_schedule|lock_acquire|mutex_lock|raw_spin_|raw_read_|raw_write_|down_read|down_write|rwsem_|check_prev|validate_chain"
    r"|check_noncircular|check_deadlock|lockdep_|debug_check_no_locks|mem(?:cpy|set|move|cmp)|str(?:len|cpy|cmp)"
    r"|entry_SYSCALL|do_syscall|x64_sys_call|syscall_exit|ret_from_fork|kthread$|invoke_syscall|ret_fast_syscall"
    r"|start_kernel|secondary_startup|cpu_startup|do_idle|cpuidle|unwind_backtrace|dump_backtrace|bust_spinlocks"
    r"|common_interrupt|apic_timer|do_DataAbort|dabt_|do_exit$|make_task_dead|rewind_stack|handle_stripe_bug)",
)
_HANDLERS = frozenset(("__do_softirq", "irq_exit", "irq_exit_rcu", "__irq_exit_rcu", "cpu_idle_loop", "end_report"))


def find(lines: Sequence[str]) -> Found | None:
    """Return the first report with its calls, or None: what a kernel says after its first oops follows from it.

    A call marked ``?`` is left out: it was found on the stack, but not in the chain of frames.
    """
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    pointed: Frame | None = None
    reading = False
    for number, full in enumerate(lines):
        line = _PREFIX.sub("", full, count=1) if "." in full[:110] and "[" in full[:100] else full
        if " kernel: " in line[:100] and (journal := _JOURNAL.match(line)):
            line = line[journal.end() :]
        if at < 0:
            if raised := _head(line):
                at, message = number, line.strip()
                inside = _INSIDE.search(line)
                pointed = _frame(inside[1], inside[2], "") if inside else None
            continue
        if reading:
            if "? " in line and "+0x" in line:
                continue
            called = _call(line)
            if called:
                frames.append(called)
            if called and len(frames) < FRAMES_MAX:
                continue
            if frames and not _TAG.match(line):
                break
        elif line.strip().startswith(_OPENS):
            reading = True
        elif "+0x" in line and (found := _POINTER.match(line.strip())):
            pointed = _frame(found[1], found[2], "")
    if at < 0 or not (frames or pointed):
        return None
    if pointed and pointed.in_app and pointed.function not in {frame.function for frame in frames}:
        frames = [pointed, *(frame for frame in frames if frame.in_app)]
    return Found(at, Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,)))


def is_machinery(name: str) -> bool:
    """Say whether a function reports failures, enters the kernel or waits, whatever failed."""
    return bool(_MACHINERY.match(name)) or name in _HANDLERS


def _head(line: str) -> str:
    for mark, form, kind in _HEADS:
        if mark in line and (found := form.search(line)):
            return kind(found)
    return ""


def _call(line: str) -> Frame | None:
    if "+0x" in line and (found := _CALL.match(line)):
        return _frame(found[2], found[3], found[4] or "")
    if line.endswith("[inline]") and (found := _INLINE.match(line)):
        return _frame(found[1], "", found[2])
    return None


def _frame(name: str, _clone: str, place: str) -> Frame:
    file, _, digits = place.partition(":")
    machinery = is_machinery(name) or "mm/kasan/" in file or "lib/dump_stack" in file
    reason = "machinery" if machinery else "kernel function"
    return Frame(name, "", file, int(digits) if digits.isdigit() else None, not machinery, reason)
