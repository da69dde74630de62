//! Single-writer counters, histograms, access-log records and their text forms.
