"""Arrays in, arrays out: compiled loops that know no qiqa type."""
