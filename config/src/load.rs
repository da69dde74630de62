//! From text to a plan.

use crate::error::ConfigError;
use crate::overrides::Overrides;
use crate::plan::{Plan, Quick};

impl Plan {
    /// Reads, checks and resolves a configuration.
    ///
    /// `file_name` is only shown in errors. `env` is asked for each `${NAME}` in the text's strings. `overrides` are
    /// the command line's flags, which win over the file.
    ///
    /// # Errors
    /// Everything that is wrong with the text, the variables or the flags, as far as it can be found in one go.
    pub fn load(
        text: &str,
        file_name: &str,
        env: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<Self, ConfigError> {
        let _ = (text, file_name, env, overrides);
        todo!("lands next")
    }

    /// A plan without a file.
    ///
    /// # Errors
    /// As [`Plan::load`], on a server that cannot be used or a flag out of bounds.
    pub fn quick(quick: &Quick, overrides: &Overrides) -> Result<Self, ConfigError> {
        let _ = (quick, overrides);
        todo!("lands next")
    }

    /// The configuration as TOML with every default made visible; loading it gives an equal plan.
    #[must_use]
    pub fn effective(&self) -> String {
        todo!("lands next")
    }
}

/// The JSON Schema of the file.
#[must_use]
pub fn schema() -> String {
    todo!("lands next")
}
