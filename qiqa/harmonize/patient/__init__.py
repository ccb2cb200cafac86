"""Whether a change of a value is the patient."""
