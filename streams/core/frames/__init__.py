"""Traceback -> exception type, message, frames: one file a language, all alike.

``parse.py`` is the door: text in, one ``Trace`` or nothing out; it bounds the text and asks the languages.
``stack.py`` holds the data, the limits, and what all languages share (folding recursion away).
``symbols.py`` makes native function names stable: arguments, templates, clone and ABI suffixes, hashes go.
``python.py notebook.py java.py hotspot.py javascript.py go.py rust.py cpp.py minidump.py csharp.py ruby.py php.py
apple.py ips.py android.py kernel.py dart.py beam.py lua.py perl.py julia.py rlang.py`` each say ``MARKS`` (one of
these strings is in every trace of the language) and ``find(lines)`` (the last trace, or None).
``checkout.py`` knows where CI systems and images keep the code, so that the same file has one name everywhere.
``tracked.py`` reads what none of them knows: stacks as error trackers render those of all languages.
``crash.py`` names a crash as crash-triage tools do: a crash type and the top frames that matter. ``crash_readers.py``
and ``crash_system.py`` read the lines that name it (``crash_types.py`` knows the names), ``crash_frames.py`` the
frames, ``ignored.py`` lists those that say nothing, ``crash_report.py`` keeps what was understood so far.

Everything here is pure and linear in the text: a pattern is anchored at the start of a line that was already cut to
``LINE_CHARS_MAX``, and a line is looked at by a fixed number of patterns.
"""
