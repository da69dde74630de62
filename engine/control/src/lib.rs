//! The control plane: admin listener, metrics, health checks, name resolution and log writing.
