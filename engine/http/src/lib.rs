//! The vocabulary of HTTP (heads, fields, framing, faults) and the HTTP/1 parser and serialiser.
