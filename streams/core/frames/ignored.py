"""Frames that say nothing about a crash: runtimes, allocators, sanitizers, log and abort machinery, fuzz drivers."""

from __future__ import annotations

import re

_STARTS = (
    # sanitizers and fuzz drivers
    "__asan", "__hwasan", "__msan", "__tsan", "__ubsan", "__lsan", "__sanitizer", "__interceptor", "__interception",
    "__sancov", "_sanitizer_", "testing::", "void testing::", "__cfi", "__wrap_", "___interceptor", "_asan_",
    "hwasan_", "fuzzer::", "fuzztest::", "centipede::", "HF_", "honggfuzz",
    "HonggFuzz", "Honggfuzz", "afl_", "__afl", "instrumented_", "scudo::", "gwp_asan",
    "rust_fuzzer_test_input",
    "rust_libfuzzer", "libfuzzer_sys::", "atheris", "com.code_intelligence.jazzer",
    "__libfuzzer",
    "LLVMFuzzerInitialize", "LLVMFuzzerRunDriver", "calloc_common", "CaptureStack", "DumpStackTrace",
    # C and C++ runtimes
    "__cxa_", "__cxx", "__gxx_", "__libc_", "__GI_", "___GI_", "__gnu_", "__pthread", "__start_thread",
    "__bionic", "__scrt", "__restore_rt",
    "__kernel_", "__run_exit_handlers", "__assert", "__abort", "__fortify", "__stack_chk", "__memcpy",
    "__memmove", "__memset",
    "__strlen", "__str", "__mem", "__verify", "__rust", "___rust", "__chk_fail", "__aeabi", "__GI",
    "__longjmp", "__libcpp", "__clone", "_GLOBAL__", "OPENSSL_die",
    "__sigaction", "__tgkill", "__rtol", "__security", "__report_", "__fastfail", "__vdso", "__terminate",
    "__wcsnlen", "__printf", "_IO_",
    "_Unwind", "demangling_terminate", "heap_corruption",
    "malloc_", "_int_malloc", "_int_free", "_int_realloc", "unlink_chunk", "sysmalloc", "tcache_",
    "??", "<signal handler",
    "_ZN", "_exit", "_abort", "_objc_", "_sigtramp", "_platform_", "_pthread", "_malloc", "_free",
    "_wassert", "_assert", "_start",
    "_Z", "_CxxThrow", "_purecall", "_invoke_watson", "_invalid_parameter", "_chkstk", "_dl_", "_L_unlock",
    "_main", "_wmain",
    "operator new", "operator delete", "std::", "void std::", "decltype", "libc++", "libsystem", "std.",
    "abort_message", "unsigned long std::",
    "invoke_main", "non-virtual thunk to std::", "bool std::", "auto std::", "vfprintf", "vsnprintf",
    "printf_", "je_", "tcmalloc", "allocator_shim",
    "partition_alloc", "base::allocator", "base::partition", "allocator::", "dlmalloc", "dlfree",
    # log, check and crash machinery
    "absl::", "logging::", "base::debug::", "base::ImmediateCrash", "base::internal::LogMessage",
    "google::LogMessage", "google::Log", "google::base", "google::Check",
    "google::protobuf::internal::LogMessage", "google_breakpad", "breakpad",
    "crashpad", "FailureSignalHandler", "V8_Fatal", "V8_Dcheck", "V8_DCheck", "V8::Fatal",
    "v8::base::OS::Abort", "v8::base::OS::Fatal", "v8::base::Fatal",
    "v8::base::debug", "v8::base::(", "v8::internal::V8::FatalProcessOutOfMemory",
    "v8::internal::Isolate::PushStackTraceAndDie", "v8::Utils::ReportOOMFailure",
    "v8::Utils::ReportApiFailure", "v8::Utils::ApiCheck", "v8::api_internal::", "v8::V8::ToLocalEmpty",
    "v8::V8::FromJustIsNothing", "v8::internal::Heap::FatalProcessOutOfMemory", "blink::ReportV8FatalError",
    "blink::ReportOOM", "blink::V8OOM",
    "WTFCrash", "WTFReport", "WTF::Crash", "WTF::", "CRYPTO_", "SkAbort", "sk_abort", "SkDebugf", "sk_abort",
    "g_log", "g_return_if", "g_assertion", "g_assert",
    "android::Logger", "android_set_abort", "__android_log", "android::base::LogMessage",
    "art::Runtime::Abort", "art::LogMessage", "libunwind", "unwind_",
    "base::internal::OnNoMemory", "base::TerminateBecauseOutOfMemory", "base::internal::RunOnceCallback",
    "CrashTrampoline", "HandleCrash",
    # Windows
    "BaseThreadInitThunk", "RtlUserThreadStart", "KERNEL", "kernel32",
    "kernelbase", "KERNELBASE", "ntdll", "UnhandledException",
    "RaiseException", "wmainCRTStartup", "WinMain", "wWinMain", "__Rtl", "_Rtl",
    "v8::internal::__RT_impl_Runtime_Abort", "v8::internal::Runtime_Abort", "DebugBreak", "_alloca_probe",
    "LocalAlloc", "HeapAlloc", "HeapFree",
    "CoreMessaging", "msvcrt", "ucrtbase", "verifier!", "vrfcore", "vfbasics", "clang_rt",
    # JVM, Go, Rust, Python, JavaScript
    "java.", "javax.", "jdk.", "sun.", "com.sun.", "kotlin.", "android.os.StrictMode", "jaz.",
    "runtime/", "debug.Stack", "debug.Print", "main.",
    "testing.", "syscall.",
    "core::", "alloc::", "rust_", "panic_abort::", "panic_unwind::", "backtrace::", "<core::", "<alloc::",
    "<std::", "$LT$alloc", "_$LT$", "_<",
    "$LT$core", "$LT$std", "__rg_", "__rdl_", "__rg", "_rust",
    "node:", "process.", "Object.<anonymous>",
    "closure #", "_swift_", "swift_", "Swift.", "function signature specialization", "libc_io_functions",
    "fx_logger", "syslog::", "SbSystemBreak",
    "RUN_ALL_TESTS", "HandleExceptionsInMethodIfSupported", "HandleSehExceptions", "trusty_", "app_mgr",
    "arm64_", "lk.elf", "wmain", "__tmain",
)  # fmt: skip
_NAMES = (
    "abort", "raise", "operator", "do_system", "gsignal", "exit", "kill", "tgkill", "pkill", "main", "clone",
    "clone3", "start_thread", "malloc", "free", "calloc",
    "realloc", "memalign", "posix_memalign", "aligned_alloc", "valloc", "strdup", "strndup", "bcopy", "bcmp",
    "memcpy", "memmove", "memset",
    "memcmp", "memchr", "memmem", "strlen", "strnlen", "strcmp", "strncmp", "strcpy", "strncpy", "strcat",
    "strncat", "strchr", "strrchr", "strstr",
    "strcasecmp", "strncasecmp", "strtol", "wcslen", "wcscpy", "wcsncpy", "wcsnlen", "pthread_kill",
    "pthread_create", "pthread_mutex_lock", "pthread_start", "thread_start",
    "bzero", "bsearch", "qsort", "qsort_r", "strspn", "strcspn", "strpbrk", "strtok", "strtok_r", "stpcpy", "stpncpy",
    "strtoul", "strtoll", "strtoull", "strtod", "strtof", "strcoll", "strsep", "atoi", "atol", "atof", "memccpy",
    "memrchr", "rawmemchr", "wmemcpy", "wmemset", "wmemmove", "wcscat", "wcscmp", "wcschr", "wcsrchr", "wcstombs",
    "mbstowcs", "asprintf", "vasprintf", "vprintf", "vsprintf", "scanf", "sscanf", "fscanf", "vsscanf", "fwrite",
    "fread", "fgets", "fclose", "longjmp", "siglongjmp", "pthread_join", "pthread_exit", "malloc_usable_size",
    "terminate", "unexpected", "sigaction", "sigtramp", "syscall", "wait4", "waitpid", "system", "nanosleep",
    "usleep", "sleep",
    "ExitCallback", "CrashCallback", "AlarmCallback", "Crash", "crash_handler", "_asan_rtl_", "libc_abort",
    "libc_panic", "dump_backtrace", "show_stack", "dump_stack",
    "panic", "BUG", "die", "__die", "do_exit", "oops_end", "page_fault", "do_page_fault", "asm_exc_page_fault",
    "kasan_report", "kasan_report_error", "check_memory_region",
    "print_address_description", "load_elf_binary", "el1_da", "do_mem_abort", "printk", "vprintk", "__warn",
    "warn_slowpath_fmt",
    "null", "NULL", "unknown", "invoke", "fprintf", "printf", "vprintf", "sprintf", "snprintf", "puts",
    "fputs", "new", "delete",
    "CFRelease", "objc_msgSend", "g_logv", "g_log", "HandleFatal", "OnNoMemory", "Fail",
    "DCHECK", "check_fail",
)  # fmt: skip
_IN_IT = (
    "libFuzzer", "TestBody", "RunTest", "FuzzerDriver", "RunOneInput", "::ImmediateCrash", "check_operation::",
    "GetThreadPoolStackTrace",
)  # fmt: skip
_SYSTEM_BINARY = re.compile(
    r"(?:.{0,1000}[/\\])?(?:lib(?:c|m|rt|dl|pthread|stdc\+\+|c\+\+|c\+\+abi|gcc_s|art|base|asan|clang_rt|unwind|utils|glib|system_\w{1,20})"
    r"(?:[-._]|$).{0,80}|ld-.{0,80}|linux-(?:gate|vdso).{0,40}|(?:ntdll|kernel32|kernelbase|ucrtbase|msvcrt)(?:\.dll)?|linker(?:64)?"
    r"|app_process(?:32|64)?)$",
    re.IGNORECASE,
)
_SYSTEM_PLACES = ("/lib/", "/lib64/", "/usr/lib", "[vdso]", "<unknown", "unknown module", "/usr/grte/", "C:\\Windows\\")


