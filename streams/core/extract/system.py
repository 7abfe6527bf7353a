"""The machine and the network: memory, disk, time, names, certificates, repositories, packages, clouds."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

RULES: Final = (
    rule("terraform.error", "error: ", r"^[\u2502|]\s*Error: ", 0.87, goes_on=r"^[\u2502|]", lines_max=20),
    rule(
        "memory.killed",
        "out of memory|oom kill|oom-kill|oomkill|cannot allocate memory",
        r"(?i)\bout of memory\b|\bOOM[- ]?[Kk]ill|\bcannot allocate memory\b",
        0.92,
        before=2,
        after=2,
    ),
    rule(
        "memory.oom",
        "oomkilled|oom-kill|out of memory: kill|low on resource",
        r"OOMKilled|oom-kill|Out of memory: Kill|^The node was low on resource",
        0.92,
        before=2,
        after=2,
    ),
    rule(
        "memory.allocate",
        "cannot allocate memory|bad_alloc|outofmemoryerror",
        r"(?i)cannot allocate memory|OutOfMemoryError|bad_alloc",
        0.92,
        before=2,
        after=2,
    ),
    rule(
        "memory.heap",
        "heap out of memory|heap space|overhead limit",
        r"JavaScript heap out of memory|Java heap space|GC overhead limit",
        0.93,
        before=3,
        after=3,
    ),
    rule("process.killed", "killed", r"(?:^|: |\s)Killed(?:$|\s{2,})", 0.85, before=3),
    rule(
        "disk.full",
        "no space left|disk quota exceeded",
        r"(?i)no space left on device|disk quota exceeded",
        0.93,
        before=2,
        after=2,
    ),
    rule("disk.readonly", "read-only file", r"(?i)\bread-only file ?system\b", 0.85, before=1),
    rule("time.signal", "sending signal", r"^timeout: sending signal \w+ to command", 0.85, before=3),
    rule("time.out", "timed out|timed-out", r"(?i)\btimed[ -]out\b", 0.74, before=3, after=2),
    rule(
        "time.terminated",
        "timeout",
        (
            r"(?i)\b(?:timeout (?:after|exceeded|expired|reached|waiting|was reached)"
            r"|\w*Timeout(?:Error|Exception|Expired)\b|context deadline exceeded)"
        ),
        0.74,
        before=2,
        after=2,
    ),
    rule("time.deadline", "deadline exceeded", r"(?i)deadline exceeded", 0.8, before=1, after=1),
    rule("time.took", "took >", r"(?i)\b(?:command|process|job|test) took (?:>|more than|longer)", 0.85, after=1),
    rule(
        "network.name",
        "could not resolve|resolve host",
        r"(?i)could not resolve (?:host|proxy|hostname)|couldn't resolve host",
        0.9,
        before=1,
        after=1,
    ),
    rule(
        "network.lookup",
        "lookup ",
        r"\blookup \S+(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout|[Tt]emporary failure)",
        0.88,
    ),
    rule(
        "network.dns",
        "name resolution|not known|getaddrinfo",
        r"(?i)(?:temporary )?failure in name resolution|name or service not known|getaddrinfo \w+",
        0.9,
        before=1,
        after=1,
    ),
    rule(
        "network.refused",
        "connection refused|econnrefused",
        r"(?i)connection refused|ECONNREFUSED",
        0.8,
        before=2,
        after=1,
    ),
    rule(
        "network.reset",
        "connection reset|econnreset|unexpected disconnect|connection was reset",
        r"(?i)connection reset by peer|ECONNRESET|connection was reset|unexpected disconnect",
        0.78,
        before=1,
        after=1,
    ),
    rule(
        "network.unreachable",
        "unreachable|no route to host",
        r"(?i)network is unreachable|host unreachable|no route to host",
        0.82,
    ),
    rule(
        "network.tls",
        "certificate|x509: ",
        (
            r"(?i)certificate (?:verify failed|has expired|is not trusted|signed by unknown)"
            r"|SSL certificate problem|x509: "
        ),
        0.88,
        before=1,
        after=1,
    ),
    rule(
        "network.http",
        "http error|status code|http status|response code",
        (
            r"(?i)\b(?:HTTP(?: (?:Error|status|response code|code))?[ :/]+(?:\d\.\d )?"
            r"|returned error: |status code:? )(?:40[0134]|429|5\d\d)\b"
        ),
        0.74,
        before=1,
        after=1,
    ),
    rule("network.http", "returned error", r"(?i)The requested URL returned error: \d{3}", 0.86, before=1, after=1),
    rule(
        "network.unavailable",
        "unavailable|bad gateway|gateway time",
        r"(?i)\b503 Service (?:Temporarily )?Unavailable|502 Bad Gateway|504 Gateway",
        0.8,
        before=1,
        after=1,
    ),
    rule(
        "network.limit",
        "rate limit|too many requests|toomanyrequests",
        r"(?i)rate limit(?:ed|ing)? (?:exceeded|reached)|API rate limit|too many requests|toomanyrequests",
        0.88,
        before=1,
        after=1,
    ),
    rule(
        "auth.denied",
        "not authorized|access denied for|accessdenied",
        r"(?i)\bis not authorized to perform|AccessDenied|access denied for user",
        0.88,
        after=1,
    ),
    rule(
        "auth.credentials",
        "credentials",
        (
            r"(?i)(?:could not (?:load|find|be loaded)|unable to locate|invalid|bad|no) credentials(?! specified)"
            r"|authentication failed|credentials could not"
        ),
        0.88,
    ),
    rule(
        "auth.failed",
        "authentication failed|denied: requested|unauthorized: ",
        r"(?i)authentication failed|unauthorized: |denied: requested access",
        0.86,
        back=r"^remote: ",
    ),
    rule("curl.error", "curl: (", r"^curl: \(\d+\) ", 0.85, before=1),
    rule("wget.error", "error ", r"(?i)^(?:\S+ ){0,2}ERROR \d{3}: ", 0.82, before=4),
    rule(
        "ssh.refused",
        "host key|remote host identification|permission denied|connect to host|kex_exchange",
        (
            r"^Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|: Permission denied \(publickey"
            r"|^(?:ssh: )?connect to host \S+ port|^kex_exchange_identification: "
        ),
        0.9,
    ),
    rule("ansible.task", "fatal: [", r"^fatal: \[[^\]]+\](?: -> \S+|\s\S+)?: (?:FAILED|UNREACHABLE)!", 0.88, after=2),
    rule("ansible.recap", "failed=", r"^\S+\s+: ok=\d+ .*(?:unreachable|failed)=[1-9]", 0.1, consequence=True),
    rule("gh.http", "(http ", r"^gh: .*\(HTTP \d{3}\)", 0.87),
    rule("git.remote", "remote repository", r"^fatal: Could not read from remote repository", 0.6),
    rule("git.fatal", "fatal: ", r"^fatal: ", 0.85, before=1, after=4),
    rule(
        "git.error",
        "error: ",
        (
            r"^error: (?:pathspec|failed to push|RPC failed|cannot lock ref|could not apply"
            r"|patch failed|Your local changes)"
        ),
        0.85,
        after=3,
    ),
    rule(
        "git.rejected",
        "rejected]",
        r"^\s*! \[(?:remote )?rejected\]",
        0.9,
        back=r"^To \S",
        goes_on=r"^\s*! \[|^error: failed to push|^hint: ",
        lines_max=10,
    ),
    rule("git.dirty", "dirty", r"(?i)\b(?:checkout|working (?:copy|tree|directory)|repository) (?:is )?dirty\b", 0.7),
    rule("git.conflict", "conflict (", r"^CONFLICT \(", 0.9, after=3),
    rule(
        "apt.package",
        (
            "e: unable|e: sub-process|e: failed|e: version|e: the repository|e: couldn't|e: package|e: could not"
            "|e: some|e: unmet|e: release|e: no "
        ),
        r"^E: \S",
        0.86,
        before=2,
        goes_on=r"^E: ",
        lines_max=10,
    ),
    rule(
        "apt.unmet",
        "unmet dependencies",
        r"unmet dependencies",
        0.86,
        goes_on=r"^\s+\S|^E: ",
        says=r"^\s+\S+ : ",
        lines_max=10,
    ),
    rule(
        "yum.package",
        "no package|unable to find a match|no match for argument",
        r"(?i)^(?:Error: )?(?:Unable to find a match|No package .* available|No match for argument)",
        0.87,
        goes_on=r"^(?:Error: )?(?:Unable to find a match|No match for argument)",
    ),
    rule(
        "apk.package", "unable to select", r"^ERROR: unable to select packages", 0.88, goes_on=r"^\s+\S", lines_max=12
    ),
    rule("brew.error", "error: ", r"^Error: (?:No (?:available|such)|.* formula|.*already installed)", 0.7, after=2),
    rule(
        "device.cuda",
        "cuda|nccl|nvidia-smi|cublas_status|cudnn error",
        (
            r"(?i)CUDA (?:error|out of memory|driver version|kernel errors)|NCCL (?:error"
            r"|WARN .*(?:fail|error))|CUBLAS_STATUS|cuDNN error|\bWatchdog caught collective operation timeout"
            r"|NVIDIA-SMI has failed|ProcessGroupNCCL.*(?:timed? ?out|exception)"
        ),
        0.9,
        before=1,
        after=2,
    ),
    rule(
        "kubernetes.pod",
        "backoff|errimagepull",
        r"CrashLoopBackOff|ImagePullBackOff|ErrImagePull|backoff timeout",
        0.85,
        before=1,
        after=2,
    ),
    rule("kubernetes.absent", "error from server", r"^Error from server \(NotFound\)", 0.6),
    rule("kubernetes.server", "error from server", r"^Error from server", 0.88),
    rule("cli.error", "error: ", r"^\s*Error: ", 0.86, goes_on=r"^\s+\S", lines_max=20),
    rule(
        "cli.said",
        "error: ",
        (
            r"^error: (?!could not compile|aborting due|process didn't|test failed|build failed"
            r"|\d+ (?:errors?|targets? failed))\S"
        ),
        0.8,
        goes_on=r"^\s+\S|^\s*\d+ +\||^\s*\|",
        lines_max=12,
    ),
    rule("helm.failed", "upgrade failed|installation failed", r"(?:UPGRADE|INSTALLATION) FAILED", 0.88, after=2),
    rule(
        "runner.cancelled",
        "cancel",
        r"(?i)\b(?:the )?(?:job|operation|build|run|task|pipeline) (?:was|has been|is being) cancell?ed",
        0.7,
    ),
    rule("runner.preempted", "interrupt|preempt", r"(?i)spot (?:instance )?interrupt|instance .*\bpreempted", 0.75),
    rule("jenkins.interrupt", "sending interrupt", r"^Sending interrupt signal to process", 0.6, after=2),
)
