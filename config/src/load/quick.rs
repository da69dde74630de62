//! A plan without a file: `ringfence proxy --from … --to …`.

use std::collections::BTreeMap;

use crate::error::ConfigError;
use crate::file::File;
use crate::file::client::Listener;
use crate::file::route::Route;
use crate::file::shape::{OneOrMany, Or};
use crate::file::upstream::Upstream;
use crate::load::effective::write;
use crate::overrides::Overrides;
use crate::plan::{Plan, Quick};
use crate::values::scalar::Scalar;

impl Quick {
    /// The file that stands for this.
    #[must_use]
    pub fn toml(&self) -> String {
        const NAME: &str = "app";
        let listener = |address: &std::net::SocketAddr| Listener {
            address: Some(Scalar(*address)),
        };
        let route = Route {
            upstream: Some(Scalar(NAME.to_owned())),
            ..Route::default()
        };
        let servers = self
            .to
            .iter()
            .map(|server| Or::Short(Scalar(server.clone())))
            .collect();
        let upstream = Upstream {
            servers: Some(OneOrMany(servers)),
            balance: self.balance.map(Scalar),
            ..Upstream::default()
        };
        write(&File {
            listener: Some(self.from.iter().map(listener).collect()),
            route: Some(vec![route]),
            upstream: Some(BTreeMap::from([(NAME.to_owned(), upstream)])),
            ..File::default()
        })
    }
}

impl Plan {
    /// A plan without a file. `env` is asked as in [`Plan::load`].
    ///
    /// # Errors
    /// As [`Plan::load`], shown in the file that stands for the flags.
    pub fn quick(
        quick: &Quick,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        Self::load(&quick.toml(), "the command line, as a file", env, overrides)
    }
}
