"""log -> the blocks that say why the job failed, most likely cause first.

extract.py    the way in
follow.py     the same of a log that is still being written: what is certain is told before its end
reader.py     one pass over the lines: rules open blocks, blocks grow, repeats fold
step.py       which step of the job a line stands in
failing.py    which command of the job failed: what stands before it and after it is seldom the cause
ending.py     how a log says that its job ended well, and which words of trouble are none
rank.py       the best of them, in order
block.py      what comes out: first and last line, the line that says why, score, rule id
sections.py   the failed tests of a log, as their runners set them apart; section.py is what such a runner is
testers.py    the table of the runners; says.py tells which line of a section says why
image_step.py the step of an image's build by its builder's name for it
error.py      the error itself out of the lines from the one that says why
clean.py      a line as its tool wrote it: no colours, no progress bars, no time stamps of the CI
baseline.py   what passing runs of the job say: hashes of masked lines
rule.py       what a rule is
chunks.py     a log in chunks of whole lines, whatever it is made of; window.py is the lines that may be looked at
gate.py       which lines of a chunk may say something: the quick test that most lines do not pass
news.py       which lines are new against passing runs, where somebody asks
tools.py      the table of all tools
<tool>.py     the rules of one tool, all files alike: RULES, the more specific rule first

A rule describes what a tool prints, never what one project prints.
"""
