//! The request path: connections, stations and upstream pools.
