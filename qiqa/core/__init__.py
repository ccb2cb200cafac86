"""The nouns: frozen records that every other room speaks in. No algorithm, no input or output."""
