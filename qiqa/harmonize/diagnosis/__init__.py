"""Whether a harmonization worked, and what it cost."""
