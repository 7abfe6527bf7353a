"""A message tells the tool that failed, its code, and the tools around it; the id of its problem does not change."""

from __future__ import annotations

from suites.table import each

from streams.core.codes import CODE_CHARS_MAX, READ_CHARS_MAX, said
from streams.core.fingerprint import explain, fingerprint
from streams.core.template.mask import measured

SOLVE = """ERROR: failed to solve: process "/bin/sh -c pip install x" did not complete: exit code: 1
ERROR: No matching distribution found for x==9"""
CASES = [
    ("src/till.ts(31,5): error TS2345: Argument of type 'a'", "tsc", "TS2345", ("tsc",)),
    ("error[E0308]: mismatched types\n --> src/till.rs:31:5", "rustc", "E0308", ("rustc",)),
    ("Till.cs(31,5): error CS0103: The name 'x' does not exist [/w/T.csproj]", "csc", "CS0103", ("csc",)),
    ("c:\\w\\till.cpp(31): error C2065: 'x': undeclared identifier", "cl", "C2065", ("cl",)),
    ("till.obj : error LNK2019: unresolved external symbol _x", "link", "LNK2019", ("link",)),
    ("src/till.c:31:5: error: 'x' undeclared", "cc", "", ("cc",)),
    ("src/Till.java:31: error: cannot find symbol", "javac", "", ("javac",)),
    ("src/till.c:3:5: error: unused variable 'x' [-Werror=unused-variable]\nmake: *** [Makefile:9: all] Error 2",
     "cc", "unused-variable", ("make", "cc")),
    ("till.c:(.text+0x12): undefined reference to `x'\ncollect2: error: ld returned 1 exit status",
     "ld", "undefined reference", ("ld",)),
    ("npm ERR! code ERESOLVE\nnpm ERR! unable to resolve dependency tree", "npm", "ERESOLVE", ("npm",)),
    ("npm ERR! code ELIFECYCLE\nsrc/till.ts(31,5): error TS2345: no", "tsc", "TS2345", ("npm", "tsc")),
    (SOLVE, "pip", "", ("buildkit", "pip")),
    ("E: Unable to locate package libtill-dev", "apt", "", ("apt",)),
    ("ORA-00942: table or view does not exist", "oracle", "ORA-00942", ("oracle",)),
    ("ERROR 1146 (42S02): Table 'shop.till' doesn't exist", "mysql", "1146", ("mysql",)),
    ("ERROR: relation \"till\" does not exist (SQLSTATE 42P01)", "sql", "42P01", ("sql",)),
    ("sqlalchemy.exc.ProgrammingError: (psycopg2.errors.UndefinedTable) relation \"till\" does not exist",
     "sql", "UndefinedTable", ("sqlalchemy", "sql")),
    ("pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'db-7'\")", "mysql", "2003", ("mysql",)),
    ("RuntimeError: CUDA error: device-side assert triggered\nnote", "cuda", "device-side assert triggered", ("cuda",)),
    ("RuntimeError: cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
     "cuda", "CUBLAS_STATUS_ALLOC_FAILED", ("cuda",)),
    ("Watchdog caught collective operation timeout: WorkNCCL(SeqNum=88, OpType=ALLREDUCE, NumelIn=10)",
     "nccl", "ALLREDUCE", ("nccl",)),
    ("botocore.exceptions.ClientError: An error occurred (ThrottlingException) when calling the InvokeModel operation",
     "aws", "ThrottlingException", ("aws",)),
    ("Error code: 400 - {'error': {'message': 'too long', 'type': 'invalid_request_error', 'code': 'context_length'}}",
     "http", "context_length", ("http",)),
    ('{"error": {"type": "overloaded_error", "message": "Overloaded"}}', "http", "overloaded_error", ("http",)),
    ("rpc error: code = Unavailable desc = closing", "grpc", "Unavailable", ("grpc",)),
    ("expect(received).toBe(expected) // Object.is equality", "jest", "toBe", ("jest",)),
    ("Error: connect ECONNREFUSED 10.0.0.7:5432", "os", "ECONNREFUSED", ("os",)),
    ("Failed to execute goal org.x:surefire:2.1:test (default-test) on project till", "maven", "", ("maven",)),
    ("The till does not open", "", "", ()),
]  # fmt: skip


@each(("text", "tool", "code", "chain"), CASES)
def test_tool_code_and_chain_are_read_out_of_the_masked_message(
    text: str, tool: str, code: str, chain: tuple[str, ...]
) -> None:
    told = said(measured(text).template)
    assert (told.tool, told.code, told.chain) == (tool, code, chain)
    explained = explain(origin="ci", message=text)
    parts = {part.name: part.value for part in explained.fingerprint.parts}
    assert (parts.get("tool", ""), parts.get("code", "")) == (tool, code)
    assert explained.chain[: len(chain)] == chain


def test_code_tells_sorts_of_things_apart_and_what_the_producer_says_goes_first() -> None:
    one = fingerprint(origin="ci", message="a.ts(1,1): error TS2345: no")
    other = fingerprint(origin="ci", message="b.ts(2,2): error TS2322: never so")
    assert one.class_value != other.class_value
    given = fingerprint(origin="ci", message="a.ts(1,1): error TS2345: no", tool="vite", provider_error_code="X1")
    assert {(part.name, part.value) for part in given.parts} >= {("tool", "vite"), ("provider_error_code", "X1")}
    assert not [part for part in given.parts if part.value in ("tsc", "TS2345")]


def test_what_is_read_and_kept_is_bounded() -> None:
    assert said("x" * READ_CHARS_MAX + " error TS2345: no") == said("")
    assert len(said("npm error code " + "E" * 90).code) <= CODE_CHARS_MAX
