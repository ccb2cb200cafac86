"""Files to nouns and back. The only room that imports pydicom or nibabel."""
