//! TOML text to a validated, immutable plan.