_RUNTIME_FILES = (
    "/compiler-rt/", "/libFuzzer/", "/lib/Fuzzer/", "/honggfuzz/", "/libstdc++", "_asan_rtl_", "/libcxx/", "/libc++/",
    "/crtstuff", "/vcruntime", "\\vctools\\crt\\", "/rustc/", "/bits/stl_", "/c++/v1/", "/include/c++/",
    "base/logging.cc", "base/check.cc", "/library/std/src", "/centipede/",
)  # fmt: skip


def _either(parts: tuple[str, ...]) -> str:
    return "|".join(sorted(map(re.escape, set(parts)), reverse=True))


_GO_RUNTIME = r"runtime\.(?:[a-z]|\(\*?[a-z])"
_WINDOWS_NATIVE = r"(?:Rtlp?|Nt|Zw|Ki|Ldrp?)[A-Z][A-Za-z]{1,60}$"
_IGNORED = re.compile(rf"(?:{_either(_STARTS)})|(?:{_either(_NAMES)})$|{_WINDOWS_NATIVE}|{_GO_RUNTIME}")


def is_ignored(function: str, file: str) -> bool:
    """Say whether a frame is left out of a crash's name; ``file`` may be a source file or a binary."""
    if _IGNORED.match(function) or any(part in function for part in _IN_IT):
        return True
    return any(part in file for part in _RUNTIME_FILES)


def is_ignored_binary(path: str) -> bool:
    """Say whether a frame that knows only its binary is left out: the C library and the loader."""
    return path.startswith(_SYSTEM_PLACES) or bool(_SYSTEM_BINARY.match(path))
