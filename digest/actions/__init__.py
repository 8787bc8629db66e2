"""What a command, page or scheduled job asks for: one module a noun, each function takes App.

Commands and pages parse, call one function here, and show what comes back: a frozen value
(or a list of them) that ``--json`` prints as it is.
"""
