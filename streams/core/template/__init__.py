"""message -> template: the words that stay, typed placeholders for the values that change.

`masks.py`    the ordered table of named masks: what a word's form says about it, each with its reason
`terms.py`    words whose digits name something: keys of codes, technical terms, error codes
`words.py`    one word -> its masked form; where a word is cut, what is kept inside it
`context.py`  what neighbours decide: exit codes, HTTP statuses and error numbers stay
`randomness.py` letters drawn by lot: ids without a digit
`names.py`    what neighbours decide about names: missing modules and symbols stay, users go
`closing.py`  what closes up in a line: dates of several words, amounts, lists, the time at its start
`bare.py`     a message that is nothing but placeholders: the letters and codes that it keeps
`exits.py`    exit codes that only say `failed`, and the lines that report them
`lines.py`    bounds and cleaning of the text: colours, progress, caps, frame lines of a stack trace
`shapes.py`   answers remembered for every text of the same digit shape
`mask.py`     the whole way: `template_of`, `explain_template`, and `measured`, which also says which digits were kept

Three laws, each tested: the template of a template is itself; time is linear in the text;
two texts that differ only in digits which were not kept have one template.
The last one makes a cache over digit shapes correct, so no mask may look at the value of a digit, only at its place.
"""
