"""De-identification of DICOM MR images by PS3.15 Annex E, for trials.

`rules` holds what is done with which attribute (data, not code), `dataset` does it, `pixels` and
`acceptance` see to what is not in attributes, `files` puts one file through all of it, `journal`
keeps the log. Nothing that is not known to be harmless is carried over: data sets are built anew.
"""
