"""How long a rule runs until it signals: exact or numerical, in control and after a shift.

Every function returns an average run length (ARL) in exams, counted as in the literature: the exam
that signals is counted, a chart that starts at its initial state is "zero-state".
"""
